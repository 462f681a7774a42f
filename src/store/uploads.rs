//! Who uploaded what: for quotas and for cleaning up.

use super::{Store, entity::upload};
use crate::model::{Result, Timestamp, UploadId, UserId, upload::ImageKind};
use sea_orm::{ActiveModelTrait, EntityTrait};

impl Store {
    /// Remembers a stored image; `bytes` is its size.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn record_upload(&self, id: UploadId, owner: UserId, kind: ImageKind, bytes: usize, at: Timestamp) -> Result<()> {
        let row = upload::Model {
            id: id.0,
            owner_id: owner.0,
            kind: kind.extension().to_owned(),
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            created_at: at,
        };
        self.repeating(|| async {
            let insert = upload::Entity::insert(upload::ActiveModel::from(row.clone()).reset_all()).on_conflict_do_nothing();
            insert.exec_without_returning(&self.write).await?;
            Ok(())
        })
        .await
    }
}
