//! Who is online, counted over nodes, and the list that is shown to watchers.

use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::watch;

use super::Online;
use crate::model::UserId;

/// Up to this many changes are worked into the list one by one; more than that, and it is written anew.
const FEW: usize = 8;

/// On how many nodes each person is, and the sorted list of those who are on any.
#[derive(Debug)]
pub(super) struct Roster {
    nodes: Mutex<HashMap<UserId, u32>>,
    online: watch::Sender<Online>,
}

impl Default for Roster {
    fn default() -> Self {
        Self { nodes: Mutex::default(), online: watch::channel(Online::default()).0 }
    }
}

impl Roster {
    pub(super) fn watch(&self) -> watch::Receiver<Online> {
        self.online.subscribe()
    }

    /// Counts arrivals on nodes and departures from nodes as one change: who is in both never looks offline.
    pub(super) fn change(&self, came: impl IntoIterator<Item = UserId>, left: impl IntoIterator<Item = UserId>) {
        // The lock is held to the end, so that versions rise in the order of the changes.
        let mut nodes = self.nodes.lock();
        let mut touched: HashMap<UserId, bool> = HashMap::new();
        for user in came {
            let count = nodes.entry(user).or_insert(0);
            touched.entry(user).or_insert(*count > 0);
            *count += 1;
        }
        for user in left {
            let Some(count) = nodes.get_mut(&user) else { continue };
            touched.entry(user).or_insert(*count > 0);
            *count = count.saturating_sub(1);
            if *count == 0 {
                nodes.remove(&user);
            }
        }
        touched.retain(|user, was| nodes.contains_key(user) != *was);
        if touched.is_empty() {
            return;
        }
        self.online.send_modify(|online| {
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
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(count: usize) -> Vec<UserId> {
        (0..count).map(|_| UserId::new()).collect()
    }

    #[test]
    fn a_person_on_two_nodes_is_listed_once_and_goes_with_the_last() {
        let roster = Roster::default();
        let ann = UserId::new();
        roster.change([ann], []);
        roster.change([ann], []);
        roster.change([], [ann]);
        assert_eq!((roster.watch().borrow().version, roster.watch().borrow().users.as_slice()), (1, [ann].as_slice()));
        roster.change([], [ann]);
        assert!(roster.watch().borrow().users.is_empty());
    }

    #[test]
    fn moving_from_one_node_to_another_in_one_change_is_no_change() {
        let roster = Roster::default();
        let ann = UserId::new();
        roster.change([ann], []);
        roster.change([ann], [ann]);
        assert_eq!(roster.watch().borrow().version, 1);
    }

    #[test]
    fn many_changes_at_once_give_the_same_list_as_one_by_one() {
        let (at_once, one_by_one) = (Roster::default(), Roster::default());
        let everybody = people(100);
        at_once.change(everybody.iter().rev().copied(), []);
        at_once.change([], everybody[10..60].iter().copied());
        for user in &everybody {
            one_by_one.change([*user], []);
        }
        for user in &everybody[10..60] {
            one_by_one.change([], [*user]);
        }
        let list = at_once.watch().borrow().users.clone();
        assert_eq!(list, one_by_one.watch().borrow().users);
        assert!(list.is_sorted() && list.len() == 50);
    }
}
