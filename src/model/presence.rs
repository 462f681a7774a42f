//! Presence: who is online where, and what others are told of it.

use serde::{Deserialize, Serialize};

use super::{NodeId, Timestamp, UserId, clock::iso};

/// What changed on one node since it last said so. Versions chain: a reader that holds `from` of that node and
/// applies this holds `to`; one that holds anything else reads the whole set again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceDelta {
    pub node: NodeId,
    pub from: i64,
    pub to: i64,
    pub online: Vec<UserId>,
    pub offline: Vec<UserId>,
    /// When each of `offline` was last here, in milliseconds since 1970; shorter, or missing, where it isn't known.
    #[serde(default)]
    pub seen: Vec<i64>,
}

/// How it is with somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Online,
    /// `last_seen` is `None` if they never were here.
    Offline {
        last_seen: Option<Timestamp>,
    },
    /// The other nodes are not heard: they may be online there.
    Unknown {
        last_seen: Option<Timestamp>,
    },
}

impl Status {
    pub fn state(self) -> PresenceState {
        match self {
            Self::Online => PresenceState::Online,
            Self::Offline { .. } => PresenceState::Offline,
            Self::Unknown { .. } => PresenceState::Unknown,
        }
    }

    /// When they were here last; `None` also while they are here.
    pub fn last_seen(self) -> Option<Timestamp> {
        match self {
            Self::Online => None,
            Self::Offline { last_seen } | Self::Unknown { last_seen } => last_seen,
        }
    }
}

/// Whether somebody is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PresenceState {
    Online,
    Offline,
    /// The hub can't tell now.
    Unknown,
}

/// What is told of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPresence {
    user_id: UserId,
    state: PresenceState,
    /// When their last connection ended; null while they are online, and if they never were.
    #[serde(serialize_with = "iso::serialize_optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_seen: Option<Timestamp>,
}

impl From<(UserId, Status)> for UserPresence {
    fn from((user_id, status): (UserId, Status)) -> Self {
        Self { user_id, state: status.state(), last_seen: status.last_seen() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_has_exactly_the_fields_of_the_contract() {
        let (id, at) = (UserId::new(), Timestamp::from_timestamp_millis(1_764_000_000_120));
        let cases = [
            (Status::Online, "online", None),
            (Status::Offline { last_seen: at }, "offline", Some("2025-11-24T16:00:00.120Z")),
            (Status::Unknown { last_seen: None }, "unknown", None),
        ];
        for (status, state, last_seen) in cases {
            let expected = serde_json::json!({ "userId": id, "state": state, "lastSeen": last_seen });
            assert_eq!(serde_json::to_value(UserPresence::from((id, status))).expect("JSON"), expected);
        }
    }
}
