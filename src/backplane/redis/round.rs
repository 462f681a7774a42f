//! A round of the publisher: nodes are told, and where people are is asked, in one round trip.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{FredResult, HashesInterface},
};
use futures_util::future::{join_all, try_join_all};
use std::collections::HashMap;

use super::{
    Inner, scripts,
    wire::{self, Note},
};
use crate::{
    model::{NodeId, UserId},
    recent::Telling,
};

/// People for whom nodes don't wait: looking one up takes Redis a microsecond.
const FEW: usize = 16;
/// People whose places are asked for at once: Redis does nothing else meanwhile.
const TOGETHER: usize = 1_000;

/// The nodes on which people are.
pub(super) type Places = HashMap<UserId, Vec<NodeId>>;

/// What nodes are to be told: each in one message.
pub(super) type Messages = HashMap<NodeId, Vec<Note>>;

/// What came of one message to a node.
pub(super) struct Outcome {
    pub(super) node: NodeId,
    /// What it says.
    pub(super) notes: usize,
    pub(super) outcome: Telling,
}

impl Outcome {
    /// `told`: false if the node has no lease.
    fn of(inner: &Inner, node: NodeId, notes: usize, told: FredResult<bool>) -> Self {
        let outcome = match told {
            Ok(true) => {
                inner.metrics.published.inc_by(u64::try_from(notes).unwrap_or(0));
                Telling::Told
            }
            Ok(false) => Telling::NoLease,
            Err(cause) => {
                tracing::debug!(%cause, %node, "could not tell a node");
                Telling::Failed
            }
        };
        Self { node, notes, outcome }
    }
}

/// As [`wire::encode`], with the error that everything else here has.
pub(super) fn encode(notes: &[Note]) -> FredResult<String> {
    wire::encode(notes).map_err(|cause| Error::new(ErrorKind::Parse, cause.to_string()))
}

/// Tells nodes, and asks where people are: with one command for few, since writing and reading one costs this node, and Redis, more
/// than what is done for it. With several for many: nobody hears anything before a command is done. On a cluster each asks another
/// server, maybe.
pub(super) async fn round(inner: &Inner, messages: Messages, users: Vec<UserId>) -> (Vec<Outcome>, FredResult<Places>) {
    if inner.link.clustered() || users.len() > FEW {
        let (outcomes, names) = tokio::join!(tell(inner, messages), whereabouts(inner, &users));
        return (outcomes, names.and_then(|names| places(users, names)));
    }
    let answer = at_once(inner, &messages, &users).await;
    let told = |place: usize| match &answer {
        Ok((numbers, _)) => Ok(numbers.get(place).is_some_and(|number| *number >= 0)),
        Err(cause) => Err(cause.clone()),
    };
    let of = |(place, (node, notes)): (usize, (&NodeId, &Vec<Note>))| Outcome::of(inner, *node, notes.len(), told(place));
    let outcomes = messages.iter().enumerate().map(of).collect();
    (outcomes, answer.and_then(|(_, names)| places(users, names)))
}

/// Only tells.
pub(super) async fn tell(inner: &Inner, messages: Messages) -> Vec<Outcome> {
    let each = messages.into_iter().map(async |(node, notes)| {
        let told = match encode(&notes) {
            Ok(text) => inner.tell(node, &text).await,
            Err(cause) => Err(cause),
        };
        Outcome::of(inner, node, notes.len(), told)
    });
    join_all(each).await
}

/// For each message its number, or -1 if its node has no lease; for each person the names of nodes.
type Answer = (Vec<i64>, Vec<Vec<String>>);

async fn at_once(inner: &Inner, messages: &Messages, users: &[UserId]) -> FredResult<Answer> {
    let mut keys = Vec::with_capacity(2 * messages.len() + users.len());
    let mut args = vec![messages.len().to_string()];
    for (node, notes) in messages {
        keys.extend([inner.keys.lease(*node), inner.keys.number(*node)]);
        args.extend([inner.keys.inbox(*node), encode(notes)?]);
    }
    keys.extend(users.iter().map(|user| inner.keys.presence(*user)));
    scripts::run(&scripts::ROUND, inner.link.publisher(), keys, args).await
}

async fn whereabouts(inner: &Inner, users: &[UserId]) -> FredResult<Vec<Vec<String>>> {
    if inner.link.clustered() {
        return each(inner, users).await;
    }
    let nobody = Messages::new();
    let answers = try_join_all(users.chunks(TOGETHER).map(|users| at_once(inner, &nobody, users))).await?;
    Ok(answers.into_iter().flat_map(|(_, names)| names).collect())
}

/// Asks with a command for each person: on a cluster, each may be on another server.
async fn each(inner: &Inner, users: &[UserId]) -> FredResult<Vec<Vec<String>>> {
    let pipeline = inner.link.publisher().pipeline();
    for user in users {
        let () = pipeline.hkeys(inner.keys.presence(*user)).await?;
    }
    pipeline.try_all::<Vec<String>>().await.into_iter().collect()
}

fn places(users: Vec<UserId>, answers: Vec<Vec<String>>) -> FredResult<Places> {
    if answers.len() != users.len() {
        return Err(Error::new(ErrorKind::Protocol, "an answer is missing"));
    }
    let nodes = |names: Vec<String>| names.iter().filter_map(|node| node.parse().ok()).collect();
    Ok(users.into_iter().zip(answers.into_iter().map(nodes)).collect())
}
