//! `hubbub openapi`.

use std::{io::Write, process::ExitCode};

use crate::http;

/// Prints the description that a running hub serves at `/api/openapi.json`.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    serde_json::to_writer_pretty(&mut out, &http::openapi())?;
    writeln!(out)?;
    Ok(ExitCode::SUCCESS)
}
