//! `[limits]`: who may do what how often.

use serde::Deserialize;
use std::time::Duration;

/// A token bucket: `burst` at once, then one each `every`. A burst of 0 switches the limit off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Quota {
    pub burst: u32,
    pub every: Duration,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Limits {
    /// Messages of one account, in this node's memory.
    pub send: Quota,
    /// Events of one socket, in this node's memory.
    pub event: Quota,
    /// Signs that this account is typing, in this node's memory.
    pub typing: Quota,
    /// Socket sessions of anybody, in this node's memory.
    pub admission: Quota,
    /// Socket connections of one account, through Redis.
    pub handshake: Quota,
    /// Attempts to make one account from one address, through Redis.
    pub sign_up: Quota,
    /// Accounts of any name made from one address, through Redis.
    pub sign_ups_from_address: Quota,
    /// Failed log-ins of one account from one address, through Redis.
    pub failed_log_in: Quota,
    /// How long to wait for Redis before the node decides by itself.
    pub deadline: Duration,
}
