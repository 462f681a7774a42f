//! The kill switch of one client's session. socketioxide has no public way to close a single transport, and a peer that
//! stopped reading blocks the library's writer for good: the switch fails the stream under it instead.

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, Weak},
    task::Context,
};
use tokio::sync::mpsc;

/// Why hubbub cut a connection; the label of a metric and a log field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::realtime) enum Cut {
    /// The session was revoked: logged out, or the account is gone.
    Revoked,
    /// The token expired.
    Expired,
    /// The socket's outbox was full.
    Overflow,
    /// A write made no progress for too long.
    Stuck,
    /// It kept sending events far beyond its limit.
    Flood,
    /// Something we need to let it in is away for now; it comes back by itself.
    Passing,
    /// The node is shutting down.
    Drain,
}

impl Cut {
    pub(in crate::realtime) fn label(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Overflow => "overflow",
            Self::Stuck => "stuck",
            Self::Flood => "flood",
            Self::Passing => "passing",
            Self::Drain => "drain",
        }
    }
}

/// One Engine.IO session's switch. It outlives an upgrade from polling to WebSocket.
#[derive(Debug)]
pub(in crate::realtime) struct Link {
    cut: OnceLock<Cut>,
    /// The stream's tasks, to be woken when the switch is thrown.
    reader: AtomicWaker,
    writer: AtomicWaker,
    /// Set for sessions that began with polling: they have no stream to fail, so the engine is told.
    polling: OnceLock<Box<str>>,
    closer: mpsc::Sender<Box<str>>,
}

impl Link {
    /// Throws the switch. The first reason stays.
    pub(in crate::realtime) fn cut(&self, reason: Cut) {
        if self.cut.set(reason).is_err() {
            return;
        }
        self.reader.wake();
        self.writer.wake();
        if let Some(sid) = self.polling.get() {
            // Full: the session's next request is refused anyway, and the heartbeat ends it.
            let _ = self.closer.try_send(sid.clone());
        }
    }

    pub(in crate::realtime) fn reason(&self) -> Option<Cut> {
        self.cut.get().copied()
    }

    pub(super) fn register_reader(&self, cx: &Context<'_>) {
        self.reader.register(cx.waker());
    }

    pub(super) fn register_writer(&self, cx: &Context<'_>) {
        self.writer.register(cx.waker());
    }
}

/// Links of sessions that began with polling, by session id: an upgrade names its session only by that.
#[derive(Debug)]
pub(super) struct Links {
    by_sid: Mutex<HashMap<Box<str>, Weak<Link>>>,
    closer: mpsc::Sender<Box<str>>,
}

impl Links {
    /// `closer` takes the ids of polling sessions that the engine should close.
    pub(super) fn new(closer: mpsc::Sender<Box<str>>) -> Self {
        Self { by_sid: Mutex::default(), closer }
    }

    pub(super) fn open(&self) -> Arc<Link> {
        Arc::new(Link {
            cut: OnceLock::new(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            polling: OnceLock::new(),
            closer: self.closer.clone(),
        })
    }

    /// Remembers a polling session's link for as long as the engine holds the session.
    pub(super) fn name(&self, link: &Arc<Link>, sid: &str) {
        if link.polling.set(sid.into()).is_err() {
            return;
        }
        let mut by_sid = self.by_sid.lock();
        // Dead entries go when the table would grow: amortised, and it never holds more than twice what lives.
        if by_sid.len() == by_sid.capacity() {
            by_sid.retain(|_, link| link.strong_count() > 0);
        }
        by_sid.insert(sid.into(), Arc::downgrade(link));
        drop(by_sid);
        // It may have been cut before it had a name.
        if link.reason().is_some() {
            let _ = self.closer.try_send(sid.into());
        }
    }

    pub(super) fn find(&self, sid: &str) -> Option<Arc<Link>> {
        self.by_sid.lock().get(sid).and_then(Weak::upgrade)
    }
}
