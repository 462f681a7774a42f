//! The statements for PostgreSQL: arrays in, so that each text is constant whatever the size of the batch, and its plan is
//! prepared once a connection.
//!
//! The driver takes no NULL inside an array: absent texts and ids travel as `''`, which none of them can be.

use super::plan::{Conversation, Plan, Row};
use crate::{
    model::{
        Timestamp,
        event::EventKind,
        message::{Message, Text},
        upload::MediaName,
    },
    store::{
        conversations::{DIRECT, message_columns, message_in},
        sql,
    },
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Value, prelude::Uuid};
use std::collections::{BTreeMap, HashMap, HashSet};

const LIVING: &str = "SELECT id FROM users WHERE id = ANY($1) AND deleted_at IS NULL";

const LOCK_CONVERSATIONS: &str =
    "SELECT id, direct_key, last_number FROM conversations WHERE direct_key = ANY($1) ORDER BY id FOR NO KEY UPDATE";

const LOCK_LOGS: &str = "SELECT user_id, seq FROM user_log WHERE user_id = ANY($1) ORDER BY user_id FOR NO KEY UPDATE";

const KNOWN: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) AS asked (sender_id, client_id) \
     JOIN messages m ON m.sender_id = asked.sender_id AND m.client_id = asked.client_id AND m.client_id IS NOT NULL"
);

const INSERT_MESSAGES: &str = "INSERT INTO messages \
     (id, conversation_id, number, sender_id, receiver_id, client_id, text, media_name, created_at, updated_at) \
     SELECT id, conversation_id, number, sender_id, receiver_id, nullif(client_id, '')::uuid, nullif(body, ''), nullif(media, ''), at, at \
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::timestamptz[]) \
     AS new (id, conversation_id, number, sender_id, receiver_id, client_id, body, media, at)";

const UPDATE_CONVERSATIONS: &str = "UPDATE conversations c SET last_number = new.number, last_message_id = new.message_id, last_at = new.at \
     FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[]) AS new (id, number, message_id, at) WHERE c.id = new.id";

const UPDATE_LOGS: &str = "UPDATE user_log l SET seq = new.seq FROM unnest($1::uuid[], $2::bigint[]) AS new (user_id, seq) \
     WHERE l.user_id = new.user_id";

const INSERT_ENTRIES: &str = "INSERT INTO user_events (user_id, seq, kind, ref, created_at) SELECT user_id, seq, $5, message_id, at \
     FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[]) AS new (user_id, seq, message_id, at)";

/// In the order of the keys, so that two that make the same ones wait for each other in one direction only.
const CREATE_CONVERSATIONS: &str = "INSERT INTO conversations (id, kind, direct_key, last_number, created_at) \
     SELECT id, $3, direct_key, 0, $4 FROM unnest($1::uuid[], $2::text[]) AS new (id, direct_key) ORDER BY direct_key \
     ON CONFLICT (direct_key) DO NOTHING";

const CREATE_MEMBERS: &str = "INSERT INTO members (conversation_id, user_id) SELECT c.id, new.user_id \
     FROM unnest($1::text[], $2::uuid[]) AS new (direct_key, user_id) JOIN conversations c ON c.direct_key = new.direct_key \
     ORDER BY c.id, new.user_id ON CONFLICT DO NOTHING";

pub(super) async fn living(transaction: &DatabaseTransaction, users: Vec<Uuid>) -> Result<HashSet<Uuid>, DbErr> {
    rows(transaction, LIVING, [users.into()]).await?.iter().map(|row| row.try_get("", "id")).collect()
}

pub(super) async fn lock_conversations(
    transaction: &DatabaseTransaction,
    keys: Vec<String>,
) -> Result<HashMap<String, Conversation>, DbErr> {
    let conversation = |row: &QueryResult| {
        let conversation = Conversation { id: row.try_get("", "id")?, last_number: row.try_get("", "last_number")? };
        Ok((row.try_get("", "direct_key")?, conversation))
    };
    rows(transaction, LOCK_CONVERSATIONS, [keys.into()]).await?.iter().map(conversation).collect()
}

pub(super) async fn lock_logs(transaction: &DatabaseTransaction, users: Vec<Uuid>) -> Result<BTreeMap<Uuid, i64>, DbErr> {
    let log = |row: &QueryResult| Ok((row.try_get("", "user_id")?, row.try_get("", "seq")?));
    rows(transaction, LOCK_LOGS, [users.into()]).await?.iter().map(log).collect()
}

pub(super) async fn known(
    transaction: &DatabaseTransaction,
    names: Vec<(Uuid, Uuid)>,
) -> Result<HashMap<(Uuid, Uuid), Message>, DbErr> {
    let (senders, clients): (Vec<Uuid>, Vec<Uuid>) = names.into_iter().unzip();
    let found = rows(transaction, KNOWN, [senders.into(), clients.into()]).await?;
    let mut known = HashMap::with_capacity(found.len());
    for row in &found {
        let message = message_in(row)?;
        if let Some(client) = message.client_id {
            known.insert((message.sender_id.0, client.0), message);
        }
    }
    Ok(known)
}

pub(super) async fn insert_messages(transaction: &DatabaseTransaction, rows: &[Row]) -> Result<(), DbErr> {
    let client = |row: &Row| row.new.client_id.map(|client| client.to_string()).unwrap_or_default();
    let text = |row: &Row| row.new.text.as_ref().map(|text| Text::as_str(text).to_owned()).unwrap_or_default();
    let media = |row: &Row| row.new.image.as_ref().map(|name| MediaName::as_str(name).to_owned()).unwrap_or_default();
    let values: [Value; 9] = [
        column(rows, |row| row.new.id.0),
        column(rows, |row| row.conversation),
        column(rows, |row| row.number),
        column(rows, |row| row.new.sender.0),
        column(rows, |row| row.new.receiver.0),
        column(rows, client),
        column(rows, text),
        column(rows, media),
        column(rows, |row| row.new.created_at),
    ];
    execute(transaction, INSERT_MESSAGES, values).await
}

pub(super) async fn update_conversations(transaction: &DatabaseTransaction, plan: &Plan) -> Result<(), DbErr> {
    let last: Vec<&Row> = plan.conversations.values().filter_map(|index| plan.messages.get(*index)).collect();
    let values: [Value; 4] = [
        column(&last, |row| row.conversation),
        column(&last, |row| row.number),
        column(&last, |row| row.new.id.0),
        column(&last, |row| row.new.created_at),
    ];
    execute(transaction, UPDATE_CONVERSATIONS, values).await
}

pub(super) async fn update_logs(transaction: &DatabaseTransaction, logs: &BTreeMap<Uuid, i64>) -> Result<(), DbErr> {
    let (users, numbers): (Vec<Uuid>, Vec<i64>) = logs.iter().map(|(user, seq)| (*user, *seq)).unzip();
    execute(transaction, UPDATE_LOGS, [users.into(), numbers.into()]).await
}

pub(super) async fn insert_entries(transaction: &DatabaseTransaction, plan: &Plan) -> Result<(), DbErr> {
    let entries: Vec<_> = plan.entries.iter().filter_map(|entry| Some((entry, plan.messages.get(entry.message)?))).collect();
    let values: [Value; 5] = [
        column(&entries, |(entry, _)| entry.user),
        column(&entries, |(entry, _)| entry.seq),
        column(&entries, |(_, row)| row.new.id.0),
        column(&entries, |(_, row)| row.new.created_at),
        (EventKind::NewMessage as i16).into(),
    ];
    execute(transaction, INSERT_ENTRIES, values).await
}

pub(super) async fn create_conversations(
    transaction: &DatabaseTransaction,
    pairs: &BTreeMap<String, [Uuid; 2]>,
    at: Timestamp,
) -> Result<(), DbErr> {
    let keys: Vec<String> = pairs.keys().cloned().collect();
    let ids: Vec<Uuid> = keys.iter().map(|_| Uuid::now_v7()).collect();
    execute(transaction, CREATE_CONVERSATIONS, [ids.into(), keys.into(), DIRECT.into(), at.into()]).await?;
    let (keys, users): (Vec<String>, Vec<Uuid>) =
        pairs.iter().flat_map(|(key, members)| members.map(|user| (key.clone(), user))).unzip();
    execute(transaction, CREATE_MEMBERS, [keys.into(), users.into()]).await
}

/// One field of many rows, as an array.
fn column<R, T>(rows: &[R], field: impl Fn(&R) -> T) -> Value
where
    Vec<T>: Into<Value>,
{
    rows.iter().map(field).collect::<Vec<T>>().into()
}

async fn rows(
    transaction: &DatabaseTransaction,
    text: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    transaction.query_all_raw(sql(transaction, text, values)).await
}

async fn execute(transaction: &DatabaseTransaction, text: &str, values: impl IntoIterator<Item = Value>) -> Result<(), DbErr> {
    transaction.execute_raw(sql(transaction, text, values)).await.map(drop)
}
