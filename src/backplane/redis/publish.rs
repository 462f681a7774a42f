//! Telling other nodes: a bounded queue, and one task that takes many envelopes at once, looks up where their people are, and tells
//! each node in one message, in the same round trip.

use fred::interfaces::{FredResult, HashesInterface};
use futures_util::future::join_all;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{
    Notify,
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    Inner,
    round::{Messages, Outcome, Places, encode, round, tell},
    wire::{Note, Told, Whispered},
};
use crate::{
    model::{
        NodeId, UserId,
        event::{Envelope, Whisper},
    },
    recent::Telling,
    trace::{self, step},
};

/// Envelopes that may wait to be told.
pub(in crate::backplane) const QUEUE: usize = 16_384;
/// Envelopes told in one round.
const BATCH: usize = 256;
/// In the lease of those who understand whispers: others would reconcile for each.
pub(super) const WHISPERS: &str = "whispers";
/// Between attempts to ask the others for a reconcile.
const PAUSE: Duration = Duration::from_millis(100);

/// What the queue holds.
#[derive(Debug)]
pub(super) enum Job {
    Envelope(Envelope),
    /// Told if that works at the first attempt.
    Whisper(Whisper),
    /// A hint for every other node; not made good when it can't be told.
    All(Note),
    /// Answered when all before it is done.
    Flush(oneshot::Sender<()>),
}

/// The producers' end.
#[derive(Debug)]
pub(super) struct Publisher {
    queue: mpsc::Sender<Job>,
    /// The others have to be asked for a reconcile.
    owed: Notify,
}

impl Publisher {
    pub(super) fn new() -> (Self, mpsc::Receiver<Job>) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        (Self { queue, owed: Notify::new() }, jobs)
    }

    /// # Errors
    /// The job, if there is no room.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        self.queue.try_send(job).map_err(TrySendError::into_inner)
    }

    /// Drops what would take the room of envelopes.
    pub(super) fn whisper(&self, whisper: Whisper) {
        if self.queue.capacity() > QUEUE / 2 {
            drop(self.push(Job::Whisper(whisper)));
        }
    }

    /// Waits until all that is queued now was tried.
    pub(super) async fn flush(&self) {
        let (done, all_done) = oneshot::channel();
        if self.queue.send(Job::Flush(done)).await.is_ok() {
            // An error says that the task ended; then there is nothing to wait for.
            drop(all_done.await);
        }
    }

    pub(super) fn owe(&self) {
        self.owed.notify_one();
    }
}

/// Works off the queue, for ever.
pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut jobs, BATCH).await > 0 {
        let (mut envelopes, mut whispers, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs.drain(..) {
            match job {
                Job::Envelope(envelope) => envelopes.push(envelope),
                Job::Whisper(whisper) => whispers.push(whisper),
                Job::All(note) => {
                    if inner.link.away() {
                        continue;
                    }
                    if let Err(cause) = inner.broadcast(&[note]).await {
                        tracing::debug!(%cause, "could not tell a hint to all");
                    }
                }
                Job::Flush(flushed) => done.push(flushed),
            }
        }
        if !(envelopes.is_empty() && whispers.is_empty()) {
            let failed = publish(&inner, &envelopes, &whispers).await;
            if failed > 0 {
                inner.failed_to_publish(failed);
            }
        }
        for flushed in done {
            // Whoever asked may have stopped waiting.
            let _ = flushed.send(());
        }
    }
}

/// Asks every node to reconcile after something could not be told, as soon as Redis answers.
pub(super) async fn make_good(inner: Arc<Inner>) {
    loop {
        inner.publisher.owed.notified().await;
        let mut unasked = None;
        loop {
            if inner.joined() && !inner.link.away() {
                match ask(&inner, unasked.take()).await {
                    Ok(left) if left.is_empty() => break,
                    Ok(left) => unasked = Some(left),
                    Err(cause) => tracing::debug!(%cause, "could not ask for a reconcile"),
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Asks these nodes, or all others. -> who could not be asked: a shard of a cluster may be away for longer than the rest,
/// and nobody shall be asked again and again for that.
async fn ask(inner: &Inner, nodes: Option<Vec<NodeId>>) -> FredResult<Vec<NodeId>> {
    let text = encode(&[Note::PublishFailed])?;
    let nodes = match nodes {
        Some(nodes) => nodes,
        None => inner.others().await?,
    };
    let answers = join_all(nodes.iter().map(|node| inner.tell(*node, &text))).await;
    Ok(nodes.into_iter().zip(answers).filter(|(_, answer)| answer.is_err()).map(|(node, _)| node).collect())
}

/// Tells envelopes and whispers to the nodes of their people. -> how many of the envelopes may not have reached a node
///
/// Where people are is asked for after their envelopes were committed: whoever attached before that is told, and whoever attached
/// later reads them in the log. The nodes on which this one sees them are told without waiting for the answer, which is the same
/// nearly always: that saves a round trip, and a node that is told of somebody who left meanwhile ignores it.
async fn publish(inner: &Inner, envelopes: &[Envelope], whispers: &[Whisper]) -> usize {
    // Each lasts as long as the round that its envelope goes with.
    let traced = envelopes.iter().filter_map(|envelope| envelope.origin.trace.as_deref());
    let _steps: Vec<_> = traced.map(|trace| trace::follow(step!("tell nodes", otel.kind = "producer"), trace)).collect();
    if inner.link.away() {
        inner.recent.told(of_each_entry(envelopes, Telling::Away));
        return envelopes.len();
    }
    let mut people: HashSet<UserId> =
        envelopes.iter().flat_map(|envelope| envelope.entries.iter().map(|(user, _)| *user)).collect();
    let seen = inner.peers.places(&people);
    people.extend(whispers.iter().flat_map(|whisper| whisper.to.iter().copied()));
    let (mut outcomes, places) = round(inner, address(envelopes, &seen, inner.node()), people.into_iter().collect()).await;
    let places = match places {
        Ok(places) => places,
        Err(cause) => {
            tracing::debug!(%cause, "could not look up where people are");
            inner.recent.told(of_each_entry(envelopes, Telling::Away));
            return envelopes.len();
        }
    };
    let unseen = places.iter().map(|(user, nodes)| {
        let nodes = nodes.iter().filter(|node| !seen.get(user).is_some_and(|seen| seen.contains(node)));
        (*user, nodes.copied().collect())
    });
    let unseen: Places = unseen.filter(|(_, nodes): &(_, Vec<_>)| !nodes.is_empty()).collect();
    let (more, ()) = tokio::join!(tell(inner, address(envelopes, &unseen, inner.node())), whisper(inner, whispers, &places));
    outcomes.extend(more);

    remember(inner, envelopes, &places, &outcomes);
    let dead: HashSet<NodeId> = outcomes.iter().filter(|told| told.outcome == Telling::NoLease).map(|told| told.node).collect();
    if !dead.is_empty()
        && let Err(cause) = bury(inner, &places, &dead).await
    {
        tracing::debug!(%cause, "could not remove entries of dead nodes");
    }
    outcomes.iter().filter(|told| told.outcome == Telling::Failed).map(|told| told.notes).sum()
}

/// Keeps for a while which nodes were told of which entries: what `hubbub doctor` asks for. Of two messages to one node, what came
/// of the first is kept only if it says something worse.
fn remember(inner: &Inner, envelopes: &[Envelope], places: &Places, outcomes: &[Outcome]) {
    let own = inner.node();
    let told = |node: NodeId| {
        let mut told = outcomes.iter().filter(|told| told.node == node).map(|told| told.outcome);
        let first = told.next().unwrap_or(Telling::Failed);
        told.fold(first, |before, outcome| if outcome == Telling::Told { before } else { outcome })
    };
    let entries = envelopes.iter().flat_map(|envelope| &envelope.entries);
    inner.recent.told(entries.flat_map(|(user, seq)| {
        let others = || places.get(user).into_iter().flatten().filter(|node| **node != own);
        let nowhere = others().next().is_none().then_some((*user, *seq, None, Telling::Nowhere));
        let each = others().map(|node| (*user, *seq, Some(*node), told(*node)));
        each.chain(nowhere)
    }));
}

/// The same outcome for all entries.
pub(super) fn of_each_entry(
    envelopes: &[Envelope],
    outcome: Telling,
) -> impl Iterator<Item = (UserId, i64, Option<NodeId>, Telling)> {
    let entries = envelopes.iter().flat_map(|envelope| &envelope.entries);
    entries.map(move |(user, seq)| (*user, *seq, None, outcome))
}

/// In messages of their own: whoever doesn't understand them shall get the envelopes. What fails is forgotten.
async fn whisper(inner: &Inner, whispers: &[Whisper], places: &Places) {
    let mut notes: HashMap<NodeId, Vec<Note>> = HashMap::new();
    for whisper in whispers {
        let mut people: HashMap<NodeId, Vec<UserId>> = HashMap::new();
        for user in &whisper.to {
            for node in places.get(user).into_iter().flatten().filter(|node| **node != inner.node()) {
                people.entry(*node).or_default().push(*user);
            }
        }
        for (node, people) in people {
            notes.entry(node).or_default().push(Note::Whisper(Whispered::of(whisper, people)));
        }
    }
    let messages: Vec<_> = notes.into_iter().filter_map(|(node, notes)| Some((node, encode(&notes).ok()?))).collect();
    let outcomes = join_all(messages.iter().map(|(node, text)| inner.tell_if(*node, text, WHISPERS))).await;
    if let Some(cause) = outcomes.into_iter().find_map(Result::err) {
        tracing::debug!(%cause, "a whisper was lost");
    }
}

/// Sorts envelopes by the nodes that are to be told, each with the entries of that node's people only.
fn address(envelopes: &[Envelope], places: &Places, own: NodeId) -> Messages {
    let mut notes = Messages::new();
    for envelope in envelopes {
        // Searched from one end to the other: most envelopes are for one other node or none.
        let mut told: Vec<(NodeId, Told)> = Vec::new();
        for entry in &envelope.entries {
            for node in places.get(&entry.0).into_iter().flatten().filter(|node| **node != own) {
                match told.iter_mut().find(|(to, _)| to == node) {
                    Some((_, told)) => told.push(*entry),
                    None => told.push((*node, Told::of(envelope, *entry))),
                }
            }
        }
        for (node, told) in told {
            notes.entry(node).or_default().push(Note::Envelope(told));
        }
    }
    notes
}

/// A lease is never made again, so what is registered under a node without one is garbage.
async fn bury(inner: &Inner, places: &Places, dead: &HashSet<NodeId>) -> FredResult<()> {
    let pipeline = inner.link.publisher().pipeline();
    for (user, nodes) in places {
        for node in nodes.iter().filter(|node| dead.contains(node)) {
            let () = pipeline.hdel(inner.keys.presence(*user), node.to_string()).await?;
        }
    }
    pipeline.all().await
}
