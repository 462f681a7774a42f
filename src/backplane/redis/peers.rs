//! Who is online on the other nodes, and what this node tells them of its own people.
//!
//! Every write of a node's set counts its version up. Once a beacon the node sends what changed since it last did, from
//! which version to which; a reader that holds another version reads the whole set again. Every now and then readers
//! compare versions anyway, so that nothing that went lost stays lost.

use fred::interfaces::{FredResult, KeysInterface};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::MissedTickBehavior};

use super::{Inner, scripts, wire::Note};
use crate::{
    backplane::roster::Roster,
    model::{NodeId, UserId, presence::PresenceDelta},
};

/// Former ids of this node, and swept nodes, that are remembered, so that a late word doesn't bring them back.
const REMEMBERED: usize = 256;
/// Larger deltas than this are not spelled out; the readers read the set.
const DELTA: usize = 4096;
/// A delta that fits no version: read the set.
const UNRELATED: i64 = -1;

#[derive(Debug, Default)]
pub(super) struct Peers {
    view: Mutex<View>,
    pending: Mutex<Pending>,
    stale: Notify,
}

#[derive(Debug, Default)]
struct View {
    peers: HashMap<NodeId, Peer>,
    own: VecDeque<NodeId>,
    swept: VecDeque<NodeId>,
}

#[derive(Debug, Default)]
struct Peer {
    version: i64,
    users: HashSet<UserId>,
    /// Since when it is no member without having been swept: Redis may have forgotten it.
    missing: Option<Instant>,
}

/// What the others don't know yet.
#[derive(Debug, Default)]
struct Pending {
    node: Option<NodeId>,
    from: i64,
    to: i64,
    changes: HashMap<UserId, bool>,
}

impl View {
    fn counts(&self, node: NodeId) -> bool {
        !self.own.contains(&node) && !self.swept.contains(&node)
    }
}

impl Peers {
    /// This node goes by that id from now on; its own entries never count as somebody else's.
    pub(super) fn call_me(&self, node: NodeId) {
        remember(&mut self.view.lock().own, node);
    }

    /// This node wrote these changes; its set has that version now.
    pub(super) fn changed(&self, node: NodeId, version: i64, changes: impl IntoIterator<Item = (UserId, bool)>) {
        let mut pending = self.pending.lock();
        if pending.node != Some(node) {
            *pending = Pending { node: Some(node), ..Pending::default() };
        }
        pending.to = version;
        pending.changes.extend(changes);
    }

    /// What to tell the others, if anything.
    fn delta(&self) -> Option<PresenceDelta> {
        let mut pending = self.pending.lock();
        let node = pending.node?;
        if pending.from == pending.to {
            return None;
        }
        let (from, to) = (pending.from, pending.to);
        let changes = std::mem::take(&mut pending.changes);
        pending.from = to;
        drop(pending);
        if changes.len() > DELTA {
            return Some(PresenceDelta { node, from: UNRELATED, to, online: Vec::new(), offline: Vec::new() });
        }
        let (online, offline): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, online)| *online);
        let ids = |changes: Vec<(UserId, bool)>| changes.into_iter().map(|(user, _)| user).collect();
        Some(PresenceDelta { node, from, to, online: ids(online), offline: ids(offline) })
    }

    /// Another node told what changed.
    pub(super) fn apply(&self, delta: PresenceDelta, roster: &Roster) {
        let mut view = self.view.lock();
        if !view.counts(delta.node) {
            return;
        }
        match view.peers.get_mut(&delta.node) {
            Some(peer) if peer.version == delta.from => {
                peer.version = delta.to;
                let came: Vec<UserId> = delta.online.into_iter().filter(|user| peer.users.insert(*user)).collect();
                let left: Vec<UserId> = delta.offline.into_iter().filter(|user| peer.users.remove(user)).collect();
                roster.change(came, left);
            }
            Some(peer) if peer.version >= delta.to => {}
            _ => self.stale.notify_one(),
        }
    }

    /// That node is dead and its entries are gone.
    pub(super) fn swept(&self, node: NodeId, roster: &Roster) {
        let mut view = self.view.lock();
        remember(&mut view.swept, node);
        if let Some(peer) = view.peers.remove(&node) {
            roster.change([], peer.users);
        }
    }

    /// That id is given up. It goes in the same step in which its successor is read, so that nobody flickers.
    pub(super) fn retired(&self, node: NodeId) {
        remember(&mut self.view.lock().swept, node);
        self.stale.notify_one();
    }

    /// The view may be out of date: read it again soon.
    pub(super) fn refresh_soon(&self) {
        self.stale.notify_one();
    }

    fn versions(&self, nodes: &mut Vec<NodeId>) -> Vec<Option<i64>> {
        let view = self.view.lock();
        nodes.retain(|node| view.counts(*node));
        nodes.iter().map(|node| view.peers.get(node).map(|peer| peer.version)).collect()
    }

    /// Brings the view to what was read: all members, and the sets of those that had changed.
    fn update(&self, members: &[NodeId], read: Vec<(NodeId, i64, HashSet<UserId>)>, patience: Duration, roster: &Roster) {
        let mut guard = self.view.lock();
        let view = &mut *guard;
        let (mut came, mut left) = (Vec::new(), Vec::new());
        for (node, version, users) in read {
            if !view.counts(node) {
                continue;
            }
            let peer = view.peers.entry(node).or_default();
            // A delta may have overtaken the reading.
            if version >= peer.version {
                came.extend(users.difference(&peer.users));
                left.extend(peer.users.difference(&users));
                *peer = Peer { version, users, missing: None };
            }
        }
        let now = Instant::now();
        view.peers.retain(|node, peer| {
            if members.contains(node) && !view.swept.contains(node) {
                peer.missing = None;
                return true;
            }
            // After Redis lost its data every node is missing for a moment, and nobody is offline for that.
            let keep = !view.swept.contains(node) && now.duration_since(*peer.missing.get_or_insert(now)) < patience;
            if !keep {
                left.extend(&peer.users);
            }
            keep
        });
        roster.change(came, left);
    }
}

fn remember(nodes: &mut VecDeque<NodeId>, node: NodeId) {
    if nodes.len() >= REMEMBERED {
        nodes.pop_front();
    }
    nodes.push_back(node);
}

/// Tells the others once a beacon what changed here.
pub(super) async fn announce(inner: Arc<Inner>) {
    let mut ticks = tokio::time::interval(inner.cluster.beacon);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if inner.link.away() {
            continue;
        }
        if let Some(delta) = inner.peers.delta()
            && let Err(cause) = inner.broadcast(&Note::Presence(delta)).await
        {
            // The next delta won't fit, and the readers read the set.
            tracing::debug!(%cause, "could not tell the others who came and left");
        }
    }
}

/// Compares versions regularly, and whenever something doesn't fit.
pub(super) async fn observe(inner: Arc<Inner>) {
    let mut ticks = tokio::time::interval(inner.cluster.lease / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = inner.peers.stale.notified() => {}
        }
        if inner.link.away() {
            continue;
        }
        if let Err(cause) = refresh(&inner).await {
            // The view stays as it is: unknown is not offline.
            tracing::debug!(%cause, "could not read who is online elsewhere");
        }
    }
}

async fn refresh(inner: &Inner) -> FredResult<()> {
    let members = inner.nodes().await?;
    let mut nodes = members.clone();
    let known = inner.peers.versions(&mut nodes);
    let client = inner.link.any();
    let pipeline = client.pipeline();
    for node in &nodes {
        let () = pipeline.get(inner.keys.version(*node)).await?;
    }
    let mut read = Vec::new();
    for ((node, known), version) in nodes.iter().zip(known).zip(pipeline.try_all::<Option<i64>>().await) {
        if known == Some(version?.unwrap_or(0)) {
            continue;
        }
        let keys = vec![inner.keys.users(*node), inner.keys.version(*node)];
        let answer: Vec<String> = scripts::run(&scripts::PEOPLE, client, keys, ()).await?;
        let mut answer = answer.into_iter();
        let version = answer.next().and_then(|version| version.parse().ok()).unwrap_or(0);
        read.push((*node, version, answer.filter_map(|user| user.parse().ok()).collect()));
    }
    inner.peers.update(&members, read, inner.cluster.lease, &inner.roster);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_delta_counts_only_on_the_version_it_starts_from() {
        let (peers, roster) = (Peers::default(), Roster::default());
        let (node, ann, bob) = (NodeId::new(), UserId::new(), UserId::new());
        peers.update(&[node], vec![(node, 3, HashSet::from([ann]))], PATIENCE, &roster);

        peers.apply(PresenceDelta { node, from: 5, to: 6, online: vec![bob], offline: vec![] }, &roster);
        assert_eq!(*roster.watch().borrow().users, [ann], "a missing delta makes this one unusable");
        peers.apply(PresenceDelta { node, from: 3, to: 6, online: vec![bob], offline: vec![ann] }, &roster);
        assert_eq!(*roster.watch().borrow().users, [bob]);
    }

    #[test]
    fn a_node_that_redis_forgot_stays_in_view_and_a_swept_one_goes_for_good() {
        let (peers, roster) = (Peers::default(), Roster::default());
        let (node, ann) = (NodeId::new(), UserId::new());
        let read = || vec![(node, 1, HashSet::from([ann]))];
        peers.update(&[node], read(), PATIENCE, &roster);
        peers.update(&[], vec![], PATIENCE, &roster);
        assert_eq!(*roster.watch().borrow().users, [ann]);

        peers.swept(node, &roster);
        peers.update(&[node], read(), PATIENCE, &roster);
        assert!(roster.watch().borrow().users.is_empty());
    }

    #[test]
    fn deltas_chain_from_what_was_last_told() {
        let (peers, node, ann) = (Peers::default(), NodeId::new(), UserId::new());
        peers.changed(node, 1, [(ann, true)]);
        peers.changed(node, 2, [(ann, false)]);
        let delta = peers.delta().expect("something changed");
        assert_eq!((delta.from, delta.to, delta.online, delta.offline), (0, 2, vec![], vec![ann]));
        assert_eq!(peers.delta(), None);
        peers.changed(node, 3, [(ann, true)]);
        assert_eq!(peers.delta().map(|delta| (delta.from, delta.to)), Some((2, 3)));
    }
}
