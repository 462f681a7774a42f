//! Why did this person not get this message? Puts together what the database knows for good and what nodes remember of the
//! last minutes. Pure but for [`examine`]; asking the nodes is up to the caller.

mod conclude;
mod facts;
#[cfg(test)]
mod tests;

pub use conclude::{arrival, telling};
use serde::Serialize;

use crate::{
    model::{ClientId, ConversationId, MessageId, NodeId, Result, Timestamp, UserId, clock::iso},
    recent::{Recollection, What},
    store::{MessageTrace, Store},
};

/// What the database knows.
#[derive(Debug, Clone)]
pub struct Case {
    pub trace: MessageTrace,
    /// Nodes and when each said last that it lives, the latest first.
    pub beats: Vec<(NodeId, Timestamp)>,
    /// The time by the same clock.
    pub now: Timestamp,
}

/// A node that was asked.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Its ops port, `host:port`.
    pub address: String,
    /// Its answer, or why there is none.
    pub answer: Result<Recollection, String>,
}

/// Everything that is known, and what it means.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    pub message: MessageFacts,
    pub nodes: Vec<NodeFacts>,
    /// Nodes that live, by the database, and were not asked.
    pub not_asked: Vec<NodeId>,
    pub members: Vec<MemberFacts>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageFacts {
    pub id: MessageId,
    /// When a node took it in; it was committed a moment later.
    #[serde(serialize_with = "iso::serialize")]
    pub created_at: Timestamp,
    pub conversation_id: ConversationId,
    /// Its place in the conversation.
    pub number: i64,
    pub sender_id: UserId,
    pub receiver_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// A node that was asked.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFacts {
    pub address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it can't say, and since when it can say something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// One member of the conversation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberFacts {
    pub user_id: UserId,
    pub full_name: String,
    /// How far the log goes.
    pub head: String,
    /// The lowest number that the log keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<String>,
    /// The message's place in the log; absent if the entry was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What happened, on whatever node, in the order of the nodes' clocks.
    pub facts: Vec<NodeFact>,
    /// Facts about other sockets that were left out.
    pub left_out: usize,
    /// What it means, in one sentence.
    pub conclusion: String,
}

/// One thing that happened on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFact {
    #[serde(serialize_with = "iso::serialize")]
    pub at: Timestamp,
    /// Where: the address that was asked.
    pub address: String,
    #[serde(flatten)]
    pub what: What,
}

/// Looks a message up; `None` if there is no such message.
///
/// # Errors
/// [`crate::model::Error::Unavailable`].
pub async fn examine(store: &Store, id: MessageId) -> Result<Option<Case>> {
    let Some(trace) = store.trace(id).await? else { return Ok(None) };
    let (beats, now) = store.node_beats().await?;
    Ok(Some(Case { trace, beats, now }))
}

impl Case {
    /// What to ask the nodes for: each member, and the message's number in their log; 0 if it is not there any more.
    pub fn entries(&self) -> Vec<(UserId, i64)> {
        self.trace.members.iter().map(|member| (member.user, member.seq.unwrap_or(0))).collect()
    }
}

/// Draws the conclusions. A node that answered at several addresses counts once; one that did not beat for `alive` is dead.
pub fn diagnose(case: &Case, mut witnesses: Vec<Witness>, alive: std::time::Duration) -> Diagnosis {
    let mut seen = Vec::new();
    witnesses.retain(|witness| match witness.answer.as_ref().ok().and_then(|answer| answer.node) {
        Some(node) if seen.contains(&node) => false,
        Some(node) => {
            seen.push(node);
            true
        }
        None => true,
    });
    let message = &case.trace.message;
    let stale = chrono::TimeDelta::from_std(alive).unwrap_or(chrono::TimeDelta::MAX);
    let alive = case.beats.iter().filter(|(_, beat)| case.now.signed_duration_since(beat) <= stale);
    Diagnosis {
        message: MessageFacts {
            id: message.id,
            created_at: message.created_at,
            conversation_id: message.conversation_id,
            number: message.number,
            sender_id: message.sender_id,
            receiver_id: message.receiver_id,
            client_id: message.client_id,
        },
        nodes: witnesses.iter().map(|witness| facts::of_node(witness, message.created_at)).collect(),
        not_asked: alive.map(|(node, _)| *node).filter(|node| !seen.contains(node)).collect(),
        members: case.trace.members.iter().map(|member| facts::of_member(member, message, &witnesses)).collect(),
    }
}
