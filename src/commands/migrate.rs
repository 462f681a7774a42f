//! `hubbub migrate`.

use std::{io::Write, process::ExitCode};

use crate::{app, config::Config, telemetry};

/// Applies what is pending, under a lock; of several started at once, one applies.
pub(super) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let mut out = std::io::stdout();
    match app::migrate(&config).await? {
        0 => writeln!(out, "The schema is up to date; nothing to apply.")?,
        applied => writeln!(out, "Applied {applied} migration(s); the schema is up to date.")?,
    }
    Ok(ExitCode::SUCCESS)
}
