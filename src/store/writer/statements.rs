//! The one place that tells the two databases apart: what a transaction reads and writes is said set-based for PostgreSQL, where
//! every round trip counts, and plainly for SQLite, which runs in this process.

use super::{
    plan::{Facts, Plan, Stood},
    postgres, sqlite,
};
use crate::{
    model::{
        Timestamp,
        message::{Message, Sent},
    },
    store::begin,
};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, prelude::Uuid};
use std::collections::{BTreeMap, HashMap};

/// Where one worker writes.
#[derive(Debug)]
pub(super) enum Database {
    Postgres(postgres::Connections),
    Sqlite(DatabaseConnection),
}

/// An open transaction; dropped, it is rolled back.
#[derive(Debug)]
pub(super) enum Transaction {
    Postgres(postgres::Transaction),
    Sqlite(DatabaseTransaction),
}

impl Database {
    pub(super) fn new(pool: DatabaseConnection) -> Self {
        match pool.get_database_backend() {
            DbBackend::Postgres => Self::Postgres(postgres::Connections::new(pool.get_postgres_connection_pool().clone())),
            _ => Self::Sqlite(pool),
        }
    }

    /// Writes this plan, whose numbers count from 0, behind what everything stands at: in one statement, if the database is one
    /// that has to be asked over a network, and if everybody and everything that it concerns is there. Else `None`, and nothing
    /// is written.
    pub(super) async fn write_at_once(&self, relative: &Plan<'_>) -> Result<Option<Stood>, DbErr> {
        match self {
            Self::Postgres(connections) => connections.write_at_once(relative).await,
            Self::Sqlite(_) => Ok(None),
        }
    }

    pub(super) async fn begin(&self) -> Result<Transaction, DbErr> {
        Ok(match self {
            Self::Postgres(connections) => Transaction::Postgres(connections.begin().await?),
            Self::Sqlite(pool) => Transaction::Sqlite(begin(pool).await?),
        })
    }
}

/// Each of both databases' own.
macro_rules! dispatch {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Transaction {
            $($(#[$doc])*
            pub(super) async fn $name(&mut self, $($arg: $type),*) -> Result<$answer, DbErr> {
                match self {
                    Self::Postgres(transaction) => transaction.$name($($arg),*).await,
                    Self::Sqlite(transaction) => sqlite::$name(transaction, $($arg),*).await,
                }
            })*
        }
    };
}

dispatch! {
    /// Locks conversations by their direct keys, in the order of those, then logs in the order of their users. What both say
    /// then, and who of the users exists and is not deleted; whatever is not there is left out.
    lock(keys: Vec<String>, users: Vec<Uuid>) -> Facts;
    /// The messages that these (sender, client id) already name.
    known(names: Vec<(Uuid, Uuid)>) -> HashMap<(Uuid, Uuid), Message>;
    /// Those of these messages that are written already.
    written(ids: Vec<Uuid>) -> HashMap<Uuid, Sent>;
    /// Writes messages and entries, and counts conversations and logs up.
    write(plan: &Plan<'_>) -> ();
    /// Makes direct conversations, by direct key, and their members; leaves those that exist.
    create_conversations(pairs: &BTreeMap<String, [Uuid; 2]>, at: Timestamp) -> ();
}

impl Transaction {
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Postgres(transaction) => transaction.commit().await,
            Self::Sqlite(transaction) => transaction.commit().await,
        }
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        match self {
            Self::Postgres(transaction) => transaction.rollback().await,
            Self::Sqlite(transaction) => transaction.rollback().await,
        }
    }
}
