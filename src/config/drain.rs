//! `[drain]`: how a node leaves.

use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
pub struct Drain {
    /// Not ready, but still serving, so that the load balancer notices.
    pub notice: Duration,
    /// Over how long the sockets are closed, evenly and in random order.
    pub spread: Duration,
    /// How long running requests may take after that.
    pub finish: Duration,
}
