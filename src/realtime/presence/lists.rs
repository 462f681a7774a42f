//! Whole lists, for frontends that know only `getOnlineUsers`: to each socket at most one an interval, and to all of them
//! together not more than a node may spend on that.

use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Hub, say};
use crate::config;

/// Lists sent before the pace is looked at.
const SLICE: usize = 64;

/// Looks for sockets that are due are at least this part of an interval apart: each has an interval of its own.
const LOOKS: u32 = 8;

pub(super) async fn run(hub: Hub, config: config::Presence) {
    let presence = hub.presence();
    loop {
        let now = Instant::now();
        let (due, next) = presence.views.lock().due(now.into_std());
        for slice in due.chunks(SLICE) {
            let words: Vec<_> = {
                let (mut views, now) = (presence.views.lock(), Instant::now().into_std());
                slice.iter().filter_map(|number| views.list(*number, now)).collect()
            };
            let bytes = words.iter().map(|(socket, word)| say(&hub, socket, word)).sum();
            sleep(pace(bytes, config.bytes_per_second)).await;
        }
        let look = now + config.list_interval / LOOKS;
        if !due.is_empty() {
            sleep_until(look).await;
        } else if let Some(ripe) = next {
            sleep_until(look.max(Instant::from_std(ripe))).await;
        } else {
            presence.outdated.notified().await;
        }
    }
}

/// How long so many bytes take at that rate.
fn pace(bytes: usize, bytes_per_second: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64)
}
