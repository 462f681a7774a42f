//! `[presence]`: who is online.

use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
pub struct Presence {
    /// How long somebody stays online after the last socket closed.
    pub grace: Duration,
    /// How often a changed list is sent at most.
    pub interval: Duration,
    /// What sending lists may cost a node at most, in bytes a second: the interval grows with the list.
    pub bytes_per_second: u64,
}
