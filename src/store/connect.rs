//! Opening the pools: one for reads and one for writes, so that neither can starve the other.

use super::failure::{Class, Failure, classify};
use crate::{
    config,
    metrics::Metrics,
    model::{Error, Result},
};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr,
    sqlx::{
        Connection,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a connection may lie idle before it is asked whether it is alive. Asking at every use costs a round trip.
pub(super) const TRUST_IDLE: Duration = Duration::from_secs(30);

/// Rows that SQLite's thread may be ahead of whoever reads them: a page of history and more, so that neither waits for the other in the
/// middle of one.
const ROWS_AHEAD: usize = 1_024;
/// Bytes of a SQLite file that are read in place. Each write by another connection makes a connection's own cache of pages worthless.
const MAPPED: &str = "268435456";

/// How often a process looks whether another let go of the lock file.
const LOCK_POLL: Duration = Duration::from_millis(25);

/// What [`open`] opened.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) read: DatabaseConnection,
    pub(super) write: DatabaseConnection,
    /// Connections that the larger of both has at most.
    pub(super) connections: u32,
    /// Only with SQLite.
    pub(super) lock_file: Option<PathBuf>,
}

/// Opens both pools.
///
/// # Errors
/// As [`super::Store::connect`].
pub(super) async fn open(config: &config::Database) -> Result<Pools> {
    if config.is_sqlite() { open_sqlite(config).await } else { open_postgres(config).await }
}

async fn open_postgres(config: &config::Database) -> Result<Pools> {
    let writers = postgres_writes(config);
    let write = connect(config, postgres(config, writers)).await?;
    let read = connect(config, postgres(config, config.read_connections)).await?;
    Ok(Pools { read, write, connections: writers.max(config.read_connections), lock_file: None })
}

impl Pools {
    /// Lets the metrics show how many connections there are, and how many are at work.
    pub(super) fn show(&self, config: &config::Database, metrics: &Metrics) {
        for (name, pool) in [("read", &self.read), ("write", &self.write)] {
            let look: Box<dyn Fn() -> (u32, usize) + Send + Sync> = if config.is_sqlite() {
                let pool = pool.get_sqlite_connection_pool().clone();
                Box::new(move || (pool.size(), pool.num_idle()))
            } else {
                let pool = pool.get_postgres_connection_pool().clone();
                Box::new(move || (pool.size(), pool.num_idle()))
            };
            metrics.probe(move |series| {
                let (size, idle) = look();
                let (size, idle) = (i64::from(size), idle as i64);
                series.database_connections.with_label_values(&[name, "idle"]).set(idle);
                series.database_connections.with_label_values(&[name, "used"]).set((size - idle).max(0));
            });
        }
        let writes = if config.is_sqlite() { 1 } else { postgres_writes(config) };
        metrics.database_limit.with_label_values(&["read"]).set(i64::from(config.read_connections));
        metrics.database_limit.with_label_values(&["write"]).set(i64::from(writes));
    }
}

/// Connections for the batch writers, and beside them for log-ins, read marks and the like.
fn postgres_writes(config: &config::Database) -> u32 {
    config.writers.max(1).saturating_add(config.writers.max(2))
}

fn postgres(config: &config::Database, connections: u32) -> ConnectOptions {
    let timeout = config.timeout;
    let mut options = base(config, connections);
    options
        .test_before_acquire_if_idle_for(TRUST_IDLE)
        .map_sqlx_postgres_opts(move |options: PgConnectOptions| {
            // The server's side of our own deadline. A node that is stopped or cut off in the middle of a transaction must
            // not keep its locks: they are on other people's conversations.
            let ms = timeout.as_millis().to_string();
            options.application_name("hubbub").options([
                ("statement_timeout", ms.as_str()),
                ("idle_in_transaction_session_timeout", ms.as_str()),
                // Each statement sees what was committed before it: what is read under a lock is the newest.
                ("default_transaction_isolation", "read committed"),
            ])
        })
        .map_sqlx_postgres_pool_opts(move |options: PgPoolOptions| {
            // A statement that we gave up on leaves a connection that may never answer again (a peer that vanished). The pool
            // would wait for it without end and be one smaller for as long as that takes; so it gets a deadline here. After a
            // statement that was answered there is nothing to wait for, and this asks nothing: the pool itself does.
            options.after_release(move |connection, _| {
                Box::pin(async move {
                    match tokio::time::timeout(timeout, connection.flush()).await {
                        Ok(answer) => answer.map(|()| true),
                        Err(_) => Err(sea_orm::sqlx::Error::PoolTimedOut),
                    }
                })
            })
        });
    options
}

async fn open_sqlite(config: &config::Database) -> Result<Pools> {
    let url: SqliteConnectOptions = config.url.parse().map_err(|cause| Error::internal("database", cause))?;
    let path = url.get_filename().to_path_buf();
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(|cause| Error::internal("database", format_args!("{}: {cause}", folder.display())))?;
    }
    let mut lock_path = path.into_os_string();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);

    // The change to WAL does not wait for other processes as statements do, it fails: so one after the other.
    let lock = lock_file(&lock_path, config.timeout).await?;
    let write = connect(config, sqlite(config, 1, false)).await?;
    let read = connect(config, sqlite(config, config.read_connections, true)).await?;
    drop(lock);
    Ok(Pools { read, write, connections: config.read_connections, lock_file: Some(lock_path) })
}

fn sqlite(config: &config::Database, connections: u32, read_only: bool) -> ConnectOptions {
    let timeout = config.timeout;
    let mut options = base(config, connections);
    options
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        // Here and not in `after_connect`: that runs once a pool, these hold for each connection.
        .map_sqlx_sqlite_opts(move |options: SqliteConnectOptions| {
            let options = options.busy_timeout(timeout).foreign_keys(true);
            if read_only {
                options.read_only(true).row_buffer_size(ROWS_AHEAD).pragma("mmap_size", MAPPED)
            } else {
                // FULL, since NORMAL can lose an acknowledged commit when the power fails. What a single statement would have to
                // undo is kept in memory; a checkpoint writes each page once, however often the log has it, and so comes less often.
                options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .pragma("temp_store", "memory")
                    .pragma("wal_autocheckpoint", "4000")
                    .pragma("cache_size", "-16384")
            }
        });
    options
}

fn base(config: &config::Database, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.clone());
    options
        .min_connections(1)
        .max_connections(connections.max(1))
        .acquire_timeout(config.timeout)
        .connect_timeout(config.timeout)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

async fn connect(config: &config::Database, options: ConnectOptions) -> Result<DatabaseConnection> {
    match tokio::time::timeout(config.timeout.saturating_mul(2), Database::connect(options)).await {
        Ok(Ok(pool)) => Ok(pool),
        Ok(Err(cause)) => Err(explain(cause)),
        Err(_) => Err(Error::unavailable("database", "no connection in time")),
    }
}

fn explain(cause: DbErr) -> Error {
    match classify(&cause) {
        Class::Defect => Error::internal("database", cause),
        Class::Away | Class::Conflict => Failure::from(cause).into(),
    }
}

/// Takes the lock that processes share beside a SQLite file; dropping the answer lets go of it, and so does dying.
///
/// # Errors
/// [`Error::Unavailable`] if another holds it longer than `patience`, [`Error::Internal`] if the file can't be made.
pub(super) async fn lock_file(path: &Path, patience: Duration) -> Result<File> {
    let broken = |cause| Error::internal("database", format_args!("{}: {cause}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(broken)?;
    let wait = async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
                Err(TryLockError::Error(cause)) => return Err(broken(cause)),
            }
        }
    };
    match tokio::time::timeout(patience, wait).await {
        Ok(taken) => taken.map(|()| file),
        Err(_) => Err(Error::unavailable("database", format_args!("{} is locked by another process", path.display()))),
    }
}
