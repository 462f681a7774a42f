//! The contract as tests: one body for every backplane, and what only several nodes on one Redis can show, on a single
//! server and on a cluster of six.
//!
//! Each test has a redis-server of its own, or a cluster of its own, or a prefix in a cluster that it shares with others.
//! "Nothing else arrives" is proved by a marker that is sent afterwards.

use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

use super::{Attached, Backplane, Online, Reason, Signal, Signals};
use crate::{
    config::{self, Cluster, Quota},
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{
        Clock, MessageId, NodeId, SessionId, Timestamp, UserId,
        event::{Envelope, Event, EventKind, Origin},
    },
    recent::{Recent, What},
};
use deployment::{Deployment, of_node, presence};

/// Runs each body on one server and on a cluster.
macro_rules! on_every_redis {
    (on one cluster for all { $($shared:ident;)* } on a cluster of its own { $($own:ident;)* }) => {
        mod on_a_server {
            $(#[tokio::test]
            async fn $shared() {
                super::$shared(super::Deployment::single()).await;
            })*
            $(#[tokio::test]
            async fn $own() {
                super::$own(super::Deployment::single()).await;
            })*
        }

        mod on_a_cluster {
            $(#[tokio::test]
            async fn $shared() {
                super::$shared(super::Deployment::shared_cluster()).await;
            })*
            $(#[tokio::test]
            async fn $own() {
                super::$own(super::Deployment::own_cluster()).await;
            })*
        }
    };
}

mod access;
mod dead;
mod deployment;
mod faults;
mod idle;
mod nodes;
mod presence;
mod sentinel;
mod server;
mod shards;
mod shared;
mod whispers;

/// Far longer than anything takes; only a broken backplane gets there.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a node may say after it lost Redis, depending on what it noticed first.
const CUT: &[Reason] = &[Reason::Reconnected, Reason::LeaseLost, Reason::Deaf];

/// One hubbub node, as far as the backplane goes.
struct Node {
    backplane: Backplane,
    signals: Signals,
    lifecycle: Lifecycle,
    metrics: Metrics,
    recent: Recent,
}

impl Node {
    fn local() -> Self {
        let (lifecycle, metrics, recent) = parts();
        let (backplane, signals) = Backplane::local(&lifecycle, metrics.clone(), recent.clone());
        Self { backplane, signals, lifecycle, metrics, recent }
    }

    fn redis(redis: &Deployment) -> Self {
        Self::with(&redis.config())
    }

    fn with(config: &config::Redis) -> Self {
        Self::every(config, &cluster())
    }

    /// One with these intervals.
    fn every(config: &config::Redis, cluster: &Cluster) -> Self {
        let (lifecycle, metrics, recent) = parts();
        let (backplane, signals) =
            Backplane::redis(config, cluster, &lifecycle, metrics.clone(), recent.clone()).expect("the url is fine");
        Self { backplane, signals, lifecycle, metrics, recent }
    }

    /// Attaches until the fence stands.
    async fn fences(&self, user: UserId) {
        let fenced = async {
            while self.backplane.attach(user).await == Attached::Later {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, fenced).await.expect("the attach is fenced in time");
    }

    /// Pulls signals until one is what is looked for.
    async fn pulls<T>(&mut self, what: &str, find: impl Fn(Signal) -> Option<T>) -> T {
        let pulling = async {
            loop {
                let signal = self.signals.recv().await.expect("the backplane lives");
                if let Some(found) = find(signal) {
                    return found;
                }
            }
        };
        match timeout(PATIENCE, pulling).await {
            Ok(found) => found,
            Err(_) => panic!("never pulled: {what}"),
        }
    }

    async fn pulls_reconcile(&mut self, reasons: &[Reason]) -> Reason {
        let find = |signal| match signal {
            Signal::Reconcile(reason) if reasons.contains(&reason) => Some(reason),
            _ => None,
        };
        self.pulls(&format!("a reconcile for one of {reasons:?}"), find).await
    }

    /// Pulls envelopes up to and with the one for `last`, and lists whom they were for.
    async fn pulls_envelopes_until(&mut self, last: UserId) -> Vec<UserId> {
        let mut seen = Vec::new();
        while seen.last() != Some(&last) {
            let find = |signal| match signal {
                Signal::Envelope(envelope) => Some(envelope.entries.first().expect("somebody").0),
                _ => None,
            };
            seen.push(self.pulls("an envelope", find).await);
        }
        seen
    }

    /// Waits until exactly these people are shown as online here.
    async fn shows_online(&self, users: &[UserId]) {
        let mut users = users.to_vec();
        users.sort_unstable();
        let mut online = self.backplane.online();
        let shown = timeout(PATIENCE, online.wait_for(|online| *online.users == users)).await;
        assert!(shown.is_ok(), "never shown: {users:?}; last: {:?}", self.online().users);
    }

    /// Waits until it is known here who is online, or isn't.
    async fn knows(&self, known: bool) {
        let mut online = self.backplane.online();
        let changed = timeout(PATIENCE, online.wait_for(|online| online.known == known)).await;
        assert!(changed.is_ok(), "known is never {known}");
    }

    fn online(&self) -> Online {
        self.backplane.online().borrow().clone()
    }

    /// Lives no more: neither renews nor leaves.
    fn dies(&self) {
        self.lifecycle.stop();
    }

    /// Waits until that node's lease is gone.
    async fn suspects(&self, node: NodeId) {
        let suspected = async {
            while !self.backplane.suspects().await.contains(&node) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, suspected).await.expect("the dead node is suspected in time");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

fn parts() -> (Lifecycle, Metrics, Recent) {
    (Lifecycle::new(), Metrics::new().expect("series are fine"), Recent::new(1000, Clock::default()))
}

/// The intervals that nodes have by default, where a promise in seconds is shown.
fn default_cluster() -> Cluster {
    Cluster {
        beat: Duration::from_secs(2),
        lease: Duration::from_secs(8),
        database_beat: Duration::from_secs(3),
        beacon: Duration::from_secs(1),
        deaf_after: Duration::from_secs(3),
        ..cluster()
    }
}

/// Intervals short enough for a test, and a lease that a busy machine doesn't lose.
fn cluster() -> Cluster {
    Cluster {
        beat: Duration::from_millis(200),
        lease: Duration::from_secs(3),
        database_beat: Duration::from_secs(1),
        beacon: Duration::from_millis(100),
        deaf_after: Duration::from_secs(2),
        revocation_poll: Duration::from_millis(500),
        address: String::new(),
        shed: false,
        shed_after: Duration::from_secs(60),
        shed_over: Duration::from_secs(60),
        shed_cookie: String::new(),
    }
}

/// Waits until that is so.
async fn until_true(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// By the clock of this machine, as everything here.
fn now() -> Timestamp {
    Clock::default().now()
}

fn envelope(users: &[UserId]) -> Envelope {
    let payload = RawValue::from_string(r#"{"text":"hello"}"#.to_owned()).expect("json");
    let event = Event { kind: EventKind::NewMessage, payload: Arc::from(payload) };
    Envelope { event, entries: users.iter().map(|user| (*user, 1)).collect(), origin: Origin::default() }
}

fn quota(burst: u32) -> Quota {
    Quota { burst, every: Duration::from_secs(60) }
}
