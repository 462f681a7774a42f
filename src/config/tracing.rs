//! `[tracing]`: the export of traces.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
pub struct Tracing {
    /// Of a collector that takes OTLP over HTTP; empty: no traces.
    pub otlp_endpoint: String,
    /// The share of messages whose way is recorded.
    pub sample: f64,
}
