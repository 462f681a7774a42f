//! Pulls the backplane's signals into the hub, and runs what must happen even when none come: the sweep, the poll for
//! revoked sessions, the census.

use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tracing::Span;

use super::{
    CENSUS_INTERVAL,
    hub::{How, Hub},
    meter::Way,
    repair,
};
use crate::{
    config::Config,
    domain::{
        Services,
        delivery::{Signal, Signals},
        sessions::Sessions,
    },
    lifecycle::Lifecycle,
    model::{Clock, event::Envelope},
    trace::{self, step},
};

/// Starts the tasks; they end with the node.
pub(super) fn start(hub: &Hub, services: &Services, signals: Signals, config: &Config, lifecycle: &Lifecycle) {
    let due = Arc::new(Notify::new());
    lifecycle.spawn(pull(hub.clone(), services.sessions.clone(), signals, due.clone()));
    lifecycle.spawn(reconcile(hub.clone(), due, config.realtime.sweep_interval));
    lifecycle.spawn(poll_revoked(hub.clone(), services.sessions.clone(), config.cluster.revocation_poll));
    lifecycle.spawn(census(hub.clone(), services.clock.clone()));
}

async fn pull(hub: Hub, sessions: Sessions, mut signals: Signals, due: Arc<Notify>) {
    let clock = hub.services().clock.clone();
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Envelope(Envelope { event, entries, origin }) => {
                let step = origin.trace.as_deref().map_or_else(Span::none, |trace| {
                    trace::follow(step!("deliver", otel.kind = "consumer", event = event.kind.name()), trace)
                });
                let _entered = step.enter();
                let meter = hub.meter(if origin.remote { Way::Remote } else { Way::Local });
                for (user, seq) in entries {
                    let reached = hub.offer(user, seq, &event, How::Hint);
                    if reached > 0 {
                        meter.delivered(reached, origin.committed_at.map(|at| (clock.micros() - at) as f64 / 1e6));
                    }
                }
            }
            Signal::Reconcile(reason) => {
                tracing::info!(?reason, "reconciling all local users with the database");
                hub.metrics().reconciles.with_label_values(&[reason.label()]).inc();
                due.notify_one();
            }
            Signal::Whisper(whisper) => hub.whisper(&whisper),
            Signal::Revoked(session) => {
                sessions.forget(session);
                hub.revoke(session);
            }
        }
    }
}

/// Reconciles when asked, and as a sweep: a sender that died between its commit and its hint leaves no other trace.
async fn reconcile(hub: Hub, due: Arc<Notify>, sweep: Duration) {
    let swept = hub.metrics().reconciles.with_label_values(&["sweep"]);
    let mut ticks = ticks(sweep);
    loop {
        tokio::select! {
            () = due.notified() => {}
            _ = ticks.tick() => swept.inc(),
        }
        if let Err(error) = repair::reconcile(&hub).await {
            tracing::warn!(%error, cause = ?error.cause(), "could not reconcile; the next sweep tries again");
        }
    }
}

async fn poll_revoked(hub: Hub, sessions: Sessions, every: Duration) {
    let mut ticks = ticks(every);
    let mut failing = false;
    loop {
        ticks.tick().await;
        match sessions.poll_revoked().await {
            Ok(revoked) => {
                failing = false;
                revoked.into_iter().for_each(|session| hub.revoke(session));
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, cause = ?error.cause(), "could not look for revoked sessions; trying on");
                }
                failing = true;
            }
        }
    }
}

async fn census(hub: Hub, clock: Clock) {
    let mut ticks = ticks(CENSUS_INTERVAL);
    loop {
        ticks.tick().await;
        hub.census(clock.now());
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
