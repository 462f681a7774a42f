//! hubbub's database schema: one for PostgreSQL and SQLite. What was released is never edited; a change is a new file.
//!
//! Nodes of the release before run while a migration is applied, and go on running on what it made: a migration only
//! **expands** (new tables, new columns that are nullable or have a default, new indexes). What nothing uses any more is
//! taken away by a migration of the release after. A migration that rewrites a large table, or indexes one, holds everybody up
//! for as long as that takes: do it in steps.

use sea_orm_migration::prelude::*;

mod m20261123_000001_initial;
mod m20261125_000002_user_presence;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261123_000001_initial::Migration), Box::new(m20261125_000002_user_presence::Migration)]
    }
}

pub use sea_orm_migration::MigratorTrait;
