//! `conversations`.

use sea_orm::entity::prelude::*;

use crate::model::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: i16,
    /// Only of a direct conversation.
    pub direct_key: Option<String>,
    pub last_number: i64,
    pub last_message_id: Option<Uuid>,
    pub last_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
