//! Logs: one line an event, to standard error, for people or as JSON. No secrets, no message bodies.

use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Log, LogFormat};

/// Starts logging for this process.
///
/// # Errors
/// A filter that can't be parsed, or logging that was started before.
pub fn start(config: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Human => registry.with(lines.with_ansi(std::io::stderr().is_terminal()).compact()).try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}
