//! Nodes that work while the next release's schema is applied under them.

use super::bench::{Bench, message, on_both, people, say};
use crate::{
    model::page::Limit,
    store::{Schema, Store},
};
use migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, DbErr, TransactionTrait};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// The migrations of a release to come.
struct NextMigrator;

#[async_trait::async_trait]
impl MigratorTrait for NextMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = Migrator::migrations();
        migrations.push(Box::new(Expansion));
        migrations
    }
}

/// All that a migration may do: see the crate `migrations`.
struct Expansion;

impl MigrationName for Expansion {
    fn name(&self) -> &str {
        "m29990101_000001_expansion"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Expansion {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for change in [
            "ALTER TABLE messages ADD COLUMN pinned_at TEXT",
            "ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE user_log ADD COLUMN muted INTEGER NOT NULL DEFAULT 0",
            "CREATE TABLE reactions (message_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (message_id, user_id))",
            "CREATE INDEX messages_by_pin ON messages (conversation_id, pinned_at) WHERE pinned_at IS NOT NULL",
        ] {
            manager.get_connection().execute_unprepared(change).await?;
        }
        Ok(())
    }
}

on_both! {
    async fn a_node_of_the_schema_before_loses_no_send_while_the_next_is_applied_and_works_on_it(bench: &Bench) -> Vec<Store> {
        let (store, migrating) = (bench.store().await, bench.connect().await);
        let [ann, bob] = people(&store, &bench.clock).await;
        let (begun, applied) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let sending = {
            let (store, clock, begun, applied) = (store.clone(), bench.clock.clone(), begun.clone(), applied.clone());
            TaskTracker::new().spawn(async move {
                let (mut sent, mut after) = (0_usize, None);
                let mut seen = std::pin::pin!(applied.notified());
                // Before it, during it, and twenty more on what it made.
                while after != Some(20) {
                    sent += 1;
                    store.sends(message(&clock, ann, bob, &format!("{sent}"))).await.expect("nobody is held up for good");
                    if sent == 5 {
                        begun.notify_one();
                    }
                    match &mut after {
                        Some(count) => *count += 1,
                        None if futures_util::poll!(&mut seen).is_ready() => after = Some(0),
                        None => {}
                    }
                }
                sent
            })
        };

        begun.notified().await;
        assert_eq!(migrating.migrate_to::<NextMigrator>().await, Ok(1));
        applied.notify_one();
        let sent = sending.await.expect("the sender ends well");

        assert_eq!(store.schema().await, Ok(Schema::Ahead));
        let history = store.history(ann, bob, None, Limit::new(1000).expect("a limit")).await.expect("a history");
        let mut numbers: Vec<usize> = history.rows.iter().map(|message| message.text.as_deref().expect("a text").parse().expect("a number")).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (sent + 1 - numbers.len()..=sent).collect::<Vec<_>>(), "the newest 1,000, without a gap");
        vec![store, migrating]
    }
}

/// A change of a table waits for everybody who reads it, and whoever comes later waits behind the change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_has_to_wait_for_a_table_does_not_hold_up_those_who_send() {
    let Some(bench) = Bench::postgres().await else { return };
    let (store, migrating) = (bench.store().await, bench.connect().await);
    let [ann, bob] = people(&store, &bench.clock).await;
    let reader = Database::connect(bench.url()).await.expect("the database answers");
    let report = reader.begin().await.expect("a transaction");
    report.execute_unprepared("SELECT count(*) FROM messages").await.expect("a long report");

    let migration = {
        let migrating = migrating.clone();
        TaskTracker::new().spawn(async move { migrating.migrate_to::<NextMigrator>().await })
    };
    let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'ALTER TABLE messages%' AND wait_event_type = 'Lock'";
    let seen = async {
        while reader.query_one_raw(crate::store::sql(&reader, waits, [])).await.expect("an answer").is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the migration waits for the report");
    for n in 0..10 {
        say(&store, &bench.clock, ann, bob, &format!("{n}")).await;
    }
    assert!(!migration.is_finished(), "the report still runs");

    report.commit().await.expect("the report ends");
    assert_eq!(migration.await.expect("no panic"), Ok(1));
    say(&store, &bench.clock, ann, bob, "and on").await;
    reader.close().await.expect("closed");
    bench.close([store, migrating]).await;
}
