//! The epoch of logs: raised after the database was restored to an earlier state.

use super::{Store, sql};
use crate::model::{Result, Timestamp, UserId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, prelude::Uuid};

/// Logs raised in one transaction: a send waits for no more than that.
const CHUNK: i64 = 2000;

/// How many logs there are, and the highest epoch among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epochs {
    pub logs: i64,
    /// 0 if there are none.
    pub highest: i32,
    /// The time by the clock that all nodes share.
    pub now: Timestamp,
}

impl Store {
    /// Counts the logs.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn epochs(&self) -> Result<Epochs> {
        const COUNT: &str = "SELECT count(*) AS logs, max(epoch) AS highest FROM user_log";
        self.repeating(|| async {
            let row = self.read.query_one_raw(sql(&self.read, COUNT, [])).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("a count".to_owned()))?;
            let highest: Option<i32> = row.try_get("", "highest")?;
            let now = self.shared_now(&self.read).await?;
            Ok(Epochs { logs: row.try_get("", "logs")?, highest: highest.unwrap_or_default(), now })
        })
        .await
    }

    /// Gives the next few logs after `after`, by user, this epoch if theirs is lower. Answers the last of them and how many
    /// they were; `None` when none is left. May be repeated.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn raise_epochs(&self, epoch: i32, after: Option<UserId>) -> Result<Option<(UserId, u64)>> {
        // Locked in the order in which a send locks them, so that neither waits for the other in a circle.
        const POSTGRES: &str = "UPDATE user_log SET epoch = $1 WHERE user_id IN \
             (SELECT user_id FROM user_log WHERE user_id > $2 AND epoch < $1 ORDER BY user_id LIMIT $3 FOR NO KEY UPDATE) \
             RETURNING user_id";
        const SQLITE: &str = "UPDATE user_log SET epoch = $1 WHERE user_id IN \
             (SELECT user_id FROM user_log WHERE user_id > $2 AND epoch < $1 ORDER BY user_id LIMIT $3) \
             RETURNING user_id";
        let after = after.map_or(Uuid::nil(), |user| user.0);
        self.repeating(|| async {
            let text = match self.write.get_database_backend() {
                DbBackend::Postgres => POSTGRES,
                _ => SQLITE,
            };
            let rows = self.write.query_all_raw(sql(&self.write, text, [epoch.into(), after.into(), CHUNK.into()])).await?;
            let users = rows.iter().map(|row| row.try_get("", "user_id")).collect::<Result<Vec<Uuid>, DbErr>>()?;
            Ok(users.iter().max().map(|last| (UserId(*last), users.len() as u64)))
        })
        .await
    }
}
