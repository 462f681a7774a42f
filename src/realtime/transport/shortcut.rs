//! The short way in for WebSockets. After a restart or a lost node thousands of clients come at once, each on a connection of
//! its own whose first and only request is the same: a WebSocket for a new session. Those are answered here, without what
//! serves HTTP around them, and the answer leaves in one packet with the engine's greeting.
//!
//! Only who may come in is taken. Everybody else is served as HTTP, which has the answers for them: other requests, heads
//! that are long or come in pieces, strangers' origins, and clients that are turned away.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use bytes::Bytes;
use futures_util::FutureExt;
use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit};
use tower::Service;

use super::{PATH, Transport, accept_key, stream::Guarded};

/// Headers that are looked at; nobody honest sends so many.
const MOST_HEADERS: usize = 48;

/// What the engine wants to know of the request.
static OPENS: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("/socket.io/?EIO=4&transport=websocket"));

/// The request, and how long it is.
struct Head {
    headers: HeaderMap,
    length: usize,
}

impl Transport {
    /// Takes a connection over if it begins with a request for a WebSocket that may be granted; else gives it back untouched.
    pub(in crate::realtime) fn take(
        &self,
        first: &[u8],
        stream: TcpStream,
        place: &Arc<OwnedSemaphorePermit>,
    ) -> Option<TcpStream> {
        let began = Instant::now();
        let Some(head) = read(first) else { return Some(stream) };
        let Some(accept) = accept_key(&head.headers) else { return Some(stream) };
        if !self.knows(&head.headers) || !self.admits() {
            return Some(stream);
        }
        let mut bytes = vec![0; first.len()];
        // They were there a moment ago: anything else is a connection that has just broken.
        if stream.try_read(&mut bytes).ok() != Some(bytes.len()) {
            return None;
        }
        let glued = if bytes.len() > head.length { Bytes::from(bytes).split_off(head.length) } else { Bytes::new() };
        self.welcome(&head.headers, &accept, stream, glued, place.clone());
        let (requests, seconds) = &self.0.upgrades;
        requests.inc();
        seconds.observe(began.elapsed().as_secs_f64());
        None
    }

    fn welcome(
        &self,
        headers: &HeaderMap,
        accept: &HeaderValue,
        stream: TcpStream,
        glued: Bytes,
        place: Arc<OwnedSemaphorePermit>,
    ) {
        let opening = self.opening(headers);
        let mut stream = Box::new(Guarded::new(stream, glued, opening.link.clone(), self.0.limits, Some(place)));
        stream.begins_with(answer(accept));
        stream.takes_events();
        stream.passes_events();
        self.0.heartbeat.watch(&opening.link);
        let mut request = Request::new(());
        *request.uri_mut() = OPENS.clone();
        request.extensions_mut().insert(opening);
        // The engine answers at once, and goes on in a task of its own.
        let mut engine = self.0.engine.clone();
        if let Some(Err(error)) = Service::<(Box<Guarded>, Request<()>)>::call(&mut engine, (stream, request)).now_or_never() {
            tracing::debug!(%error, "the engine refused a WebSocket");
        }
    }
}

/// The 101 (RFC 6455, 4.2.2).
fn answer(accept: &HeaderValue) -> Vec<u8> {
    const BEGIN: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ";
    [BEGIN, accept.as_bytes(), b"\r\n\r\n"].concat()
}

/// A whole request for a WebSocket of a new session; `None` for anything else.
fn read(first: &[u8]) -> Option<Head> {
    // Most of what is not for us is seen at once.
    if !first.strip_prefix(b"GET ")?.starts_with(PATH.as_bytes()) {
        return None;
    }
    let mut space = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut space);
    let httparse::Status::Complete(length) = request.parse(first).ok()? else { return None };
    let opens = request.version == Some(1)
        && request.method.is_some_and(|method| method == Method::GET.as_str())
        && request.path.is_some_and(opens_session);
    if !opens {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for field in request.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT].contains(&name) {
            return None;
        }
        headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(Head { headers, length })
}

/// Whether a request's target asks for a WebSocket without naming a session.
fn opens_session(target: &str) -> bool {
    let Some((path, query)) = target.split_once('?') else { return false };
    let is_ours = path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest == "/");
    let (mut speaks, mut upgrades) = (false, false);
    for pair in query.split('&') {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("EIO", version) => speaks = version == "4",
            ("transport", name) => upgrades = name == "websocket",
            ("sid", _) => return false,
            _ => {}
        }
    }
    is_ours && speaks && upgrades
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKS: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: hub\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: jwt=a.b.c\r\n\r\n";

    #[test]
    fn a_whole_request_for_a_websocket_is_read_and_what_is_glued_to_it_is_left() {
        let head = read(format!("{ASKS}glued").as_bytes()).expect("a request");
        assert_eq!((head.length, &head.headers[header::COOKIE]), (ASKS.len(), &HeaderValue::from_static("jwt=a.b.c")));
        let accept = accept_key(&head.headers).expect("well formed");
        let answer = String::from_utf8(answer(&accept)).expect("text");
        assert!(answer.ends_with("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"), "{answer}");
    }

    #[test]
    fn everything_else_goes_the_long_way() {
        let length = ASKS.len();
        for part in (0..length).step_by(7) {
            assert!(read(&ASKS.as_bytes()[..part]).is_none(), "{part} bytes of {length}");
        }
        for (from, to) in [
            ("GET", "POST"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("EIO=4", "EIO=3"),
            ("=websocket ", "=polling "),
            ("=websocket ", "=websocket&sid=abc "),
            ("/socket.io/", "/socket.iox/"),
            ("/socket.io/", "http://hub/socket.io/"),
            ("Host: hub", "Content-Length: 2"),
            ("Host: hub", "Transfer-Encoding: chunked"),
            ("Host: hub", "Host : hub"),
        ] {
            assert!(read(ASKS.replacen(from, to, 1).as_bytes()).is_none(), "{to}");
        }
    }

    #[test]
    fn a_target_may_leave_the_slash_out_and_say_more() {
        for target in ["/socket.io?transport=websocket&EIO=4", "/socket.io/?EIO=4&transport=websocket&t=abc&x"] {
            assert!(opens_session(target), "{target}");
        }
        for target in
            ["/socket.io/", "/socket.io/?EIO=4", "/socket.io/?transport=websocket", "/socket.io/a?EIO=4&transport=websocket"]
        {
            assert!(!opens_session(target), "{target}");
        }
    }
}
