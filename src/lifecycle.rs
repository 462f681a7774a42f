//! The life of a process: starting, ready, draining, stopped; and the tracker of its tasks. No globals: several nodes
//! can live in one process.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::TaskTracker,
};

/// A cheap handle on one node's life.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    started: Arc<AtomicBool>,
    /// What keeps the node from being ready although it has started, such as a schema that isn't its own.
    unfit: Arc<parking_lot::Mutex<Option<String>>>,
    draining: CancellationToken,
    stopping: CancellationToken,
    tracker: TaskTracker,
}

/// Whether traffic should come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    Starting,
    /// The reason, for people.
    Unfit(String),
    Draining,
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// Latches "start-up is complete".
    pub fn started(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// Sets or lifts a reason not to be ready.
    pub fn unfit(&self, reason: Option<String>) {
        *self.unfit.lock() = reason;
    }

    pub fn readiness(&self) -> Readiness {
        if self.draining.is_cancelled() {
            Readiness::Draining
        } else if let Some(reason) = self.unfit.lock().clone() {
            Readiness::Unfit(reason)
        } else if !self.started.load(Ordering::Acquire) {
            Readiness::Starting
        } else {
            Readiness::Ready
        }
    }

    /// From here on: not ready, nothing new is accepted.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// From here on: every task ends.
    pub fn stop(&self) {
        self.draining.cancel();
        self.stopping.cancel();
        self.tracker.close();
    }

    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Resolves when the drain begins.
    pub fn drained(&self) -> WaitForCancellationFutureOwned {
        self.draining.clone().cancelled_owned()
    }

    /// Resolves when the node stops.
    pub fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.stopping.clone().cancelled_owned()
    }

    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Runs a task until it ends or the node stops.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopped = self.stopped();
        self.tracker.spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = task => {}
            }
        });
    }
}
