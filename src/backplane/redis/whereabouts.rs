//! After the nodes were told on which people are seen: asks Redis where people are, and tells the others.
//!
//! Asked after the envelopes were committed: whoever attached before that is told, and whoever attached later reads them in the log.
//! Nearly always the answer is what is seen anyway. So nobody waits for it, and one question serves for all that is told within a
//! few milliseconds.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{FredResult, HashesInterface},
};
use futures_util::future::{join_all, try_join_all};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Inner,
    publish::of_each_entry,
    round::{Messages, Outcome, Places, address, encode, tell},
    scripts,
    wire::{Note, Whispered},
};
use crate::{
    model::{
        NodeId, UserId,
        event::{Envelope, Whisper},
    },
    recent::Telling,
};

/// Rounds that may wait for the answer: as many as it serves for at most.
const ROUNDS: usize = 64;
/// How long the question waits for others: far less than a gap is held open, and than it takes to hear of somebody who came.
const PATIENCE: Duration = Duration::from_millis(5);
/// People whose places are asked for at once: Redis does nothing else meanwhile.
const TOGETHER: usize = 1_000;
/// In the lease of those who understand whispers: others would reconcile for each.
pub(super) const WHISPERS: &str = "whispers";

/// What the publisher did at once.
pub(super) struct Round {
    pub(super) envelopes: Vec<Envelope>,
    pub(super) whispers: Vec<Whisper>,
    /// Where people were seen: those nodes are told. `None` if there were too many to look for.
    pub(super) seen: Option<Places>,
    pub(super) outcomes: Vec<Outcome>,
}

/// What the queue holds.
pub(super) enum Step {
    Round(Round),
    /// Answered when all before it is done.
    Flush(oneshot::Sender<()>),
}

impl Step {
    fn can_wait(&self) -> bool {
        matches!(self, Self::Round(Round { seen: Some(_), .. }))
    }
}

/// The publisher's end of the queue, and that of [`run`].
pub(super) fn queue() -> (mpsc::Sender<Step>, mpsc::Receiver<Step>) {
    mpsc::channel(ROUNDS)
}

/// Works off the queue, for ever.
pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<Step>) {
    let mut steps = Vec::with_capacity(ROUNDS);
    while queue.recv_many(&mut steps, ROUNDS).await > 0 {
        if steps.iter().all(Step::can_wait) {
            tokio::time::sleep(PATIENCE).await;
            while steps.len() < ROUNDS
                && let Ok(step) = queue.try_recv()
            {
                steps.push(step);
            }
        }
        let (mut rounds, mut done) = (Vec::new(), Vec::new());
        for step in steps.drain(..) {
            match step {
                Step::Round(round) => rounds.push(round),
                Step::Flush(flushed) => done.push(flushed),
            }
        }
        let failed = follow(&inner, &rounds).await;
        if failed > 0 {
            inner.failed_to_publish(failed);
        }
        for flushed in done {
            // Whoever asked may have stopped waiting.
            let _ = flushed.send(());
        }
    }
}

/// Tells the nodes on which people were not seen. -> how many of the envelopes may not have reached one
async fn follow(inner: &Inner, rounds: &[Round]) -> usize {
    let envelopes = rounds.iter().flat_map(|round| &round.envelopes);
    let concerned = envelopes.flat_map(|envelope| envelope.entries.iter().map(|(user, _)| *user));
    let whispers = || rounds.iter().flat_map(|round| &round.whispers);
    let people: HashSet<UserId> = concerned.chain(whispers().flat_map(|whisper| whisper.to.iter().copied())).collect();
    if people.is_empty() {
        return 0;
    }
    let places = match whereabouts(inner, people.into_iter().collect()).await {
        Ok(places) => places,
        Err(cause) => {
            tracing::debug!(%cause, "could not look up where people are");
            rounds.iter().for_each(|round| inner.recent.told(of_each_entry(&round.envelopes, Telling::Away)));
            // What already failed to be told was counted then.
            return rounds.iter().map(|round| round.envelopes.len().saturating_sub(Outcome::failed(&round.outcomes))).sum();
        }
    };
    let mut messages = Messages::new();
    for Round { envelopes, seen, .. } in rounds {
        address(&mut messages, envelopes, inner.node(), |user| {
            let seen = seen.as_ref().and_then(|seen| seen.get(&user));
            places.get(&user).into_iter().flatten().copied().filter(move |node| !seen.is_some_and(|seen| seen.contains(node)))
        });
    }
    let (more, ()) = tokio::join!(tell(inner, messages), whisper(inner, whispers(), &places));

    let mut dead = HashSet::new();
    for Round { envelopes, outcomes, .. } in rounds {
        let outcomes = || outcomes.iter().chain(&more);
        remember(inner, envelopes, &places, outcomes);
        dead.extend(outcomes().filter(|told| told.outcome == Telling::NoLease).map(|told| told.node));
    }
    if !dead.is_empty()
        && let Err(cause) = bury(inner, &places, &dead).await
    {
        tracing::debug!(%cause, "could not remove entries of dead nodes");
    }
    Outcome::failed(&more)
}

/// Keeps for a while which nodes were told of which entries: what `hubbub doctor` asks for. Of two messages to one node, what came
/// of the first is kept only if it says something worse.
fn remember<'a, O>(inner: &Inner, envelopes: &[Envelope], places: &Places, outcomes: impl Fn() -> O)
where
    O: Iterator<Item = &'a Outcome>,
{
    let own = inner.node();
    let told = |node: NodeId| {
        let mut told = outcomes().filter(|told| told.node == node).map(|told| told.outcome);
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

/// In messages of their own: whoever doesn't understand them shall get the envelopes. What fails is forgotten.
async fn whisper<'a>(inner: &Inner, whispers: impl Iterator<Item = &'a Whisper>, places: &Places) {
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

/// Asks with one command for many people: writing and reading one costs this node, and Redis, more than what is done for it.
async fn whereabouts(inner: &Inner, users: Vec<UserId>) -> FredResult<Places> {
    let answers = if inner.link.clustered() {
        each(inner, &users).await?
    } else {
        let chunks = users.chunks(TOGETHER).map(async |users| {
            let keys: Vec<String> = users.iter().map(|user| inner.keys.presence(*user)).collect();
            scripts::run::<Vec<Vec<String>>, _, _>(&scripts::WHEREABOUTS, inner.link.publisher(), keys, ()).await
        });
        try_join_all(chunks).await?.into_iter().flatten().collect()
    };
    if answers.len() != users.len() {
        return Err(Error::new(ErrorKind::Protocol, "an answer is missing"));
    }
    let nodes = |names: Vec<String>| names.iter().filter_map(|node| node.parse().ok()).collect();
    Ok(users.into_iter().zip(answers.into_iter().map(nodes)).collect())
}

/// Asks with a command for each person: on a cluster, each may be on another server.
async fn each(inner: &Inner, users: &[UserId]) -> FredResult<Vec<Vec<String>>> {
    let pipeline = inner.link.publisher().pipeline();
    for user in users {
        let () = pipeline.hkeys(inner.keys.presence(*user)).await?;
    }
    pipeline.try_all::<Vec<String>>().await.into_iter().collect()
}
