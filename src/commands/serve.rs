//! `hubbub serve`.

use anyhow::Context;
use std::{
    io::Write,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{app::App, config::Config, telemetry};

/// Runs the hub until a signal, then drains it.
pub(super) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let traces = telemetry::start_with_traces(&config.log, &config.tracing)?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    // The two lines that scripts and people look for; logs go to standard error. The first comes before the node serves: whoever
    // wonders why it does not yet can ask `/ready`.
    let app = tokio::select! {
        app = App::start_and_tell(config, |ops| say("ops", ops)) => app?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
    };
    say("hubbub", app.http())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
        _ = interrupt.recv() => tracing::info!("interrupt: draining; once more to stop at once"),
    }
    tokio::select! {
        () = app.shut_down() => {}
        _ = interrupt.recv() => tracing::warn!("stopped without draining"),
    }
    traces.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn say(who: &str, address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{who} listens on http://{}", loopback(address))?;
    out.flush()?;
    Ok(())
}

/// An address that a browser on this machine can open.
fn loopback(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
