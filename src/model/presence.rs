//! Presence: who is online where.

use super::{NodeId, UserId};

/// What changed on one node since it last said so. Versions chain: a reader that holds `from` of that node and
/// applies this holds `to`; one that holds anything else reads the whole set again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PresenceDelta {
    pub node: NodeId,
    pub from: i64,
    pub to: i64,
    pub online: Vec<UserId>,
    pub offline: Vec<UserId>,
}
