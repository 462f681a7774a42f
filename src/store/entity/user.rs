//! `users`.

use sea_orm::entity::prelude::*;

use crate::model::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub full_name: String,
    /// `full_name` in lower case: what a search looks at.
    pub name_folded: String,
    /// Canonical: lower case.
    pub email: String,
    /// PHC string.
    pub password_hash: String,
    pub profile_media: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
