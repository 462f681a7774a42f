//! The list of who is online: to a socket when it connects, and to all when it changed, but not at each change.

use parking_lot::Mutex;
use serde_json::value::{RawValue, to_raw_value};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

use super::{connection::LocalSocket, hub::Hub};
use crate::{
    config::{self, Config},
    domain::{Services, presence::Online},
    lifecycle::Lifecycle,
};

/// The current list, rendered once for everybody who gets it.
#[derive(Clone)]
pub(super) struct OnlineList {
    online: watch::Receiver<Online>,
    rendered: Arc<Mutex<Option<Rendered>>>,
}

#[derive(Clone)]
struct Rendered {
    version: u64,
    list: Arc<RawValue>,
}

impl OnlineList {
    pub(super) fn new(services: &Services) -> Self {
        Self { online: services.presence.online(), rendered: Arc::default() }
    }

    /// Sends the list to a socket that doesn't have this version of it yet.
    pub(super) fn send(&self, hub: &Hub, socket: &LocalSocket) {
        if let Some(Rendered { version, list }) = self.render() {
            hub.send_online(socket, version, &list);
        }
    }

    fn render(&self) -> Option<Rendered> {
        let online = self.online.borrow().clone();
        let mut rendered = self.rendered.lock();
        if let Some(current) = rendered.as_ref().filter(|rendered| rendered.version == online.version) {
            return Some(current.clone());
        }
        // The parser takes a list as one argument only when it is wrapped in a raw value, which this is.
        let list = to_raw_value(&*online.users).ok()?;
        *rendered = Some(Rendered { version: online.version, list: Arc::from(list) });
        rendered.clone()
    }
}

/// Starts sending changed lists to all sockets.
pub(super) fn start(hub: &Hub, services: &Services, config: &Config, lifecycle: &Lifecycle) {
    lifecycle.spawn(announce(hub.clone(), OnlineList::new(services), config.presence.clone()));
}

async fn announce(hub: Hub, mut list: OnlineList, config: config::Presence) {
    while list.online.changed().await.is_ok() {
        list.online.mark_unchanged();
        let Some(Rendered { version, list: rendered }) = list.render() else { continue };
        let sockets = hub.sockets();
        for socket in &sockets {
            hub.send_online(socket, version, &rendered);
        }
        tokio::time::sleep(pause(&config, sockets.len(), rendered.get().len())).await;
    }
}

/// How long after one list the next may go: at least the interval, longer when the lists are what the node would
/// spend its time on (N people who see each other cost N² ids a list).
fn pause(config: &config::Presence, sockets: usize, bytes: usize) -> Duration {
    let cost = sockets as f64 * bytes as f64 / config.bytes_per_second.max(1) as f64;
    config.interval.max(Duration::from_secs_f64(cost.min(60.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_what_the_lists_cost() {
        let config = config::Presence { grace: Duration::ZERO, interval: Duration::from_secs(1), bytes_per_second: 1_000_000 };
        assert_eq!(pause(&config, 10, 400), Duration::from_secs(1));
        assert_eq!(pause(&config, 1_000, 39_000), Duration::from_secs(39));
        assert_eq!(pause(&config, 100_000, 3_900_000), Duration::from_secs(60), "but not without end");
    }
}
