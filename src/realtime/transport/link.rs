//! The kill switch of one client's session, and what its transports share. socketioxide has no public way to close a
//! single transport, and a peer that stopped reading blocks the library's writer for good: the switch fails the stream
//! under it instead.

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Context,
    time::Duration,
};
use tokio::sync::mpsc;

use super::{
    frame, pid,
    polling::Polling,
    wire::{Sent, Unsent, When, Wire},
};

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
    /// Nothing was heard of the peer for too long.
    Silent,
    /// It kept sending events far beyond its limit.
    Flood,
    /// Something we need to let it in is away for now; it comes back by itself.
    Passing,
    /// The node is shutting down.
    Drain,
    /// The node held more sockets than its share.
    Shed,
    /// The person's log is not what it was: the database was restored to an earlier state.
    Restored,
}

impl Cut {
    pub(in crate::realtime) fn label(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Overflow => "overflow",
            Self::Stuck => "stuck",
            Self::Silent => "ping_timeout",
            Self::Flood => "flood",
            Self::Passing => "passing",
            Self::Drain => "drain",
            Self::Shed => "shed",
            Self::Restored => "restored",
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
    polling: OnceLock<Box<Polling>>,
    /// Where its events go past the engine, once it has a WebSocket.
    wire: OnceLock<Weak<Wire>>,
    /// Whether all events go through the engine, whatever the transport.
    keeps_to_engine: AtomicBool,
    /// For the [heartbeat](super::heartbeat): whether nothing was heard since the last ping, and the tick of that.
    owes_pong: AtomicBool,
    pinged: AtomicU32,
    pid: Mutex<Pid>,
    closer: mpsc::Sender<Box<str>>,
}

/// The `pid` of the answer to CONNECT, on its way to whichever transport writes that answer.
#[derive(Debug, Default)]
enum Pid {
    #[default]
    Unset,
    Set(Box<str>),
    Answered,
}

impl Link {
    /// Throws the switch. The first reason stays.
    pub(in crate::realtime) fn cut(&self, reason: Cut) {
        if self.cut.set(reason).is_err() {
            return;
        }
        self.reader.wake();
        self.writer.wake();
        if let Some(polling) = self.polling.get() {
            polling.wake();
        }
        self.end_session();
    }

    /// Tells the engine to close a session that began with polling; nothing for others.
    pub(super) fn end_session(&self) {
        if let Some(polling) = self.polling.get() {
            // Full: the session's next request is refused anyway, and the heartbeat tells it again.
            let _ = self.closer.try_send(polling.sid.clone());
        }
    }

    pub(in crate::realtime) fn reason(&self) -> Option<Cut> {
        self.cut.get().copied()
    }

    /// Sets the `pid` that the answer to CONNECT will have; before that answer is queued. It consists of
    /// `[0-9A-Za-z._-]`, at most 256 of them.
    ///
    /// Nothing is added to a CONNECT_ERROR. On a WebSocket only the first CONNECT is answered with a `pid`: a client that
    /// left the namespace and comes back on the same connection gets none, and then does not recover.
    pub(in crate::realtime) fn set_pid(&self, pid: String) {
        debug_assert!(pid::is_plain(&pid), "{pid:?} would need an escape");
        // What would break the answer is worse than an answer without it.
        if pid::is_plain(&pid) {
            *self.pid.lock() = Pid::Set(pid.into());
        }
    }

    /// The `pid`, for the transport that is about to write the answer to CONNECT.
    pub(super) fn take_pid(&self) -> Option<Box<str>> {
        match std::mem::replace(&mut *self.pid.lock(), Pid::Answered) {
            Pid::Set(pid) => Some(pid),
            Pid::Unset | Pid::Answered => None,
        }
    }

    /// Whether a `pid` waits for the answer to CONNECT.
    pub(super) fn has_pid(&self) -> bool {
        matches!(*self.pid.lock(), Pid::Set(_))
    }

    /// Whether CONNECT was answered, and no other answer is to be expected.
    pub(super) fn is_answered(&self) -> bool {
        matches!(*self.pid.lock(), Pid::Answered)
    }

    /// Waits until the session may be given another page of a replay; to be awaited after each. A page is at most 64
    /// events. For who speaks WebSocket this is at once: there the outbox, when full, says so. A session that is polling
    /// fetches when it likes, and an outbox that is full can't be handed over to a WebSocket: it gets the next page when
    /// a poll has found the outbox empty since the last call, so that at most two pages wait there.
    ///
    /// True: go on (the link may have been cut: then the next event finds out). False: nothing was fetched for `timeout`.
    pub(in crate::realtime) async fn pace(&self, timeout: Duration) -> bool {
        match self.polling.get() {
            None => true,
            Some(polling) => tokio::time::timeout(timeout, polling.drained_or(|| self.reason().is_some())).await.is_ok(),
        }
    }

    /// Passes a frame on to the session's WebSocket, past the engine; if it has none, lets `engine` queue what is in it.
    ///
    /// Everything whose order matters goes this way, so that it takes one and the same for each socket. Those that come in
    /// an order from one lock are written in it.
    pub(in crate::realtime) fn send(
        &self,
        when: When,
        frame: impl FnOnce() -> Option<Bytes>,
        engine: impl FnOnce() -> Sent,
    ) -> Sent {
        if self.reason().is_some() {
            return Sent::Gone;
        }
        if self.keeps_to_engine.load(Ordering::Acquire) {
            return engine();
        }
        if let Some(wire) = self.wire.get() {
            return self.write(wire, when, frame);
        }
        let Some(polling) = self.polling.get() else { return engine() };
        // Or it might get to the engine's queue when that has been taken over already.
        let _queueing = polling.queueing.lock();
        match self.wire.get() {
            Some(wire) => self.write(wire, when, frame),
            None => engine(),
        }
    }

    fn write(&self, wire: &Weak<Wire>, when: When, frame: impl FnOnce() -> Option<Bytes>) -> Sent {
        let Some(wire) = wire.upgrade() else { return Sent::Gone };
        // What can't be written must not be missed without a word: the socket is cut, and comes back.
        let Some(frame) = frame() else { return Sent::Full };
        match wire.send(&frame, when) {
            Ok(true) => self.reader.wake(),
            Ok(false) => {}
            Err(Unsent::Full) => return Sent::Full,
            Err(Unsent::Gone(error)) => {
                self.failed(&error);
                return Sent::Gone;
            }
        }
        Sent::Queued
    }

    /// Writes the events that wait for this.
    pub(in crate::realtime) fn flush(&self) {
        match self.wire.get().and_then(Weak::upgrade).filter(|_| self.reason().is_none()).map(|wire| wire.try_flush()) {
            Some(Ok(true)) => self.reader.wake(),
            Some(Err(error)) => self.failed(&error),
            _ => {}
        }
    }

    /// The kernel says only once why a connection failed: the stream's tasks will hear no more than that it has ended.
    fn failed(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::TimedOut {
            self.cut(Cut::Stuck);
        }
    }

    /// From here on the session's events go to this connection. What the engine has queued of them by now is all that it
    /// will get.
    pub(super) fn leads_to(&self, wire: &Arc<Wire>) {
        let _queueing = self.polling.get().map(|polling| polling.queueing.lock());
        let _ = self.wire.set(Arc::downgrade(wire));
    }

    /// Its heartbeat begins: as if it had just been pinged, and had answered.
    pub(super) fn begins(&self, now: u32) {
        self.pinged.store(now, Ordering::Relaxed);
        self.polls(now);
    }

    /// When it was pinged last.
    pub(super) fn last_ping(&self) -> u32 {
        self.pinged.load(Ordering::Relaxed)
    }

    /// Pings the peer past the engine; once it has a WebSocket.
    pub(super) fn pings(&self, now: u32) {
        // First, so that the pong isn't lost; whatever can't be written now is missed as one.
        self.owes_pong.store(true, Ordering::Release);
        self.pinged.store(now, Ordering::Relaxed);
        if let Some(wire) = self.wire.get() {
            self.write(wire, When::Now, || Some(Bytes::from_static(frame::PING)));
        }
    }

    /// Whether nothing was heard since the last ping.
    pub(super) fn owes_pong(&self) -> bool {
        self.owes_pong.load(Ordering::Acquire)
    }

    /// Something came from the peer: whatever it is, it lives.
    pub(super) fn speaks(&self) {
        // It mostly is no answer to a ping, and then there is nothing to write for other threads to see.
        if self.owes_pong.load(Ordering::Relaxed) {
            self.owes_pong.store(false, Ordering::Release);
        }
    }

    /// No pong came in time.
    pub(super) fn misses_pong(&self) {
        let is_stuck = self.wire.get().and_then(Weak::upgrade).is_some_and(|wire| wire.is_stuck());
        self.cut(if is_stuck { Cut::Stuck } else { Cut::Silent });
    }

    /// A request of a session that is polling came.
    pub(super) fn polls(&self, now: u32) {
        if let Some(polling) = self.polling.get() {
            polling.heard.store(now, Ordering::Relaxed);
        }
    }

    /// When the last one came; 0 if it never polled.
    pub(super) fn last_poll(&self) -> u32 {
        self.polling.get().map_or(0, |polling| polling.heard.load(Ordering::Relaxed))
    }

    /// Whether it has, or had, a WebSocket, to which its events go.
    pub(super) fn has_websocket(&self) -> bool {
        self.wire.get().is_some()
    }

    /// A client that had left the namespace comes back on the same session. Its events go through the engine from here on:
    /// only that keeps them behind the answer to its second CONNECT. They come after what was sent to it before.
    pub(in crate::realtime) fn comes_again(&self) {
        if self.is_answered() {
            self.keeps_to_engine.store(true, Ordering::Release);
            if let Some(wire) = self.wire.get().and_then(Weak::upgrade) {
                wire.forget_unopened();
            }
        }
    }

    /// What the session needs for polling; `None` if it began with a WebSocket.
    pub(super) fn polling(&self) -> Option<&Polling> {
        self.polling.get().map(|polling| &**polling)
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
            wire: OnceLock::new(),
            keeps_to_engine: AtomicBool::new(false),
            owes_pong: AtomicBool::new(false),
            pinged: AtomicU32::new(0),
            pid: Mutex::default(),
            closer: self.closer.clone(),
        })
    }

    /// Remembers a polling session's link for as long as the engine holds the session.
    pub(super) fn name(&self, link: &Arc<Link>, sid: &str) {
        if link.polling.set(Box::new(Polling::new(sid))).is_err() {
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
