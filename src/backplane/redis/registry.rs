//! Who has sockets on this node, and whether Redis knows it. The registry keeps what *should* be written; one writer
//! (`register.rs`) brings Redis there over one connection, so that two writes about one person never overtake each
//! other. What failed simply stays to be written.

use indexmap::IndexMap;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
};
use tokio::sync::{Notify, oneshot, watch};

use crate::model::{NodeId, Timestamp, UserId};

#[derive(Debug, Default)]
struct Person {
    attached: bool,
    /// Of the last attach; what removal compares.
    generation: u64,
    /// Redis holds this state, written under the current registration.
    written: bool,
    /// The roster shows them on this node.
    shown: bool,
    /// Somebody was answered `Attached::Later`.
    late: bool,
    /// When they were last here, once they left.
    seen: Option<Timestamp>,
}

impl Person {
    /// Whom Redis holds, but who isn't here. Generation 0: whatever is there is removed.
    fn wrongly_held(noticed: Timestamp) -> Self {
        Self { seen: Some(noticed), ..Self::default() }
    }
}

#[derive(Debug, Default)]
struct State {
    /// Under which id people are registered; `None` while the node has no lease or isn't known to hear.
    node: Option<NodeId>,
    /// Counts registrations: what an older one wrote doesn't count any more.
    epoch: u64,
    people: IndexMap<UserId, Person>,
    /// Who waits until somebody is registered.
    waiting: HashMap<UserId, Vec<oneshot::Sender<()>>>,
    generations: u64,
    queue: VecDeque<UserId>,
    queued: HashSet<UserId>,
    /// To be written again since the last `register_again`.
    outdated: HashSet<UserId>,
    /// All of those are written: the set is whole, and has a version.
    sealed: bool,
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
    /// When somebody who left was last here.
    pub(super) seen: Option<Timestamp>,
}

/// What the writer takes at once.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) node: NodeId,
    epoch: u64,
    pub(super) changes: Vec<Change>,
    /// Whether the set is complete with these. Until then nobody reads it.
    pub(super) complete: bool,
}

/// How an attach starts.
#[derive(Debug)]
pub(super) enum Attaching {
    Registered,
    Waiting(oneshot::Receiver<()>),
}

/// How far `register_again` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Suspended,
    Writing,
    Complete,
}

#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
    work: Notify,
    progress: watch::Sender<Progress>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { state: Mutex::default(), work: Notify::new(), progress: watch::channel(Progress::Suspended).0 }
    }
}

impl Registry {
    /// Notes that `user` is here. `show` runs under the lock if that is new, so that what others are shown changes in the
    /// same order.
    pub(super) fn attach(&self, user: UserId, show: impl FnOnce()) -> Attaching {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let generation = state.generations + 1;
        let open = state.node.is_some();
        let person = state.people.entry(user).or_default();
        if person.attached && person.written && open {
            return Attaching::Registered;
        }
        let (tell, told) = oneshot::channel();
        let waiting = state.waiting.entry(user).or_default();
        waiting.retain(|waiting| !waiting.is_closed());
        waiting.push(tell);
        if !person.attached {
            person.attached = true;
            person.seen = None;
            person.generation = generation;
            person.written = false;
            let is_new = !mem::replace(&mut person.shown, true);
            state.generations = generation;
            state.enqueue(user);
            if is_new {
                show();
            }
        }
        drop(guard);
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

    /// Notes that `user` left, last here at `seen`. That is shown once it is written: while Redis is silent, they may have
    /// gone to another node without our hearing of it.
    pub(super) fn detach(&self, user: UserId, seen: Timestamp) {
        let mut state = self.state.lock();
        let Some(person) = state.people.get_mut(&user).filter(|person| person.attached) else { return };
        person.attached = false;
        person.written = false;
        person.late = false;
        person.seen = Some(seen);
        state.waiting.remove(&user);
        state.enqueue(user);
        drop(state);
        self.work.notify_one();
    }

    /// Nothing is written until [`Registry::register_again`].
    pub(super) fn suspend(&self) {
        self.state.lock().node = None;
        self.progress.send_replace(Progress::Suspended);
    }

    /// From here on people are registered under `node`, everybody anew; [`Registry::settled`] says when that is done.
    /// Redis holds `registered` under it, and loses those who are not here, noticed at `now`.
    pub(super) fn register_again(&self, node: NodeId, registered: &HashSet<UserId>, now: Timestamp) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.node = Some(node);
        state.epoch += 1;
        state.outdated.clear();
        state.sealed = false;
        for user in registered {
            state.people.entry(*user).or_insert_with(|| Person::wrongly_held(now));
        }
        for (user, person) in &mut state.people {
            person.written = false;
            state.outdated.insert(*user);
            if state.queued.insert(*user) {
                state.queue.push_back(*user);
            }
        }
        self.progress.send_replace(Progress::Writing);
        drop(guard);
        self.work.notify_one();
    }

    /// Whether everybody is registered since the last [`Registry::register_again`].
    pub(super) fn is_settled(&self) -> bool {
        *self.progress.borrow() == Progress::Complete
    }

    /// Waits until that is so. False if nothing is written any more meanwhile.
    pub(super) async fn settled(&self) -> bool {
        let mut progress = self.progress.subscribe();
        // The sender lives in self, so this can't fail.
        progress.wait_for(|progress| *progress != Progress::Writing).await.is_ok_and(|progress| *progress == Progress::Complete)
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
                changes.push(Change { user, attached: person.attached, generation: person.generation, seen: person.seen });
            }
        }
        let outdated = changes.iter().filter(|change| state.outdated.contains(&change.user)).count();
        let complete = outdated == state.outdated.len();
        let seals = complete && !state.sealed;
        (seals || !changes.is_empty()).then_some(Batch { node, epoch: state.epoch, changes, complete })
    }

    /// The batch is in Redis. `gone` is told, under the lock, who was shown and left. True if this registered the last of those
    /// who were answered "later".
    pub(super) fn written(&self, batch: &Batch, mut gone: impl FnMut(UserId, Option<Timestamp>)) -> bool {
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
                for waiting in state.waiting.remove(&change.user).unwrap_or_default() {
                    // Nobody waits any more: the caller ran out of time and was told "later", or went away.
                    let _ = waiting.send(());
                }
            } else {
                if person.shown {
                    gone(change.user, person.seen);
                }
                state.people.swap_remove(&change.user);
            }
        }
        if batch.complete {
            state.sealed = true;
            self.progress.send_replace(Progress::Complete);
        }
        if state.queue.is_empty() {
            // After a storm these would stay as large as it was.
            state.queue.shrink_to_fit();
            state.queued.shrink_to_fit();
            state.waiting.shrink_to_fit();
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
        let quiet =
            state.node.is_some() && state.sealed && state.queue.is_empty() && state.people.values().all(|person| person.written);
        quiet.then_some((state.people.len(), state.generations))
    }

    /// Redis holds `registered` for this node. Queues whom it holds wrongly, noticed at `now`, or not at all.
    pub(super) fn correct(&self, registered: &HashSet<UserId>, now: Timestamp) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let missing: Vec<UserId> = state.people.keys().filter(|user| !registered.contains(user)).copied().collect();
        let surplus: Vec<UserId> = registered.iter().filter(|user| !state.people.contains_key(*user)).copied().collect();
        for user in missing {
            state.people.entry(user).or_default().written = false;
            state.enqueue(user);
        }
        for user in surplus {
            state.people.entry(user).or_insert_with(|| Person::wrongly_held(now));
            state.enqueue(user);
        }
        drop(guard);
        self.work.notify_one();
    }

    /// Everybody who is here.
    pub(super) fn here(&self) -> HashSet<UserId> {
        let state = self.state.lock();
        state.people.iter().filter(|(_, person)| person.attached).map(|(user, _)| *user).collect()
    }

    pub(super) fn is_here(&self, user: UserId) -> bool {
        self.state.lock().people.get(&user).is_some_and(|person| person.attached)
    }

    /// Whether anybody is here.
    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().people.is_empty()
    }
}

#[cfg(test)]
mod tests;
