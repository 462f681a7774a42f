//! `[ops]`: the listener for probes, Prometheus and `hubbub doctor`.

use serde::Deserialize;
use std::net::IpAddr;

/// `/live`, `/ready`, `/metrics`, `/recent`: a port of their own, never published.
#[derive(Debug, Clone, Deserialize)]
pub struct Ops {
    pub host: IpAddr,
    /// `OPS_PORT`; 0 = any free port, printed.
    pub port: u16,
    /// Deliveries, and comings and goings of sockets, that the node remembers of each; 0 = none.
    pub recent_events: usize,
}
