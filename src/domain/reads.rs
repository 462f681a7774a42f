//! How far somebody has read.

use tracing::Instrument;

use super::delivery::Delivery;
use crate::{
    lifecycle::Lifecycle,
    model::{Error, MessageId, Result, UserId, conversation::ReadMark, event::Event},
    store::Store,
    trace::step,
};

#[derive(Clone, Debug)]
pub struct Reads {
    store: Store,
    delivery: Delivery,
    lifecycle: Lifecycle,
}

impl Reads {
    pub fn new(store: Store, delivery: Delivery, lifecycle: Lifecycle) -> Self {
        Self { store, delivery, lifecycle }
    }

    /// Marks the conversation with `other` as read up to a message of it, and tells the reader's own sockets. Never
    /// moves a mark backwards; the answer is where it stands.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`] if that message is not of this conversation, [`Error::Unavailable`].
    pub async fn mark(&self, me: UserId, other: UserId, up_to: MessageId) -> Result<ReadMark> {
        // In a task of its own: a reader who hangs up after the commit must not take the hint along.
        let (reads, marking) = (self.clone(), self.lifecycle.tracker());
        let marked = marking.spawn(async move { reads.commit(me, other, up_to).await }.in_current_span());
        marked.await.map_err(|failed| Error::internal("reads", failed))?
    }

    async fn commit(&self, me: UserId, other: UserId, up_to: MessageId) -> Result<ReadMark> {
        let outcome = self.store.mark_read(me, other, Some(up_to)).instrument(step!("commit")).await?;
        let mark = outcome.mark.ok_or(Error::MessageNotFound)?;
        if let Some(seq) = outcome.seq {
            self.delivery.publish(Event::messages_read(&mark)?, vec![(me, seq)]);
        }
        Ok(mark)
    }
}
