//! The command line.

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::{future::Future, path::PathBuf, process::ExitCode};

use crate::config::{self, Config, Faults};

mod check_config;
mod doctor;
mod epoch;
mod healthcheck;
mod migrate;
mod openapi;
mod serve;

/// A realtime chat hub: REST and Socket.IO for stock clients, on one laptop or a cluster.
///
/// Without any configuration it runs alone, on SQLite and folders under data/. DATABASE_URL (PostgreSQL), REDIS_URL and
/// JWT_SECRET make several of it one hub. Every setting is described in config/default.toml.
#[derive(Debug, Parser)]
#[command(name = "hubbub", version, max_term_width = 100)]
pub struct Cli {
    /// Settings file (TOML), between the defaults and the environment.
    #[arg(long, global = true, env = "HUBBUB_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub until SIGTERM or Ctrl-C, then drain and stop.
    Serve,
    /// Bring the database's schema up to date. Safe to start several times at once.
    Migrate,
    /// Print the OpenAPI 3.1 description of the REST interface.
    Openapi,
    /// Check the configuration and print what is in effect, secrets masked.
    CheckConfig,
    /// Ask a running hub's /ready on this machine; exit code 0 if it is ready.
    Healthcheck,
    /// Find out why a message did not arrive.
    Doctor(doctor::Doctor),
    /// Take care of the logs' epoch after the database was restored to an earlier state.
    Epoch(epoch::Epoch),
}

/// Runs a command.
///
/// # Errors
/// Whatever kept it from being carried out, in words for the person at the terminal.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let file = cli.config.clone();
    let config = || told(Config::load(file.as_deref(), config::environment()));
    let unsigned = || told(Config::load_unsigned(file.as_deref(), config::environment()));
    match cli.command {
        Command::Openapi => openapi::run(),
        Command::CheckConfig => check_config::run(file.as_deref()),
        Command::Serve => {
            let config = config()?;
            block_on(config.runtime.worker_threads, serve::run(config))
        }
        Command::Migrate => block_on(1, migrate::run(unsigned()?)),
        Command::Healthcheck => block_on(1, healthcheck::run(config()?)),
        Command::Doctor(what) => block_on(1, doctor::run(unsigned()?, what)),
        Command::Epoch(what) => block_on(1, epoch::run(unsigned()?, what)),
    }
}

fn told(config: Result<Config, Faults>) -> anyhow::Result<Config> {
    config.map_err(|faults| anyhow::anyhow!("the configuration is not right:\n{faults}"))
}

/// Runs a task, and whatever it spawns, on so many threads; 0 = one for each core that the process may use.
fn block_on<F>(threads: usize, task: F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    };
    let mut runtime = match threads {
        // Not a pool of one: where nobody can steal tasks, nothing guards against it.
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.worker_threads(threads).enable_all().build().context("cannot start the runtime")?.block_on(task)
}
