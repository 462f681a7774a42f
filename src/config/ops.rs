//! `[ops]`: the listener for probes and Prometheus.

use serde::Deserialize;
use std::net::IpAddr;

/// `/live`, `/ready`, `/metrics`: a port of their own, never published.
#[derive(Debug, Clone, Deserialize)]
pub struct Ops {
    pub host: IpAddr,
    /// `OPS_PORT`; 0 = any free port, printed.
    pub port: u16,
}
