//! Whether it is known who is online. It isn't from the moment at which anything is wrong until this node is repaired, has
//! registered everybody, and has read the others once they had the time to do the same. Until then the view stands: who
//! leaves this node may be on another by now, and is still shown.
//!
//! After Redis lost its memory, what nodes told each other meanwhile may have been lost, too. So one lease later, when every
//! living node is back, all is read again and compared with the view.

use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Notify, time::Instant};

use super::{Inner, connect, observe};

/// What the connections of the other nodes may be behind with being made again. They notice what is wrong at the next beacon,
/// and need a moment to put it right.
const RECONNECTING: Duration = Duration::from_millis(connect::RECONNECT_MS.1 as u64);
/// Between two looks whether all is well again.
const STEP: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Whole {
    state: Mutex<State>,
    doubted: Notify,
    forgotten: Notify,
}

#[derive(Debug, Default)]
struct State {
    known: bool,
    doubts: u64,
    /// When all is to be read again.
    compare_at: Option<Instant>,
}

impl Whole {
    pub(super) fn known(&self) -> bool {
        self.state.lock().known
    }

    /// When what Redis knows is to be compared, if it lost its memory.
    pub(super) fn compares(&self) -> Option<Instant> {
        self.state.lock().compare_at
    }

    fn doubts(&self) -> u64 {
        self.state.lock().doubts
    }
}

impl Inner {
    /// Something is wrong: it isn't known who is online.
    pub(super) fn doubt(&self) {
        // Held to the end, so that the roster says the same.
        let mut state = self.whole.state.lock();
        state.doubts += 1;
        if std::mem::take(&mut state.known) {
            tracing::debug!("it is not known who is online");
            self.roster.doubt();
            self.metrics.presence_known.set(0);
        }
        drop(state);
        self.whole.doubted.notify_one();
    }

    /// Redis lost its memory, or some of it.
    pub(super) fn forgot(&self) {
        self.doubt();
        self.whole.state.lock().compare_at = Some(Instant::now() + self.cluster.lease);
        self.whole.forgotten.notify_one();
    }

    /// It is known again, unless something went wrong since there were so many doubts.
    fn believe(&self, doubts: u64) {
        let mut state = self.whole.state.lock();
        if state.doubts == doubts {
            state.known = true;
            tracing::debug!("it is known who is online");
            self.roster.believe();
            self.metrics.presence_known.set(1);
        }
    }

    fn is_well(&self) -> bool {
        self.link.connected()
            && !self.link.away()
            && self.joined()
            && self.registry.is_settled()
            && !self.troubles.any()
            && !self.inbox.deaf()
    }
}

/// Watches for the moment at which it is known again, for ever.
pub(super) async fn run(inner: Arc<Inner>) {
    let started = Instant::now();
    // Where Redis answers at once, the others have been there for long.
    let settling = |since: Instant, first: bool| {
        let at_once = first && since.duration_since(started) < inner.link.timeout();
        if at_once { Duration::ZERO } else { RECONNECTING + inner.cluster.beacon.mul_f32(1.5) }
    };
    let mut first = true;
    loop {
        let mut well: Option<(u64, Instant)> = None;
        while !inner.whole.known() {
            tokio::time::sleep(STEP).await;
            if !inner.is_well() {
                well = None;
                continue;
            }
            let doubts = inner.whole.doubts();
            let since = well.filter(|(before, _)| *before == doubts).map_or_else(Instant::now, |(_, since)| since);
            well = Some((doubts, since));
            if since.elapsed() < settling(since, first) {
                continue;
            }
            match observe::refresh(&inner, None).await {
                Ok(_) => {
                    inner.believe(doubts);
                    first = false;
                }
                Err(cause) => tracing::debug!(%cause, "could not read who is online elsewhere"),
            }
        }
        inner.whole.doubted.notified().await;
    }
}

/// Compares the view with Redis one lease after that lost its memory, for ever.
pub(super) async fn compare(inner: Arc<Inner>) {
    loop {
        let due = inner.whole.state.lock().compare_at;
        let Some(due) = due else {
            inner.whole.forgotten.notified().await;
            continue;
        };
        tokio::time::sleep_until(due).await;
        if !inner.whole.known() || inner.whole.state.lock().compare_at != Some(due) {
            tokio::time::sleep(STEP).await;
            continue;
        }
        match observe::refresh(&inner, Some(due)).await {
            Ok(corrected) => {
                tracing::debug!(corrected, "compared who is online with what Redis knows");
                inner.metrics.presence_corrected.inc_by(u64::try_from(corrected).unwrap_or(0));
                inner.whole.state.lock().compare_at.take_if(|at| *at == due);
            }
            Err(cause) => {
                tracing::debug!(%cause, "could not compare who is online");
                tokio::time::sleep(STEP).await;
            }
        }
    }
}
