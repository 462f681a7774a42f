//! From a commit to the sockets: tells the nodes, and reads from the log what a hint did not bring.

use crate::{
    backplane::Backplane,
    model::{
        Clock, MessageId, Result, UserId,
        event::{Envelope, Event, LogEntry, Origin},
        position::Position,
    },
    recent::Recent,
    store::Store,
    trace,
};

pub use crate::backplane::{Reason, Signal, Signals};

#[derive(Clone, Debug)]
pub struct Delivery {
    store: Store,
    backplane: Backplane,
    recent: Recent,
    clock: Clock,
}

impl Delivery {
    pub fn new(store: Store, backplane: Backplane, recent: Recent, clock: Clock) -> Self {
        Self { store, backplane, recent, clock }
    }

    /// Notes that this node committed a message, for `hubbub doctor`, and goes on as [`Delivery::publish`].
    pub fn publish_message(&self, message: MessageId, event: Event, entries: Vec<(UserId, i64)>) {
        self.recent.committed(message, &entries);
        self.publish(event, entries);
    }

    /// Tells the nodes of everybody concerned of what was committed just now. Never waits, never fails: see the
    /// backplane's contract.
    pub fn publish(&self, event: Event, entries: Vec<(UserId, i64)>) {
        let origin = Origin { committed_at: Some(self.clock.micros()), remote: false, trace: trace::context() };
        self.backplane.publish(Envelope { event, entries, origin });
    }

    /// How far one log goes, from the primary database, read after this was called; `None` if there is no such log.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn position(&self, user: UserId) -> Result<Option<Position>> {
        self.store.position(user).await
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
