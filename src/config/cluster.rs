//! `[cluster]`.

use serde::Deserialize;
use std::time::Duration;

/// What nodes know of each other (with Redis only).
#[derive(Debug, Clone, Deserialize)]
pub struct Cluster {
    /// How often a node renews its lease in Redis, and how long that lasts.
    pub beat: Duration,
    pub lease: Duration,
    /// How often a node says in the database that it lives; stale after two and a half of these.
    pub database_beat: Duration,
    /// A beacon each interval through the node's own inbox; none for `deaf_after`: the node is deaf.
    pub beacon: Duration,
    pub deaf_after: Duration,
    /// How often revoked sessions are looked up.
    pub revocation_poll: Duration,
}
