//! The producers' end of [`Signals`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Reason, Signal, Signals};
use crate::{
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::event::Whisper,
    recent::{Recent, Telling},
};

/// Signals that may wait for the consumer.
pub(super) const QUEUE: usize = 8192;

/// Drops what does not fit and then owes the consumer one reconcile.
#[derive(Clone, Debug)]
pub(super) struct SignalQueue {
    sender: mpsc::Sender<Signal>,
    owed: Arc<AtomicBool>,
    lifecycle: Lifecycle,
    metrics: Metrics,
    recent: Recent,
}

impl SignalQueue {
    pub(super) fn new(lifecycle: &Lifecycle, metrics: Metrics, recent: Recent) -> (Self, Signals) {
        let (sender, signals) = mpsc::channel(QUEUE);
        (Self { sender, owed: Arc::default(), lifecycle: lifecycle.clone(), metrics, recent }, signals)
    }

    /// Drops what would take the room of signals that matter.
    pub(super) fn whisper(&self, whisper: Whisper) {
        if !whisper.to.is_empty() && self.sender.capacity() > QUEUE / 2 {
            drop(self.sender.try_send(Signal::Whisper(whisper)));
        }
    }

    pub(super) fn push(&self, signal: Signal) {
        let Err(TrySendError::Full(dropped)) = self.sender.try_send(signal) else { return };
        self.metrics.signals_dropped.inc();
        if let Signal::Envelope(envelope) = dropped {
            self.recent.told(envelope.entries.iter().map(|(user, seq)| (*user, *seq, None, Telling::Dropped)));
        }
        if self.owed.swap(true, Ordering::SeqCst) {
            return;
        }
        // The reconcile takes the first place that becomes free. It clears the debt *before* it is pulled, so that a
        // signal dropped after that owes another one.
        let (sender, owed) = (self.sender.clone(), self.owed.clone());
        self.lifecycle.spawn(async move {
            if let Ok(permit) = sender.reserve().await {
                owed.store(false, Ordering::SeqCst);
                permit.send(Signal::Reconcile(Reason::Overflow));
            }
        });
    }
}
