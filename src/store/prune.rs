//! Removing old entries from logs.
//!
//! A log is pruned from its low end only, so that what is kept has no hole up to its head: entries are not strictly in the
//! order of their times (nodes' clocks differ), so "older than" alone would not do. That is why this goes through the logs by
//! the primary key. It needs no index on the time, which every send would have to pay for.

use super::{Store, begin, sql};
use crate::model::{Result, Timestamp, UserId};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, prelude::Uuid};
use std::time::Duration;

/// Some logs, in the order of their users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The last that was looked at; `None` when there are no more.
    pub last: Option<UserId>,
    /// Those of them whose lowest entry is too old.
    pub expired: Vec<UserId>,
}

impl Store {
    /// The time before which entries are too old, by the clock that all nodes share: one node with a wrong clock must not
    /// empty the logs.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn retention_limit(&self, retention: Duration) -> Result<Timestamp> {
        let now = self.repeating(|| async { Ok(self.shared_now(&self.read).await?) }).await?;
        let retention = TimeDelta::from_std(retention).ok().and_then(|retention| now.checked_sub_signed(retention));
        Ok(retention.unwrap_or(Timestamp::MIN_UTC))
    }

    /// Looks at the next `limit` logs after `after`: one look at the primary key each.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn expired_logs(&self, after: Option<UserId>, before: Timestamp, limit: u32) -> Result<LogPage> {
        const PAGE: &str = "SELECT page.user_id, \
             (SELECT e.created_at FROM user_events e WHERE e.user_id = page.user_id ORDER BY e.seq LIMIT 1) AS oldest \
             FROM (SELECT user_id FROM user_log WHERE user_id > $1 ORDER BY user_id LIMIT $2) AS page ORDER BY page.user_id";
        let after = after.map_or(Uuid::nil(), |user| user.0);
        self.repeating(|| async {
            let rows = self.read.query_all_raw(sql(&self.read, PAGE, [after.into(), i64::from(limit).into()])).await?;
            let mut page = LogPage { last: None, expired: Vec::new() };
            for row in rows {
                let user = UserId(row.try_get("", "user_id")?);
                let oldest: Option<Timestamp> = row.try_get("", "oldest")?;
                if oldest.is_some_and(|oldest| oldest < before) {
                    page.expired.push(user);
                }
                page.last = Some(user);
            }
            Ok(page)
        })
        .await
    }

    /// Removes at most the `each` lowest entries of each of these logs, up to the first that is not older than `before`.
    /// All in one transaction. Answers how many it removed. Two nodes that do the same at the same time do no harm.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn prune_logs(&self, users: &[UserId], before: Timestamp, each: u32) -> Result<u64> {
        // One statement a log: asked for many logs at once, PostgreSQL may read the whole table.
        const PRUNE: &str = "WITH low AS (SELECT seq, created_at FROM user_events WHERE user_id = $1 ORDER BY seq LIMIT $3) \
             DELETE FROM user_events WHERE user_id = $1 AND seq <= \
             coalesce((SELECT min(seq) - 1 FROM low WHERE created_at >= $2), (SELECT max(seq) FROM low))";
        self.repeating(|| async {
            let transaction = begin(&self.write).await?;
            let mut removed = 0;
            for user in users {
                let statement = sql(&transaction, PRUNE, [user.0.into(), before.into(), i64::from(each).into()]);
                removed += transaction.execute_raw(statement).await?.rows_affected();
            }
            transaction.commit().await?;
            Ok(removed)
        })
        .await
    }
}
