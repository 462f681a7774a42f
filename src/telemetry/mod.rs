//! What this process tells of itself beside its metrics: logs (one line an event, to standard error, for people or as JSON)
//! and, if asked for, traces. No secrets, no message bodies.

use std::io::IsTerminal;
use tracing::Metadata;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    config::{Log, LogFormat, Tracing},
    trace,
};

mod otlp;

pub use otlp::Traces;

/// Starts logging for this process.
///
/// # Errors
/// A filter that can't be parsed, or logging that was started before.
pub fn start(config: &Log) -> anyhow::Result<()> {
    tracing_subscriber::registry().with(lines(config)?).try_init()?;
    Ok(())
}

/// Starts logging and, if it is configured, the export of traces. The answer must be told to stop, or the last spans are lost.
/// Needs a tokio runtime.
///
/// # Errors
/// As [`start`], and an endpoint that is no HTTP address.
pub fn start_with_traces(config: &Log, tracing: &Tracing) -> anyhow::Result<Traces> {
    let traces = Traces::new(tracing)?;
    let mut layers = vec![lines(config)?];
    layers.extend(traces.layer().map(|layer| layer.with_filter(filter_fn(is_step)).boxed()));
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(traces)
}

fn is_step(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == trace::TARGET
}

fn lines(config: &Log) -> anyhow::Result<Box<dyn Layer<Registry> + Send + Sync>> {
    // Steps are for traces: in the lines they would only repeat themselves.
    let filter = EnvFilter::try_new(&config.filter)?.and(filter_fn(|metadata| !is_step(metadata)));
    let lines = fmt::layer().with_writer(std::io::stderr);
    Ok(match config.format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).compact().with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    })
}
