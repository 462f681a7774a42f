//! Keeps this node a member: takes its lease, renews it, and repairs what went wrong, one repair at a time.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{EventInterface, FredResult, KeysInterface, SetsInterface},
    types::{Expiration, SetOptions},
};
use parking_lot::Mutex;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    time::MissedTickBehavior,
};

use super::{
    Inner, inbox, scripts, sweep,
    whereabouts::WHISPERS,
    wire::{Note, STREAMS},
};
use crate::{
    backplane::{Reason, Signal},
    model::{NodeId, UserId},
};

/// Between two attempts to repair.
const PAUSE: Duration = Duration::from_millis(100);
/// In the lease of a node that left in order.
const LEFT: &str = "left";
/// After this many failed attempts in a row on connections that stand, they are made anew.
const PATIENCE: u32 = 3;

/// What is wrong, until it is repaired. One repair mends everything, so only the gravest is kept.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    gravest: Mutex<Option<Reason>>,
    repairing: AtomicBool,
    reported: Notify,
}

impl Troubles {
    pub(super) fn report(&self, reason: Reason) {
        let mut gravest = self.gravest.lock();
        if gravest.is_none_or(|known| rank(reason) > rank(known)) {
            *gravest = Some(reason);
        }
        drop(gravest);
        self.reported.notify_one();
    }

    async fn next(&self) -> Reason {
        loop {
            // First, so that there is no moment at which neither says that something is wrong.
            self.repairing.store(true, Ordering::Release);
            let gravest = self.gravest.lock().take();
            if let Some(reason) = gravest {
                return reason;
            }
            self.repaired();
            self.reported.notified().await;
        }
    }

    fn repaired(&self) {
        self.repairing.store(false, Ordering::Release);
    }

    /// Whether anything is wrong, or being repaired.
    pub(super) fn any(&self) -> bool {
        self.gravest.lock().is_some() || self.repairing.load(Ordering::Acquire)
    }

    /// Drops reports that a lease just taken and a beacon just heard have answered.
    fn forgive(&self) {
        self.gravest.lock().take_if(|reason| matches!(reason, Reason::Deaf | Reason::LeaseLost));
    }
}

fn rank(reason: Reason) -> u8 {
    match reason {
        Reason::LeaseLost => 3,
        Reason::Reconnected => 2,
        Reason::Deaf => 1,
        _ => 0,
    }
}

/// Joins, and then repairs for as long as the node lives.
pub(super) async fn run(inner: Arc<Inner>) {
    while !inner.link.connected() {
        tokio::time::sleep(PAUSE / 5).await;
    }
    // Subscribed only now: making the first connection counts as a reconnect, too.
    let reconnects = inner.clone();
    inner.spawn(async move { watch_reconnects(&reconnects).await });

    let alone = inner.registry.is_empty();
    repair(&inner, Reason::LateAttach).await;
    if !alone {
        inner.signals.push(Signal::Reconcile(Reason::LateAttach));
    }
    tracing::info!(node = %inner.node(), "joined through redis");
    loop {
        let reason = inner.troubles.next().await;
        tracing::warn!(?reason, "repairing the backplane");
        let reason = repair(&inner, reason).await;
        inner.troubles.repaired();
        tracing::info!(?reason, node = %inner.node(), "the backplane is repaired");
        inner.signals.push(Signal::Reconcile(reason));
    }
}

async fn watch_reconnects(inner: &Inner) {
    let mut subscriber = inner.link.subscriber.reconnect_rx();
    let mut ordered = inner.link.ordered().reconnect_rx();
    let mut failures = [inner.link.subscriber.error_rx(), inner.link.ordered().error_rx()];
    let [of_subscriber, of_ordered] = &mut failures;
    loop {
        let (closed, failed) = tokio::select! {
            event = subscriber.recv() => (matches!(event, Err(RecvError::Closed)), false),
            event = ordered.recv() => (matches!(event, Err(RecvError::Closed)), false),
            event = of_subscriber.recv() => (matches!(event, Err(RecvError::Closed)), true),
            event = of_ordered.recv() => (matches!(event, Err(RecvError::Closed)), true),
        };
        if closed {
            // Only happens when the clients were told to quit.
            return;
        }
        if !failed {
            inner.trouble(Reason::Reconnected);
        } else if !inner.link.connected() {
            // The trouble is reported when the connection is made again.
            inner.doubt();
        }
    }
}

/// Tries until the node has a lease, hears, and everybody is registered. -> why all this, as it turned out
async fn repair(inner: &Arc<Inner>, mut reason: Reason) -> Reason {
    let mut failures = 0;
    while let Err(cause) = attempt(inner, &mut reason).await {
        tracing::debug!(%cause, ?reason, "the repair failed; trying again");
        failures += 1;
        if failures % PATIENCE == 0 && inner.link.connected() {
            inner.link.doubt().await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    reason
}

async fn attempt(inner: &Arc<Inner>, reason: &mut Reason) -> FredResult<()> {
    if !inner.link.connected() {
        return Err(Error::new(ErrorKind::IO, "not connected"));
    }
    if !inner.joined() || renew(inner, inner.node()).await?.0 == 0 {
        if inner.joined() {
            *reason = Reason::LeaseLost;
            inner.forgot();
        }
        inner.registry.suspend();
        join(inner).await?;
    }
    let of_lease = renew(inner, inner.node()).await?.2;
    is_another(inner, histories(inner, of_lease).await?);
    inbox::subscribe(inner).await?;
    inner.troubles.forgive();
    inner.link.set_away(false);
    let registered = registered(inner, inner.node()).await?;
    inner.registry.register_again(inner.node(), &registered, inner.clock.now());
    let patience = inner.cluster.lease.max(inner.link.timeout()) * 4;
    if !tokio::time::timeout(patience, inner.registry.settled()).await.unwrap_or(false) {
        return Err(Error::new(ErrorKind::Timeout, "people could not be registered"));
    }
    inner.peers.refresh_soon();
    // Both are courtesies: peers compare versions anyway, and any node can sweep.
    if let Err(cause) = inner.broadcast(&[Note::Joined(inner.node())]).await {
        tracing::debug!(%cause, "could not say hello");
    }
    for former in inner.formers.left() {
        if let Err(cause) = retire(inner, former).await {
            tracing::debug!(%cause, %former, "could not sweep a former id");
        }
    }
    Ok(())
}

/// Takes a new id, a lease for it, and its place among the nodes.
async fn join(inner: &Inner) -> FredResult<()> {
    let node = if inner.joined() { NodeId::new() } else { inner.node() };
    inner.peers.call_me(node);
    let client = inner.link.ordered();
    let lease = Some(Expiration::PX(millis(inner.cluster.lease)));
    // NX only documents what can't be: the id is new, or this is the second attempt at a first lease.
    let () = client.set(inner.keys.lease(node), says(inner, node), lease, Some(SetOptions::NX), false).await?;
    let mut members = vec![node.to_string()];
    if node != inner.node() {
        // Should this process die now, others find its former id here and sweep it.
        members.push(inner.node().to_string());
    }
    let () = client.sadd(inner.keys.nodes(), members).await?;
    inner.joined_as(node);
    Ok(())
}

/// Cleans up after the id that this process had before. Nobody reconciles for that: nothing died.
async fn retire(inner: &Inner, former: NodeId) -> FredResult<()> {
    if sweep::clean(inner, former).await? {
        inner.broadcast(&[Note::Retired(former)]).await?;
    }
    inner.formers.cleaned(former);
    Ok(())
}

/// Renews the lease each beat and checks what Redis holds for this node.
pub(super) async fn beat(inner: Arc<Inner>) {
    let mut ticks = tokio::time::interval(inner.cluster.beat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !inner.joined() {
            continue;
        }
        let (node, before) = (inner.node(), inner.registry.expected());
        match renew(&inner, node).await {
            Ok((0, ..)) => inner.lost_lease(node),
            Ok((_, registered, of_lease)) => {
                match histories(&inner, of_lease).await {
                    Ok(history) => {
                        if is_another(&inner, history) {
                            inner.trouble(Reason::Reconnected);
                        }
                    }
                    Err(cause) => tracing::debug!(%cause, "could not ask every server for its history"),
                }
                // An entry that was lost by itself (another server took over that lagged) would leave this node untold while
                // it lives, and unswept when it is dead.
                let listed = inner.link.ordered().sadd::<(), _, _>(inner.keys.nodes(), node.to_string()).await;
                if let Err(cause) = listed {
                    tracing::debug!(%cause, "could not list this node among the others");
                }
                let wrong = before.is_some_and(|(people, _)| people != registered) && before == inner.registry.expected();
                if wrong && let Err(cause) = audit(&inner, node).await {
                    tracing::debug!(%cause, "could not compare the registered people");
                }
            }
            Err(cause) => tracing::debug!(%cause, "could not renew the lease"),
        }
    }
}

/// Leaves this node's entries to a lease of `life` milliseconds that says so: each counts until its person is on another node.
pub(super) async fn say_farewell(inner: &Inner, node: NodeId, life: i64) -> FredResult<()> {
    let client = inner.link.ordered();
    let lease = format!("{} {LEFT}", says(inner, node));
    let () = client.set(inner.keys.lease(node), lease, Some(Expiration::PX(life)), Some(SetOptions::XX), false).await?;
    if inner.registry.is_settled() {
        // With another version, the others read the lease, too.
        let version = inner.versions.fetch_add(1, Ordering::Relaxed) + 1;
        let () = client.set(inner.keys.version(node), version, None, Some(SetOptions::XX), false).await?;
    }
    inner.broadcast(&[Note::Joined(node)]).await
}

/// Whether the node whose lease this is has left in order.
pub(super) fn has_left(lease: &str) -> bool {
    says_word(lease, LEFT)
}

pub(super) fn says_word(lease: &str, wanted: &str) -> bool {
    lease.split(' ').any(|word| word == wanted)
}

/// What the lease of `node` holds: how many sockets the node has, how it listens, what it understands, and which ids it had
/// before.
fn says(inner: &Inner, node: NodeId) -> String {
    let present = inner.node();
    let formers = inner.formers.text((inner.joined() && present != node).then_some(present));
    format!("{}{} {WHISPERS} {STREAMS}{formers}", inner.load.text(), inner.link.hears())
}

/// -> (1 if the lease still was there, people registered, replication id)
async fn renew(inner: &Inner, node: NodeId) -> FredResult<(i64, usize, String)> {
    let keys = vec![inner.keys.lease(node), inner.keys.users(node)];
    let lease = vec![millis(inner.cluster.lease).to_string(), says(inner, node)];
    scripts::run(&scripts::RENEW, inner.link.ordered(), keys, lease).await
}

/// The history of whatever holds something of this node: the server of its lease, or all shards of a cluster, where
/// people's presence is spread over them.
async fn histories(inner: &Inner, of_lease: String) -> FredResult<String> {
    if inner.link.clustered() { inner.link.histories().await } else { Ok(of_lease) }
}

/// Notes the history. True if it is another than before: another server took over, and may lack the last writes.
fn is_another(inner: &Inner, history: String) -> bool {
    let known = std::mem::replace(&mut *inner.history.lock(), history.clone());
    let other = !known.is_empty() && known != history;
    if other {
        inner.forgot();
    }
    other
}

/// A write of before a cut may have come through after it: corrects the set.
async fn audit(inner: &Inner, node: NodeId) -> FredResult<()> {
    inner.registry.correct(&registered(inner, node).await?, inner.clock.now());
    Ok(())
}

/// Whom Redis holds for this node.
async fn registered(inner: &Inner, node: NodeId) -> FredResult<HashSet<UserId>> {
    let registered: Vec<String> = inner.link.ordered().smembers(inner.keys.users(node)).await?;
    Ok(registered.iter().filter_map(|user| user.parse().ok()).collect())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
