//! Polling sessions that another node holds, so that long-polling needs no sticky load balancer.
//!
//! A session lives in one node's memory. The id that its client is told is `<engine's id>.<that node's address, sealed>`;
//! a node that gets a request for a session of another node passes it on to that node and the answer back.
//!
//! - A request is passed on with the engine's id alone, and one without an address never is: nothing can go round in
//!   circles, nor is there a mark that somebody could forge.
//! - Neither cookies nor `Authorization` go with it: only the request that opens a session needs them. `Origin` does not,
//!   either: the node that the client reached has judged it, and puts CORS headers around what comes back.
//! - Upgrades are not passed on, and a stock client then stays with polling. A tunnel would take two descriptors here and
//!   one there for as long as the client stays, and the end of either node would be the end of the socket. A client that
//!   wants a WebSocket gets one on any node with `transports: ["websocket"]`, and behind a sticky balancer by an upgrade.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Limited};
use prometheus::IntCounter;
use reqwest::{Client, redirect::Policy};
use std::{error::Error, net::SocketAddr, time::Duration};

use super::{seal::Seal, unknown_session};
use crate::{
    config::{self, Config},
    lifecycle::Lifecycle,
    metrics::Metrics,
};

/// Between the engine's id, which has none of these, and the sealed address.
const SEPARATOR: char = '.';

/// How long to wait for a connection to another node: they are near each other.
const CONNECT: Duration = Duration::from_secs(2);

/// How much longer than the client's patience, its heartbeat, a poll is waited for.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a connection between nodes is kept without a request; shorter where the others close theirs sooner.
const IDLE: Duration = Duration::from_secs(30);

/// Bytes of an answer. The longest is a list of who is online, of 39 bytes for each.
const ANSWER: usize = 64 << 20;

/// Knows which node holds a session, and asks it.
pub(in crate::realtime) struct Foreign {
    seal: Seal,
    /// Where the others reach this node.
    here: SocketAddr,
    client: Client,
    patience: Duration,
    body_timeout: Duration,
    max_body: usize,
    drain: config::Drain,
    lifecycle: Lifecycle,
    answered: IntCounter,
    failed: IntCounter,
}

/// Why there is no answer of the other node.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Unreachable(String),
    #[error("it is no answer of an engine: {0}")]
    Strange(StatusCode),
    #[error("the answer can't be read: {0}")]
    Broken(Box<dyn Error + Send + Sync>),
}

impl Foreign {
    /// `None` if it isn't configured, or there is one node only.
    pub(in crate::realtime) fn new(config: &Config, lifecycle: &Lifecycle, metrics: &Metrics) -> Option<Self> {
        let here = config.cluster.reachable_at(config.http.port).filter(|_| config.redis.is_configured())?;
        let (realtime, http) = (&config.realtime, &config.http);
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .http1_only()
            // Plain HTTP only: the system's certificates needn't be there.
            .tls_certs_only([])
            .connect_timeout(CONNECT)
            // Before the other node does: a request must not meet a connection that is being closed.
            .pool_idle_timeout(IDLE.min(http.header_timeout / 2))
            .build();
        let (Ok(seal), Ok(client)) = (Seal::new(&config.auth.jwt_secret), client) else {
            tracing::error!("polls of other nodes' sessions cannot be passed on: no HTTP client or no key could be made");
            return None;
        };
        let counter = |result| metrics.polls_forwarded.with_label_values(&[result]);
        Some(Self {
            seal,
            here,
            client,
            patience: realtime.ping_interval + realtime.ping_timeout + MARGIN,
            body_timeout: http.body_timeout,
            max_body: realtime.max_frame,
            drain: config.drain.clone(),
            lifecycle: lifecycle.clone(),
            answered: counter("answered"),
            failed: counter("failed"),
        })
    }

    /// What the client of a session of this node is told as its id.
    pub(super) fn told(&self, sid: &str) -> Option<String> {
        Some(format!("{sid}{SEPARATOR}{}", self.seal.seal(sid, self.here)?))
    }

    /// The node that holds a session, unless it would be this one.
    pub(super) fn holder(&self, sid: &str, sealed: &str) -> Option<SocketAddr> {
        self.seal.open(sid, sealed).filter(|holder| *holder != self.here)
    }

    /// Passes a poll on and answers it. Whatever fails is an unknown session: the client comes back at once, by whatever
    /// node, and resumes. A client that hangs up takes its request at the other node with it.
    pub(super) async fn ask(&self, holder: SocketAddr, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = match tokio::time::timeout(self.body_timeout, Limited::new(body, self.max_body).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
        };
        // What a client says is passed on in no time; only polls wait.
        let waits = head.method == Method::GET;
        let answer = tokio::select! {
            answer = self.forward(holder, head, body) => answer,
            () = self.leaves(), if waits => return unknown_session(),
        };
        match answer {
            Ok(answer) => {
                self.answered.inc();
                answer
            }
            Err(failure) => {
                self.failed.inc();
                tracing::debug!(%holder, %failure, "a poll of another node's session was not answered");
                unknown_session()
            }
        }
    }

    async fn forward(&self, holder: SocketAddr, head: Parts, body: Bytes) -> Result<Response, Failure> {
        let url = format!("http://{holder}{}", head.uri.path_and_query().map_or(super::PATH, |path| path.as_str()));
        let mut request = self.client.request(head.method, url).timeout(self.patience).body(body);
        if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let answer: axum::http::Response<reqwest::Body> = request.send().await.map_err(unreachable)?.into();
        let (head, body) = answer.into_parts();
        // Another program may have got the address since: what doesn't look like an engine's is no answer.
        if !(is_text(&head.headers) && head.status == StatusCode::OK || head.status.is_client_error()) {
            return Err(Failure::Strange(head.status));
        }
        // As a whole: half an answer must not look like one.
        let body = Limited::new(body, ANSWER).collect().await.map_err(Failure::Broken)?.to_bytes();
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = head.status;
        if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
            answer.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        Ok(answer)
    }

    /// Resolves when this node shuts down and a poll that waits at another through it has to move on: not all at once, and
    /// before the node waits for running requests.
    async fn leaves(&self) {
        self.lifecycle.drained().await;
        let wait = self.drain.notice + self.drain.spread.mul_f64(rand::random());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.lifecycle.stopped() => {}
        }
    }
}

/// What a client says as its session: the engine's id, and the sealed address if there is one.
pub(super) fn split(said: &str) -> (&str, Option<&str>) {
    said.split_once(SEPARATOR).map_or((said, None), |(sid, sealed)| (sid, Some(sealed)))
}

/// Whether it is a request that can be passed on; the engine answers others by itself, whatever session they name.
pub(super) fn is_poll(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::POST)
}

/// Says what lies at the bottom: the errors above it say only that there was a request. Its URL, with the session's id,
/// is a secret.
fn unreachable(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    Failure::Unreachable(if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() })
}

fn is_text(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}
