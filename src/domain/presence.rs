//! Who is online.
//!
//! Somebody is online while they have a socket on a live node, and for a grace after the last one closed: a reload, a
//! change of network or a node that hands its people over must not make them flicker.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    backplane::{Attached, Backplane},
    lifecycle::Lifecycle,
    model::UserId,
};

pub use crate::backplane::Online;

#[derive(Clone, Debug)]
pub struct Presence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backplane: Backplane,
    grace: Duration,
    /// Who left, and when that counts. Its lock is held while the backplane is told, so that an attach and a detach of
    /// one person reach it in the order in which they were decided.
    leaving: Mutex<HashMap<UserId, Instant>>,
    frozen: AtomicBool,
}

impl Presence {
    /// Starts the task that ends the graces.
    pub fn start(backplane: Backplane, grace: Duration, lifecycle: &Lifecycle) -> Self {
        let inner = Inner { backplane, grace, leaving: Mutex::default(), frozen: AtomicBool::new(false) };
        let presence = Self(Arc::new(inner));
        lifecycle.spawn(presence.clone().end_graces());
        presence
    }

    /// This node has a first socket of `user`. Awaits the fence of the backplane's contract.
    pub async fn attach(&self, user: UserId) -> Attached {
        self.0.leaving.lock().remove(&user);
        self.0.backplane.attach(user).await
    }

    /// This node has no socket of `user` any more; that counts after the grace.
    pub fn detach(&self, user: UserId) {
        let mut leaving = self.0.leaving.lock();
        if self.0.grace.is_zero() {
            self.leave(user);
        } else {
            leaving.insert(user, Instant::now() + self.0.grace);
        }
    }

    /// The node is draining: those who leave are on their way to another node, which takes them over.
    pub fn freeze(&self) {
        self.0.frozen.store(true, Ordering::Release);
    }

    /// Who is online now, and the place to watch for changes.
    pub fn online(&self) -> watch::Receiver<Online> {
        self.0.backplane.online()
    }

    async fn end_graces(self) {
        let step = (self.0.grace / 4).clamp(Duration::from_millis(10), Duration::from_millis(500));
        let mut ticks = tokio::time::interval(step);
        loop {
            let now = ticks.tick().await;
            let mut leaving = self.0.leaving.lock();
            leaving.retain(|user, due| {
                let stays = *due > now;
                if !stays {
                    self.leave(*user);
                }
                stays
            });
        }
    }

    fn leave(&self, user: UserId) {
        if !self.0.frozen.load(Ordering::Acquire) {
            self.0.backplane.detach(user);
        }
    }
}
