//! `[redis]`.

use serde::Deserialize;
use std::{fmt, time::Duration};

use super::redact;

#[derive(Clone, Deserialize)]
pub struct Redis {
    /// `REDIS_URL`. Empty: in-process bus, one node.
    pub url: String,
    /// Before every key and channel.
    pub prefix: String,
    /// Connections for commands; one more subscribes.
    pub connections: usize,
    /// How long a command may take.
    pub timeout: Duration,
}

impl Redis {
    /// Whether there is a Redis: without it the node is alone and its bus lives in the process.
    pub fn is_configured(&self) -> bool {
        !self.url.is_empty()
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, prefix, connections, timeout } = self;
        f.debug_struct("Redis")
            .field("url", &redact::url(url))
            .field("prefix", prefix)
            .field("connections", connections)
            .field("timeout", timeout)
            .finish()
    }
}
