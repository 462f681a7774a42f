//! `hubbub healthcheck`: for container images without a shell or curl.

use anyhow::Context;
use std::{io::Write, process::ExitCode, time::Duration};

use crate::{config::Config, tls};

const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `/ready` on this machine and prints the answer.
pub(super) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(config.ops.port != 0, "OPS_PORT is 0 (any free port): set the port that the hub printed");
    let host = if config.ops.host.is_unspecified() { "127.0.0.1".to_owned() } else { config.ops.host.to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let url = format!("http://{host}:{}/ready", config.ops.port);
    tls::install();
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("no answer from {url}: is hubbub running?"))?;
    let status = answer.status();
    writeln!(std::io::stdout(), "{}", answer.text().await.unwrap_or_default())?;
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
