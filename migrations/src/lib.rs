//! hubbub's database schema: one for PostgreSQL and SQLite. What was released is never edited; a change is a new file.

use sea_orm_migration::prelude::*;

mod m20261123_000001_initial;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261123_000001_initial::Migration)]
    }
}

pub use sea_orm_migration::MigratorTrait;
