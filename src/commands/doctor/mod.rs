//! `hubbub doctor`.

use anyhow::Context;
use clap::{Args, Subcommand};
use std::{io::Write, process::ExitCode};

use crate::{
    app,
    config::Config,
    domain::{doctor, nodes},
    model::MessageId,
};

mod ask;
mod text;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(subcommand)]
    about: About,
}

#[derive(Debug, Subcommand)]
enum About {
    /// Why did somebody not get this message? When it was committed, its number in each member's log, which nodes were told,
    /// to which sockets it was queued, and which resume covered it.
    ///
    /// Reads the database that `serve` would use with the same configuration, and asks nodes for what they remember of the
    /// last minutes. Changes nothing.
    Message {
        /// The message's `_id`.
        id: MessageId,
        /// A node's ops port; once for each node. Of a name with several addresses (a headless service), all are asked.
        /// Default: OPS_PORT on this machine.
        #[arg(long = "node", value_name = "HOST:PORT")]
        nodes: Vec<String>,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
}

/// Answers on standard output.
pub(super) async fn run(config: Config, Doctor { about }: Doctor) -> anyhow::Result<ExitCode> {
    let About::Message { id, nodes, json } = about;
    let store = app::open_existing(&config).await?;
    let case = doctor::examine(&store, id).await;
    store.close().await;
    let case = app::explained(case, "cannot read the database (HUBBUB__DATABASE__TIMEOUT is how long it may take)")?;
    let case = case.with_context(|| {
        format!("there is no message {id}: it was never committed in this database, or the id is that of something else")
    })?;
    let nodes = if nodes.is_empty() { vec![ask::this_machine(&config.ops)] } else { nodes };
    let witnesses = ask::all(&nodes, &case).await?;
    let diagnosis = doctor::diagnose(&case, witnesses, nodes::alive_for(config.cluster.database_beat));
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &diagnosis)?;
        writeln!(out)?;
    } else {
        text::write(&mut out, &diagnosis)?;
    }
    Ok(ExitCode::SUCCESS)
}
