//! Telling other nodes: a bounded queue, and one task that takes many envelopes at once and tells each node in one message.

use fred::interfaces::FredResult;
use futures_util::future::join_all;
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::sync::{
    Notify,
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    Inner,
    round::{Messages, Outcome, Stream, address, encode, tell_in},
    whereabouts::{Round, Step},
    wire::Note,
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

/// Works off the queue, for ever. What is left to do of it goes to `next`.
pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<Job>, next: mpsc::Sender<Step>) {
    let mut stream = Stream::new();
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
        let mut steps = Vec::with_capacity(1 + done.len());
        if !(envelopes.is_empty() && whispers.is_empty()) {
            steps.extend(publish(&inner, &mut stream, envelopes, whispers).await.map(Step::Round));
        }
        for step in steps.into_iter().chain(done.into_iter().map(Step::Flush)) {
            if next.send(step).await.is_err() {
                return;
            }
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

/// Tells envelopes to the nodes on which this one sees their people, without waiting for what Redis says: whether they are elsewhere, too, is
/// for [`whereabouts`] to find out. A node that is told of somebody who left meanwhile ignores it. -> what is left to do
async fn publish(inner: &Inner, stream: &mut Stream, envelopes: Vec<Envelope>, whispers: Vec<Whisper>) -> Option<Round> {
    // Each lasts as long as the round that its envelope goes with.
    let traced = envelopes.iter().filter_map(|envelope| envelope.origin.trace.as_deref());
    let _steps: Vec<_> = traced.map(|trace| trace::follow(step!("tell nodes", otel.kind = "producer"), trace)).collect();
    if inner.link.away() {
        inner.recent.told(of_each_entry(&envelopes, Telling::Away));
        if !envelopes.is_empty() {
            inner.failed_to_publish(envelopes.len());
        }
        return None;
    }
    let people: HashSet<UserId> = envelopes.iter().flat_map(|envelope| envelope.entries.iter().map(|(user, _)| *user)).collect();
    let seen = inner.peers.places(&people);
    let mut messages = Messages::new();
    if let Some(seen) = &seen {
        address(&mut messages, &envelopes, inner.node(), |user| seen.get(&user).into_iter().flatten().copied());
    }
    let outcomes = tell_in(inner, stream, messages).await;
    let failed = Outcome::failed(&outcomes);
    if failed > 0 {
        inner.failed_to_publish(failed);
    }
    Some(Round { envelopes, whispers, seen, outcomes })
}

/// The same outcome for all entries.
pub(super) fn of_each_entry(
    envelopes: &[Envelope],
    outcome: Telling,
) -> impl Iterator<Item = (UserId, i64, Option<NodeId>, Telling)> {
    let entries = envelopes.iter().flat_map(|envelope| &envelope.entries);
    entries.map(move |(user, seq)| (*user, *seq, None, outcome))
}
