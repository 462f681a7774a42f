//! A message that is alone in its batch, as nearly all are while the load is light.

use super::{Transaction, get};
use crate::{
    model::{conversation::direct_key, event::EventKind, message::Text, upload::MediaName},
    store::writer::plan::{Conversation, Row, Stood},
};
use sea_orm::{DbErr, prelude::Uuid, sqlx};
use std::collections::HashMap;

/// As [`super::AT_ONCE`], with values in the place of arrays: what that one costs before its first row, for nine scans of arrays and
/// the joins with them, is half of what a lone message costs.
///
/// Each update waits for the one before it, so the rows that count are locked in the order of [`super::LOCK`]. That a log is missing
/// whose person is there would be a defect: the division fails the statement then.
const ALONE: &str = "WITH c AS (\
       UPDATE conversations SET last_number = last_number + 1, last_message_id = $1, last_at = $2 WHERE direct_key = $3 \
       AND EXISTS (SELECT FROM users WHERE id = $4 AND deleted_at IS NULL) AND EXISTS (SELECT FROM users WHERE id = $5 AND deleted_at IS NULL) \
       AND NOT EXISTS (SELECT FROM messages WHERE sender_id = $6 AND client_id = $8 AND client_id IS NOT NULL) RETURNING id, last_number), \
     one AS (UPDATE user_log l SET seq = l.seq + 1 FROM c WHERE l.user_id = $4 RETURNING l.seq), \
     other AS (UPDATE user_log l SET seq = l.seq + 1 FROM one WHERE l.user_id = $5 RETURNING l.seq), \
     m AS (\
       INSERT INTO messages (id, conversation_id, number, sender_id, receiver_id, client_id, text, media_name, created_at, updated_at) \
       SELECT $1, id, last_number, $6, $7, $8, $9, $10, $2, $2 FROM c), \
     e AS (\
       INSERT INTO user_events (user_id, seq, kind, ref, created_at) \
       SELECT $4, seq, $11, $1, $2 FROM one UNION ALL SELECT $5, seq, $11, $1, $2 FROM other) \
     SELECT id, last_number - 1, (SELECT seq FROM one) - 1, (SELECT seq FROM other) - 1, 1 / (SELECT count(*) FROM other)::integer FROM c";

impl Transaction {
    /// As [`Transaction::write_at_once`]: one message between these two people, who are in the order of their ids.
    pub(super) async fn write_alone(&mut self, row: &Row<'_>, [one, other]: [Uuid; 2]) -> Result<Option<Stood>, DbErr> {
        let new = row.new;
        let query = sqlx::query(ALONE)
            .bind(new.id.0)
            .bind(new.created_at)
            .bind(direct_key(new.sender, new.receiver))
            .bind(one)
            .bind(other)
            .bind(new.sender.0)
            .bind(new.receiver.0)
            .bind(new.client_id.map(|client| client.0))
            .bind(new.text.as_ref().map(Text::as_str))
            .bind(new.image.as_ref().map(MediaName::as_str))
            .bind(EventKind::NewMessage as i16);
        let found = self.rows(query).await?;
        let Some(found) = found.first() else { return Ok(None) };
        let conversation = Conversation { id: get(found, 0)?, last_number: get(found, 1)? };
        Ok(Some(Stood {
            conversations: HashMap::from([(row.conversation, conversation)]),
            logs: HashMap::from([(one, get(found, 2)?), (other, get(found, 3)?)]),
        }))
    }
}
