//! `[realtime]`: sockets.

use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
pub struct Realtime {
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    /// How long a transport may take to say CONNECT.
    pub connect_timeout: Duration,
    pub upgrade_timeout: Duration,
    /// Events queued to one socket; one more disconnects it.
    pub outbox: usize,
    /// Largest frame or polling body that a client may send.
    pub max_frame: usize,
    /// How long a write may make no progress before the connection is cut.
    pub write_timeout: Duration,
    /// How long a number may be missing before the gap is read from the database.
    pub gap_hold: Duration,
    /// How often all local users are compared with the database.
    pub sweep_interval: Duration,
    /// Entries that a socket that comes back is sent at most; who missed more loads its lists anew.
    pub replay: u64,
    /// For tests only: whether what hints did not bring is read from the log.
    pub repair: bool,
    /// Sockets of one account on one node; one more is refused.
    pub sockets_per_user: usize,
}
