//! `[http]`: the public listener.

use serde::Deserialize;
use std::{net::IpAddr, time::Duration};

/// The public listener.
#[derive(Debug, Clone, Deserialize)]
pub struct Http {
    pub host: IpAddr,
    /// `PORT`; 0 = any free port, printed.
    pub port: u16,
    /// `CLIENT_URL`, comma-separated: origins of frontends that live elsewhere. The hub's own is always allowed.
    pub allowed_origins: Vec<String>,
    /// Largest JSON body.
    pub body_limit: usize,
    /// How long a client may take to send its request's head, and its body.
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` counts, as addresses or networks (CIDR).
    pub trusted_proxies: Vec<String>,
    /// Open connections that the listener holds at most; further ones wait in the kernel's queue.
    pub max_connections: usize,
}
