//! The accept loop. Not `axum::serve`, because that bounds neither connections nor the time that a client may take to
//! send its request's head.

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::IntGauge;
use socket2::SockRef;
use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};
use tokio::{
    io::ReadBuf,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt;

use crate::{config, lifecycle::Lifecycle};

/// How long sent data may stay unacknowledged, or a peer's window closed, before the kernel gives the connection up.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest head of a request; also bounds what a connection buffers.
const MAX_HEAD: usize = 64 * 1024;

/// What is looked at of a connection before it is served; a request's head that is longer takes no shortcut.
const FIRST: usize = 4096;

/// The pause after a failed accept, doubled up to the maximum while it goes on failing.
const BACK_OFF: Duration = Duration::from_millis(50);
const MAX_BACK_OFF: Duration = Duration::from_secs(1);

/// Looks at the first bytes of a connection and takes it over, or gives it back as it was, to be served as HTTP. It is told
/// the connection's place as a request is.
pub type Shortcut = Arc<dyn Fn(&[u8], TcpStream, &Arc<OwnedSemaphorePermit>) -> Option<TcpStream> + Send + Sync>;

/// Serves `router` on `listener` until the node stops; connections then finish the request that they are at, as tasks
/// of the lifecycle's tracker, which the caller waits for.
///
/// A draining node goes on accepting and answering, since load balancers need a moment to notice, but closes each
/// connection after its next answer.
///
/// `shortcut`, if there is one, sees each connection first.
///
/// Each request carries `ConnectInfo<SocketAddr>`, and its connection's place under `max_connections` as
/// `Arc<OwnedSemaphorePermit>`: whoever takes the stream over by an upgrade keeps the place by keeping that. The
/// upgraded stream is a `TokioIo<TcpStream>`, nothing around it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shortcut: Option<Shortcut>,
    config: &config::Http,
    lifecycle: Lifecycle,
    connections: IntGauge,
) {
    let patience = config.header_timeout;
    let places = Arc::new(Semaphore::new(config.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(config.header_timeout).max_buf_size(MAX_HEAD);
    let mut stopped = pin!(lifecycle.stopped());
    let mut back_off = BACK_OFF;
    loop {
        // The place first: what is beyond the limit waits in the kernel's queue, not in our memory.
        let next = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, peer)| (place, stream, peer))
        };
        let accepted = tokio::select! {
            () = &mut stopped => return,
            accepted = next => accepted,
        };
        match accepted {
            Ok((place, stream, peer)) => {
                back_off = BACK_OFF;
                prepare(&stream);
                let connection =
                    Connection { router: router.clone(), peer, place: Arc::new(place), lifecycle: lifecycle.clone() };
                let open = Open::new(&connections);
                let (http, shortcut) = (http.clone(), shortcut.clone());
                lifecycle.tracker().spawn(async move {
                    let stream = match shortcut {
                        Some(shortcut) => connection.first_look(stream, shortcut, patience).await,
                        None => Some(stream),
                    };
                    if let Some(stream) = stream {
                        // Apart: it is large, and who took the shortcut needs none of it.
                        Box::pin(connection.run(&http, stream)).await;
                    }
                    drop(open);
                });
            }
            // The peer was gone before we looked; the next one has done nothing wrong.
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, ?back_off, "cannot accept connections; trying again");
                tokio::select! {
                    () = &mut stopped => return,
                    () = tokio::time::sleep(back_off) => {}
                }
                back_off = (back_off * 2).min(MAX_BACK_OFF);
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused)
}

fn prepare(stream: &TcpStream) {
    let options = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_user_timeout(Some(USER_TIMEOUT)));
    if let Err(error) = options {
        tracing::debug!(%error, "cannot set a connection's options");
    }
}

/// One more on a gauge for as long as it lives.
struct Open(IntGauge);

impl Open {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Connection {
    router: Router,
    peer: SocketAddr,
    place: Arc<OwnedSemaphorePermit>,
    lifecycle: Lifecycle,
}

impl Connection {
    /// Waits for the first bytes and shows them to `shortcut`. `None` if that took the connection, or none came in time.
    async fn first_look(&self, stream: TcpStream, shortcut: Shortcut, patience: Duration) -> Option<TcpStream> {
        let mut held = Some(stream);
        let look = poll_fn(|cx| {
            let Some(stream) = &held else { return Poll::Ready(None) };
            let mut space = [const { MaybeUninit::uninit() }; FIRST];
            let mut first = ReadBuf::uninit(&mut space);
            // What is wrong with the connection shows again when it is served.
            let _ = ready!(stream.poll_peek(cx, &mut first));
            Poll::Ready(held.take().and_then(|stream| shortcut(first.filled(), stream, &self.place)))
        });
        tokio::select! {
            biased;
            stream = look => stream,
            () = tokio::time::sleep(patience) => None,
            () = self.lifecycle.stopped() => None,
        }
    }

    async fn run(self, http: &http1::Builder, stream: TcpStream) {
        let mut stopped = pin!(self.lifecycle.stopped());
        let service = service_fn(|request| self.answer(request));
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let result = tokio::select! {
            result = &mut connection => result,
            () = &mut stopped => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            // Peers that vanish or dawdle are everyday life on a public port.
            tracing::debug!(peer = %self.peer, %error, "connection ended");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.place.clone());
        let mut response = self.router.clone().oneshot(request).await?;
        if self.lifecycle.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use axum::routing::{any, get};
    use std::net::Ipv4Addr;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::Notify,
    };

    pub(in crate::http) struct Hub {
        pub(in crate::http) at: SocketAddr,
        lifecycle: Lifecycle,
        connections: IntGauge,
    }

    pub(in crate::http) async fn hub(router: Router, max_connections: usize, header_timeout: Duration) -> Hub {
        hub_with(router, None, max_connections, header_timeout).await
    }

    async fn hub_with(router: Router, shortcut: Option<Shortcut>, max_connections: usize, header_timeout: Duration) -> Hub {
        let config = config::Http {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            allowed_origins: Vec::new(),
            body_limit: 1024,
            header_timeout,
            body_timeout: Duration::from_secs(3),
            trusted_proxies: Vec::new(),
            max_connections,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let at = listener.local_addr().expect("an address");
        let (lifecycle, connections) = (Lifecycle::new(), IntGauge::new("connections", "help").expect("a gauge"));
        let (life, gauge) = (lifecycle.clone(), connections.clone());
        lifecycle.tracker().spawn(async move { serve(listener, router, shortcut, &config, life, gauge).await });
        Hub { at, lifecycle, connections }
    }

    async fn ask(stream: &mut TcpStream, head: &str) {
        stream.write_all(format!("{head}\r\nhost: localhost\r\n\r\n").as_bytes()).await.expect("written");
    }

    async fn read_until(stream: &mut TcpStream, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            text.push(char::from(stream.read_u8().await.expect("more bytes")));
        }
        text
    }

    const PATIENT: Duration = Duration::from_secs(60);

    fn greeter() -> Router {
        Router::new().route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| format!("hello {peer}!")))
    }

    #[tokio::test]
    async fn a_handler_knows_the_peer_and_the_connection_is_counted_and_kept_alive() {
        let hub = hub(greeter(), 10, PATIENT).await;
        let mut stream = TcpStream::connect(hub.at).await.expect("connected");
        let me = stream.local_addr().expect("an address");
        for _ in 0..2 {
            ask(&mut stream, "GET / HTTP/1.1").await;
            let answer = read_until(&mut stream, "!").await;
            assert!(answer.ends_with(&format!("hello {me}!")), "{answer}");
            assert_eq!(hub.connections.get(), 1);
        }
        drop(stream);
        hub.lifecycle.stop();
        hub.lifecycle.tracker().wait().await;
        assert_eq!(hub.connections.get(), 0);
    }

    #[tokio::test]
    async fn a_shortcut_takes_what_it_knows_and_gives_the_rest_back_untouched() {
        let shortcut: Shortcut = Arc::new(|first, stream, _| {
            if first.starts_with(b"GET ") {
                return Some(stream);
            }
            assert_eq!(stream.try_read(&mut [0; 64]).expect("what was looked at"), first.len());
            stream.try_write(b"taken!").expect("written");
            None
        });
        let hub = hub_with(greeter(), Some(shortcut), 10, Duration::from_millis(300)).await;
        let mut known = TcpStream::connect(hub.at).await.expect("connected");
        known.write_all(b"hello").await.expect("written");
        assert_eq!(read_until(&mut known, "!").await, "taken!");
        let mut other = TcpStream::connect(hub.at).await.expect("connected");
        ask(&mut other, "GET / HTTP/1.1").await;
        assert!(read_until(&mut other, "!").await.contains("200 OK"));
        let mut silent = TcpStream::connect(hub.at).await.expect("connected");
        assert_eq!(silent.read(&mut [0]).await.expect("closed in order"), 0, "who says nothing is not waited for");
    }

    #[tokio::test]
    async fn a_client_that_dawdles_with_its_head_is_cut() {
        let hub = hub(greeter(), 10, Duration::from_millis(20)).await;
        let mut stream = TcpStream::connect(hub.at).await.expect("connected");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await.expect("written");
        let mut rest = Vec::new();
        let end = tokio::time::timeout(PATIENT, stream.read_to_end(&mut rest)).await.expect("cut in time");
        assert!(end.is_err() || !String::from_utf8_lossy(&rest).contains("200"), "{rest:?}");
    }

    #[tokio::test]
    async fn a_connection_over_the_limit_waits_for_a_place() {
        let hub = hub(greeter(), 1, PATIENT).await;
        let mut first = TcpStream::connect(hub.at).await.expect("connected");
        ask(&mut first, "GET / HTTP/1.1").await;
        read_until(&mut first, "!").await;
        let mut second = TcpStream::connect(hub.at).await.expect("in the kernel's queue");
        ask(&mut second, "GET / HTTP/1.1").await;
        // The first is answered once more while the second, who asked earlier, still waits.
        ask(&mut first, "GET / HTTP/1.1").await;
        read_until(&mut first, "!").await;
        assert_eq!(hub.connections.get(), 1);
        assert!(second.try_read(&mut [0]).is_err());
        drop(first);
        read_until(&mut second, "!").await;
    }

    #[tokio::test]
    async fn a_draining_node_still_answers_and_closes_after_each_answer() {
        let hub = hub(greeter(), 10, PATIENT).await;
        let mut old = TcpStream::connect(hub.at).await.expect("connected");
        ask(&mut old, "GET / HTTP/1.1").await;
        assert!(!read_until(&mut old, "!").await.contains("connection: close"));
        hub.lifecycle.drain();
        let new = TcpStream::connect(hub.at).await.expect("still accepted");
        for mut stream in [old, new] {
            ask(&mut stream, "GET / HTTP/1.1").await;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("closed in order");
            assert!(answer.contains("connection: close") && answer.ends_with('!'), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_when_the_node_stops_and_idle_connections_end() {
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (inside, gate) = (entered.clone(), go_on.clone());
        let slow = get(async move || {
            inside.notify_one();
            gate.notified().await;
            "done!"
        });
        let hub = hub(greeter().route("/slow", slow), 10, PATIENT).await;
        let mut idle = TcpStream::connect(hub.at).await.expect("connected");
        ask(&mut idle, "GET / HTTP/1.1").await;
        read_until(&mut idle, "!").await;
        let mut busy = TcpStream::connect(hub.at).await.expect("connected");
        ask(&mut busy, "GET /slow HTTP/1.1").await;
        entered.notified().await;

        hub.lifecycle.stop();

        assert_eq!(idle.read(&mut [0]).await.expect("closed in order"), 0);
        go_on.notify_one();
        assert!(read_until(&mut busy, "!").await.contains("200 OK"));
        hub.lifecycle.tracker().wait().await;
    }

    #[tokio::test]
    async fn an_upgraded_stream_is_the_naked_one_and_keeps_its_place_while_the_permit_is_kept() {
        let (give, mut take) = tokio::sync::mpsc::channel(1);
        let upgrade = any(async move |mut request: axum::extract::Request| {
            let place = request.extensions().get::<Arc<OwnedSemaphorePermit>>().cloned();
            let upgraded = hyper::upgrade::on(&mut request);
            give.send((place, upgraded)).await.expect("a reader");
            (StatusCode::SWITCHING_PROTOCOLS, [(header::UPGRADE, "echo"), (header::CONNECTION, "upgrade")])
        });
        let hub = hub(greeter().route("/up", upgrade), 1, PATIENT).await;
        let mut stream = TcpStream::connect(hub.at).await.expect("connected");
        ask(&mut stream, "GET /up HTTP/1.1\r\nupgrade: echo\r\nconnection: upgrade").await;
        read_until(&mut stream, "\r\n\r\n").await;
        let (place, upgraded) = take.recv().await.expect("an upgrade");
        let naked = upgraded.await.expect("upgraded").downcast::<TokioIo<TcpStream>>();
        let mut server_side = naked.map_err(|_| "another type").expect("the naked stream").io.into_inner();

        server_side.write_all(b"hi!").await.expect("written");
        assert_eq!(read_until(&mut stream, "!").await, "hi!");
        let mut next = TcpStream::connect(hub.at).await.expect("in the kernel's queue");
        ask(&mut next, "GET / HTTP/1.1").await;
        assert!(place.is_some());
        drop(place);
        read_until(&mut next, "!").await;
    }
}
