//! The statements for PostgreSQL: one a batch, a transaction by itself, if nothing is new but messages; else two beside BEGIN
//! and COMMIT, and one more if sends carry a `clientId`. Arrays in, so that each text is constant whatever the size of the batch,
//! and its plan is prepared once a connection.
//!
//! Plain sqlx, not sea-orm: a worker keeps its connection from batch to batch, which sea-orm's pool has no word for. The pool
//! asks a connection that comes back for a sign of life, a round trip or two for each batch.

mod lone;

use super::plan::{Conversation, Facts, Plan, Row, Stood};
use crate::{
    model::{
        Timestamp, UserId,
        conversation::direct_key,
        event::EventKind,
        message::{Message, Sent, Text},
        upload::MediaName,
    },
    store::{
        connect::TRUST_IDLE,
        conversations::{DIRECT, message_columns, message_in},
        failure::{Class, classify},
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

/// Conversations first, by key, then logs, by user: the condition on `c` has the first all locked before the second is looked
/// at. A row that had to be waited for is read as it is then, so the numbers are the newest.
const LOCK: &str = "WITH c AS MATERIALIZED (\
       SELECT id, direct_key, last_number FROM conversations WHERE direct_key = ANY($1) ORDER BY direct_key COLLATE \"C\" FOR NO KEY UPDATE), \
     l AS MATERIALIZED (\
       SELECT user_id, seq FROM user_log WHERE user_id = ANY($2) AND (SELECT count(*) FROM c) >= 0 ORDER BY user_id FOR NO KEY UPDATE) \
     SELECT id, direct_key, last_number, false FROM c UNION ALL \
     SELECT user_id, NULL, seq, EXISTS (SELECT FROM users u WHERE u.id = l.user_id AND u.deleted_at IS NULL) FROM l";

/// A whole batch, if it is of more than one ([`lone`]), for a plan whose numbers count from 0 ([`Facts::presumed`]); `place` tells its
/// conversations apart. Nothing is written, and nothing answered, unless everybody and every conversation is there and no `clientId`
/// is known.
///
/// The rows that count are updated in the order of [`LOCK`], which is that of the arrays: one that had to be waited for is read and
/// counted up as it is then. The snapshot is older than that: a message under the same `clientId` that was committed meanwhile isn't
/// seen, and its unique index fails the statement. That a row is missing which `whole` has found, or found the person of, would be a
/// defect: the division fails the statement then.
const AT_ONCE: &str = "WITH whole AS MATERIALIZED (\
       SELECT true WHERE NOT EXISTS (SELECT FROM unnest($1::text[]) AS asked (direct_key) WHERE NOT EXISTS (\
         SELECT FROM conversations c WHERE c.direct_key = asked.direct_key OFFSET 0)) \
       AND NOT EXISTS (SELECT FROM unnest($2::uuid[]) AS asked (user_id) WHERE NOT EXISTS (\
         SELECT FROM users u WHERE u.id = asked.user_id AND u.deleted_at IS NULL OFFSET 0)) \
       AND NOT EXISTS (SELECT FROM unnest($3::uuid[], $4::uuid[]) AS asked (sender_id, client_id) WHERE EXISTS (\
         SELECT FROM messages k WHERE k.sender_id = asked.sender_id AND k.client_id = asked.client_id AND k.client_id IS NOT NULL OFFSET 0))), \
     c AS (\
       UPDATE conversations c SET last_number = c.last_number + new.number, last_message_id = new.message_id, last_at = new.at \
       FROM whole, unnest($1::text[], $5::bigint[], $6::bigint[], $7::uuid[], $8::timestamptz[]) AS new (direct_key, place, number, message_id, at) \
       WHERE c.direct_key = new.direct_key RETURNING c.id, new.place, c.last_number - new.number AS last_number), \
     l AS (\
       UPDATE user_log l SET seq = l.seq + new.seq FROM whole, unnest($2::uuid[], $9::bigint[]) AS new (user_id, seq) \
       WHERE l.user_id = new.user_id AND (SELECT count(*) FROM c) >= 0 RETURNING l.user_id, l.seq - new.seq AS seq), \
     m AS (\
       INSERT INTO messages (id, conversation_id, number, sender_id, receiver_id, client_id, text, media_name, created_at, updated_at) \
       SELECT new.id, c.id, c.last_number + new.number, sender_id, receiver_id, client_id, body, media, at, at \
       FROM unnest($10::uuid[], $11::bigint[], $12::bigint[], $13::uuid[], $14::uuid[], $15::uuid[], $16::text[], $17::text[], $18::timestamptz[]) \
       AS new (id, place, number, sender_id, receiver_id, client_id, body, media, at) JOIN c ON c.place = new.place), \
     e AS (\
       INSERT INTO user_events (user_id, seq, kind, ref, created_at) SELECT l.user_id, l.seq + new.seq, $19, message_id, at \
       FROM unnest($20::uuid[], $21::bigint[], $22::uuid[], $23::timestamptz[]) AS new (user_id, seq, message_id, at) \
       JOIN l ON l.user_id = new.user_id) \
     SELECT id, place, last_number FROM c UNION ALL SELECT user_id, NULL, seq FROM l UNION ALL \
     SELECT NULL, NULL, 1 / ((SELECT count(*) FROM c) = cardinality($1) AND (SELECT count(*) FROM l) = cardinality($2))::integer FROM whole";

/// Entries are looked for among the last of each log only: they were written a moment ago, if at all.
const WRITTEN: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", e.user_id AS e_user_id, e.seq AS e_seq FROM messages m JOIN user_log l ON l.user_id IN (m.sender_id, m.receiver_id) \
     LEFT JOIN user_events e ON e.user_id = l.user_id AND e.seq > l.seq - 1000 AND e.ref = m.id WHERE m.id = ANY($1)"
);

const KNOWN: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) AS asked (sender_id, client_id) CROSS JOIN LATERAL (\
     SELECT * FROM messages k WHERE k.sender_id = asked.sender_id AND k.client_id = asked.client_id AND k.client_id IS NOT NULL OFFSET 0) m"
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

/// How a worker's statements are planned: once, and by the indexes that they are written for. The server would plan a small batch
/// anew each time, which takes longer than its execution, and on tables of which it has no statistics yet it would read all of
/// `messages` for each batch until it has. `OFFSET 0` is there to the same end: it keeps what it ends from being planned as a join.
const PLAN: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off";

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
        let mut transaction = self.open().await?;
        transaction.says("BEGIN").await?;
        Ok(transaction)
    }

    /// A connection on which no transaction has begun.
    async fn open(&self) -> Result<Transaction, DbErr> {
        let held = self.held.lock().take().filter(Held::is_fresh);
        let held = match held {
            Some(held) => held,
            None => {
                let unavailable = |cause| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause)));
                let mut connection = self.pool.acquire().await.map_err(unavailable)?;
                // It will not go back: nobody else shall have it with these settings, nor while a transaction is open.
                connection.close_on_drop();
                sqlx::raw_sql(PLAN).execute(&mut *connection).await.map_err(unavailable)?;
                Held { connection, taken: Instant::now(), used: Instant::now() }
            }
        };
        Ok(Transaction { held: Some(held), home: self.held.clone() })
    }

    /// See [`super::statements::Database::write_at_once`]. Whatever fails, but for the way to the database, is left to the
    /// single steps, which say what.
    pub(super) async fn write_at_once(&self, relative: &Plan<'_>) -> Result<Option<Stood>, DbErr> {
        let mut transaction = self.open().await?;
        let written = transaction.write_at_once(relative).await;
        match written {
            Err(cause) if classify(&cause) == Class::Away => return Err(cause),
            _ => transaction.go_home(),
        }
        Ok(written.ok().flatten())
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

    async fn rows(&mut self, query: Statement<'_>) -> Result<Vec<PgRow>, DbErr> {
        query.fetch_all(self.connection()?).await.map_err(failed)
    }

    async fn execute(&mut self, query: Statement<'_>) -> Result<(), DbErr> {
        query.execute(self.connection()?).await.map(drop).map_err(failed)
    }

    /// Locks conversations by their keys, and logs by their users; what both say then, and who of the users is there.
    pub(super) async fn lock(&mut self, keys: Vec<String>, users: Vec<Uuid>) -> Result<Facts, DbErr> {
        let mut facts = Facts::default();
        for row in self.rows(sqlx::query(LOCK).bind(keys).bind(users)).await? {
            // Id, key and number of a conversation; or user, nothing and number of a log.
            let (id, last_number): (Uuid, i64) = (get(&row, 0)?, get(&row, 2)?);
            match get::<Option<String>, _>(&row, 1)? {
                Some(key) => drop(facts.conversations.insert(key, Conversation { id, last_number })),
                None => drop(facts.logs.insert(id, last_number)),
            }
            if get(&row, 3)? {
                facts.people.insert(id);
            }
        }
        Ok(facts)
    }

    async fn write_at_once(&mut self, plan: &Plan<'_>) -> Result<Option<Stood>, DbErr> {
        let place = |row: &Row| row.conversation.as_u128() as i64;
        let rows = &plan.messages;
        let users: Vec<Uuid> = plan.logs.keys().copied().collect();
        if let ([row], &[one, other]) = (rows.as_slice(), users.as_slice()) {
            return self.write_alone(row, [one, other]).await;
        }
        let mut last: Vec<(String, &Row)> = plan
            .conversations
            .values()
            .filter_map(|index| rows.get(*index))
            .map(|row| (direct_key(row.new.sender, row.new.receiver), row))
            .collect();
        last.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let name = |row: &Row| row.new.client_id.map(|client| (row.new.sender.0, client.0));
        let (senders, clients): (Vec<Uuid>, Vec<Uuid>) = rows.iter().filter_map(name).unzip();
        let query = sqlx::query(AT_ONCE)
            .bind(column(&last, |(key, _)| key.as_str()))
            .bind(users)
            .bind(senders)
            .bind(clients)
            .bind(column(&last, |(_, row)| place(row)))
            .bind(column(&last, |(_, row)| row.number))
            .bind(column(&last, |(_, row)| row.new.id.0))
            .bind(column(&last, |(_, row)| row.new.created_at))
            .bind(plan.logs.values().copied().collect::<Vec<i64>>());
        let query = with_entries(with_messages(query, rows, column(rows, place)), plan);
        let found = self.rows(query).await?;
        if found.is_empty() {
            return Ok(None);
        }
        let mut stood = Stood {
            conversations: HashMap::with_capacity(plan.conversations.len()),
            logs: HashMap::with_capacity(plan.logs.len()),
        };
        for row in found {
            // The last one has counted the others, and is nobody's.
            let Some(id) = get::<Option<Uuid>, _>(&row, 0)? else { continue };
            let last_number = get(&row, 2)?;
            match get::<Option<i64>, _>(&row, 1)? {
                Some(place) => drop(stood.conversations.insert(Uuid::from_u128(place as u128), Conversation { id, last_number })),
                None => drop(stood.logs.insert(id, last_number)),
            }
        }
        Ok(Some(stood))
    }

    /// Those of these messages that are written already, with their entries in both logs.
    pub(super) async fn written(&mut self, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Sent>, DbErr> {
        let mut written: HashMap<Uuid, Sent> = HashMap::new();
        for row in self.rows(sqlx::query(WRITTEN).bind(ids)).await? {
            let entry = get::<Option<Uuid>, _>(&row, "e_user_id")?.zip(get::<Option<i64>, _>(&row, "e_seq")?);
            let message = message_in(&QueryResult::from(row))?;
            let sent = written.entry(message.id.0).or_insert_with(|| Sent { message, entries: Vec::new(), first: true });
            sent.entries.extend(entry.map(|(user, seq)| (UserId(user), seq)));
        }
        Ok(written)
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

    pub(super) async fn write(&mut self, plan: &Plan<'_>) -> Result<(), DbErr> {
        let rows = &plan.messages;
        let last: Vec<&Row> = plan.conversations.values().filter_map(|index| rows.get(*index)).collect();
        let query = with_messages(sqlx::query(WRITE), rows, column(rows, |row| row.conversation))
            .bind(column(&last, |row| row.conversation))
            .bind(column(&last, |row| row.number))
            .bind(column(&last, |row| row.new.id.0))
            .bind(column(&last, |row| row.new.created_at))
            .bind(plan.logs.keys().copied().collect::<Vec<Uuid>>())
            .bind(plan.logs.values().copied().collect::<Vec<i64>>());
        self.execute(with_entries(query, plan)).await
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

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// The columns of new messages; `of` names the conversation of each.
fn with_messages<'q, C>(query: Statement<'q>, rows: &'q [Row<'_>], of: Vec<C>) -> Statement<'q>
where
    Vec<C>: sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres> + 'q,
{
    query
        .bind(column(rows, |row| row.new.id.0))
        .bind(of)
        .bind(column(rows, |row| row.number))
        .bind(column(rows, |row| row.new.sender.0))
        .bind(column(rows, |row| row.new.receiver.0))
        .bind(column(rows, |row| row.new.client_id.map(|client| client.0)))
        .bind(column(rows, |row| row.new.text.as_ref().map(Text::as_str)))
        .bind(column(rows, |row| row.new.image.as_ref().map(MediaName::as_str)))
        .bind(column(rows, |row| row.new.created_at))
}

/// The columns of new entries, behind their kind.
fn with_entries<'q>(query: Statement<'q>, plan: &Plan<'_>) -> Statement<'q> {
    let entries: Vec<_> = plan.entries.iter().filter_map(|entry| Some((entry, plan.messages.get(entry.message)?))).collect();
    query
        .bind(EventKind::NewMessage as i16)
        .bind(column(&entries, |(entry, _)| entry.user))
        .bind(column(&entries, |(entry, _)| entry.seq))
        .bind(column(&entries, |(_, row)| row.new.id.0))
        .bind(column(&entries, |(_, row)| row.new.created_at))
}

/// One field of many rows, as an array.
fn column<'r, R, T>(rows: &'r [R], field: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

fn get<'r, T, I>(row: &'r PgRow, index: I) -> Result<T, DbErr>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
    I: sqlx::ColumnIndex<PgRow>,
{
    row.try_get(index).map_err(failed)
}

fn failed(cause: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause)))
}
