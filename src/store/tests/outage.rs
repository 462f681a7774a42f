//! A database that is slow, locked or gone.

use super::bench::{Bench, message, on_both, people, say};
use crate::{
    model::{Error, UserId},
    store::{Store, sql},
};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use std::time::Duration;

/// A transaction that sends to or from `user` have to wait for.
async fn in_the_way(store: &Store, user: UserId) -> DatabaseTransaction {
    let transaction = store.begin().await.expect("a transaction");
    let lock = sql(&transaction, "UPDATE user_log SET seq = seq WHERE user_id = $1", [user.0.into()]);
    transaction.execute_raw(lock).await.expect("a lock");
    transaction
}

on_both! {
    async fn a_full_queue_refuses_at_once_and_stores_nothing(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        say(&store, &bench.clock, ann, bob, "first").await;
        let narrow = bench.tuned(|config| config.queue = 1).await;
        let lock = in_the_way(&narrow, bob).await;

        let sends = join_all((0..10).map(|_| narrow.sends(message(&bench.clock, ann, bob, "more"))));
        // All sends are put before the lock is let go of: at most one waits in the queue, one in each writer.
        let (answers, unlocked) = tokio::join!(sends, lock.rollback());

        unlocked.expect("the lock is let go of");
        let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!((1..=3).contains(&accepted), "{accepted} accepted");
        assert!(answers.iter().flat_map(|answer| answer.as_ref().err()).all(|error| matches!(error, Error::Unavailable(_))));
        assert_eq!(store.entries_after(bob, 0, 100).await.expect("a log").len(), 1 + accepted);
        assert_eq!(bench.metrics.send_queue.get(), 0);
        vec![store, narrow]
    }

    async fn a_send_that_waits_too_long_is_given_up_and_the_next_one_succeeds(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        say(&store, &bench.clock, ann, bob, "first").await;
        let hasty = bench.tuned(|config| config.timeout = Duration::from_millis(300)).await;
        let lock = in_the_way(&store, bob).await;

        let given_up = hasty.sends(message(&bench.clock, ann, bob, "never")).await;
        lock.rollback().await.expect("the lock is let go of");
        let mut next = hasty.sends(message(&bench.clock, ann, bob, "now")).await;
        while matches!(next, Err(Error::Unavailable(_))) {
            next = hasty.sends(message(&bench.clock, ann, bob, "now")).await;
        }

        assert!(matches!(given_up, Err(Error::Unavailable(_))), "{given_up:?}");
        let number = next.expect("a send").message.number;
        assert_eq!(store.entries_after(bob, 0, 100).await.expect("a log").len() as i64, number, "no gap, nothing half written");
        vec![store, hasty]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_server_cuts_every_connection_sends_and_reads_go_through_on_new_ones() {
    let Some(bench) = Bench::postgres().await else { return };
    let (store, admin) = (bench.store().await, bench.connect().await);
    let [ann, bob] = people(&store, &bench.clock).await;
    join_all((0..100).map(|_| say(&store, &bench.clock, ann, bob, "before"))).await;

    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    admin.read.execute_unprepared(cut).await.expect("connections are cut");
    let answers = join_all((0..100).map(|_| store.sends(message(&bench.clock, bob, ann, "after")))).await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    admin.read.execute_unprepared(cut).await.expect("connections are cut");
    let entries = store.entries_after(ann, 0, 1000).await.expect("a read goes through, too");
    admin.read.execute_unprepared(cut).await.expect("connections are cut");
    let marked = store.mark_read(ann, bob, None).await.expect("a mark");

    assert!(entries.iter().map(|entry| entry.seq).eq(1..=200));
    assert_eq!(marked.seq, Some(201));
    bench.close([store, admin]).await;
}
