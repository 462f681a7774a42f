//! Somebody with sockets on this node: their place in their log and their sockets, behind one lock.

use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{connection::LocalSockets, cursor::Cursor};
use crate::model::{UserId, position::Position};

/// See the module.
pub(super) struct Person {
    pub(super) id: UserId,
    state: Mutex<State>,
    /// Held while the first socket's position is read; the others wait for it.
    pub(super) fence: tokio::sync::Mutex<()>,
    /// Whether a repair is under way.
    repairing: AtomicBool,
}

/// What the lock guards.
#[derive(Default)]
pub(super) struct State {
    /// Of the log that the cursor is in.
    epoch: i32,
    pub(super) cursor: Cursor,
    /// The live ones. All of them got every number up to the cursor's.
    pub(super) sockets: LocalSockets,
    /// Sockets on their way in: the person must not be forgotten under them.
    pub(super) joining: usize,
    /// Whether events wait in the sockets for a flush that is on its way.
    pub(super) flushes: bool,
}

impl State {
    /// The last number passed to the sockets, with its epoch; `None` while that isn't known.
    pub(super) fn position(&self) -> Option<Position> {
        self.cursor.last().map(|seq| Position { epoch: self.epoch, seq })
    }

    /// Starts at a position that was read. Nobody is live yet: what was offered before is read from the log by each
    /// socket on its way in.
    pub(super) fn start(&mut self, at: Position) {
        self.epoch = at.epoch;
        self.cursor.start(at.seq);
    }

    /// Forgets the position: the log is not the one it was in. The next socket reads it anew.
    pub(super) fn forget_position(&mut self) {
        self.cursor = Cursor::default();
    }
}

impl Person {
    pub(super) fn new(id: UserId) -> Self {
        Self { id, state: Mutex::default(), fence: tokio::sync::Mutex::default(), repairing: AtomicBool::new(false) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.lock().position()
    }

    /// The last number passed to the sockets; `None` while the position isn't known.
    pub(super) fn last(&self) -> Option<i64> {
        self.lock().cursor.last()
    }

    pub(super) fn has_gap(&self) -> bool {
        self.lock().cursor.has_gap()
    }

    /// Claims the repair of this person's gap; false when somebody is at it.
    pub(super) fn claim_repair(&self) -> bool {
        !self.repairing.swap(true, Ordering::AcqRel)
    }

    pub(super) fn release_repair(&self) {
        self.repairing.store(false, Ordering::Release);
    }
}
