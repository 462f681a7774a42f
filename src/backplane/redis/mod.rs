//! The backplane of many nodes: an inbox each, and presence, through Redis. See the contract in the module above, and
//! `docs/ARCHITECTURE.md`.
//!
//! ```text
//! connect   the connections                    keys, scripts, wire   what is where and how it is written
//! keeper    lease, join, repair                inbox                 what is heard, and whether anything is
//! registry  who should be registered           register              writes that
//! peers     who is online elsewhere            publish, round        tells the others
//! sweep     cleans up after the dead           formers               ids that this process had before
//! observe   compares, and reads anew           whereabouts           tells those of whose people it had not heard
//! limits    token buckets                      whole                 whether it is known who is online
//! load      sockets of each node
//! ```

use fred::interfaces::{FredResult, SetsInterface};
use parking_lot::Mutex;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Attached, Health, Online, Reason, Signal, Signals, gcra::Buckets, roster::Roster, signals::SignalQueue};
use crate::{
    config::{self, Quota},
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{
        Clock, NodeId, Result, SessionId, Timestamp, UserId,
        event::{Envelope, Whisper},
    },
    recent::{Recent, Telling},
};
use connect::Link;
use formers::Formers;
use inbox::Inbox;
use keeper::Troubles;
use keys::Keys;
use load::Load;
use peers::Peers;
use publish::{Job, Publisher};
use registry::{Attaching, Registry};
use whole::Whole;
use wire::Note;

#[cfg(test)]
pub(super) use publish::QUEUE;

#[cfg(feature = "bench")]
pub mod bench;
mod connect;
mod formers;
mod inbox;
mod keeper;
mod keys;
mod limits;
mod load;
mod observe;
mod peers;
mod publish;
mod register;
mod registry;
mod round;
mod scripts;
mod sweep;
mod whereabouts;
mod whole;
mod wire;

/// How long the entries of a node that left in order are kept, so that its people can move to another in peace.
const FAREWELL_MS: i64 = 30_000;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("node", &self.0.node()).finish_non_exhaustive()
    }
}

/// What the tasks share.
struct Inner {
    link: Link,
    keys: Keys,
    cluster: config::Cluster,
    node: Mutex<NodeId>,
    formers: Formers,
    joined: AtomicBool,
    /// Of this node's set, as last written under whatever id: rises for as long as the process lives.
    versions: AtomicI64,
    /// Replication id of the server that holds the lease, or those of all shards of a cluster, as last seen.
    history: Mutex<String>,
    load: Load,
    signals: SignalQueue,
    registry: Registry,
    roster: Roster,
    peers: Peers,
    inbox: Inbox,
    publisher: Publisher,
    troubles: Troubles,
    whole: Whole,
    buckets: Buckets<String>,
    asks: mpsc::Sender<limits::Ask>,
    clock: Clock,
    metrics: Metrics,
    recent: Recent,
    lifecycle: Lifecycle,
    closing: CancellationToken,
}

impl Redis {
    pub(super) fn new(
        config: &config::Redis,
        cluster: &config::Cluster,
        lifecycle: &Lifecycle,
        metrics: Metrics,
        recent: Recent,
    ) -> Result<(Self, Signals)> {
        let (signals, consumer) = SignalQueue::new(lifecycle, metrics.clone(), recent.clone());
        let (publisher, jobs) = Publisher::new();
        let (asks, asked) = limits::queue();
        let node = NodeId::new();
        recent.named(node);
        let inner = Arc::new(Inner {
            link: Link::new(config)?,
            keys: Keys::new(&config.prefix),
            cluster: cluster.clone(),
            node: Mutex::new(node),
            formers: Formers::default(),
            joined: AtomicBool::new(false),
            versions: AtomicI64::new(0),
            history: Mutex::default(),
            load: Load::default(),
            signals,
            registry: Registry::default(),
            roster: Roster::new(false),
            peers: Peers::default(),
            inbox: Inbox::default(),
            publisher,
            troubles: Troubles::default(),
            whole: Whole::default(),
            buckets: Buckets::default(),
            asks,
            clock: Clock::default(),
            metrics,
            recent,
            lifecycle: lifecycle.clone(),
            closing: CancellationToken::new(),
        });
        inner.link.start(lifecycle);
        inner.link.show(&inner.metrics);
        inner.spawn(inbox::listen(inner.clone()));
        inner.spawn(inbox::watch(inner.clone()));
        inner.spawn(keeper::run(inner.clone()));
        inner.spawn(keeper::beat(inner.clone()));
        inner.spawn(register::run(inner.clone()));
        inner.spawn(observe::announce(inner.clone()));
        inner.spawn(observe::run(inner.clone()));
        inner.spawn(whole::run(inner.clone()));
        inner.spawn(whole::compare(inner.clone()));
        let (next, steps) = whereabouts::queue();
        inner.spawn(publish::run(inner.clone(), jobs, next));
        inner.spawn(whereabouts::run(inner.clone(), steps));
        inner.spawn(limits::run(inner.clone(), asked));
        inner.spawn(publish::make_good(inner.clone()));
        Ok((Self(inner), consumer))
    }

    pub(super) fn node(&self) -> NodeId {
        self.0.node()
    }

    pub(super) fn publish(&self, envelope: Envelope) {
        // This node's people don't wait for Redis; the consumer ignores the others.
        self.0.signals.push(Signal::Envelope(envelope.clone()));
        if let Err(job) = self.0.publisher.push(Job::Envelope(envelope)) {
            if let Job::Envelope(envelope) = job {
                self.0.recent.told(publish::of_each_entry(&[envelope], Telling::NoRoom));
            }
            self.0.failed_to_publish(1);
        }
    }

    pub(super) fn revoke(&self, session: SessionId) {
        self.0.signals.push(Signal::Revoked(session));
        if self.0.publisher.push(Job::All(Note::Revoked(session))).is_err() {
            tracing::debug!("no room for the hint that a session was revoked; the poll will find it");
        }
    }

    pub(super) async fn attach(&self, user: UserId) -> Attached {
        let inner = &self.0;
        let mut told = match inner.registry.attach(user, || inner.peers.arrived(user, inner.clock.now(), &inner.roster)) {
            Attaching::Registered => return Attached::Fenced,
            Attaching::Waiting(told) => told,
        };
        // Log-ins shouldn't take seconds each while Redis is known to be away.
        let fenced = !inner.link.away() && matches!(tokio::time::timeout(inner.link.timeout(), &mut told).await, Ok(Ok(())));
        if !fenced && inner.registry.is_late(user, told) { Attached::Later } else { Attached::Fenced }
    }

    pub(super) fn detach(&self, user: UserId, seen: Timestamp) {
        self.0.registry.detach(user, seen);
    }

    pub(super) fn release(&self, user: UserId, seen: Timestamp) {
        self.0.peers.release(user, seen);
        self.0.let_go();
    }

    pub(super) fn is_here(&self, user: UserId) -> bool {
        self.0.registry.is_here(user)
    }

    pub(super) fn last_seen(&self, user: UserId) -> Option<Timestamp> {
        self.0.roster.last_seen(user)
    }

    pub(super) fn online(&self) -> watch::Receiver<Online> {
        self.0.roster.watch()
    }

    pub(super) fn whisper(&self, whisper: Whisper) {
        let here = whisper.to.iter().copied().filter(|user| self.is_here(*user)).collect();
        self.0.signals.whisper(Whisper { to: here, ..whisper.clone() });
        if !self.0.link.away() {
            self.0.publisher.whisper(whisper);
        }
    }

    pub(super) async fn take(&self, key: &str, quota: Quota, deadline: Duration) -> Result<(), Duration> {
        limits::ask(&self.0, key, quota, true, deadline).await
    }

    pub(super) async fn peek(&self, key: &str, quota: Quota, deadline: Duration) -> Result<(), Duration> {
        limits::ask(&self.0, key, quota, false, deadline).await
    }

    pub(super) async fn suspects(&self) -> Vec<NodeId> {
        // Whose people are nowhere else is to be known, too.
        if self.0.link.away() || !self.0.whole.known() {
            return Vec::new();
        }
        sweep::suspects(&self.0).await.unwrap_or_else(|cause| {
            tracing::debug!(%cause, "could not look for dead nodes");
            Vec::new()
        })
    }

    pub(super) fn holds(&self, sockets: Option<u64>) {
        self.0.load.set(sockets);
    }

    pub(super) async fn loads(&self) -> Option<Vec<u64>> {
        if self.0.link.away() {
            return None;
        }
        load::of_others(&self.0).await.inspect_err(|cause| tracing::debug!(%cause, "could not read the others' loads")).ok()
    }

    pub(super) async fn sweep(&self, node: NodeId, seen: Timestamp) -> Vec<UserId> {
        sweep::dead(&self.0, node, seen).await
    }

    pub(super) fn health(&self) -> Health {
        let inner = &self.0;
        Health {
            connected: inner.link.connected() && !inner.link.away(),
            beacon_age: inner.inbox.beacon_age(),
            deaf: inner.inbox.deaf(),
        }
    }

    pub(super) async fn close(&self) {
        let inner = &self.0;
        if inner.closing.is_cancelled() {
            return;
        }
        if tokio::time::timeout(inner.link.timeout(), inner.publisher.flush()).await.is_err() {
            tracing::warn!("left with envelopes that were not told; the others find them in the log");
        }
        inner.closing.cancel();
        if inner.joined() && inner.link.connected() {
            let node = inner.node();
            if let Err(cause) = keeper::say_farewell(inner, node, FAREWELL_MS).await {
                tracing::debug!(%cause, "could not leave a lease behind");
            }
            if let Err(cause) = inner.link.unsubscribe(inner.keys.inbox(node)).await {
                tracing::debug!(%cause, "could not unsubscribe");
            }
        }
        inner.link.close();
    }
}

impl Inner {
    /// Runs a task until it ends, the backplane is closed or the node stops.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.closing.clone();
        self.lifecycle.spawn(async move {
            tokio::select! {
                () = closing.cancelled() => {}
                () = task => {}
            }
        });
    }

    fn node(&self) -> NodeId {
        *self.node.lock()
    }

    /// Whether the node has, or had, a lease under [`Inner::node`].
    fn joined(&self) -> bool {
        self.joined.load(Ordering::Acquire)
    }

    fn joined_as(&self, node: NodeId) {
        let former = std::mem::replace(&mut *self.node.lock(), node);
        if former != node {
            self.formers.add(former);
        }
        self.recent.named(node);
        self.history.lock().clear();
        self.joined.store(true, Ordering::Release);
    }

    /// Somebody found the lease of `node` gone. Nothing is registered until the node is back under another id.
    fn lost_lease(&self, node: NodeId) {
        if node == self.node() {
            self.registry.suspend();
            self.forgot();
            self.troubles.report(Reason::LeaseLost);
        }
    }

    /// How long it may take until all nodes have heard who came to one of them.
    fn hearsay(&self) -> Duration {
        self.cluster.beacon * 3
    }

    /// Lets those go whom this node released and who are on another by now.
    fn let_go(&self) {
        for (user, seen) in self.peers.moved_on(self.hearsay()) {
            self.registry.detach(user, seen);
        }
    }

    /// Something is wrong that only a repair mends, and until then it isn't known who is online.
    fn trouble(&self, reason: Reason) {
        self.doubt();
        self.troubles.report(reason);
    }

    fn failed_to_publish(&self, envelopes: usize) {
        self.metrics.publish_failures.inc_by(u64::try_from(envelopes).unwrap_or(u64::MAX));
        self.publisher.owe();
    }

    /// All nodes that joined and were not swept.
    async fn nodes(&self) -> FredResult<Vec<NodeId>> {
        let nodes: Vec<String> = self.link.any().smembers(self.keys.nodes()).await?;
        Ok(nodes.iter().filter_map(|node| node.parse().ok()).collect())
    }

    async fn others(&self) -> FredResult<Vec<NodeId>> {
        let mut nodes = self.nodes().await?;
        nodes.retain(|node| *node != self.node());
        Ok(nodes)
    }
}
