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
    /// Whether a node closes sockets that it has beyond its share, so that they move to others.
    pub shed: bool,
    /// How long it must have had too many, and over how long it closes them.
    pub shed_after: Duration,
    pub shed_over: Duration,
    /// The load balancer's cookie that keeps a client on its node; empty: there is none.
    pub shed_cookie: String,
}
