//! From a commit to the sockets: tells the nodes, and reads from the log what a hint did not bring.

use crate::{
    backplane::Backplane,
    model::{
        MessageId, Result, UserId,
        event::{Envelope, LogEntry},
        position::Position,
    },
    recent::Recent,
    store::Store,
};

pub use crate::backplane::{Reason, Signal, Signals};

#[derive(Clone, Debug)]
pub struct Delivery {
    store: Store,
    backplane: Backplane,
    recent: Recent,
}

impl Delivery {
    pub fn new(store: Store, backplane: Backplane, recent: Recent) -> Self {
        Self { store, backplane, recent }
    }

    /// Notes that this node committed a message, for `hubbub doctor`, and goes on as [`Delivery::publish`].
    pub fn publish_message(&self, message: MessageId, envelope: Envelope) {
        self.recent.committed(message, &envelope.entries);
        self.publish(envelope);
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
