//! `[cluster]`.

use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};

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
    /// `IP:port` at which the other nodes reach this node's public port. Empty: polling sessions are not forwarded.
    pub address: String,
    /// Whether a node closes sockets that it has beyond its share, so that they move to others.
    pub shed: bool,
    /// How long it must have had too many, and over how long it closes them.
    pub shed_after: Duration,
    pub shed_over: Duration,
    /// The load balancer's cookie that keeps a client on its node, with its attributes if it needs some; empty: there is none.
    pub shed_cookie: String,
}

impl Cluster {
    /// Where the other nodes reach this one, whose public port is `port`; `None` if that is not configured.
    pub fn reachable_at(&self, port: u16) -> Option<SocketAddr> {
        let mut address = parse(&self.address)?;
        if address.port() == 0 {
            address.set_port(port);
        }
        Some(address)
    }
}

/// Reads `IP:port`. An unspecified address (`0.0.0.0`) is one to listen at, not one to be reached at.
pub(super) fn parse(address: &str) -> Option<SocketAddr> {
    address.parse().ok().filter(|address: &SocketAddr| !address.ip().is_unspecified())
}
