//! Who I talk with, and what was said.

use super::reads::Reads;
use crate::{
    model::{
        Result, UserId,
        conversation::Chat,
        message::Message,
        page::{Cursor, Limit, Page},
    },
    store::Store,
};

#[derive(Clone, Debug)]
pub struct Conversations {
    store: Store,
    reads: Reads,
}

impl Conversations {
    pub fn new(store: Store, reads: Reads) -> Self {
        Self { store, reads }
    }

    /// Everyone whom `me` exchanged a message with, most recent conversation first.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn chats(&self, me: UserId, after: Option<Cursor>, limit: Limit) -> Result<Page<Chat>> {
        self.store.chats(me, after, limit).await
    }

    /// A page of the history, oldest first in it: the newest one, or the one before message number `before`.
    ///
    /// A request for the newest page that names no `limit` comes from a frontend that knows nothing of read marks:
    /// whoever loads a conversation like that has read it.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn history(
        &self,
        me: UserId,
        other: UserId,
        before: Option<i64>,
        limit: Option<Limit>,
    ) -> Result<Page<Message, i64>> {
        let page = self.store.history(me, other, before, limit.unwrap_or(Limit::MAX)).await?;
        if let (None, None, Some(newest)) = (before, limit, page.rows.last()) {
            // The page is there; that its mark could not be written is no reason to withhold it.
            if let Err(error) = self.reads.mark(me, other, newest.id).await {
                tracing::warn!(%error, cause = ?error.cause(), "a conversation that was loaded could not be marked as read");
            }
        }
        Ok(page)
    }
}
