//! Long-polling: what one session's polls show and wait for, and its way over to a WebSocket.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::{MutexGuard, Notify};
use tower::ServiceExt;

use super::{Engine, link::Link, pid};

/// How long a poll may wait that comes while a WebSocket is being probed: the client holds its upgrade back until the
/// poll is answered. Node's server looks as often.
const RELEASE: Duration = Duration::from_millis(100);

/// A session's polling. It is there from the answer that named the session.
#[derive(Debug)]
pub(super) struct Polling {
    pub(super) sid: Box<str>,
    stage: Mutex<Stage>,
    /// When its last request came, for the [heartbeat](super::heartbeat).
    pub(super) heard: AtomicU32,
    /// How often a poll found the outbox empty, and how often it had when the last page was waited for.
    drained: AtomicU32,
    paced: AtomicU32,
    /// Something of the above changed.
    moved: Notify,
    /// Held while the engine answers a poll: it closes the session at two at a time.
    turn: tokio::sync::Mutex<()>,
    /// Held while an event is queued to the engine.
    pub(super) queueing: Mutex<()>,
}

/// How far a session is on its way to a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Polling,
    /// A WebSocket names this session.
    Claimed,
    /// It was told that it works: the client waits for its last poll.
    Probed,
    Upgraded,
}

impl Polling {
    pub(super) fn new(sid: &str) -> Self {
        Self {
            sid: sid.into(),
            stage: Mutex::new(Stage::Polling),
            heard: AtomicU32::new(0),
            drained: AtomicU32::new(0),
            paced: AtomicU32::new(0),
            moved: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            queueing: Mutex::default(),
        }
    }

    /// Lets whoever waits look again.
    pub(super) fn wake(&self) {
        self.moved.notify_waiters();
    }

    /// Waits until a poll has found the outbox empty since the last call, or the session speaks WebSocket, or `ended`.
    pub(super) async fn drained_or(&self, ended: impl Fn() -> bool) {
        let mut drained = 0;
        self.until(|| {
            drained = self.drained.load(Ordering::Acquire);
            drained != self.paced.load(Ordering::Acquire) || self.stage() == Stage::Upgraded || ended()
        })
        .await;
        self.paced.store(drained, Ordering::Release);
    }

    async fn until(&self, mut holds: impl FnMut() -> bool) {
        loop {
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            if holds() {
                return;
            }
            moved.await;
        }
    }

    fn stage(&self) -> Stage {
        *self.stage.lock()
    }

    /// Goes from one stage to another; false if it is not at the first.
    fn goes(&self, from: Stage, to: Stage) -> bool {
        let mut stage = self.stage.lock();
        let goes = *stage == from;
        if goes {
            *stage = to;
            self.wake();
        }
        goes
    }

    /// Waits until a poll has to be let go for an upgrade.
    async fn released(&self) {
        if self.stage() == Stage::Probed {
            tokio::time::sleep(RELEASE).await;
        }
        self.until(|| self.stage() == Stage::Probed).await;
    }

    /// The engine's answer to a poll of the client.
    async fn poll(&self, engine: Engine, request: Request) -> Response {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            // The WebSocket is being handed over and has it.
            Err(_) if self.stage() == Stage::Probed => return noop(),
            // The client polls twice at a time, and the engine closes the session for it.
            Err(_) => return forward(engine, request).await,
        };
        let mut answer = pin!(forward(engine, request));
        if let Some(answer) = now(answer.as_mut()).await {
            return answer;
        }
        // It has to wait: nothing is left in the outbox.
        self.drained.fetch_add(1, Ordering::AcqRel);
        self.wake();
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // The engine has put nothing into this answer yet, so nothing is lost with it.
            () = self.released() => noop(),
        }
    }

    /// What the outbox holds, for the WebSocket that takes over; `None` when it is empty. Only for who has the turn.
    pub(super) async fn rest(&self, engine: Engine) -> Option<Response> {
        let uri = format!("{}/?EIO=4&transport=polling&sid={}", super::PATH, self.sid);
        let request = Request::builder().uri(uri).body(Body::empty()).ok()?;
        now(pin!(forward(engine, request))).await
    }

    /// Waits until no poll is under way, and keeps new ones from the engine.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

/// A WebSocket's claim on a session that is polling: one at a time. Unless the upgrade succeeds, the session goes on
/// polling when the claim is dropped, as if nobody had tried.
pub(super) struct Claim(Arc<Link>);

impl Claim {
    /// `None` when another WebSocket has it, or the session never polled.
    pub(super) fn on(link: &Arc<Link>) -> Option<Self> {
        link.polling()?.goes(Stage::Polling, Stage::Claimed).then(|| Self(link.clone()))
    }

    pub(super) fn polling(&self) -> Option<&Polling> {
        self.0.polling()
    }

    /// The WebSocket works: polls are let go.
    pub(super) fn probed(&self) {
        self.0.polling().map(|polling| polling.goes(Stage::Claimed, Stage::Probed));
    }

    /// The session speaks WebSocket now.
    pub(super) fn upgraded(self) {
        self.0.polling().map(|polling| polling.goes(Stage::Probed, Stage::Upgraded));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(polling) = self.0.polling() {
            let _ = polling.goes(Stage::Claimed, Stage::Polling) || polling.goes(Stage::Probed, Stage::Polling);
        }
    }
}

/// Answers a poll of this session.
pub(super) async fn answer(engine: Engine, request: Request, link: &Link) -> Response {
    let answer = match link.polling() {
        Some(polling) => polling.poll(engine, request).await,
        None => forward(engine, request).await,
    };
    if link.reason().is_some() {
        // As on a WebSocket, nothing leaves after a cut: a CONNECT_ERROR that was meant never to would keep a stock client
        // away for good.
        super::unknown_session()
    } else if link.has_pid() {
        with_pid(answer, link).await
    } else {
        answer
    }
}

pub(super) async fn forward(engine: Engine, request: Request) -> Response {
    let Ok(answer) = engine.oneshot(request).await;
    answer.map(Body::new)
}

/// What a future answers if it needn't wait.
async fn now<F: Future + Unpin>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        answer = future => Some(answer),
        () = std::future::ready(()) => None,
    }
}

/// An answer with nothing in it.
fn noop() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], "6").into_response()
}

/// Adds the `pid` if this answers CONNECT. The engine's answers are whole in memory already.
async fn with_pid(answer: Response, link: &Link) -> Response {
    let (mut head, body) = answer.into_parts();
    let Ok(body) = body.collect().await.map(|body| body.to_bytes()) else {
        return axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match pid::with_pid_in_body(&body, || link.take_pid()) {
        Some(body) => {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            Response::from_parts(head, Body::from(body))
        }
        None => Response::from_parts(head, Body::from(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::transport::link::{Cut, Links};
    use tokio::sync::mpsc;

    const LONG: Duration = Duration::from_secs(60);

    fn session() -> Arc<Link> {
        let links = Links::new(mpsc::channel(1).0);
        let link = links.open();
        links.name(&link, "sid");
        link
    }

    fn polled(link: &Link) {
        let polling = link.polling().unwrap();
        polling.drained.fetch_add(1, Ordering::AcqRel);
        polling.wake();
    }

    #[tokio::test]
    async fn a_page_waits_until_a_poll_has_emptied_the_outbox() {
        let link = session();
        assert!(!link.pace(Duration::ZERO).await, "nobody polls");
        polled(&link);
        assert!(link.pace(LONG).await);
        assert!(!link.pace(Duration::ZERO).await, "each poll is good for one page");
        let (paced, ()) = tokio::join!(link.pace(LONG), async { polled(&link) });
        assert!(paced);
    }

    #[tokio::test]
    async fn a_websocket_and_a_cut_session_wait_for_nobody() {
        let direct = Links::new(mpsc::channel(1).0).open();
        assert!(direct.pace(Duration::ZERO).await);

        let upgrading = session();
        let claim = Claim::on(&upgrading).unwrap();
        claim.probed();
        assert!(!upgrading.pace(Duration::ZERO).await, "it does not speak WebSocket yet");
        let (paced, ()) = tokio::join!(upgrading.pace(LONG), async { claim.upgraded() });
        assert!(paced && upgrading.pace(LONG).await);

        let cut = session();
        let (paced, ()) = tokio::join!(cut.pace(LONG), async { cut.cut(Cut::Drain) });
        assert!(paced);
    }

    #[tokio::test]
    async fn one_websocket_at_a_time_may_claim_a_session_and_leaves_it_as_it_was() {
        let link = session();
        let first = Claim::on(&link).unwrap();
        assert!(Claim::on(&link).is_none());
        first.probed();
        drop(first);
        assert_eq!(link.polling().unwrap().stage(), Stage::Polling);
        let second = Claim::on(&link).unwrap();
        second.probed();
        second.upgraded();
        assert!(Claim::on(&link).is_none(), "it has its WebSocket");
    }

    #[tokio::test]
    async fn the_answer_to_connect_has_the_pid_and_the_right_length() {
        let link = session();
        let answer = |body: &'static str| ([(header::CONTENT_LENGTH, body.len().to_string())], body).into_response();
        let read = async |answer: Response| {
            let length = answer.headers()[header::CONTENT_LENGTH].to_str().unwrap().to_owned();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(length, body.len().to_string());
            String::from_utf8(body.to_vec()).unwrap()
        };
        link.set_pid("1.2.x".into());
        assert_eq!(read(with_pid(answer("2"), &link).await).await, "2");
        assert!(link.has_pid());
        let connect = with_pid(answer("2\u{1e}40{\"sid\":\"a\"}\u{1e}42[]"), &link).await;
        assert_eq!(read(connect).await, "2\u{1e}40{\"sid\":\"a\",\"pid\":\"1.2.x\"}\u{1e}42[]");
        assert!(link.is_answered());
    }
}
