//! The statements for SQLite: the transaction holds the one write lock from its start, so nothing needs a lock of its own.

use super::plan::{Conversation, Plan, Row};
use crate::{
    model::{
        Timestamp,
        event::EventKind,
        message::{Message, Text},
        upload::MediaName,
    },
    store::{
        conversations::DIRECT,
        entity::{conversation, message, user, user_event, user_log},
        sql,
    },
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
    Value, prelude::Uuid, sea_query::ExprTrait,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Rows of one INSERT: thirteen columns each stay far below the limit of 32,766 bound values.
const CHUNK: usize = 500;

/// Pairs of one OR: the depth of an expression is limited to 1,000.
const PAIRS: usize = 200;

pub(super) async fn living(transaction: &DatabaseTransaction, users: Vec<Uuid>) -> Result<HashSet<Uuid>, DbErr> {
    let query = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Id.is_in(users))
        .filter(user::Column::DeletedAt.is_null());
    Ok(query.into_tuple::<Uuid>().all(transaction).await?.into_iter().collect())
}

pub(super) async fn lock_conversations(
    transaction: &DatabaseTransaction,
    keys: Vec<String>,
) -> Result<HashMap<String, Conversation>, DbErr> {
    let rows = conversation::Entity::find().filter(conversation::Column::DirectKey.is_in(keys)).all(transaction).await?;
    let conversation =
        |row: conversation::Model| Some((row.direct_key?, Conversation { id: row.id, last_number: row.last_number }));
    Ok(rows.into_iter().filter_map(conversation).collect())
}

pub(super) async fn lock_logs(transaction: &DatabaseTransaction, users: Vec<Uuid>) -> Result<BTreeMap<Uuid, i64>, DbErr> {
    let rows = user_log::Entity::find().filter(user_log::Column::UserId.is_in(users)).all(transaction).await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.seq)).collect())
}

pub(super) async fn known(
    transaction: &DatabaseTransaction,
    names: Vec<(Uuid, Uuid)>,
) -> Result<HashMap<(Uuid, Uuid), Message>, DbErr> {
    let mut known = HashMap::new();
    for names in names.chunks(PAIRS) {
        let any = names.iter().fold(Condition::any(), |any, (sender, client)| {
            any.add(message::Column::SenderId.eq(*sender).and(message::Column::ClientId.eq(*client)))
        });
        for row in message::Entity::find().filter(any).all(transaction).await? {
            let message = Message::try_from(row)?;
            if let Some(client) = message.client_id {
                known.insert((message.sender_id.0, client.0), message);
            }
        }
    }
    Ok(known)
}

pub(super) async fn insert_messages(transaction: &DatabaseTransaction, rows: &[Row]) -> Result<(), DbErr> {
    for rows in rows.chunks(CHUNK) {
        let rows = rows.iter().map(|Row { new, conversation, number }| {
            message::ActiveModel::from(message::Model {
                id: new.id.0,
                conversation_id: *conversation,
                number: *number,
                sender_id: new.sender.0,
                receiver_id: Some(new.receiver.0),
                client_id: new.client_id.map(|client| client.0),
                text: new.text.as_ref().map(|text| Text::as_str(text).to_owned()),
                media_name: new.image.as_ref().map(|name| MediaName::as_str(name).to_owned()),
                created_at: new.created_at,
                updated_at: new.created_at,
                edited_at: None,
                deleted_at: None,
                reply_to: None,
            })
            .reset_all()
        });
        message::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

pub(super) async fn update_conversations(transaction: &DatabaseTransaction, plan: &Plan) -> Result<(), DbErr> {
    const UPDATE: &str = "UPDATE conversations SET last_number = $2, last_message_id = $3, last_at = $4 WHERE id = $1";
    for row in plan.conversations.values().filter_map(|index| plan.messages.get(*index)) {
        let values: [Value; 4] = [row.conversation.into(), row.number.into(), row.new.id.0.into(), row.new.created_at.into()];
        transaction.execute_raw(sql(transaction, UPDATE, values)).await?;
    }
    Ok(())
}

pub(super) async fn update_logs(transaction: &DatabaseTransaction, logs: &BTreeMap<Uuid, i64>) -> Result<(), DbErr> {
    const UPDATE: &str = "UPDATE user_log SET seq = $2 WHERE user_id = $1";
    for (user, seq) in logs {
        transaction.execute_raw(sql(transaction, UPDATE, [(*user).into(), (*seq).into()])).await?;
    }
    Ok(())
}

pub(super) async fn insert_entries(transaction: &DatabaseTransaction, plan: &Plan) -> Result<(), DbErr> {
    for entries in plan.entries.chunks(CHUNK) {
        let rows = entries.iter().filter_map(|entry| {
            let row = plan.messages.get(entry.message)?;
            let event = user_event::Model {
                user_id: entry.user,
                seq: entry.seq,
                kind: EventKind::NewMessage as i16,
                reference: Some(row.new.id.0),
                data: None,
                created_at: row.new.created_at,
            };
            Some(user_event::ActiveModel::from(event).reset_all())
        });
        user_event::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

pub(super) async fn create_conversations(
    transaction: &DatabaseTransaction,
    pairs: &BTreeMap<String, [Uuid; 2]>,
    at: Timestamp,
) -> Result<(), DbErr> {
    const CONVERSATION: &str = "INSERT INTO conversations (id, kind, direct_key, last_number, created_at) VALUES ($1, $2, $3, 0, $4) \
         ON CONFLICT (direct_key) DO NOTHING";
    const MEMBER: &str = "INSERT INTO members (conversation_id, user_id) SELECT id, $2 FROM conversations WHERE direct_key = $1 \
         ON CONFLICT DO NOTHING";
    for (key, members) in pairs {
        let values: [Value; 4] = [Uuid::now_v7().into(), DIRECT.into(), key.clone().into(), at.into()];
        transaction.execute_raw(sql(transaction, CONVERSATION, values)).await?;
        for user in members {
            transaction.execute_raw(sql(transaction, MEMBER, [key.clone().into(), (*user).into()])).await?;
        }
    }
    Ok(())
}
