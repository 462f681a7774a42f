//! `hubbub epoch`.

use clap::{Args, Subcommand};
use std::{io::Write, process::ExitCode};

use crate::{
    app,
    config::Config,
    domain::epoch::{self, Bump},
};

#[derive(Debug, Args)]
pub(super) struct Epoch {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Give every person's log a new epoch. For after the database was restored to an earlier state, best before the nodes are
    /// started again.
    ///
    /// After a restore, numbers of events are given out a second time. Clients that saw the first ones would take the second
    /// for known, and miss them. Under a new epoch they can't: a position from before it is answered `reset` (unknown_log),
    /// and the client loads the history. Messages are not touched. Without --yes, only says what would be done.
    Bump {
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the action.
pub(super) async fn run(config: Config, Epoch { action: Action::Bump { yes } }: Epoch) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    let store = app::open_existing(&config).await?;
    let outcome = if yes { epoch::bump(&store).await } else { epoch::plan(&store).await };
    store.close().await;
    let Bump { logs, from, to } = app::explained(outcome, "cannot raise the epoch; it can be run again")?;
    if !yes {
        writeln!(out, "This would raise the epoch of {logs} log(s) from {from} to {to}. Nothing was changed.")?;
        writeln!(out, "Every client that reconnects is then told `reset` (unknown_log) and loads the history again.")?;
        writeln!(
            out,
            "Do it after the database was restored to an earlier state, before nodes are started on it: hubbub epoch bump --yes"
        )?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "Raised the epoch of {logs} log(s) from {from} to {to}.")?;
    writeln!(
        out,
        "Running nodes notice at their next sweep (realtime.sweep_interval) and let their sockets reconnect; clients that"
    )?;
    writeln!(out, "resume are told `reset` (unknown_log) and load the history. Nothing else needs to be done.")?;
    Ok(ExitCode::SUCCESS)
}
