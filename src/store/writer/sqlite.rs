//! The statements for SQLite: the transaction holds the one write lock from its start, so nothing needs a lock of its own.

use super::plan::{Conversation, Facts, Plan, Row};
use crate::{
    model::{
        Timestamp,
        event::EventKind,
        message::{Message, Sent, Text},
        upload::MediaName,
    },
    store::{conversations::DIRECT, entity::message, sql},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryResult,
    Statement, Value, prelude::Uuid, sea_query::ExprTrait,
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Rows of one INSERT: thirteen columns each stay far below the limit of 32,766 bound values.
const CHUNK: usize = 500;

/// Pairs of one OR: the depth of an expression is limited to 1,000.
const PAIRS: usize = 200;

/// Reads what is named, and who of the users is there.
pub(super) async fn lock(transaction: &DatabaseTransaction, keys: Vec<String>, users: Vec<Uuid>) -> Result<Facts, DbErr> {
    Ok(Facts {
        people: living(transaction, &users).await?,
        conversations: conversations(transaction, keys).await?,
        logs: logs(transaction, &users).await?,
        ..Facts::default()
    })
}

/// None: a file that can't be written says so, and the transaction is undone.
pub(super) async fn written(_: &DatabaseTransaction, _: Vec<Uuid>) -> Result<HashMap<Uuid, Sent>, DbErr> {
    Ok(HashMap::new())
}

pub(super) async fn write(transaction: &DatabaseTransaction, plan: &Plan<'_>) -> Result<(), DbErr> {
    insert_messages(transaction, &plan.messages).await?;
    update_conversations(transaction, plan).await?;
    update_logs(transaction, &plan.logs).await?;
    insert_entries(transaction, plan).await
}

/// Ids travel in JSON, as hexadecimal digits: a statement's text must not depend on how many they are, or each would be prepared
/// anew.
const LIVING: &str = "SELECT id FROM users WHERE id IN (SELECT unhex(value) FROM json_each($1)) AND deleted_at IS NULL";
const CONVERSATIONS: &str =
    "SELECT id, direct_key, last_number FROM conversations WHERE direct_key IN (SELECT value FROM json_each($1))";
const LOGS: &str = "SELECT user_id, seq FROM user_log WHERE user_id IN (SELECT unhex(value) FROM json_each($1))";
const UPDATE_CONVERSATIONS: &str = "UPDATE conversations SET last_number = m.number, last_message_id = m.id, last_at = m.created_at \
     FROM json_each($1) last JOIN messages m ON m.id = unhex(last.value) WHERE conversations.id = m.conversation_id";
const UPDATE_LOGS: &str =
    "UPDATE user_log SET seq = new.value ->> 1 FROM json_each($1) new WHERE user_id = unhex(new.value ->> 0)";
const INSERT_ENTRIES: &str = "INSERT INTO user_events (user_id, seq, kind, ref, created_at) \
     SELECT unhex(new.value ->> 0), new.value ->> 1, $2, m.id, m.created_at \
     FROM json_each($1) new JOIN messages m ON m.id = unhex(new.value ->> 2)";

async fn living(transaction: &DatabaseTransaction, users: &[Uuid]) -> Result<HashSet<Uuid>, DbErr> {
    rows(transaction, LIVING, users.iter().map(hex)).await?.iter().map(|row| row.try_get("", "id")).collect()
}

async fn conversations(transaction: &DatabaseTransaction, keys: Vec<String>) -> Result<HashMap<String, Conversation>, DbErr> {
    let conversation = |row: &QueryResult| {
        let conversation = Conversation { id: row.try_get("", "id")?, last_number: row.try_get("", "last_number")? };
        Ok((row.try_get("", "direct_key")?, conversation))
    };
    rows(transaction, CONVERSATIONS, keys).await?.iter().map(conversation).collect()
}

async fn logs(transaction: &DatabaseTransaction, users: &[Uuid]) -> Result<BTreeMap<Uuid, i64>, DbErr> {
    let log = |row: &QueryResult| Ok((row.try_get("", "user_id")?, row.try_get("", "seq")?));
    rows(transaction, LOGS, users.iter().map(hex)).await?.iter().map(log).collect()
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

async fn insert_messages(transaction: &DatabaseTransaction, rows: &[Row<'_>]) -> Result<(), DbErr> {
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

async fn update_conversations(transaction: &DatabaseTransaction, plan: &Plan<'_>) -> Result<(), DbErr> {
    let last = plan.conversations.values().filter_map(|index| plan.messages.get(*index));
    execute(transaction, UPDATE_CONVERSATIONS, last.map(|row| hex(&row.new.id.0)), []).await
}

async fn update_logs(transaction: &DatabaseTransaction, logs: &BTreeMap<Uuid, i64>) -> Result<(), DbErr> {
    execute(transaction, UPDATE_LOGS, logs.iter().map(|(user, seq)| (hex(user), *seq)), []).await
}

async fn insert_entries(transaction: &DatabaseTransaction, plan: &Plan<'_>) -> Result<(), DbErr> {
    let entries = plan.entries.iter().filter_map(|entry| {
        let row = plan.messages.get(entry.message)?;
        Some((hex(&entry.user), entry.seq, hex(&row.new.id.0)))
    });
    execute(transaction, INSERT_ENTRIES, entries, [(EventKind::NewMessage as i16).into()]).await
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

fn hex(id: &Uuid) -> String {
    id.simple().to_string()
}

/// A statement with a list as `$1`, as JSON.
fn listing<T: Serialize>(
    transaction: &DatabaseTransaction,
    text: &str,
    list: impl IntoIterator<Item = T>,
    more: impl IntoIterator<Item = Value>,
) -> Result<Statement, DbErr> {
    let list: Vec<T> = list.into_iter().collect();
    let json = serde_json::to_string(&list).map_err(|cause| DbErr::Json(cause.to_string()))?;
    Ok(sql(transaction, text, std::iter::once(json.into()).chain(more)))
}

async fn rows<T: Serialize>(
    transaction: &DatabaseTransaction,
    text: &str,
    list: impl IntoIterator<Item = T>,
) -> Result<Vec<QueryResult>, DbErr> {
    transaction.query_all_raw(listing(transaction, text, list, [])?).await
}

async fn execute<T: Serialize>(
    transaction: &DatabaseTransaction,
    text: &str,
    list: impl IntoIterator<Item = T>,
    more: impl IntoIterator<Item = Value>,
) -> Result<(), DbErr> {
    transaction.execute_raw(listing(transaction, text, list, more)?).await.map(drop)
}
