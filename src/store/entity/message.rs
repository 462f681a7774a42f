//! `messages`.

use sea_orm::entity::prelude::*;

use crate::model::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub number: i64,
    pub sender_id: Uuid,
    /// Only in a direct conversation.
    pub receiver_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub text: Option<String>,
    pub media_name: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub reply_to: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
