//! Puts load on hubbub, or on any server of its contract, and says what came of it: a line of JSON for each step, and one with the result.
//!
//! One thread with one event loop drives everything, so that the tool takes little of the cores that it shares with what it measures.

mod closed;
mod connect;
mod deliver;
mod fanout;
mod histogram;
mod history;
mod http;
mod ledger;
mod login;
mod net;
mod outcome;
mod people;
mod processes;
mod random;
mod run;
mod say;
mod socket;
mod sockets;
mod timer;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde_json::json;

use crate::{outcome::Outcome, people::Share, run::Run};

/// Put load on hubbub and measure what comes of it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Who takes part: a line of JSON each, `{"id", "token"}`; for login `{"email", "password"}`
    #[arg(long)]
    people: PathBuf,
    /// Processes among which the work is divided: one has 20,000 descriptors or so
    #[arg(long, default_value_t = 1)]
    processes: usize,
    /// Wait for a line of input before what is measured
    #[arg(long)]
    gate: bool,
    /// Do only this part of the work, as in 0/6: for the processes that it starts itself
    #[arg(long, hide = true)]
    share: Option<Share>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Deliver(deliver::Deliver),
    Connect(connect::Connect),
    Fanout(fanout::Fanout),
    History(history::History),
    Login(login::Login),
}

impl Command {
    /// The step after which it waits for an order.
    fn gate(&self) -> &'static str {
        if matches!(self, Self::Deliver(_)) { "connected" } else { "ready" }
    }
}

fn main() -> Result<()> {
    let Arguments { people, processes, gate, share, command } = Arguments::parse();
    if processes > 1 && share.is_none() {
        return processes::run(processes, gate, command.gate());
    }
    let run = Run { people, share: share.unwrap_or(Share::ALL), gated: gate || share.is_some(), part: share.is_some() };
    let outcome: Outcome = match &command {
        Command::Deliver(deliver) => deliver.run(&run),
        Command::Connect(connect) => connect.run(&run),
        Command::Fanout(fanout) => fanout.run(&run),
        Command::History(history) => history.run(&run),
        Command::Login(login) => login.run(&run),
    }?;
    let told = if share.is_some() { json!({ "event": "part", "outcome": outcome }) } else { outcome.told() };
    say::line(&told)
}
