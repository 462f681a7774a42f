//! The command line: parse, run, exit code.

use clap::Parser;
use hubbub::commands::{self, Cli};
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to be done if even that fails.
            let _ = writeln!(std::io::stderr(), "hubbub: {error:#}");
            ExitCode::FAILURE
        }
    }
}
