//! From a commit to the sockets: tells the nodes, and reads from the log what a hint did not bring.

use crate::{
    backplane::Backplane,
    model::{
        Result, UserId,
        event::{Envelope, LogEntry},
        position::Position,
    },
    store::Store,
};

pub use crate::backplane::{Reason, Signal, Signals};

#[derive(Clone, Debug)]
pub struct Delivery {
    store: Store,
    backplane: Backplane,
}

impl Delivery {
    pub fn new(store: Store, backplane: Backplane) -> Self {
        Self { store, backplane }
    }

    /// Tells the nodes of everybody concerned. Never waits, never fails: see the backplane's contract.
    pub fn publish(&self, envelope: Envelope) {
        self.backplane.publish(envelope);
    }

    /// How far each log goes, from the primary database.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn positions(&self, users: &[UserId]) -> Result<Vec<(UserId, Position)>> {
        self.store.positions(users).await
    }

    /// The entries of one log after number `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn entries_after(&self, user: UserId, after: i64, limit: u64) -> Result<Vec<LogEntry>> {
        self.store.entries_after(user, after, limit).await
    }
}
