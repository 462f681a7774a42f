//! `hubbub check-config`.

use std::{io::Write, path::Path, process::ExitCode};

use crate::config::{self, Config};

/// Prints what is in effect, or every fault.
pub(super) fn run(file: Option<&Path>) -> anyhow::Result<ExitCode> {
    match Config::load(file, config::environment()) {
        Ok(config) => {
            write!(std::io::stdout(), "{}", config.describe())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => {
            writeln!(std::io::stderr(), "{faults}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
