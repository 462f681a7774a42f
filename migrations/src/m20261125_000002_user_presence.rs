//! When people were last seen.
//!
//! A table of its own, not a column of `users`: people leave in storms (a network that fails, a node that dies), and each
//! departure would write a wide row anew and touch its indexes. No foreign key, as with the other tables that are written that
//! often: the check would lock rows of `users`, and only people with an account ever come to leave.

use sea_orm_migration::{
    prelude::*,
    schema::{timestamp_with_time_zone, uuid},
    sea_orm::DbBackend,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("user_presence")
            .col(uuid("user_id").primary_key())
            .col(timestamp_with_time_zone("last_seen_at"))
            .to_owned();
        manager.create_table(table).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared(ROOM_IN_PAGES).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("user_presence").to_owned()).await
    }
}

/// So that a new time stays in the page of the old one (heap-only tuples: the primary key is not touched).
const ROOM_IN_PAGES: &str = "ALTER TABLE user_presence SET (fillfactor = 50)";
