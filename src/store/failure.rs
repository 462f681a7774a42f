//! What a failed statement means: try again, come back later, or a defect.

use crate::model::Error;
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// The failure of a piece of work: an answer that is decided, or the database's.
#[derive(Debug)]
pub(super) enum Failure {
    Decided(Error),
    Database(DbErr),
}

/// What to do about a database error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Rolled back because of somebody else's transaction: the same again can succeed.
    Conflict,
    /// The database or the way to it is away.
    Away,
    /// Anything else: a defect, of the statement or of its data.
    Defect,
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Decided(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Decided(error) => error,
            Failure::Database(cause) => match classify(&cause) {
                Class::Conflict | Class::Away => Self::unavailable("database", cause),
                Class::Defect => Self::internal("database", cause),
            },
        }
    }
}

/// Sorts a database error.
pub(super) fn classify(error: &DbErr) -> Class {
    match error {
        DbErr::ConnectionAcquire(_) => Class::Away,
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => classify_driver(cause),
        // sea-orm's own wording for a connection that is gone.
        DbErr::Conn(RuntimeErr::Internal(_)) => Class::Away,
        _ => Class::Defect,
    }
}

fn classify_driver(error: &sqlx::Error) -> Class {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // A connection that broke in the middle of an answer.
        | sqlx::Error::Protocol(_) => Class::Away,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() { classify_sqlite(&code) } else { classify_postgres(&code) }
        }
        _ => Class::Defect,
    }
}

/// By SQLSTATE.
fn classify_postgres(code: &str) -> Class {
    match code {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Class::Conflict,
        // Statement or idle-in-transaction timeout, a primary that became a standby, too many connections.
        "57014" | "25P03" | "25P04" | "25006" => Class::Away,
        _ if ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class)) => Class::Away,
        _ => Class::Defect,
    }
}

/// By extended result code, of which the low byte is the primary one.
fn classify_sqlite(code: &str) -> Class {
    match code.parse::<i32>().unwrap_or_default() & 0xff {
        // BUSY, LOCKED.
        5 | 6 => Class::Conflict,
        // IOERR, FULL, CANTOPEN: a disk that is full or gone.
        10 | 13 | 14 => Class::Away,
        _ => Class::Defect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadlock_is_tried_again_a_restart_waited_for_and_a_broken_rule_reported() {
        assert_eq!(classify_postgres("40P01"), Class::Conflict);
        assert_eq!(classify_postgres("57P01"), Class::Away);
        assert_eq!(classify_postgres("23505"), Class::Defect);
        assert_eq!(classify_sqlite("517"), Class::Conflict);
        assert_eq!(classify_sqlite("13"), Class::Away);
        assert_eq!(classify_sqlite("2067"), Class::Defect);
    }

    #[test]
    fn the_cause_of_a_lost_connection_is_kept_for_the_log() {
        let lost = DbErr::Query(RuntimeErr::SqlxError(std::sync::Arc::new(sqlx::Error::PoolTimedOut)));
        let error = Error::from(Failure::from(lost));
        assert!(matches!(&error, Error::Unavailable(cause) if cause.part == "database"), "{error:?}");
    }
}
