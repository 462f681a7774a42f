//! How clients reach the engine: the routes below `/socket.io/`.
//!
//! WebSocket requests are answered with our own 101, so that the stream handed to socketioxide is one that we can cut
//! (see `stream`), and so that an idle connection doesn't pin the request's headers in memory. Connections that are opened for
//! nothing else take a `shortcut` past HTTP. All ways in share **one** engine: an upgrade must find the session that polling
//! began.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::any,
};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use prometheus::{Histogram, IntCounter};
use serde_json::json;
use socketioxide::service::SocketIoService;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc},
};
use tower::Service;

use self::{
    foreign::Foreign,
    heartbeat::Heartbeat,
    link::{Link, Links},
    polling::Claim,
    stream::Guarded,
};
use super::shed::Debt;
use crate::{
    config::{self, origins::Origins},
    domain::{limits::Limits, sessions::Sessions},
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{Error, session::cookie_token},
};

pub(super) mod foreign;
pub(super) mod frame;
mod heartbeat;
pub(super) mod link;
mod opening;
mod pid;
mod polling;
mod scanner;
mod seal;
mod shortcut;
mod stream;
mod upgrade;
pub(super) mod wire;

pub(super) use {heartbeat::FOR_EVER, opening::Opening};

/// socketioxide's service, which all ways in share.
type Engine = SocketIoService<Router>;

/// The path that stock clients use; socketioxide's default.
const PATH: &str = "/socket.io";

/// Polling sessions waiting to be closed. Beyond that they wait for their heartbeat.
const CLOSER_QUEUE: usize = 65_536;

/// The way in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Transport(Arc<Inner>);

struct Inner {
    engine: Engine,
    links: Links,
    heartbeat: Arc<Heartbeat>,
    foreign: Option<Foreign>,
    origins: Origins,
    /// How long a WebSocket's peer may let us wait, and how long the way there from polling may take.
    limits: stream::Limits,
    patience: Duration,
    doors: Doors,
    /// Upgrades that took the shortcut, counted as the requests that they are.
    upgrades: (IntCounter, Histogram),
    lifecycle: Lifecycle,
    closed: AtomicBool,
}

/// What decides whether a new session may begin, and whose it is.
pub(super) struct Doors {
    pub(super) sessions: Sessions,
    pub(super) limits: Limits,
    pub(super) debt: Debt,
    pub(super) metrics: Metrics,
}

impl Transport {
    /// `foreign` passes on the requests of other nodes' sessions.
    pub(super) fn new(
        engine: Engine,
        foreign: Option<Foreign>,
        origins: Origins,
        config: &config::Realtime,
        doors: Doors,
        lifecycle: Lifecycle,
    ) -> Self {
        let (closer, closing) = mpsc::channel(CLOSER_QUEUE);
        lifecycle.spawn(close_sessions(engine.clone(), closing));
        let links = Links::new(closer);
        let heartbeat = Arc::new(Heartbeat::new(config.ping_interval, config.ping_timeout));
        let turns = heartbeat.clone();
        lifecycle.spawn(async move { turns.run().await });
        let closed = AtomicBool::new(false);
        let limits = stream::Limits {
            write: config.write_timeout,
            silence: config.ping_interval + config.ping_timeout,
            pong: config.ping_timeout,
            outbox: config.outbox,
        };
        let (patience, route) = (config.upgrade_timeout, format!("{PATH}/"));
        let requests = doors.metrics.http_requests.with_label_values(&[&route, "GET", "101"]);
        let upgrades = (requests, doors.metrics.http_seconds.with_label_values(&[&route]));
        Self(Arc::new(Inner { engine, links, heartbeat, foreign, origins, limits, patience, doors, upgrades, lifecycle, closed }))
    }

    pub(super) fn router(self) -> Router {
        Router::new().route(PATH, any(enter)).route(&format!("{PATH}/"), any(enter)).with_state(self)
    }

    /// No new sessions from here on; those that exist go on.
    pub(super) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
    }

    /// Why this request may not pass, if so.
    fn refusal(&self, request: &Request, opens: bool) -> Option<Response> {
        if !self.knows(request.headers()) {
            Some(refuse(StatusCode::FORBIDDEN, "4", "Origin not allowed: add it to CLIENT_URL"))
        } else if opens {
            self.turns_away()
        } else {
            None
        }
    }

    /// Whether the request comes from where it may.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        // An Origin that is there but not text is none that we know.
        let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("null"));
        self.0.origins.allows(origin, host)
    }

    /// Whether a new session may begin now. Whoever may not goes on to [`Transport::turns_away`], which looks again, says why,
    /// and counts it: here nothing is taken for a refusal.
    fn admits(&self) -> bool {
        let doors = &self.0.doors;
        !self.0.closed.load(Ordering::Acquire) && doors.debt.is_paid() && doors.limits.admits()
    }

    /// The engine's id in what a client says as its session, and who is to be asked if another node holds it.
    fn locate<'a>(&self, said: &'a str) -> (&'a str, Option<(&Foreign, SocketAddr)>) {
        let Some(foreign) = &self.0.foreign else { return (said, None) };
        let (sid, sealed) = foreign::split(said);
        let is_here = self.0.links.find(sid).is_some();
        let holder = sealed.filter(|_| !is_here).and_then(|sealed| foreign.holder(sid, sealed));
        (sid, holder.map(|holder| (foreign, holder)))
    }

    /// Why no new session may begin now, if so. Never by a CONNECT_ERROR: a stock client comes back after a failed request,
    /// and after its next pause it may be let in, or be on another node.
    fn turns_away(&self) -> Option<Response> {
        let doors = &self.0.doors;
        let (result, why, patience) = if self.0.closed.load(Ordering::Acquire) {
            ("draining", "This node is shutting down", Duration::from_secs(1))
        } else if doors.debt.is_owed() {
            ("shed", "Other nodes have more room", Duration::from_secs(1))
        } else if let Err(Error::RateLimited { retry_after }) = doors.limits.admission() {
            ("throttled", "Too many clients connect at once", retry_after)
        } else {
            return None;
        };
        doors.metrics.handshakes.with_label_values(&[result]).inc();
        let mut answer = refuse(StatusCode::SERVICE_UNAVAILABLE, "4", why);
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(patience.as_secs().max(1)));
        if let Some(farewell) = doors.debt.farewell().filter(|_| result == "shed") {
            answer.headers_mut().insert(header::SET_COOKIE, farewell);
        }
        Some(answer)
    }

    async fn polling(&self, request: Request, sid: Option<&str>) -> Response {
        let engine = self.0.engine.clone();
        let Some(sid) = sid else { return self.open(engine, request).await };
        let link = self.0.links.find(sid);
        if let Some(link) = &link {
            self.0.heartbeat.hears(link);
        }
        match link {
            Some(link) if link.reason().is_some() => unknown_session(),
            Some(link) if request.method() == Method::GET => polling::answer(engine, request, &link).await,
            _ => polling::forward(engine, request).await,
        }
    }

    /// A new polling session.
    async fn open(&self, engine: Engine, request: Request) -> Response {
        // The engine keeps this request's head for as long as the session lives: give it a slim one.
        let opening = self.opening(request.headers());
        let link = opening.link.clone();
        let mut slim = Request::new(Body::empty());
        *slim.method_mut() = request.method().clone();
        *slim.uri_mut() = opening::slim_uri(request.uri());
        slim.extensions_mut().insert(opening);
        let answer = polling::forward(engine, slim).await;
        if answer.status() == StatusCode::OK { self.name(&link, answer).await } else { answer }
    }

    /// Reads the session id from the answer that opened a polling session, and adds to it where that is held. From here on
    /// somebody keeps time for it.
    async fn name(&self, link: &Arc<Link>, answer: Response) -> Response {
        let (mut head, body) = answer.into_parts();
        let mut body = match Limited::new(body, 4096).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        #[derive(serde::Deserialize)]
        struct Open {
            sid: Box<str>,
        }
        if let Some(Ok(Open { sid })) = body.get(1..).map(serde_json::from_slice) {
            self.0.links.name(link, &sid);
            self.0.heartbeat.watch(link);
            if let Some(greeting) = heartbeat::tell_patience(&body, self.0.limits.pong) {
                body = greeting.into();
            }
            let told = self.0.foreign.as_ref().and_then(|foreign| foreign.told(&sid));
            if let (Some(told), Ok(text)) = (told, std::str::from_utf8(&body)) {
                // The id is random: these characters stand nowhere else.
                body = text.replacen(&*sid, &told, 1).into();
            }
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Response::from_parts(head, Body::from(body))
    }

    fn websocket(&self, mut request: Request, sid: Option<&str>) -> Response {
        let Some(accept) = accept_key(request.headers()) else {
            return refuse(StatusCode::BAD_REQUEST, "3", "Expected a WebSocket (version 13) upgrade request");
        };
        let mut slim = axum::http::Request::new(());
        *slim.uri_mut() = opening::slim_uri(request.uri());
        let (link, claim) = match sid {
            None => {
                let opening = self.opening(request.headers());
                let link = opening.link.clone();
                slim.extensions_mut().insert(opening);
                (link, None)
            }
            Some(sid) => match self.0.links.find(sid) {
                Some(link) if link.reason().is_none() => match Claim::on(&link) {
                    Some(claim) => (link, Some(claim)),
                    None => return refuse(StatusCode::BAD_REQUEST, "3", "This session has a WebSocket already"),
                },
                _ => return unknown_session(),
            },
        };

        let place = request.extensions().get::<Arc<OwnedSemaphorePermit>>().cloned();
        let upgraded = hyper::upgrade::on(&mut request);
        let mut engine = self.0.engine.clone();
        let (limits, patience, heartbeat) = (self.0.limits, self.0.patience, self.0.heartbeat.clone());
        self.0.lifecycle.spawn(async move {
            let Ok(upgraded) = upgraded.await else { return };
            // The listener serves bare TCP; anything else would be a defect, and the connection is dropped.
            let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
                tracing::error!("a WebSocket came over something else than TCP");
                return;
            };
            // A copy, and mostly of nothing: what hyper read is a piece of its buffer, which must not live as long.
            let unread = Bytes::copy_from_slice(&parts.read_buf);
            drop(parts.read_buf);
            // Boxed, since the engine moves it from one future into the next, each of which would have room for it.
            let mut stream = Box::new(Guarded::new(parts.io.into_inner(), unread, link.clone(), limits, place));
            match claim {
                Some(claim) => upgrade::upgrade(engine, stream, slim, claim, patience).await,
                None => {
                    stream.takes_events();
                    stream.passes_events();
                    heartbeat.watch(&link);
                    if let Err(error) =
                        Service::<(Box<Guarded>, axum::http::Request<()>)>::call(&mut engine, (stream, slim)).await
                    {
                        tracing::debug!(%error, "the engine refused a WebSocket");
                    }
                }
            }
        });
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, accept),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }

    fn opening(&self, headers: &HeaderMap) -> Arc<Opening> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let token = cookie_token(cookies).ok_or(Error::NoToken);
        let claimed = token.and_then(|token| self.0.doors.sessions.read(token));
        Arc::new(Opening::new(claimed, self.0.links.open()))
    }
}

async fn enter(State(transport): State<Transport>, mut request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let said = parameter("sid");
    if let Some(refusal) = transport.refusal(&request, said.is_none()) {
        return refusal;
    }
    let (sid, elsewhere) = said.map_or((None, None), |said| {
        let (sid, elsewhere) = transport.locate(said);
        if sid != said {
            *request.uri_mut() = with_sid(request.uri(), said, sid);
        }
        (Some(sid), elsewhere)
    });
    let is_websocket = request.method() == Method::GET && parameter("transport") == Some("websocket");
    match elsewhere {
        Some(_) if is_websocket => refuse(StatusCode::BAD_REQUEST, "3", "Another node holds this session: it goes on by polling"),
        Some((foreign, holder)) if foreign::is_poll(request.method()) => foreign.ask(holder, request).await,
        _ if is_websocket => transport.websocket(request, sid),
        _ => transport.polling(request, sid).await,
    }
}

/// The same request for the engine, which knows its sessions by its own ids.
fn with_sid(uri: &Uri, said: &str, sid: &str) -> Uri {
    let parameters = uri.query().unwrap_or_default().split('&').map(|pair| match pair.strip_prefix("sid=") {
        Some(value) if value == said => format!("sid={sid}"),
        _ => pair.to_owned(),
    });
    let query = parameters.collect::<Vec<_>>().join("&");
    // Shorter than what was a URI, of the same characters: it is one.
    format!("{}?{query}", uri.path()).parse().unwrap_or_default()
}

/// Ends polling sessions by what their client would send to leave.
async fn close_sessions(engine: Engine, mut closing: mpsc::Receiver<Box<str>>) {
    while let Some(sid) = closing.recv().await {
        let mut request = Request::new(Body::from("1"));
        *request.method_mut() = Method::POST;
        if let Ok(uri) = format!("{PATH}/?EIO=4&transport=polling&sid={sid}").parse() {
            *request.uri_mut() = uri;
            polling::forward(engine.clone(), request).await;
        }
    }
}

/// The answer to a well-formed upgrade request (RFC 6455, 4.2.1), `None` for any other.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let lists = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .any(|value| value.to_str().is_ok_and(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(token))))
    };
    let well_formed = lists(header::CONNECTION, "upgrade")
        && lists(header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| well_formed)?;
    HeaderValue::try_from(tungstenite::handshake::derive_accept_key(key.as_bytes())).ok()
}

fn unknown_session() -> Response {
    refuse(StatusCode::BAD_REQUEST, "1", "Session ID unknown")
}

/// Engine.IO's own form of an error.
fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}
