//! `[database]`.

use serde::Deserialize;
use std::{fmt, path::PathBuf, time::Duration};

use super::redact;

#[derive(Clone, Deserialize)]
pub struct Database {
    /// `DATABASE_URL`: `sqlite://path` or `postgres://…`. Default: SQLite in `data/`.
    pub url: String,
    /// Connections for reads (PostgreSQL); SQLite uses the same number of read-only ones.
    pub read_connections: u32,
    /// Writers of batches, each with a connection of its own (PostgreSQL; SQLite has one).
    pub writers: u32,
    /// Most sends that share one transaction.
    pub batch: usize,
    /// Sends that may wait for a writer; one more is answered 503.
    pub queue: usize,
    /// How long a statement may wait for a connection and run.
    pub timeout: Duration,
    /// Apply pending migrations at start (always with SQLite).
    pub migrate_on_start: bool,
    /// How long entries of logs are kept; zero = for ever.
    pub log_retention: Duration,
}

impl Database {
    /// Whether this is the embedded database.
    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// The folder of the embedded database: where the data lives that belongs to it. `None` for PostgreSQL.
    pub fn folder(&self) -> Option<PathBuf> {
        self.file()?.parent().map(PathBuf::from)
    }

    /// The file of the embedded database. `None` for PostgreSQL.
    pub fn file(&self) -> Option<PathBuf> {
        sqlite_path(&self.url).map(PathBuf::from)
    }
}

/// The file that a URL of an embedded database names.
pub(super) fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    path.strip_prefix("//").unwrap_or(path).split('?').next()
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, read_connections, writers, batch, queue, timeout, migrate_on_start, log_retention } = self;
        f.debug_struct("Database")
            .field("url", &redact::url(url))
            .field("read_connections", read_connections)
            .field("writers", writers)
            .field("batch", batch)
            .field("queue", queue)
            .field("timeout", timeout)
            .field("migrate_on_start", migrate_on_start)
            .field("log_retention", log_retention)
            .finish()
    }
}
