//! Telling nodes: what a round of the publisher says to each of them, in one message.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{FredResult, PubsubInterface},
};
use futures_util::future::{join_all, try_join_all};
use std::collections::HashMap;

use super::{
    Inner, scripts,
    wire::{self, Note, Number, Told},
};
use crate::{
    model::{NodeId, UserId, event::Envelope},
    recent::Telling,
};

/// Nodes to which a stream may go. It ends when there are more, and the next begins: one comes and goes with each process.
const NODES: usize = 1_024;

/// The nodes on which people are.
pub(super) type Places = HashMap<UserId, Vec<NodeId>>;

/// What nodes are to be told: each in one message.
pub(super) type Messages = HashMap<NodeId, Vec<Note>>;

/// How this process numbers what it tells each node by itself: a plain PUBLISH takes Redis a tenth of what a script takes that numbers
/// and publishes.
#[derive(Debug)]
pub(super) struct Stream {
    id: u64,
    told: HashMap<NodeId, i64>,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { id: rand::random(), told: HashMap::new() }
    }

    fn next(&mut self, node: NodeId) -> Number {
        if self.told.len() >= NODES && !self.told.contains_key(&node) {
            *self = Self::new();
        }
        let number = self.told.entry(node).or_default();
        *number += 1;
        Number::Stream(self.id, *number)
    }
}

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

    /// What a node may not have heard, of all of these.
    pub(super) fn failed(outcomes: &[Self]) -> usize {
        outcomes.iter().filter(|told| told.outcome == Telling::Failed).map(|told| told.notes).sum()
    }
}

/// As [`wire::encode`], with the error that everything else here has.
pub(super) fn encode(notes: &[Note]) -> FredResult<String> {
    wire::encode(notes).map_err(|cause| Error::new(ErrorKind::Parse, cause.to_string()))
}

impl Inner {
    /// Puts notes, already written, into a node's inbox. False if the node has no lease.
    pub(super) async fn tell(&self, node: NodeId, notes: &str) -> FredResult<bool> {
        self.tell_if(node, notes, "").await
    }

    /// As [`Inner::tell`], unless the lease lacks that word.
    pub(super) async fn tell_if(&self, node: NodeId, notes: &str, word: &str) -> FredResult<bool> {
        let keys = vec![self.keys.lease(node), self.keys.number(node)];
        let args = vec![self.keys.inbox(node), notes.to_owned(), word.to_owned()];
        let number: i64 = scripts::run(&scripts::PUBLISH, self.link.publisher(), keys, args).await?;
        Ok(number >= 0)
    }

    /// As [`Inner::tell`], with a number that this process gives: only to those who understand it. If nobody listens, what that means
    /// is for the script to say.
    async fn tell_as(&self, node: NodeId, number: Number, notes: &str) -> FredResult<bool> {
        let message = format!("{number}|{notes}");
        let listeners: i64 = self.link.publisher().publish(self.keys.inbox(node), message).await?;
        if listeners > 0 { Ok(true) } else { self.tell(node, notes).await }
    }

    /// Tells every other node.
    pub(super) async fn broadcast(&self, notes: &[Note]) -> FredResult<()> {
        let text = encode(notes)?;
        try_join_all(self.others().await?.into_iter().map(|node| self.tell(node, &text))).await?;
        Ok(())
    }
}

/// Adds to what nodes are to be told: each envelope, with the entries of those who are on that node, as `places` says.
pub(super) fn address<P>(messages: &mut Messages, envelopes: &[Envelope], own: NodeId, places: impl Fn(UserId) -> P)
where
    P: Iterator<Item = NodeId>,
{
    for envelope in envelopes {
        // Searched from one end to the other: most envelopes are for one other node or none.
        let mut told: Vec<(NodeId, Told)> = Vec::new();
        for entry in &envelope.entries {
            for node in places(entry.0).filter(|node| *node != own) {
                match told.iter_mut().find(|(to, _)| *to == node) {
                    Some((_, told)) => told.push(*entry),
                    None => told.push((node, Told::of(envelope, *entry))),
                }
            }
        }
        for (node, told) in told {
            messages.entry(node).or_default().push(Note::Envelope(told));
        }
    }
}

/// Tells nodes; Redis numbers what they hear.
pub(super) async fn tell(inner: &Inner, messages: Messages) -> Vec<Outcome> {
    join_all(messages.into_iter().map(|(node, notes)| tell_one(inner, node, notes, None))).await
}

/// Tells nodes; numbers itself what those hear that understand it. One after the other: whatever overtakes is a loss to them.
pub(super) async fn tell_in(inner: &Inner, stream: &mut Stream, messages: Messages) -> Vec<Outcome> {
    let numbered = messages.into_iter().map(|(node, notes)| {
        // On a cluster the script runs where the node listens, and PUBLISH is passed on to every server.
        let understood = !inner.link.clustered() && inner.peers.understands_streams(node);
        tell_one(inner, node, notes, understood.then(|| stream.next(node)))
    });
    join_all(numbered.collect::<Vec<_>>()).await
}

async fn tell_one(inner: &Inner, node: NodeId, notes: Vec<Note>, number: Option<Number>) -> Outcome {
    let told = match (encode(&notes), number) {
        (Ok(text), Some(number)) => inner.tell_as(node, number, &text).await,
        (Ok(text), None) => inner.tell(node, &text).await,
        (Err(cause), _) => Err(cause),
    };
    Outcome::of(inner, node, notes.len(), told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_counts_for_each_node_and_another_begins_when_there_were_too_many() {
        let mut stream = Stream::new();
        let (id, [one, other]) = (stream.id, [NodeId::new(), NodeId::new()]);
        let numbers = [one, other, one].map(|node| stream.next(node));
        assert_eq!(numbers, [1, 1, 2].map(|number| Number::Stream(id, number)));

        let others = [(); NODES].map(|()| stream.next(NodeId::new()));

        assert!(others.iter().all(|number| matches!(number, Number::Stream(_, 1))));
        assert!(stream.told.len() < NODES);
        let Number::Stream(another, 1) = stream.next(one) else { panic!("counted from the beginning") };
        assert_ne!(another, id);
    }
}
