//! Who is online on the other nodes, and what this node tells them of its own people.
//!
//! Every write of a node's set has a version, which the node counts; a set that is not complete yet has none, and isn't read.
//! Once a beacon the node sends what changed since it last did, from which version to which; a reader that holds another
//! version reads the whole set again. Every now and then readers compare versions anyway, so that nothing that went lost stays
//! lost.

use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

use crate::{
    backplane::roster::Roster,
    model::{NodeId, Timestamp, UserId, presence::PresenceDelta},
};

/// Former ids of this node, and swept nodes, that are remembered, so that a late word doesn't bring them back.
const REMEMBERED: usize = 256;
/// Larger deltas than this are not spelled out; the readers read the set.
const DELTA: usize = 4096;
/// Looks into the set of a node, for all nodes and people together, that are quicker than a round trip: each takes some 20 ns.
const LOOKS: usize = 2_048;
/// A delta that fits no version: read the set.
const UNRELATED: i64 = -1;

#[derive(Debug, Default)]
pub(super) struct Peers {
    view: Mutex<View>,
    pending: Mutex<Pending>,
    pub(super) stale: Notify,
}

#[derive(Debug, Default)]
struct View {
    peers: HashMap<NodeId, Peer>,
    own: VecDeque<NodeId>,
    swept: VecDeque<NodeId>,
    /// When nodes that are about to be reported dead were last alive.
    last_alive: VecDeque<(NodeId, Timestamp)>,
    /// Whom this node took over from nodes that left, and when.
    taken: Vec<(NodeId, UserId, Instant)>,
    /// Whom this node released, until they are on another.
    released: HashMap<UserId, Released>,
}

/// Somebody for whom this node stands although they have no socket here any more.
#[derive(Debug)]
struct Released {
    /// When they were last here.
    seen: Timestamp,
    /// Since when it is known that they went on to another node.
    moved: Option<Instant>,
}

/// The set of one node as it was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) node: NodeId,
    pub(super) version: i64,
    /// The version that the view held when the reading began, if this is to be compared.
    pub(super) held: Option<i64>,
    pub(super) users: HashSet<UserId>,
    /// Ids that the same process had before.
    pub(super) formers: Vec<NodeId>,
    /// The node left in order, and its people are on their way to others.
    pub(super) left: bool,
    /// It understands [`super::wire::Number::Stream`].
    pub(super) streams: bool,
}

#[derive(Debug, Default)]
struct Peer {
    version: i64,
    users: HashSet<UserId>,
    /// It left in order: an entry counts until that person is on another node.
    left: bool,
    /// It understands [`super::wire::Number::Stream`].
    streams: bool,
    /// It is no member, without having been swept: Redis may have forgotten it. Whether it lives is for the database to say.
    missing: bool,
}

/// What the others don't know yet.
#[derive(Debug, Default)]
struct Pending {
    node: Option<NodeId>,
    from: i64,
    to: i64,
    /// None: they came. Otherwise when they were last here.
    changes: HashMap<UserId, Option<Timestamp>>,
}

impl View {
    /// As [`View::take_over`], for everybody on this and on other nodes.
    fn take_over_all(&mut self, here: &HashSet<UserId>) -> Vec<UserId> {
        let (left, living): (Vec<&Peer>, Vec<&Peer>) = self.peers.values().partition(|peer| peer.left);
        let entries = left.into_iter().flat_map(|peer| &peer.users);
        let elsewhere = entries.filter(|user| here.contains(user) || living.iter().any(|peer| peer.users.contains(user)));
        let elsewhere: Vec<UserId> = elsewhere.copied().collect();
        let mut taken = std::mem::take(&mut self.taken);
        let now = Instant::now();
        let ended = self.take_over(&elsewhere, |node, user| {
            if here.contains(&user) {
                taken.push((node, user, now));
            }
        });
        self.taken = taken;
        ended
    }

    /// These people are on a node that lives: entries of nodes that left end, so that nobody is kept by them after leaving
    /// again. -> one for each entry
    fn take_over(&mut self, users: &[UserId], mut taken: impl FnMut(NodeId, UserId)) -> Vec<UserId> {
        let mut ended = Vec::new();
        for (node, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.left) {
            for user in users.iter().filter(|user| peer.users.remove(user)) {
                taken(*node, *user);
                ended.push(*user);
            }
        }
        ended
    }

    fn counts(&self, node: NodeId) -> bool {
        !self.own.contains(&node) && !self.swept.contains(&node)
    }
}

impl Peers {
    /// This node goes by that id from now on; its own entries never count as somebody else's.
    pub(super) fn call_me(&self, node: NodeId) {
        remember(&mut self.view.lock().own, node);
    }

    /// This node wrote these changes; its set has that version now. Who left comes with the time at which they were last here.
    pub(super) fn changed(&self, node: NodeId, version: i64, changes: impl IntoIterator<Item = (UserId, Option<Timestamp>)>) {
        let mut pending = self.pending.lock();
        if pending.node != Some(node) {
            *pending = Pending { node: Some(node), ..Pending::default() };
        }
        pending.to = version;
        pending.changes.extend(changes);
    }

    /// What to tell the others, if anything.
    pub(super) fn delta(&self) -> Option<PresenceDelta> {
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
            return Some(PresenceDelta { node, from: UNRELATED, to, online: vec![], offline: vec![], seen: vec![] });
        }
        let mut delta = PresenceDelta { node, from, to, online: vec![], offline: vec![], seen: vec![] };
        for (user, left) in changes {
            match left {
                None => delta.online.push(user),
                Some(seen) => {
                    delta.offline.push(user);
                    delta.seen.push(seen.timestamp_millis());
                }
            }
        }
        Some(delta)
    }

    /// The nodes on which `people` are, as far as this node has heard; `None` where looking would take longer than asking Redis.
    pub(super) fn places(&self, people: &HashSet<UserId>) -> Option<HashMap<UserId, Vec<NodeId>>> {
        let view = self.view.lock();
        if view.peers.len() * people.len() > LOOKS {
            return None;
        }
        let mut places: HashMap<UserId, Vec<NodeId>> = HashMap::new();
        for (node, peer) in view.peers.iter().filter(|(_, peer)| !peer.left) {
            for user in people.iter().filter(|user| peer.users.contains(user)) {
                places.entry(*user).or_default().push(*node);
            }
        }
        Some(places)
    }

    /// Whether what this process counts itself may be told to that node.
    pub(super) fn understands_streams(&self, node: NodeId) -> bool {
        self.view.lock().peers.get(&node).is_some_and(|peer| peer.streams)
    }

    /// Another node told what changed; `now` stands in where it doesn't say when.
    pub(super) fn apply(&self, delta: PresenceDelta, now: Timestamp, roster: &Roster) {
        let mut view = self.view.lock();
        if !view.counts(delta.node) {
            return;
        }
        match view.peers.get_mut(&delta.node) {
            Some(peer) if peer.version == delta.from => {
                peer.version = delta.to;
                let came: Vec<UserId> = delta.online.into_iter().filter(|user| peer.users.insert(*user)).collect();
                let seen = delta.seen.into_iter().map(Timestamp::from_timestamp_millis).chain(std::iter::repeat(None));
                let left = delta.offline.into_iter().zip(seen).filter(|(user, _)| peer.users.remove(user));
                let mut left: Vec<_> = left.map(|(user, seen)| (user, seen.unwrap_or(now))).collect();
                left.extend(view.take_over(&came, |_, _| {}).into_iter().map(|user| (user, now)));
                roster.change(came, left);
            }
            Some(peer) if peer.version >= delta.to => {}
            _ => self.stale.notify_one(),
        }
    }

    /// Somebody is on this node from now on.
    pub(super) fn arrived(&self, user: UserId, now: Timestamp, roster: &Roster) {
        let mut view = self.view.lock();
        let mut taken = std::mem::take(&mut view.taken);
        let ended = view.take_over(&[user], |node, user| taken.push((node, user, Instant::now())));
        view.taken = taken;
        roster.change([user], ended.into_iter().map(|user| (user, now)));
    }

    /// This node has no sockets of `user` any more, but stands for them until they are on another node.
    pub(super) fn release(&self, user: UserId, seen: Timestamp) {
        self.view.lock().released.insert(user, Released { seen, moved: None });
    }

    /// Those of the released who have been on another node for `patience`: everybody has heard of that by now, and won't think
    /// that they are gone when this node lets them go.
    pub(super) fn moved_on(&self, patience: Duration) -> Vec<(UserId, Timestamp)> {
        let mut guard = self.view.lock();
        let View { released, peers, .. } = &mut *guard;
        let moved = released.extract_if(|user, released| {
            if released.moved.is_none() && peers.values().any(|peer| !peer.left && peer.users.contains(user)) {
                released.moved = Some(Instant::now());
            }
            released.moved.is_some_and(|moved| moved.elapsed() >= patience)
        });
        moved.map(|(user, released)| (user, released.seen)).collect()
    }

    /// Whom this node took over `patience` ago: their entries on nodes that left can go from Redis, and everybody has heard
    /// where they are.
    pub(super) fn taken(&self, patience: Duration) -> Vec<(NodeId, UserId)> {
        let mut view = self.view.lock();
        let taken = view.taken.extract_if(.., |(.., at)| at.elapsed() >= patience);
        taken.map(|(node, user, _)| (node, user)).collect()
    }

    /// What a node that left would say itself if it still could: these went on to others. `None` if it is in view no more.
    pub(super) fn on_behalf_of(&self, node: NodeId, gone: Vec<UserId>, now: Timestamp) -> Option<PresenceDelta> {
        let version = self.view.lock().peers.get(&node)?.version;
        let seen = vec![now.timestamp_millis(); gone.len()];
        Some(PresenceDelta { node, from: version, to: version, online: vec![], offline: gone, seen })
    }

    /// Whether the view holds a node that left.
    pub(super) fn sees_farewell(&self) -> bool {
        self.view.lock().peers.values().any(|peer| peer.left)
    }

    /// That node will be reported dead, and was last alive then.
    pub(super) fn last_alive(&self, node: NodeId, at: i64) {
        if let Some(at) = Timestamp::from_timestamp_millis(at) {
            remember(&mut self.view.lock().last_alive, (node, at));
        }
    }

    pub(super) fn seen_alive(&self, node: NodeId) -> Option<Timestamp> {
        self.view.lock().last_alive.iter().rfind(|(known, _)| *known == node).map(|(_, at)| *at)
    }

    pub(super) fn is_swept(&self, node: NodeId) -> bool {
        self.view.lock().swept.contains(&node)
    }

    /// That node is dead, last alive at `seen`. -> who was shown on it
    pub(super) fn swept(&self, node: NodeId, seen: Timestamp, roster: &Roster) -> HashSet<UserId> {
        let mut view = self.view.lock();
        if !view.swept.contains(&node) {
            remember(&mut view.swept, node);
        }
        let Some(peer) = view.peers.remove(&node) else { return HashSet::new() };
        roster.change([], peer.users.iter().map(|user| (*user, seen)));
        peer.users
    }

    /// That id is given up. It goes in the same step in which its successor is read, so that nobody flickers.
    pub(super) fn retired(&self, node: NodeId) {
        let mut view = self.view.lock();
        if !view.swept.contains(&node) {
            remember(&mut view.swept, node);
        }
        drop(view);
        self.stale.notify_one();
    }

    /// The view may be out of date: read it again soon.
    pub(super) fn refresh_soon(&self) {
        self.stale.notify_one();
    }

    pub(super) fn versions(&self, nodes: &mut Vec<NodeId>) -> Vec<Option<i64>> {
        let view = self.view.lock();
        nodes.retain(|node| view.counts(*node));
        nodes.iter().map(|node| view.peers.get(node).map(|peer| peer.version)).collect()
    }

    /// The nodes in view that Redis does not know.
    pub(super) fn missing(&self) -> Vec<NodeId> {
        self.view.lock().peers.iter().filter(|(_, peer)| peer.missing).map(|(node, _)| *node).collect()
    }

    /// Brings the view to what was read: all members, and the sets of those that had changed, or of all. It isn't known when
    /// those who are gone were last here: `noticed` stands in. `here` are this node's own people, if any node left. -> people of whom the view was wrong without being late
    pub(super) fn update(
        &self,
        members: &[NodeId],
        read: Vec<Read>,
        here: &HashSet<UserId>,
        noticed: Timestamp,
        roster: &Roster,
    ) -> usize {
        let mut guard = self.view.lock();
        let view = &mut *guard;
        let (mut came, mut left, mut wrong) = (Vec::new(), Vec::new(), 0);
        for Read { node, version, held, users, formers, left: has_left, streams } in read {
            if !view.counts(node) {
                continue;
            }
            for former in formers.into_iter().filter(|former| *former != node) {
                if !view.swept.contains(&former) {
                    remember(&mut view.swept, former);
                }
                left.extend(view.peers.remove(&former).into_iter().flat_map(|peer| peer.users));
            }
            let peer = view.peers.entry(node).or_default();
            // A delta may have overtaken the reading, or Redis be back with older data that its node will write over. If it
            // still holds that when all is compared, it counts.
            if version < peer.version && held != Some(peer.version) {
                continue;
            }
            let differing = came.len() + left.len();
            came.extend(users.difference(&peer.users));
            left.extend(peer.users.difference(&users).copied());
            if version <= peer.version {
                wrong += came.len() + left.len() - differing;
            }
            *peer = Peer { version, users, left: has_left, streams, missing: false };
        }
        left.extend(view.take_over_all(here));
        view.peers.retain(|node, peer| {
            peer.missing = !members.contains(node);
            let is_swept = view.swept.contains(node);
            if is_swept {
                left.extend(&peer.users);
            }
            !is_swept
        });
        roster.change(came, left.into_iter().map(|user| (user, noticed)));
        wrong
    }
}

fn remember<T>(nodes: &mut VecDeque<T>, node: T) {
    if nodes.len() >= REMEMBERED {
        nodes.pop_front();
    }
    nodes.push_back(node);
}

#[cfg(test)]
mod tests;
