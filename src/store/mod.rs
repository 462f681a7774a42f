//! The truth: accounts, conversations, messages and every person's numbered log, on sea-orm, in SQLite or PostgreSQL.
//!
//! # Contract
//! - [`Store::send`] answers after the message *and* the numbered entry in each member's log are committed, in one
//!   transaction. Numbers are given under locks: 1, 2, 3 … without gaps in each log and in each conversation, and all
//!   members of a conversation see one order.
//! - `clientId` is unique per sender for ever: a second send with it answers the first message, whatever node it
//!   comes to; for another receiver it is [`Error::ClientIdReused`].
//! - A method that fails with [`Error::Unavailable`] may or may not have been carried out (the database did not say in
//!   time); repeating it with the same `clientId` finds out.
//! - Every wait is bounded by `database.timeout`, the send queue by `database.queue`.

mod connect;
mod conversations;
mod doctor;
mod entity;
mod epoch;
mod events;
mod failure;
mod gather;
mod migrate;
mod nodes;
mod presence;
mod prune;
mod reads;
mod sessions;
#[cfg(test)]
mod tests;
mod uploads;
mod users;
mod writer;

use crate::{
    config,
    metrics::Metrics,
    model::{
        Clock, Error, Result, SessionId, Timestamp, UserId,
        conversation::ReadMark,
        position::Position,
        session::Session,
        upload::MediaName,
        user::{Email, User},
    },
};
pub use doctor::{MemberTrace, MessageTrace};
pub use epoch::Epochs;
use failure::{Class, Failure, classify};
use gather::Gather;
pub use prune::LogPage;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
};
use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::task::TaskTracker;
use writer::Writer;

/// Between attempts to find a connection that works; grows by as much with each.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// A cheap handle on the database; clone it freely.
#[derive(Clone, Debug)]
pub struct Store {
    /// For reads outside of transactions. The same primary as `write`: positions must never be old.
    read: DatabaseConnection,
    write: DatabaseConnection,
    writer: Writer,
    /// Sessions and positions that are asked for one by one.
    sessions: Gather<SessionId, Session>,
    positions: Gather<UserId, Position>,
    clock: Clock,
    metrics: Metrics,
    timeout: Duration,
    /// Connections that the larger pool has at most.
    connections: u32,
    /// SQLite: the file that processes lock while they migrate.
    lock_file: Option<Arc<PathBuf>>,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub id: UserId,
    pub full_name: String,
    pub email: Email,
    /// PHC string.
    pub password_hash: String,
    pub created_at: Timestamp,
}

/// What a log-in is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub user: User,
    /// PHC string.
    pub password_hash: String,
}

/// What to change of a profile; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    pub full_name: Option<String>,
    pub profile_pic: Option<MediaName>,
}

/// What [`Store::mark_read`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOutcome {
    /// Where the reader stands now; `None` when the two have no conversation.
    pub mark: Option<ReadMark>,
    /// The number of the entry in the reader's log; `None` when nothing changed.
    pub seq: Option<i64>,
}

/// How the database's schema compares with this binary's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    Current,
    /// This many migrations are not applied yet.
    Behind(usize),
    /// The database has migrations that this binary doesn't know; it was made by a newer hubbub.
    Ahead,
}

impl Store {
    /// Opens the pools and starts the writers on `tracker`. Does not migrate.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer within `database.timeout`, [`Error::Internal`] when it
    /// refuses for good (a wrong URL or password).
    pub async fn connect(config: &config::Database, clock: Clock, metrics: Metrics, tracker: &TaskTracker) -> Result<Self> {
        let pools = connect::open(config).await?;
        pools.show(config, &metrics);
        let writer = Writer::start(config, pools.write.clone(), metrics.clone(), tracker);
        metrics.database_up.set(1);
        let mut store = Self {
            read: pools.read,
            write: pools.write,
            writer,
            sessions: Gather::default(),
            positions: Gather::default(),
            clock,
            metrics,
            timeout: config.timeout,
            connections: pools.connections,
            lock_file: pools.lock_file.map(Arc::new),
        };
        // The workers' handles have no queues: or they would never see that the last of the others is gone.
        let (for_sessions, for_positions) = (store.clone(), store.clone());
        store.sessions = Gather::start(tracker, move |ids| {
            let store = for_sessions.clone();
            async move { store.live_sessions(ids).await }
        });
        store.positions = Gather::start(tracker, move |users| {
            let store = for_positions.clone();
            async move { store.positions(&users).await }
        });
        Ok(store)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<()> {
        let answer = self
            .repeating(|| async {
                self.read.ping().await?;
                Ok(())
            })
            .await;
        self.metrics.database_up.set(i64::from(answer.is_ok()));
        answer
    }

    /// No new sends; finishes the queued ones; closes the pools. Bounded by a few times `database.timeout`.
    pub async fn close(&self) {
        self.sessions.close();
        self.positions.close();
        self.writer.close(self.timeout.saturating_mul(2)).await;
        for pool in [&self.read, &self.write] {
            if !matches!(tokio::time::timeout(self.timeout, pool.close_by_ref()).await, Ok(Ok(()))) {
                tracing::warn!("a database pool did not close in time");
            }
        }
    }

    /// Runs one piece of work within `database.timeout` and translates its failure.
    async fn bounded<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(answer) => answer.map_err(Error::from),
            Err(_) => Err(Error::unavailable("database", "no answer in time")),
        }
    }

    /// As [`Store::bounded`], for work that may be done twice: it is repeated when a connection turns out to be broken.
    /// After a restart of the database all of a pool's are, and each is only noticed by using it.
    async fn repeating<T, F>(&self, work: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.bounded(async {
            for attempt in 0..self.connections {
                match work().await {
                    Err(Failure::Database(cause)) if classify(&cause) == Class::Away => {}
                    answer => return answer,
                }
                // The first broken connection is no reason to wait; a database that is away must not be stormed.
                tokio::time::sleep((PAUSE * attempt).min(LONGEST_PAUSE).mul_f64(rand::random_range(0.5..=1.0))).await;
            }
            work().await
        })
        .await
    }

    /// A transaction for a small write.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        for _ in 0..self.connections {
            match begin(&self.write).await {
                Err(cause) if classify(&cause) == Class::Away => {}
                answer => return answer,
            }
        }
        begin(&self.write).await
    }

    /// The time by the clock that all nodes share: the database's own, or this process's with SQLite, whose only node it is.
    async fn shared_now(&self, db: &impl ConnectionTrait) -> Result<Timestamp, DbErr> {
        match db.get_database_backend() {
            DbBackend::Postgres => {
                let row = db.query_one_raw(sql(db, "SELECT date_trunc('milliseconds', clock_timestamp()) AS now", [])).await?;
                row.ok_or_else(|| DbErr::RecordNotFound("the database's clock".to_owned()))?.try_get("", "now")
            }
            _ => Ok(self.clock.now()),
        }
    }
}

/// Starts a transaction. With SQLite it takes the write lock at once: a lock taken later can fail half-way.
async fn begin(pool: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
    pool.begin_with_options(options).await
}

/// A statement with `$1`, `$2` …, which both databases read.
fn sql(db: &impl ConnectionTrait, text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}
