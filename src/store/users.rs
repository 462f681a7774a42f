//! Accounts.

use super::{
    Credentials, NewUser, ProfileChange, Store,
    entity::{user, user_log},
    sql,
};
use crate::model::{
    Error, Result, Timestamp, UserId,
    page::{Cursor, Limit, Page},
    upload::MediaName,
    user::{Email, User},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, SqlErr, Value,
    sea_query::{ExprTrait, LikeExpr},
};

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self {
            id: UserId(row.id),
            full_name: row.full_name,
            email: Email::from_stored(row.email),
            profile_pic: row.profile_media.map(|name| MediaName::from_stored(name).url()).unwrap_or_default(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// Makes the account and its empty log.
    ///
    /// # Errors
    /// [`Error::EmailTaken`] if the address has an account, [`Error::Unavailable`].
    pub async fn create_user(&self, user: NewUser) -> Result<User> {
        let row = user::Model {
            id: user.id.0,
            name_folded: user.full_name.to_lowercase(),
            full_name: user.full_name,
            email: user.email.as_str().to_owned(),
            password_hash: user.password_hash,
            profile_media: None,
            created_at: user.created_at,
            updated_at: user.created_at,
            deleted_at: None,
        };
        self.bounded(async {
            let transaction = self.begin().await?;
            match user::Entity::insert(user::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(&transaction)
                .await
            {
                Err(error) if breaks_unique_email(&error) => return Err(Error::EmailTaken.into()),
                answer => answer?,
            };
            let log = user_log::ActiveModel { user_id: Set(row.id), epoch: Set(1), seq: Set(0) };
            user_log::Entity::insert(log).exec_without_returning(&transaction).await?;
            transaction.commit().await?;
            Ok(row.into())
        })
        .await
    }

    /// `None` if there is no such account or it was deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.repeating(|| async {
            let query = user::Entity::find_by_id(id.0).filter(user::Column::DeletedAt.is_null());
            Ok(query.one(&self.read).await?.map(User::from))
        })
        .await
    }

    /// What a log-in under this address is checked against; `None` if no living account has it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn credentials(&self, email: &Email) -> Result<Option<Credentials>> {
        self.repeating(|| async {
            let query =
                user::Entity::find().filter(user::Column::Email.eq(email.as_str())).filter(user::Column::DeletedAt.is_null());
            Ok(query.one(&self.read).await?.map(|row| Credentials { password_hash: row.password_hash.clone(), user: row.into() }))
        })
        .await
    }

    /// Changes a profile; answers it as it is then, or `None` if there is no such living account.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn update_profile(&self, id: UserId, change: ProfileChange, now: Timestamp) -> Result<Option<User>> {
        const UPDATE: &str = "UPDATE users SET full_name = coalesce($2, full_name), name_folded = coalesce($3, name_folded), \
             profile_media = coalesce($4, profile_media), updated_at = $5 WHERE id = $1 AND deleted_at IS NULL \
             RETURNING id, full_name, name_folded, email, password_hash, profile_media, created_at, updated_at, deleted_at";
        let folded = change.full_name.as_ref().map(|name| name.to_lowercase());
        let media = change.profile_pic.map(|name| name.as_str().to_owned());
        let values: [Value; 5] = [id.0.into(), change.full_name.into(), folded.into(), media.into(), now.into()];
        self.repeating(|| async {
            let row = user::Model::find_by_statement(sql(&self.write, UPDATE, values.clone())).one(&self.write).await?;
            Ok(row.map(User::from))
        })
        .await
    }

    /// Everybody but `me`, oldest account first; `q` finds a part of the name without case (`%` and `_` are plain characters).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn contacts(&self, me: UserId, q: Option<&str>, after: Option<Cursor>, limit: Limit) -> Result<Page<User>> {
        let mut query = user::Entity::find()
            .filter(user::Column::Id.ne(me.0))
            .filter(user::Column::DeletedAt.is_null())
            .order_by_asc(user::Column::CreatedAt)
            .order_by_asc(user::Column::Id)
            // One more than asked for tells whether there is a next page.
            .limit(limit.rows() + 1);
        if let Some(q) = q.filter(|q| !q.is_empty()) {
            query = query.filter(user::Column::NameFolded.into_expr().like(contains(q)));
        }
        if let Some(Cursor { at, id }) = after {
            // The first condition alone decides nothing, but it is what an index can start from.
            query = query
                .filter(user::Column::CreatedAt.gte(at))
                .filter(Condition::any().add(user::Column::CreatedAt.gt(at)).add(user::Column::Id.gt(id)));
        }
        self.repeating(|| async {
            let rows = query.clone().all(&self.read).await?.into_iter().map(User::from).collect();
            Ok(page(rows, limit, |user: &User| Cursor { at: user.created_at, id: user.id.0 }))
        })
        .await
    }
}

/// Cuts off the row that was only read to see whether there is one, and says where the next page starts.
pub(super) fn page<T, C>(mut rows: Vec<T>, limit: Limit, cursor: impl Fn(&T) -> C) -> Page<T, C> {
    let full = usize::try_from(limit.rows()).unwrap_or(usize::MAX);
    let more = rows.len() > full;
    rows.truncate(full);
    let next = rows.last().filter(|_| more).map(cursor);
    Page { rows, next }
}

/// A LIKE pattern for `text` anywhere, every character of it plain.
fn contains(text: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

fn breaks_unique_email(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(text)) if text.contains("email"))
}
