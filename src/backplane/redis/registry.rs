//! Who has sockets on this node, and whether Redis knows it. The registry keeps what *should* be written; one writer
//! (`register.rs`) brings Redis there over one connection, so that two writes about one person never overtake each
//! other. What failed simply stays to be written.

use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
};
use tokio::sync::{Notify, oneshot, watch};

use crate::model::{NodeId, UserId};

#[derive(Debug, Default)]
struct Person {
    attached: bool,
    /// Of the last attach; what removal compares.
    generation: u64,
    /// Redis holds this state, written under the current registration.
    written: bool,
    /// Somebody was answered `Attached::Later`.
    late: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// Under which id people are registered; `None` while the node has no lease or isn't known to hear.
    node: Option<NodeId>,
    /// Counts registrations: what an older one wrote doesn't count any more.
    epoch: u64,
    people: HashMap<UserId, Person>,
    generations: u64,
    queue: VecDeque<UserId>,
    queued: HashSet<UserId>,
    /// To be written again since the last `register_again`.
    outdated: HashSet<UserId>,
    /// Somebody was answered `Attached::Later` and is registered by now.
    owes_late: bool,
}

impl State {
    fn enqueue(&mut self, user: UserId) {
        if self.queued.insert(user) {
            self.queue.push_back(user);
        }
    }
}

/// One person's state as a batch writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) user: UserId,
    pub(super) attached: bool,
    pub(super) generation: u64,
}

/// What the writer takes at once.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) node: NodeId,
    epoch: u64,
    pub(super) changes: Vec<Change>,
}

/// How an attach starts.
#[derive(Debug)]
pub(super) enum Attaching {
    Registered,
    Waiting(oneshot::Receiver<()>),
}

#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
    work: Notify,
    /// Whether everything that `register_again` asked for is written.
    settled: watch::Sender<bool>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { state: Mutex::default(), work: Notify::new(), settled: watch::channel(true).0 }
    }
}

impl Registry {
    /// Notes that `user` is here. The flag says whether that is new; `with_state` runs under the lock, so that what it
    /// shows to others changes in the same order.
    pub(super) fn attach(&self, user: UserId, newly: impl FnOnce()) -> Attaching {
        let mut state = self.state.lock();
        let generation = state.generations + 1;
        let open = state.node.is_some();
        let person = state.people.entry(user).or_default();
        if person.attached && person.written && open {
            return Attaching::Registered;
        }
        let (tell, told) = oneshot::channel();
        person.waiting.retain(|waiting| !waiting.is_closed());
        person.waiting.push(tell);
        if !person.attached {
            person.attached = true;
            person.generation = generation;
            person.written = false;
            state.generations = generation;
            state.enqueue(user);
            newly();
        }
        drop(state);
        self.work.notify_one();
        Attaching::Waiting(told)
    }

    /// Notes that `user` was answered "later". False if the write came through in the last moment.
    pub(super) fn is_late(&self, user: UserId, mut told: oneshot::Receiver<()>) -> bool {
        let mut state = self.state.lock();
        if told.try_recv().is_ok() {
            return false;
        }
        if let Some(person) = state.people.get_mut(&user) {
            person.late = true;
        }
        true
    }

    /// Notes that `user` left. `newly` as in [`Registry::attach`].
    pub(super) fn detach(&self, user: UserId, newly: impl FnOnce()) {
        let mut state = self.state.lock();
        let Some(person) = state.people.get_mut(&user).filter(|person| person.attached) else { return };
        person.attached = false;
        person.written = false;
        person.late = false;
        person.waiting.clear();
        state.enqueue(user);
        newly();
        drop(state);
        self.work.notify_one();
    }

    /// Nothing is written until [`Registry::register_again`].
    pub(super) fn suspend(&self) {
        self.state.lock().node = None;
    }

    /// From here on people are registered under `node`, everybody anew; [`Registry::settled`] says when that is done.
    pub(super) fn register_again(&self, node: NodeId) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.node = Some(node);
        state.epoch += 1;
        state.outdated.clear();
        for (user, person) in &mut state.people {
            person.written = false;
            state.outdated.insert(*user);
            if state.queued.insert(*user) {
                state.queue.push_back(*user);
            }
        }
        self.settled.send_replace(state.outdated.is_empty());
        drop(guard);
        self.work.notify_one();
    }

    pub(super) async fn settled(&self) {
        // The sender lives in self, so this can't fail.
        drop(self.settled.subscribe().wait_for(|settled| *settled).await);
    }

    /// Waits until there is something to write and takes up to `most` of it.
    pub(super) async fn next(&self, most: usize) -> Batch {
        loop {
            if let Some(batch) = self.take(most) {
                return batch;
            }
            self.work.notified().await;
        }
    }

    fn take(&self, most: usize) -> Option<Batch> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let node = state.node?;
        let count = most.min(state.queue.len());
        let mut changes = Vec::with_capacity(count);
        for user in state.queue.drain(..count) {
            state.queued.remove(&user);
            if let Some(person) = state.people.get(&user) {
                changes.push(Change { user, attached: person.attached, generation: person.generation });
            }
        }
        (!changes.is_empty()).then_some(Batch { node, epoch: state.epoch, changes })
    }

    /// The batch is in Redis. True if this registered the last of those who were answered "later".
    pub(super) fn written(&self, batch: &Batch) -> bool {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.epoch != batch.epoch {
            // Written under a registration that is over. Everybody is queued anew.
            return false;
        }
        for change in &batch.changes {
            state.outdated.remove(&change.user);
            let Some(person) = state.people.get_mut(&change.user) else { continue };
            if (person.attached, person.generation) != (change.attached, change.generation) {
                continue;
            }
            if change.attached {
                person.written = true;
                state.owes_late |= mem::take(&mut person.late);
                for waiting in person.waiting.drain(..) {
                    // Nobody waits any more: the caller ran out of time and was told "later", or went away.
                    let _ = waiting.send(());
                }
            } else {
                state.people.remove(&change.user);
            }
        }
        if state.outdated.is_empty() {
            self.settled.send_replace(true);
        }
        state.queue.is_empty() && mem::take(&mut state.owes_late)
    }

    /// The batch is not, or only in part, in Redis: it is to be written again.
    pub(super) fn failed(&self, batch: &Batch) {
        let mut state = self.state.lock();
        for change in &batch.changes {
            state.enqueue(change.user);
        }
        drop(state);
        self.work.notify_one();
    }

    /// How many people Redis should hold for this node; `None` while something is still to be written. `epoch` tells
    /// two such moments apart.
    pub(super) fn expected(&self) -> Option<(usize, u64)> {
        let state = self.state.lock();
        let quiet = state.node.is_some() && state.queue.is_empty() && state.people.values().all(|person| person.written);
        quiet.then_some((state.people.len(), state.generations))
    }

    /// Redis holds `registered` for this node. Queues whom it holds wrongly or not at all.
    pub(super) fn correct(&self, registered: &HashSet<UserId>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let missing: Vec<UserId> = state.people.keys().filter(|user| !registered.contains(user)).copied().collect();
        let surplus: Vec<UserId> = registered.iter().filter(|user| !state.people.contains_key(user)).copied().collect();
        for user in missing {
            state.people.entry(user).or_default().written = false;
            state.enqueue(user);
        }
        for user in surplus {
            // Generation 0: whatever is there is removed.
            state.people.entry(user).or_default();
            state.enqueue(user);
        }
        drop(guard);
        self.work.notify_one();
    }

    /// Whether anybody is here.
    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().people.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(node: NodeId) -> Registry {
        let registry = Registry::default();
        registry.register_again(node);
        registry
    }

    #[tokio::test]
    async fn a_person_who_left_while_being_written_is_written_again() {
        let (registry, ann) = (registry(NodeId::new()), UserId::new());
        let attaching = registry.attach(ann, || {});
        let batch = registry.next(10).await;
        registry.detach(ann, || {});
        registry.written(&batch);

        let batch = registry.next(10).await;
        assert!(!batch.changes[0].attached);
        registry.written(&batch);
        assert!(registry.is_empty());
        drop(attaching);
    }

    #[tokio::test]
    async fn what_an_older_registration_wrote_does_not_count() {
        let (registry, ann) = (registry(NodeId::new()), UserId::new());
        let Attaching::Waiting(mut told) = registry.attach(ann, || {}) else { panic!("nothing is written yet") };
        let old = registry.next(10).await;
        registry.register_again(NodeId::new());
        registry.written(&old);
        assert!(told.try_recv().is_err(), "the fence must not stand on a dead node id");

        let new = registry.next(10).await;
        registry.written(&new);
        assert_eq!(told.try_recv(), Ok(()));
        registry.settled().await;
        assert!(matches!(registry.attach(ann, || {}), Attaching::Registered));
    }

    #[tokio::test]
    async fn whoever_was_answered_later_is_owed_a_reconcile_once_registered() {
        let (registry, ann) = (registry(NodeId::new()), UserId::new());
        let Attaching::Waiting(told) = registry.attach(ann, || {}) else { panic!("nothing is written yet") };
        assert!(registry.is_late(ann, told));
        let batch = registry.next(10).await;
        registry.failed(&batch);
        let batch = registry.next(10).await;
        assert!(registry.written(&batch));
        assert_eq!(registry.expected().map(|(people, _)| people), Some(1));
    }
}
