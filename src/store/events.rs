//! Logs: how far each goes, and what is in it.

use super::{
    Failure, Store,
    conversations::{message_columns, message_in},
    entity::user_log,
    sql,
};
use crate::model::{
    Error, Result, UserId,
    event::{Event, EventKind, LogEntry},
    position::Position,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryResult, prelude::Uuid};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Logs that one query asks for.
const CHUNK: usize = 1000;

impl Store {
    /// How far one log goes; `None` for an unknown user. Those who ask at the same time share a query, which begins after
    /// this was called.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn position(&self, user: UserId) -> Result<Option<Position>> {
        self.positions.ask(user, self.timeout).await
    }

    /// How far each log goes; unknown users are left out. Asks for 1,000 at a time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn positions(&self, users: &[UserId]) -> Result<Vec<(UserId, Position)>> {
        const POSTGRES: &str = "SELECT user_id, epoch, seq FROM user_log WHERE user_id = ANY($1)";
        let mut positions = Vec::with_capacity(users.len());
        for chunk in users.chunks(CHUNK) {
            let ids: Vec<Uuid> = chunk.iter().map(|user| user.0).collect();
            let rows = self
                .repeating(|| async {
                    Ok(match self.read.get_database_backend() {
                        DbBackend::Postgres => {
                            user_log::Model::find_by_statement(sql(&self.read, POSTGRES, [ids.clone().into()]))
                                .all(&self.read)
                                .await?
                        }
                        _ => {
                            user_log::Entity::find()
                                .filter(user_log::Column::UserId.is_in(ids.iter().copied()))
                                .all(&self.read)
                                .await?
                        }
                    })
                })
                .await?;
            positions.extend(rows.into_iter().map(|row| (UserId(row.user_id), Position { epoch: row.epoch, seq: row.seq })));
        }
        Ok(positions)
    }

    /// Entries of one log after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] if an entry can't be read, which would be a defect.
    pub async fn entries_after(&self, user: UserId, after: i64, limit: u64) -> Result<Vec<LogEntry>> {
        const ENTRIES: &str = concat!(
            "SELECT e.seq AS e_seq, e.kind AS e_kind, e.data AS e_data, e.created_at AS e_created_at, ",
            message_columns!(),
            " FROM user_events e LEFT JOIN messages m ON m.id = e.ref WHERE e.user_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.repeating(|| async {
            let statement = sql(&self.read, ENTRIES, [user.0.into(), after.into(), limit.into()]);
            let rows = self.read.query_all_raw(statement).await?;
            rows.iter().map(|row| entry_in(row, user)).collect()
        })
        .await
    }
}

fn entry_in(row: &QueryResult, user: UserId) -> Result<LogEntry, Failure> {
    let seq = row.try_get("", "e_seq")?;
    let event = match EventKind::try_from(row.try_get::<i16>("", "e_kind")?)? {
        EventKind::NewMessage => Event::new_message(&message_in(row)?)?,
        kind @ EventKind::MessagesRead => {
            let payload = RawValue::from_string(row.try_get("", "e_data")?)
                .map_err(|cause| Error::internal("database", format_args!("entry {seq} of the log of {user}: {cause}")))?;
            Event { kind, payload: Arc::from(payload) }
        }
    };
    Ok(LogEntry { user, seq, event, created_at: row.try_get("", "e_created_at")? })
}
