//! The backplane of a node alone: a queue in the process. Nothing here can fail or be away.

use parking_lot::Mutex;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

use super::{Attached, Online, Signal, Signals, gcra::Buckets, roster::Roster, signals::SignalQueue};
use crate::{
    config::Quota,
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{
        NodeId, SessionId, Timestamp, UserId,
        event::{Envelope, Whisper},
    },
    recent::Recent,
};

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Local(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: NodeId,
    queue: SignalQueue,
    attached: Mutex<HashSet<UserId>>,
    roster: Roster,
    buckets: Buckets<String>,
}

impl Local {
    pub(super) fn new(lifecycle: &Lifecycle, metrics: Metrics, recent: Recent) -> (Self, Signals) {
        metrics.backplane_up.set(1);
        metrics.presence_known.set(1);
        let node = NodeId::new();
        recent.named(node);
        let (queue, signals) = SignalQueue::new(lifecycle, metrics, recent);
        let inner = Inner { node, queue, attached: Mutex::default(), roster: Roster::new(true), buckets: Buckets::default() };
        (Self(Arc::new(inner)), signals)
    }

    pub(super) fn node(&self) -> NodeId {
        self.0.node
    }

    pub(super) fn publish(&self, envelope: Envelope) {
        self.0.queue.push(Signal::Envelope(envelope));
    }

    pub(super) fn revoke(&self, session: SessionId) {
        self.0.queue.push(Signal::Revoked(session));
    }

    pub(super) fn attach(&self, user: UserId) -> Attached {
        // Held until the roster is changed, so that two changes of one person keep their order.
        let mut attached = self.0.attached.lock();
        if attached.insert(user) {
            self.0.roster.change([user], []);
        }
        Attached::Fenced
    }

    pub(super) fn detach(&self, user: UserId, seen: Timestamp) {
        let mut attached = self.0.attached.lock();
        if attached.remove(&user) {
            self.0.roster.change([], [(user, seen)]);
        }
    }

    pub(super) fn is_here(&self, user: UserId) -> bool {
        self.0.attached.lock().contains(&user)
    }

    pub(super) fn last_seen(&self, user: UserId) -> Option<Timestamp> {
        self.0.roster.last_seen(user)
    }

    pub(super) fn whisper(&self, mut whisper: Whisper) {
        whisper.to.retain(|user| self.is_here(*user));
        self.0.queue.whisper(whisper);
    }

    pub(super) fn online(&self) -> watch::Receiver<Online> {
        self.0.roster.watch()
    }

    pub(super) fn take(&self, key: &str, quota: Quota) -> Result<(), Duration> {
        self.0.buckets.take(&key.to_owned(), quota, Instant::now())
    }

    pub(super) fn peek(&self, key: &str, quota: Quota) -> Result<(), Duration> {
        self.0.buckets.peek(&key.to_owned(), quota, Instant::now())
    }
}
