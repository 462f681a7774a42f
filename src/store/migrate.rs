//! The schema: how far it is, and bringing it up.

use super::{
    Failure, Schema, Store,
    connect::lock_file,
    failure::{Class, classify},
    sql,
};
use crate::model::{Error, Result};
use migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use std::{collections::HashSet, time::Duration};

/// How long one process waits for another that migrates, and how long migrating may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a change of a table may wait for those who use it. Whoever comes after it waits behind it, so while this runs
/// nobody can send: it must be far below `database.timeout`.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// Before it is tried again, so that those who waited get their turn.
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// Names hubbub's migrations among the advisory locks of a PostgreSQL database; any number that nobody else uses.
const LOCK: i64 = 0x6875_6262_7562;

impl Store {
    /// How the database's schema compares with this binary's. Writes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn schema(&self) -> Result<Schema> {
        self.repeating(|| async { Ok(compare::<Migrator>(&applied(&self.read).await?)) }).await
    }

    /// Applies what is pending, under a lock that all nodes share: of several started at once, one applies and the
    /// others wait for it. Answers how many it applied.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if another holds the lock for more than five minutes or the database is away,
    /// [`Error::Internal`] if a migration fails (it is then not applied at all) or the database is ahead of this binary.
    pub async fn migrate(&self) -> Result<usize> {
        self.migrate_to::<Migrator>().await
    }

    /// [`Store::migrate`], to the schema of any migrator.
    pub(super) async fn migrate_to<M: MigratorTrait>(&self) -> Result<usize> {
        let lock = match &self.lock_file {
            Some(path) => Some(lock_file(path, PATIENCE).await?),
            None => None,
        };
        let answer = tokio::time::timeout(PATIENCE.saturating_mul(2), self.apply_between::<M>()).await;
        drop(lock);
        match answer {
            Ok(answer) => answer.map_err(Error::from),
            Err(_) => Err(Error::unavailable("database", "migrating took too long")),
        }
    }

    /// Tries until no table is in the way.
    async fn apply_between<M: MigratorTrait>(&self) -> Result<usize, Failure> {
        loop {
            match self.apply::<M>().await {
                Err(Failure::Database(cause)) if classify(&cause) == Class::Conflict => {
                    tracing::info!(%cause, "a table that is to be changed is in use; trying again");
                    tokio::time::sleep(LOCK_PAUSE.mul_f64(rand::random_range(0.5..=1.5))).await;
                }
                answer => return answer,
            }
        }
    }

    /// All in one transaction: both databases can undo changes of tables, and the advisory lock goes with it, on whatever
    /// connection of the pool it was taken.
    async fn apply<M: MigratorTrait>(&self) -> Result<usize, Failure> {
        let transaction = self.begin().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            let patience = PATIENCE.as_millis();
            for setting in [
                format!("SET LOCAL lock_timeout = {patience}"),
                format!("SET LOCAL statement_timeout = {patience}"),
                format!("SET LOCAL idle_in_transaction_session_timeout = {patience}"),
            ] {
                transaction.execute_unprepared(&setting).await?;
            }
            transaction.execute_raw(sql(&transaction, "SELECT pg_advisory_xact_lock($1)", [LOCK.into()])).await?;
            transaction.execute_unprepared(&format!("SET LOCAL lock_timeout = {}", LOCK_WAIT.as_millis())).await?;
        }
        let pending = match compare::<M>(&applied(&transaction).await?) {
            Schema::Current => 0,
            Schema::Behind(pending) => pending,
            Schema::Ahead => return Err(Error::internal("database", "the schema was made by a newer hubbub").into()),
        };
        if pending > 0 {
            M::up(&transaction, None).await?;
        }
        transaction.commit().await?;
        Ok(pending)
    }
}

fn compare<M: MigratorTrait>(applied: &HashSet<String>) -> Schema {
    let known: HashSet<String> = M::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    match known.difference(applied).count() {
        _ if !applied.is_subset(&known) => Schema::Ahead,
        0 => Schema::Current,
        pending => Schema::Behind(pending),
    }
}

/// The names of the migrations that the database says it has. The migrator's own way of asking makes its table.
async fn applied(db: &impl ConnectionTrait) -> Result<HashSet<String>, DbErr> {
    let probe = match db.get_database_backend() {
        DbBackend::Postgres => "SELECT 1 AS found FROM pg_class WHERE oid = to_regclass('seaql_migrations')",
        _ => "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
    };
    if db.query_one_raw(sql(db, probe, [])).await?.is_none() {
        return Ok(HashSet::new());
    }
    let rows = db.query_all_raw(sql(db, "SELECT version FROM seaql_migrations", [])).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_that_this_binary_does_not_know_means_that_the_database_is_ahead() {
        let known: HashSet<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        assert_eq!(compare::<Migrator>(&HashSet::new()), Schema::Behind(known.len()));
        assert_eq!(compare::<Migrator>(&known), Schema::Current);
        let newer = known.into_iter().chain(["m29990101_000001_later".to_owned()]).collect();
        assert_eq!(compare::<Migrator>(&newer), Schema::Ahead);
    }
}
