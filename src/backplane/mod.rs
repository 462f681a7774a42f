//! What nodes tell each other, and who is online where. Two implementations: [`Local`], for a node alone, and
//! [`Redis`]. One conformance suite (`conformance.rs`) runs against both.
//!
//! # Contract
//! - **Hints, not truth.** What [`Backplane::publish`] carries is already committed. A hint may be lost, doubled or
//!   reordered; whoever pulls [`Signal`]s compares numbers and reads the log where one is missing.
//! - **Publishing never waits and never fails.** [`Backplane::publish`] puts the envelope in a bounded queue and
//!   returns. This node's own users are served at once, with Redis away, too. What could not be told to others is
//!   counted, and made good by asking every node to reconcile as soon as that is possible.
//! - **A node has one inbox** and never subscribes per user. Everything that goes into it is numbered; a beacon goes
//!   through it once a second. A number missing, doubled or lower than expected, no beacon for `cluster.deaf_after`,
//!   a Redis reconnect, or a lost lease: the implementation repairs itself (re-subscribe, new node id and
//!   re-registration of everybody where the lease was lost) and then yields [`Signal::Reconcile`].
//! - **Attach fence.** After [`Backplane::attach`] answered [`Attached::Fenced`], every envelope for that user that
//!   is committed from then on is told to this node. The caller must read the user's position *after* that answer.
//!   `Attached::Later`: Redis is away; the implementation registers the user when it is back and then yields
//!   `Reconcile`. Attaching twice is harmless. [`Backplane::detach`] never waits. The caller calls them for one user
//!   in order; the implementation writes them in that order.
//! - **Signals are pulled** by one consumer. The queue is bounded; when the consumer is slow, signals are dropped and
//!   one `Reconcile` takes their place.
//! - **Presence** is the union of what live nodes attached. From the moment at which anything is wrong with Redis until the
//!   node is repaired, has registered everybody and has read the others, it isn't known ([`Online::known`]): arrivals show at
//!   once, departures wait until it is known that the person is nowhere, and then go in one step. That takes
//!   `cluster.deaf_after` and a moment after Redis answers again, whatever it forgot. One `cluster.lease` after it lost its
//!   memory, all is read again and the view corrected; a node that isn't back by then is taken out of it, not before.
//! - **When somebody was last here** comes with every departure: from the one who detaches them, and for a dead node from the
//!   one who sweeps it. Where a set was read anew, the moment at which that was noticed stands in.
//! - **Whispers** are true for a moment only. They are told once to the nodes on which their people are and dropped whenever
//!   something is in the way: no retry, no reconcile, no count; and never in place of anything that matters.
//! - Every wait is bounded by `redis.timeout`.

use crate::{
    config::{self, Quota},
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{
        NodeId, Result, SessionId, Timestamp, UserId,
        event::{Envelope, Whisper},
    },
    recent::Recent,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

pub mod gcra;
pub mod local;
pub mod redis;
mod roster;
mod signals;

#[cfg(test)]
mod conformance;

use local::Local;
use redis::Redis;

/// What the consumer of a backplane has to act on.
#[derive(Debug, Clone)]
pub enum Signal {
    /// New entries in logs, some of them of users on this node.
    Envelope(Envelope),
    /// Compare the position of every local user with the database and deliver what is missing.
    Reconcile(Reason),
    /// A session was revoked somewhere: close its sockets. Only a hint; the poll of the database is the rule.
    Revoked(SessionId),
    /// For people on this node, some of them perhaps gone by now.
    Whisper(Whisper),
}

/// Why a reconcile is asked for; the label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The node did not hear its own beacon.
    Deaf,
    /// A number was missing or lower than expected in the inbox.
    InboxGap,
    /// The connection to Redis was made again.
    Reconnected,
    /// The node had lost its lease and came back under a new id.
    LeaseLost,
    /// Another node could not tell what it had committed.
    PublishFailed,
    /// Another node died.
    PeerDied,
    /// Signals were dropped because the consumer was slow.
    Overflow,
    /// Users attached while Redis was away were registered.
    LateAttach,
}

impl Reason {
    pub fn label(self) -> &'static str {
        match self {
            Self::Deaf => "deaf",
            Self::InboxGap => "inbox_gap",
            Self::Reconnected => "reconnected",
            Self::LeaseLost => "lease_lost",
            Self::PublishFailed => "publish_failed",
            Self::PeerDied => "peer_died",
            Self::Overflow => "overflow",
            Self::LateAttach => "late_attach",
        }
    }
}

/// How an attach ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attached {
    /// Registered: what is committed from now on is told to this node.
    Fenced,
    /// Redis is away; it will be done later, followed by a reconcile.
    Later,
}

/// Who is online.
#[derive(Debug, Clone, Default)]
pub struct Online {
    /// Rises with every change of the list; equal versions mean equal lists.
    pub version: u64,
    /// Sorted, without repeats.
    pub users: Arc<Vec<UserId>>,
    /// Whether that is so. If not, it is what was last known, and whoever came to this node since.
    pub known: bool,
}

/// How well a node hears the others: for `/ready`'s body and metrics, never for its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    pub connected: bool,
    /// Time since the node last heard its own beacon; zero for [`Local`].
    pub beacon_age: Duration,
    pub deaf: bool,
}

/// The closed set of backplanes; the only place that tells them apart.
#[derive(Clone, Debug)]
pub enum Backplane {
    Local(Local),
    Redis(Redis),
}

/// The consumer's end of a backplane.
pub type Signals = mpsc::Receiver<Signal>;

impl Backplane {
    /// The bus of a node alone.
    pub fn local(lifecycle: &Lifecycle, metrics: Metrics, recent: Recent) -> (Self, Signals) {
        let (local, signals) = Local::new(lifecycle, metrics, recent);
        (Self::Local(local), signals)
    }

    /// The bus of many nodes. Connects in the background and keeps trying, so this succeeds while Redis is away, too.
    /// Its tasks end when the node stops; call [`Backplane::close`] before that. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`crate::model::Error::Internal`] if `redis.url` can't be understood.
    pub fn redis(
        config: &config::Redis,
        cluster: &config::Cluster,
        lifecycle: &Lifecycle,
        metrics: Metrics,
        recent: Recent,
    ) -> Result<(Self, Signals)> {
        let (redis, signals) = Redis::new(config, cluster, lifecycle, metrics, recent)?;
        Ok((Self::Redis(redis), signals))
    }

    /// Waits until this node hears the others and knows who is online, for `patience` at most. A node that serves before
    /// that works, but shares no limits yet, tells the others nothing, and shows nobody who is on them.
    pub async fn settle(&self, patience: Duration) {
        let mut online = self.online();
        if tokio::time::timeout(patience, online.wait_for(|online| online.known)).await.is_err() {
            tracing::warn!("Redis does not answer yet; starting without it");
        }
    }

    /// This node's id; changes when it lost its lease.
    pub fn node(&self) -> NodeId {
        match self {
            Self::Local(local) => local.node(),
            Self::Redis(redis) => redis.node(),
        }
    }

    /// Tells the nodes of everybody in `envelope.entries`, this one included. See the contract.
    pub fn publish(&self, envelope: Envelope) {
        match self {
            Self::Local(local) => local.publish(envelope),
            Self::Redis(redis) => redis.publish(envelope),
        }
    }

    /// Tells every node that a session was revoked. A hint.
    pub fn revoke(&self, session: SessionId) {
        match self {
            Self::Local(local) => local.revoke(session),
            Self::Redis(redis) => redis.revoke(session),
        }
    }

    /// This node has sockets of `user` from now on.
    pub async fn attach(&self, user: UserId) -> Attached {
        match self {
            Self::Local(local) => local.attach(user),
            Self::Redis(redis) => redis.attach(user).await,
        }
    }

    /// This node has no sockets of `user` any more, who was last here at `seen`.
    pub fn detach(&self, user: UserId, seen: Timestamp) {
        match self {
            Self::Local(local) => local.detach(user, seen),
            Self::Redis(redis) => redis.detach(user, seen),
        }
    }

    /// Whether `user` is attached to this node.
    pub fn is_here(&self, user: UserId) -> bool {
        match self {
            Self::Local(local) => local.is_here(user),
            Self::Redis(redis) => redis.is_here(user),
        }
    }

    /// When `user`, who went lately, was last here, as far as this process remembers; `None` also while they are online.
    pub fn last_seen(&self, user: UserId) -> Option<Timestamp> {
        match self {
            Self::Local(local) => local.last_seen(user),
            Self::Redis(redis) => redis.last_seen(user),
        }
    }

    /// Tells the nodes on which the people of `whisper` are, this one included, if that is possible now. See the contract.
    pub fn whisper(&self, whisper: Whisper) {
        match self {
            Self::Local(local) => local.whisper(whisper),
            Self::Redis(redis) => redis.whisper(whisper),
        }
    }

    /// This node, which leaves, has no sockets of `user` any more, last here at `seen`: they are on their way to another. Until
    /// they are there, this node stands for them.
    pub fn release(&self, user: UserId, seen: Timestamp) {
        match self {
            Self::Local(_) => {}
            Self::Redis(redis) => redis.release(user, seen),
        }
    }

    /// Who is online, and the place to watch for changes.
    pub fn online(&self) -> watch::Receiver<Online> {
        match self {
            Self::Local(local) => local.online(),
            Self::Redis(redis) => redis.online(),
        }
    }

    /// Takes one from the bucket `key`. `Err` says how long to wait for the next.
    ///
    /// With Redis, all nodes share the bucket; without an answer within `deadline` the node decides from its memory.
    ///
    /// # Errors
    /// The time until one is there again.
    pub async fn take(&self, key: &str, quota: Quota, deadline: Duration) -> Result<(), Duration> {
        if quota.burst == 0 {
            return Ok(());
        }
        match self {
            Self::Local(local) => local.take(key, quota),
            Self::Redis(redis) => redis.take(key, quota, deadline).await,
        }
    }

    /// Whether one could be taken, without taking it.
    ///
    /// # Errors
    /// As [`Backplane::take`].
    pub async fn peek(&self, key: &str, quota: Quota, deadline: Duration) -> Result<(), Duration> {
        if quota.burst == 0 {
            return Ok(());
        }
        match self {
            Self::Local(local) => local.peek(key, quota),
            Self::Redis(redis) => redis.peek(key, quota, deadline).await,
        }
    }

    /// Nodes that are registered but whose lease ran out: dead, or cut off from Redis. The caller knows which, and
    /// calls [`Backplane::sweep`] for the dead.
    pub async fn suspects(&self) -> Vec<NodeId> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::Redis(redis) => redis.suspects().await,
        }
    }

    /// Lets the others know how many sockets this node holds; `None`: it takes no more and leaves. At the next beat.
    pub fn holds(&self, sockets: Option<u64>) {
        match self {
            Self::Local(_) => {}
            Self::Redis(redis) => redis.holds(sockets),
        }
    }

    /// How many sockets each of the other nodes holds that take more; `None` when nobody can be asked.
    pub async fn loads(&self) -> Option<Vec<u64>> {
        match self {
            Self::Local(_) => Some(Vec::new()),
            Self::Redis(redis) => redis.loads().await,
        }
    }

    /// Forgets a dead node, which last lived at `seen`: its people, its inbox, its lease. Of several callers one does the
    /// work; all nodes then reconcile. -> who was on that node and is nowhere now; nobody for those who did not do the work
    pub async fn sweep(&self, node: NodeId, seen: Timestamp) -> Vec<UserId> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::Redis(redis) => redis.sweep(node, seen).await,
        }
    }

    /// How well this node hears.
    pub fn health(&self) -> Health {
        match self {
            Self::Local(_) => Health { connected: true, beacon_age: Duration::ZERO, deaf: false },
            Self::Redis(redis) => redis.health(),
        }
    }

    /// Leaves in order: flushes what is queued (bounded by `redis.timeout`), leaves this node's entries to a lease of
    /// 30 s, so that people who move to another node never look offline, and stops.
    pub async fn close(&self) {
        match self {
            Self::Local(_) => {}
            Self::Redis(redis) => redis.close().await,
        }
    }
}
