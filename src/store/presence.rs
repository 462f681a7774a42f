//! When people were last seen, and whom they talk with.

use super::{Failure, Store, begin, conversations::DIRECT, sql};
use crate::model::{Result, Timestamp, UserId, conversation::partner_in};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Value, prelude::Uuid};
use std::collections::BTreeMap;

/// People that one query asks for.
const CHUNK: usize = 1000;

/// A time never goes back: two nodes may write one person's departures in either order. One that is not newer is not
/// written at all.
macro_rules! record {
    ($rows:literal) => {
        concat!(
            "INSERT INTO user_presence (user_id, last_seen_at) ",
            $rows,
            " ON CONFLICT (user_id) DO UPDATE SET last_seen_at = excluded.last_seen_at \
             WHERE excluded.last_seen_at > user_presence.last_seen_at"
        )
    };
}

/// Living accounts with the time of each, if there is one.
macro_rules! seen {
    ($whom:literal) => {
        concat!(
            "SELECT u.id AS user_id, p.last_seen_at FROM users u LEFT JOIN user_presence p ON p.user_id = u.id WHERE u.id ",
            $whom,
            " AND u.deleted_at IS NULL"
        )
    };
}

/// The most recent direct conversations of one person. Their keys name the partner: looking up the other member would cost
/// as much again.
macro_rules! recent {
    ($me:literal) => {
        concat!(
            "SELECT mine.user_id, c.direct_key, c.last_at, c.id FROM members mine \
             JOIN conversations c ON c.id = mine.conversation_id WHERE mine.user_id = ",
            $me,
            " AND c.kind = $3 AND c.last_number > 0 ORDER BY c.last_at DESC, c.id DESC LIMIT $2"
        )
    };
}

impl Store {
    /// Writes when people were last seen, all of them or none. An earlier time than the known one changes nothing.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn record_last_seen(&self, seen: &[(UserId, Timestamp)]) -> Result<()> {
        // Rows are locked in this order, so that two nodes never wait for each other in a circle.
        const POSTGRES: &str =
            record!("SELECT user_id, seen FROM unnest($1::uuid[], $2::timestamptz[]) AS new (user_id, seen) ORDER BY user_id");
        const SQLITE: &str = record!("VALUES ($1, $2)");
        // Each person once, or PostgreSQL refuses the statement.
        let mut latest = BTreeMap::new();
        for (user, at) in seen {
            latest.entry(user.0).and_modify(|known: &mut Timestamp| *known = (*known).max(*at)).or_insert(*at);
        }
        if latest.is_empty() {
            return Ok(());
        }
        self.repeating(|| async {
            if self.write.get_database_backend() == DbBackend::Postgres {
                let (users, times): (Vec<Uuid>, Vec<Timestamp>) = latest.iter().unzip();
                self.write.execute_raw(sql(&self.write, POSTGRES, [users.into(), times.into()])).await?;
            } else {
                let transaction = begin(&self.write).await?;
                for (user, at) in &latest {
                    transaction.execute_raw(sql(&transaction, SQLITE, [(*user).into(), (*at).into()])).await?;
                }
                transaction.commit().await?;
            }
            Ok(())
        })
        .await
    }

    /// When each of these people was last seen, if ever. Living accounts only, in no particular order.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn last_seen(&self, users: &[UserId]) -> Result<Vec<(UserId, Option<Timestamp>)>> {
        let seen = |row: &QueryResult| Ok((UserId(row.try_get("", "user_id")?), row.try_get("", "last_seen_at")?));
        self.about_each(users, seen!("= ANY($1)"), seen!("= $1"), &[], seen).await
    }

    /// With whom each of these people has conversations that have a message: the `limit` most recent, latest first, as
    /// (person, partner). The people come in no particular order.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn partners(&self, users: &[UserId], limit: u32) -> Result<Vec<(UserId, UserId)>> {
        // LATERAL, so that each person costs what their own conversations cost, whatever the planner thinks of the others'.
        const POSTGRES: &str = concat!(
            "SELECT recent.user_id, recent.direct_key FROM unnest($1::uuid[]) AS asked (id) CROSS JOIN LATERAL (",
            recent!("asked.id"),
            ") AS recent ORDER BY recent.user_id, recent.last_at DESC, recent.id DESC"
        );
        let pair = |row: &QueryResult| {
            let (user, key): (Uuid, String) = (row.try_get("", "user_id")?, row.try_get("", "direct_key")?);
            let partner = partner_in(&key, UserId(user));
            Ok((UserId(user), partner.ok_or_else(|| DbErr::Type(format!("{key} names no conversation of {user}")))?))
        };
        self.about_each(users, POSTGRES, recent!("$1"), &[i64::from(limit).into(), DIRECT.into()], pair).await
    }

    /// Asks about many people: PostgreSQL with an array as `$1`, SQLite, which runs in this process, with one person after
    /// the other. `more` are `$2` and on.
    async fn about_each<T>(
        &self,
        users: &[UserId],
        postgres: &str,
        sqlite: &str,
        more: &[Value],
        read: impl Fn(&QueryResult) -> Result<T, DbErr>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        for users in users.chunks(CHUNK) {
            let ids: Vec<Uuid> = users.iter().map(|user| user.0).collect();
            let asked: Vec<(&str, Value)> = match self.read.get_database_backend() {
                DbBackend::Postgres => vec![(postgres, ids.into())],
                _ => ids.into_iter().map(|id| (sqlite, id.into())).collect(),
            };
            for (text, first) in asked {
                let statement = sql(&self.read, text, [first].into_iter().chain(more.iter().cloned()));
                let rows = self.repeating(|| async { Ok(self.read.query_all_raw(statement.clone()).await?) }).await?;
                found.extend(rows.iter().map(&read).collect::<Result<Vec<T>, DbErr>>().map_err(Failure::from)?);
            }
        }
        Ok(found)
    }
}
