//! What a node tells of its memory: the body of `/recent` on the ops port, written by a node and read by `hubbub doctor`.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use crate::model::{MessageId, NodeId, Timestamp, UserId, clock::iso};

/// What a node remembers of a message and of the people in whose logs it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recollection {
    /// Who answers; `None` while the node starts.
    pub node: Option<NodeId>,
    /// Other ids of the same process: a node that lost its lease takes a new one.
    pub formerly: Vec<NodeId>,
    /// False if `ops.recent_events` is 0.
    pub remembers: bool,
    /// The node's clock.
    #[serde(serialize_with = "iso::serialize")]
    pub now: Timestamp,
    /// What was committed, told and queued before that is forgotten; the node's start if nothing is.
    #[serde(serialize_with = "iso::serialize")]
    pub deliveries_since: Timestamp,
    /// Sockets that came or went before that are forgotten; the node's start if nothing is.
    #[serde(serialize_with = "iso::serialize")]
    pub sockets_since: Timestamp,
    /// In the order in which it happened.
    pub facts: Vec<Fact>,
    /// Whether older facts were left out because there are too many.
    pub cut: bool,
}

/// One thing that happened on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    #[serde(serialize_with = "iso::serialize")]
    pub at: Timestamp,
    #[serde(flatten)]
    pub what: What,
}

/// What happened. Sockets are named by a number that the node gives them; their session ids are secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum What {
    /// The node committed the entry.
    Committed { message: MessageId, user: UserId, seq: i64 },
    /// What came of telling a node (or, without one, all others) of the entry: a label of [`super::Telling`].
    Told { user: UserId, seq: i64, node: Option<NodeId>, outcome: Cow<'static, str> },
    /// The entry was queued to sockets. `how` it came: `hint`, `log`. `sockets` are the first of `count`.
    Queued { user: UserId, seq: i64, how: Cow<'static, str>, sockets: Vec<u32>, count: u32 },
    /// The entry waits for a number before it.
    Held { user: UserId, seq: i64 },
    /// A socket went live. It was sent the entries after number `since` up to `live` from the log, and gets what comes after.
    Opened { user: UserId, socket: u32, since: i64, live: i64 },
    /// A socket asked to go on where it was: `current` and `resumed` start at `epoch.from`, with the entries up to `to` from
    /// the log; the reason of a reset starts anew there.
    Resumed { user: UserId, socket: u32, epoch: i32, from: i64, to: i64, verdict: Cow<'static, str> },
    /// A socket ended.
    Ended { user: UserId, socket: u32, reason: Cow<'static, str> },
    /// Something that only a newer hubbub knows.
    #[serde(other)]
    Unknown,
}

impl What {
    /// Whose log or socket it is about.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Committed { user, .. }
            | Self::Told { user, .. }
            | Self::Queued { user, .. }
            | Self::Held { user, .. }
            | Self::Opened { user, .. }
            | Self::Resumed { user, .. }
            | Self::Ended { user, .. } => Some(*user),
            Self::Unknown => None,
        }
    }
}
