//! The statements for PostgreSQL: two a batch beside BEGIN and COMMIT, and one more if sends carry a `clientId`. Arrays in, so
//! that each text is constant whatever the size of the batch, and its plan is prepared once a connection.
//!
//! Plain sqlx, not sea-orm: a worker keeps its connection from batch to batch, which sea-orm's pool has no word for. The pool
//! asks a connection that comes back for a sign of life, a round trip or two for each batch.

use super::plan::{Conversation, Facts, Plan, Row};
use crate::{
    model::{
        Timestamp,
        event::EventKind,
        message::{Message, Text},
        upload::MediaName,
    },
    store::{
        connect::TRUST_IDLE,
        conversations::{DIRECT, message_columns, message_in},
    },
};
use parking_lot::Mutex;
use sea_orm::{
    DbErr, QueryResult, RuntimeErr,
    prelude::Uuid,
    sqlx::{
        self, PgPool, Postgres, Row as _,
        pool::PoolConnection,
        postgres::{PgArguments, PgRow},
        query::Query,
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a worker keeps a connection: one that moved to another server behind the same name shall not be kept for ever.
const LONGEST_HELD: Duration = Duration::from_secs(600);

/// Conversations first, by id, then logs, by user: the condition on `c` has the first all locked before the second is looked
/// at. A row that had to be waited for is read as it is then, so the numbers are the newest.
const LOCK: &str = "WITH c AS MATERIALIZED (\
       SELECT id, direct_key, last_number FROM conversations WHERE direct_key = ANY($1) ORDER BY id FOR NO KEY UPDATE), \
     l AS MATERIALIZED (\
       SELECT user_id, seq FROM user_log WHERE user_id = ANY($2) AND (SELECT count(*) FROM c) >= 0 ORDER BY user_id FOR NO KEY UPDATE) \
     SELECT id, direct_key, last_number, false FROM c UNION ALL \
     SELECT user_id, NULL, seq, EXISTS (SELECT FROM users u WHERE u.id = l.user_id AND u.deleted_at IS NULL) FROM l";

const KNOWN: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) AS asked (sender_id, client_id) \
     JOIN messages m ON m.sender_id = asked.sender_id AND m.client_id = asked.client_id AND m.client_id IS NOT NULL"
);

/// All of it sees what is locked as it was locked: the snapshot of a statement is taken when it begins.
const WRITE: &str = "WITH m AS (\
       INSERT INTO messages (id, conversation_id, number, sender_id, receiver_id, client_id, text, media_name, created_at, updated_at) \
       SELECT id, conversation_id, number, sender_id, receiver_id, client_id, body, media, at, at \
       FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::timestamptz[]) \
       AS new (id, conversation_id, number, sender_id, receiver_id, client_id, body, media, at)), \
     c AS (\
       UPDATE conversations c SET last_number = new.number, last_message_id = new.message_id, last_at = new.at \
       FROM unnest($10::uuid[], $11::bigint[], $12::uuid[], $13::timestamptz[]) AS new (id, number, message_id, at) WHERE c.id = new.id), \
     l AS (\
       UPDATE user_log l SET seq = new.seq FROM unnest($14::uuid[], $15::bigint[]) AS new (user_id, seq) WHERE l.user_id = new.user_id) \
     INSERT INTO user_events (user_id, seq, kind, ref, created_at) SELECT user_id, seq, $16, message_id, at \
     FROM unnest($17::uuid[], $18::bigint[], $19::uuid[], $20::timestamptz[]) AS new (user_id, seq, message_id, at)";

/// In the order of the keys, so that two that make the same ones wait for each other in one direction only.
const CREATE_CONVERSATIONS: &str = "INSERT INTO conversations (id, kind, direct_key, last_number, created_at) \
     SELECT id, $3, direct_key, 0, $4 FROM unnest($1::uuid[], $2::text[]) AS new (id, direct_key) ORDER BY direct_key \
     ON CONFLICT (direct_key) DO NOTHING";

const CREATE_MEMBERS: &str = "INSERT INTO members (conversation_id, user_id) SELECT c.id, new.user_id \
     FROM unnest($1::text[], $2::uuid[]) AS new (direct_key, user_id) JOIN conversations c ON c.direct_key = new.direct_key \
     ORDER BY c.id, new.user_id ON CONFLICT DO NOTHING";

/// Where one worker's batches go: the pool, and the connection that the last batch left.
#[derive(Debug)]
pub(super) struct Connections {
    pool: PgPool,
    held: Arc<Mutex<Option<Held>>>,
}

#[derive(Debug)]
struct Held {
    connection: PoolConnection<Postgres>,
    taken: Instant,
    used: Instant,
}

impl Held {
    /// Whether it is fit for another batch without being asked for a sign of life.
    fn is_fresh(&self) -> bool {
        self.used.elapsed() < TRUST_IDLE && self.taken.elapsed() < LONGEST_HELD
    }
}

impl Connections {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, held: Arc::default() }
    }

    pub(super) async fn begin(&self) -> Result<Transaction, DbErr> {
        let held = self.held.lock().take().filter(Held::is_fresh);
        let mut held = match held {
            Some(held) => held,
            None => {
                let connection =
                    self.pool.acquire().await.map_err(|cause| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause))))?;
                Held { connection, taken: Instant::now(), used: Instant::now() }
            }
        };
        // Until the transaction has ended, nobody else may have its connection.
        held.connection.close_on_drop();
        let mut transaction = Transaction { held: Some(held), home: self.held.clone() };
        transaction.says("BEGIN").await?;
        Ok(transaction)
    }
}

/// An open transaction. Dropped, it takes its connection with it, and the server rolls back.
#[derive(Debug)]
pub(super) struct Transaction {
    /// `None` once it has ended.
    held: Option<Held>,
    /// Where the connection is kept for the next batch.
    home: Arc<Mutex<Option<Held>>>,
}

impl Transaction {
    pub(super) async fn commit(mut self) -> Result<(), DbErr> {
        self.says("COMMIT").await?;
        self.go_home();
        Ok(())
    }

    pub(super) async fn rollback(mut self) -> Result<(), DbErr> {
        self.says("ROLLBACK").await?;
        self.go_home();
        Ok(())
    }

    fn go_home(&mut self) {
        *self.home.lock() = self.held.take().map(|held| Held { used: Instant::now(), ..held });
    }

    fn connection(&mut self) -> Result<&mut sqlx::PgConnection, DbErr> {
        let gone = || DbErr::Conn(RuntimeErr::Internal("the transaction has ended".to_owned()));
        self.held.as_mut().map(|held| &mut *held.connection).ok_or_else(gone)
    }

    async fn says(&mut self, word: &'static str) -> Result<(), DbErr> {
        sqlx::raw_sql(word).execute(self.connection()?).await.map(drop).map_err(failed)
    }

    async fn rows(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, DbErr> {
        query.fetch_all(self.connection()?).await.map_err(failed)
    }

    async fn execute(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<(), DbErr> {
        query.execute(self.connection()?).await.map(drop).map_err(failed)
    }

    /// Locks conversations by their keys, and logs by their users; what both say then, and who of the users is there.
    pub(super) async fn lock(&mut self, keys: Vec<String>, users: Vec<Uuid>) -> Result<Facts, DbErr> {
        let mut facts = Facts::default();
        for row in self.rows(sqlx::query(LOCK).bind(keys).bind(users)).await? {
            let (id, number): (Uuid, i64) = (get(&row, 0)?, get(&row, 2)?);
            if let Some(key) = get::<Option<String>>(&row, 1)? {
                facts.conversations.insert(key, Conversation { id, last_number: number });
            } else {
                facts.logs.insert(id, number);
                if get(&row, 3)? {
                    facts.people.insert(id);
                }
            }
        }
        Ok(facts)
    }

    /// The messages that these (sender, client id) already name.
    pub(super) async fn known(&mut self, names: Vec<(Uuid, Uuid)>) -> Result<HashMap<(Uuid, Uuid), Message>, DbErr> {
        let (senders, clients): (Vec<Uuid>, Vec<Uuid>) = names.into_iter().unzip();
        let found = self.rows(sqlx::query(KNOWN).bind(senders).bind(clients)).await?;
        let mut known = HashMap::with_capacity(found.len());
        for row in found {
            let message = message_in(&QueryResult::from(row))?;
            if let Some(client) = message.client_id {
                known.insert((message.sender_id.0, client.0), message);
            }
        }
        Ok(known)
    }

    pub(super) async fn write(&mut self, plan: &Plan) -> Result<(), DbErr> {
        let rows = &plan.messages;
        let last: Vec<&Row> = plan.conversations.values().filter_map(|index| rows.get(*index)).collect();
        let entries: Vec<_> = plan.entries.iter().filter_map(|entry| Some((entry, rows.get(entry.message)?))).collect();
        let query = sqlx::query(WRITE)
            .bind(column(rows, |row| row.new.id.0))
            .bind(column(rows, |row| row.conversation))
            .bind(column(rows, |row| row.number))
            .bind(column(rows, |row| row.new.sender.0))
            .bind(column(rows, |row| row.new.receiver.0))
            .bind(column(rows, |row| row.new.client_id.map(|client| client.0)))
            .bind(column(rows, |row| row.new.text.as_ref().map(Text::as_str)))
            .bind(column(rows, |row| row.new.image.as_ref().map(MediaName::as_str)))
            .bind(column(rows, |row| row.new.created_at))
            .bind(column(&last, |row| row.conversation))
            .bind(column(&last, |row| row.number))
            .bind(column(&last, |row| row.new.id.0))
            .bind(column(&last, |row| row.new.created_at))
            .bind(plan.logs.keys().copied().collect::<Vec<Uuid>>())
            .bind(plan.logs.values().copied().collect::<Vec<i64>>())
            .bind(EventKind::NewMessage as i16)
            .bind(column(&entries, |(entry, _)| entry.user))
            .bind(column(&entries, |(entry, _)| entry.seq))
            .bind(column(&entries, |(_, row)| row.new.id.0))
            .bind(column(&entries, |(_, row)| row.new.created_at));
        self.execute(query).await
    }

    /// Makes direct conversations, by direct key, and their members; leaves those that exist.
    pub(super) async fn create_conversations(&mut self, pairs: &BTreeMap<String, [Uuid; 2]>, at: Timestamp) -> Result<(), DbErr> {
        let keys: Vec<&str> = pairs.keys().map(String::as_str).collect();
        let ids: Vec<Uuid> = keys.iter().map(|_| Uuid::now_v7()).collect();
        self.execute(sqlx::query(CREATE_CONVERSATIONS).bind(ids).bind(keys).bind(DIRECT).bind(at)).await?;
        let (keys, users): (Vec<&str>, Vec<Uuid>) =
            pairs.iter().flat_map(|(key, members)| members.map(|user| (key.as_str(), user))).unzip();
        self.execute(sqlx::query(CREATE_MEMBERS).bind(keys).bind(users)).await
    }
}

/// One field of many rows, as an array.
fn column<'r, R, T>(rows: &'r [R], field: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

fn get<'r, T>(row: &'r PgRow, index: usize) -> Result<T, DbErr>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    row.try_get(index).map_err(failed)
}

fn failed(cause: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause)))
}
