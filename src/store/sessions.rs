//! Log-ins and their revocation.

use super::{
    Store,
    entity::{session, user},
    sql,
};
use crate::model::{Result, SessionId, Timestamp, UserId, session::Session};
use chrono::TimeDelta;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryResult, QuerySelect, Value,
    prelude::Uuid,
};

/// How far the mark of [`Store::revoked_since`] stays behind: longer than a revocation takes to commit.
const LAG: TimeDelta = TimeDelta::seconds(5);

impl Store {
    /// Remembers a log-in.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn create_session(&self, session: &Session) -> Result<()> {
        let row = session::Model {
            id: session.id.0,
            user_id: session.user_id.0,
            created_at: session.created_at,
            expires_at: session.expires_at,
            revoked_at: session.revoked_at,
        };
        self.repeating(|| async {
            let insert = session::Entity::insert(session::ActiveModel::from(row.clone()).reset_all()).on_conflict_do_nothing();
            insert.exec_without_returning(&self.write).await?;
            Ok(())
        })
        .await
    }

    /// `None` if it is unknown or revoked. (Expiry and a deleted user are the caller's to look at.) Those who ask at the same
    /// time share a query, which begins after this was called.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn live_session(&self, id: SessionId) -> Result<Option<Session>> {
        self.sessions.ask(id, self.timeout).await
    }

    /// Those of `ids` that are live.
    pub(super) async fn live_sessions(&self, ids: Vec<SessionId>) -> Result<Vec<(SessionId, Session)>> {
        const POSTGRES: &str = "SELECT s.id, s.user_id, s.created_at, s.expires_at, \
             u.id IS NULL OR u.deleted_at IS NOT NULL AS user_deleted \
             FROM sessions s LEFT JOIN users u ON u.id = s.user_id WHERE s.id = ANY($1) AND s.revoked_at IS NULL";
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        self.repeating(|| async {
            Ok(match self.read.get_database_backend() {
                DbBackend::Postgres => {
                    let rows = self.read.query_all_raw(sql(&self.read, POSTGRES, [ids.clone().into()])).await?;
                    rows.iter().map(session_in).collect::<Result<_, DbErr>>()?
                }
                _ => {
                    let query = session::Entity::find()
                        .filter(session::Column::Id.is_in(ids.iter().copied()))
                        .filter(session::Column::RevokedAt.is_null())
                        .find_also_related(user::Entity);
                    query.all(&self.read).await?.into_iter().map(|(row, user)| session_of(row, user)).collect()
                }
            })
        })
        .await
    }

    /// Whether it was live until now.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn revoke_session(&self, id: SessionId) -> Result<bool> {
        const POSTGRES: &str =
            "UPDATE sessions SET revoked_at = date_trunc('milliseconds', clock_timestamp()) WHERE id = $1 AND revoked_at IS NULL";
        const SQLITE: &str = "UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        let statement = match self.write.get_database_backend() {
            DbBackend::Postgres => sql(&self.write, POSTGRES, [id.0.into()]),
            _ => sql(&self.write, SQLITE, [id.0.into(), Value::from(self.clock.now())]),
        };
        self.repeating(|| async { Ok(self.write.execute_raw(statement.clone()).await?.rows_affected() > 0) }).await
    }

    /// Sessions revoked after `since` by the database's clock, and the mark for the next call. The mark stays some
    /// seconds behind, so that a revocation whose transaction was slow to commit is not skipped; repeats are normal.
    /// `None`: start from now.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn revoked_since(&self, since: Option<Timestamp>) -> Result<(Vec<SessionId>, Timestamp)> {
        self.repeating(|| async {
            // The clock is read before the rows: what is revoked in between is found now and again next time.
            let mark = self.shared_now(&self.read).await? - LAG;
            let Some(since) = since else { return Ok((Vec::new(), mark)) };
            let query =
                session::Entity::find().select_only().column(session::Column::Id).filter(session::Column::RevokedAt.gt(since));
            let ids = query.into_tuple::<Uuid>().all(&self.read).await?;
            Ok((ids.into_iter().map(SessionId).collect(), mark.max(since)))
        })
        .await
    }
}

fn session_in(row: &QueryResult) -> Result<(SessionId, Session), DbErr> {
    let id = SessionId(row.try_get("", "id")?);
    let session = Session {
        id,
        user_id: UserId(row.try_get("", "user_id")?),
        created_at: row.try_get("", "created_at")?,
        expires_at: row.try_get("", "expires_at")?,
        revoked_at: None,
        user_deleted: row.try_get("", "user_deleted")?,
    };
    Ok((id, session))
}

fn session_of(row: session::Model, user: Option<user::Model>) -> (SessionId, Session) {
    let id = SessionId(row.id);
    let session = Session {
        id,
        user_id: UserId(row.user_id),
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        user_deleted: user.is_none_or(|user| user.deleted_at.is_some()),
    };
    (id, session)
}
