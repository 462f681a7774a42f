//! Who is online, counted over nodes, and the list that is shown to watchers.

use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};
use tokio::sync::watch;

use super::Online;
use crate::model::{Timestamp, UserId};

/// Up to this many changes are worked into the list one by one; more than that, and it is written anew.
const FEW: usize = 8;
/// Departures that are remembered: more than leave while one is written to the database.
const REMEMBERED: usize = 65_536;

/// On how many nodes each person is, the sorted list of those who are on any, and when others were last here.
#[derive(Debug)]
pub(super) struct Roster {
    state: Mutex<State>,
    online: watch::Sender<Online>,
}

#[derive(Debug, Default)]
struct State {
    nodes: HashMap<UserId, u32>,
    known: bool,
    /// While it isn't known who is online: who is on no node, as far as is known, but may be on another. They are shown as
    /// before; the time is that at which they were last seen.
    held: HashMap<UserId, Timestamp>,
    departures: Departures,
}

impl State {
    fn shows(&self, user: UserId) -> bool {
        self.nodes.contains_key(&user) || self.held.contains_key(&user)
    }
}

/// Who went lately, and when they were last here.
#[derive(Debug, Default)]
struct Departures {
    times: HashMap<UserId, Timestamp>,
    /// Oldest first; entries that `times` doesn't hold any more are skipped.
    order: VecDeque<(UserId, Timestamp)>,
}

impl Departures {
    fn remember(&mut self, user: UserId, seen: Timestamp) {
        self.times.insert(user, seen);
        self.order.push_back((user, seen));
        while self.times.len() > REMEMBERED || self.order.len() > 2 * REMEMBERED {
            let Some((user, seen)) = self.order.pop_front() else { break };
            if self.times.get(&user) == Some(&seen) {
                self.times.remove(&user);
            }
        }
    }
}

impl Roster {
    pub(super) fn new(known: bool) -> Self {
        let state = State { known, ..State::default() };
        Self { state: Mutex::new(state), online: watch::channel(Online { known, ..Online::default() }).0 }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Online> {
        self.online.subscribe()
    }

    /// When somebody who went lately was last here.
    pub(super) fn last_seen(&self, user: UserId) -> Option<Timestamp> {
        self.state.lock().departures.times.get(&user).copied()
    }

    /// Those of `people` who are on no node.
    pub(super) fn nowhere(&self, people: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        let state = self.state.lock();
        people.into_iter().filter(|user| !state.nodes.contains_key(user)).collect()
    }

    /// From here on it isn't known who is online: who leaves is still shown.
    pub(super) fn doubt(&self) {
        let mut state = self.state.lock();
        state.known = false;
        self.online.send_if_modified(|online| std::mem::take(&mut online.known));
    }

    /// It is known again: those who left, and are on no other node, go in one step.
    pub(super) fn believe(&self) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.known = true;
        let held = std::mem::take(&mut state.held);
        for (user, seen) in &held {
            state.departures.remember(*user, *seen);
        }
        self.online.send_modify(|online| {
            online.known = true;
            if !held.is_empty() {
                show(online, held.into_keys().map(|user| (user, true)).collect());
            }
        });
    }

    /// Counts arrivals on nodes and departures from nodes, with the time at which each was last there, as one change: who
    /// is in both never looks offline.
    pub(super) fn change(&self, came: impl IntoIterator<Item = UserId>, left: impl IntoIterator<Item = (UserId, Timestamp)>) {
        // The lock is held to the end, so that versions rise in the order of the changes.
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let mut touched: HashMap<UserId, bool> = HashMap::new();
        let mut gone: HashMap<UserId, Timestamp> = HashMap::new();
        for user in came {
            touched.entry(user).or_insert(state.shows(user));
            *state.nodes.entry(user).or_insert(0) += 1;
            state.held.remove(&user);
            state.departures.times.remove(&user);
        }
        for (user, seen) in left {
            let Some(count) = state.nodes.get_mut(&user) else { continue };
            touched.entry(user).or_insert(*count > 0);
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.nodes.remove(&user);
            }
            let last = gone.entry(user).or_insert(seen);
            *last = seen.max(*last);
        }
        for (user, seen) in gone {
            if state.nodes.contains_key(&user) {
                continue;
            }
            if state.known {
                state.departures.remember(user, seen);
            } else {
                state.held.insert(user, seen);
            }
        }
        touched.retain(|user, was| state.shows(*user) != *was);
        if !touched.is_empty() {
            self.online.send_modify(|online| show(online, touched));
        }
    }
}

/// Works changes into the list: who was in it goes, who was not comes.
fn show(online: &mut Online, touched: HashMap<UserId, bool>) {
    online.version += 1;
    // Copies the list only if a watcher still holds it.
    let users = Arc::make_mut(&mut online.users);
    if touched.len() <= FEW {
        for (user, was) in touched {
            match (users.binary_search(&user), was) {
                (Ok(at), true) => drop(users.remove(at)),
                (Err(at), false) => users.insert(at, user),
                _ => {}
            }
        }
    } else {
        let gone: HashSet<&UserId> = touched.iter().filter(|(_, was)| **was).map(|(user, _)| user).collect();
        users.retain(|user| !gone.contains(user));
        users.extend(touched.iter().filter(|(_, was)| !**was).map(|(user, _)| *user));
        users.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).expect("a time")
    }

    fn people(count: usize) -> Vec<UserId> {
        (0..count).map(|_| UserId::new()).collect()
    }

    #[test]
    fn a_person_on_two_nodes_is_listed_once_and_goes_with_the_last() {
        let roster = Roster::new(true);
        let ann = UserId::new();
        roster.change([ann], []);
        roster.change([ann], []);
        roster.change([], [(ann, at(1))]);
        assert_eq!((roster.watch().borrow().version, roster.watch().borrow().users.as_slice()), (1, [ann].as_slice()));
        roster.change([], [(ann, at(1))]);
        assert!(roster.watch().borrow().users.is_empty());
    }

    #[test]
    fn moving_from_one_node_to_another_in_one_change_is_no_change() {
        let roster = Roster::new(true);
        let ann = UserId::new();
        roster.change([ann], []);
        roster.change([ann], [(ann, at(1))]);
        assert_eq!(roster.watch().borrow().version, 1);
    }

    #[test]
    fn when_those_who_left_were_last_here_is_known_until_they_come_back() {
        let roster = Roster::new(true);
        let ann = UserId::new();
        roster.change([ann], []);
        roster.change([ann], []);
        roster.change([], [(ann, at(5))]);
        assert_eq!(roster.last_seen(ann), None, "still on another node");
        roster.change([], [(ann, at(7))]);
        assert_eq!(roster.last_seen(ann), Some(at(7)));
        roster.change([ann], []);
        assert_eq!(roster.last_seen(ann), None);
    }

    #[test]
    fn while_it_is_not_known_who_is_online_arrivals_show_and_departures_wait() {
        let roster = Roster::new(true);
        let [ann, bob, carl, dora] = [UserId::new(), UserId::new(), UserId::new(), UserId::new()];
        roster.change([ann, bob, carl], []);
        let online = roster.watch();
        roster.doubt();
        assert_eq!((online.borrow().known, online.borrow().version), (false, 1));

        roster.change([dora], [(ann, at(1)), (bob, at(2)), (carl, at(3))]);
        roster.change([carl], []);
        assert_eq!(*online.borrow().users, [ann, bob, carl, dora]);
        assert_eq!((roster.last_seen(ann), roster.nowhere([ann, carl])), (None, vec![ann]));
        roster.change([bob], []);
        let version = online.borrow().version;

        roster.believe();

        let now = online.borrow().clone();
        assert_eq!((now.known, now.version, now.users.as_slice()), (true, version + 1, [bob, carl, dora].as_slice()));
        assert_eq!((roster.last_seen(ann), roster.last_seen(bob)), (Some(at(1)), None));
    }

    #[test]
    fn departures_are_remembered_up_to_a_bound() {
        let roster = Roster::new(true);
        let [first, second] = [UserId::new(), UserId::new()];
        let crowd = people(REMEMBERED);
        for user in [first].iter().chain(&crowd).chain([&second]) {
            roster.change([*user], []);
            roster.change([], [(*user, at(1))]);
        }
        assert_eq!((roster.last_seen(first), roster.last_seen(second)), (None, Some(at(1))));
        for second_time in 0..3 * REMEMBERED as i64 {
            roster.change([first], []);
            roster.change([], [(first, at(second_time))]);
        }
        assert!(roster.state.lock().departures.order.len() <= 2 * REMEMBERED);
    }

    #[test]
    fn many_changes_at_once_give_the_same_list_as_one_by_one() {
        let (at_once, one_by_one) = (Roster::new(true), Roster::new(true));
        let everybody = people(100);
        at_once.change(everybody.iter().rev().copied(), []);
        at_once.change([], everybody[10..60].iter().map(|user| (*user, at(1))));
        for user in &everybody {
            one_by_one.change([*user], []);
        }
        for user in &everybody[10..60] {
            one_by_one.change([], [(*user, at(1))]);
        }
        let list = at_once.watch().borrow().users.clone();
        assert_eq!(list, one_by_one.watch().borrow().users);
        assert!(list.is_sorted() && list.len() == 50);
    }
}
