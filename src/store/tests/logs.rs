//! Logs after a restore, and logs that grow old.

use super::bench::{Bench, message, on_both, people, say};
use crate::{
    model::{MessageId, NodeId, Timestamp, UserId, message::NewMessage, position::Position},
    store::{LogPage, MemberTrace, Store},
};
use chrono::TimeDelta;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Sends as if it had been that many days ago.
async fn said_days_ago(store: &Store, bench: &Bench, days: i64, from: UserId, to: UserId) {
    let created_at = bench.clock.now() - TimeDelta::days(days);
    store.sends(NewMessage { created_at, ..message(&bench.clock, from, to, "hello") }).await.expect("a send");
}

/// Prunes everything that is older than that many days, `each` entries of a log at a time. Answers how many went.
async fn prune(store: &Store, days: u32, each: u32) -> u64 {
    let before = store.retention_limit(DAY * days).await.expect("a time");
    let (mut after, mut removed) = (None, 0);
    loop {
        let page = store.expired_logs(after, before, 2).await.expect("a page");
        let Some(last) = page.last else { return removed };
        let here = store.prune_logs(&page.expired, before, each).await.expect("pruned");
        assert_eq!(here == 0, page.expired.is_empty(), "what is found is removed, and nothing else");
        removed += here;
        if here == 0 {
            after = Some(last);
        }
    }
}

async fn numbers(store: &Store, user: UserId, after: i64) -> Vec<i64> {
    store.entries_after(user, after, 1000).await.expect("a log").iter().map(|entry| entry.seq).collect()
}

on_both! {
    async fn old_entries_go_and_what_is_kept_has_no_hole(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid, dan] = people(&store, &bench.clock).await;
        for days in [200, 150, 95, 91, 89, 10, 0] {
            said_days_ago(&store, bench, days, ann, bob).await;
        }
        said_days_ago(&store, bench, 100, cid, bob).await;
        said_days_ago(&store, bench, 1, cid, bob).await;

        // In steps of two, so that a log takes several.
        assert_eq!(prune(&store, 90, 2).await, 9);

        assert_eq!(numbers(&store, ann, 0).await, [5, 6, 7]);
        // Bob's entry of 100 days ago lies behind newer ones (a node's clock was wrong): it stays until those are old, too.
        assert_eq!(numbers(&store, bob, 0).await, [5, 6, 7, 8, 9]);
        assert_eq!(numbers(&store, cid, 0).await, [2]);
        assert_eq!(numbers(&store, bob, 7).await, [8, 9], "a position above the hole is not touched by it");
        let positions = store.positions(&[ann, bob, cid, dan]).await.expect("positions");
        let seq = |user| positions.iter().find(|(id, _)| *id == user).map(|(_, position)| position.seq);
        assert_eq!([ann, bob, cid, dan].map(seq), [Some(7), Some(9), Some(2), Some(0)], "logs keep their place");

        assert_eq!(prune(&store, 90, 5000).await, 0);
        assert_eq!(prune(&store, 0, 5000).await, 9, "a log may become empty");
        assert!(numbers(&store, bob, 0).await.is_empty());
        assert_eq!(say(&store, &bench.clock, ann, bob, "and goes on").await.entries, [(ann, 8), (bob, 10)]);
        assert_eq!(store.history(ann, bob, None, crate::model::page::Limit::MAX).await.expect("history").rows.len(), 8);
        vec![store]
    }

    async fn nodes_that_prune_at_the_same_time_remove_each_entry_once(bench: &Bench) -> Vec<Store> {
        let (store, other) = (bench.store().await, bench.store().await);
        let [ann, bob] = people(&store, &bench.clock).await;
        for _ in 0..40 {
            said_days_ago(&store, bench, 100, ann, bob).await;
        }
        say(&store, &bench.clock, ann, bob, "new").await;
        let before = store.retention_limit(90 * DAY).await.expect("a time");

        let rounds = |store: Store| async move {
            let mut removed = 0;
            for _ in 0..20 {
                removed += store.prune_logs(&[ann, bob], before, 5).await.expect("pruned");
            }
            removed
        };
        let (mine, others) = tokio::join!(rounds(store.clone()), rounds(other.clone()));

        assert_eq!(mine + others, 80);
        assert_eq!(numbers(&store, ann, 0).await, [41]);
        vec![store, other]
    }

    async fn an_empty_database_has_nothing_to_prune(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let page = store.expired_logs(None, bench.clock.now(), 10).await;
        assert_eq!(page, Ok(LogPage { last: None, expired: Vec::new() }));
        assert_eq!(store.prune_logs(&[], bench.clock.now(), 10).await, Ok(0));
        assert_eq!(store.retention_limit(Duration::MAX).await, Ok(Timestamp::MIN_UTC));
        vec![store]
    }

    async fn a_new_epoch_reaches_every_log_and_leaves_the_numbers(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid] = people(&store, &bench.clock).await;
        say(&store, &bench.clock, ann, bob, "hello").await;
        let before = store.epochs().await.expect("epochs");

        let raised = store.raise_epochs(77, None).await.expect("raised");
        let again = store.raise_epochs(77, None).await.expect("nothing to do");
        let lower = store.raise_epochs(5, None).await.expect("nothing to do");

        assert_eq!((before.logs, before.highest), (3, 1));
        assert_eq!(raised, Some(([ann, bob, cid].into_iter().max().expect("three"), 3)));
        assert_eq!((again, lower), (None, None), "an epoch never falls");
        let mut positions = store.positions(&[ann, bob, cid]).await.expect("positions");
        positions.sort_unstable_by_key(|(user, _)| [ann, bob, cid].iter().position(|id| id == user));
        let positions: Vec<String> = positions.iter().map(|(_, position)| position.to_string()).collect();
        assert_eq!(positions, ["77.1", "77.1", "77.0"]);
        assert_eq!(store.epochs().await.expect("epochs").highest, 77);
        say(&store, &bench.clock, ann, bob, "and sends go on").await;
        vec![store]
    }

    async fn a_message_is_traced_to_its_number_in_every_log(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid] = people(&store, &bench.clock).await;
        say(&store, &bench.clock, cid, bob, "earlier").await;
        said_days_ago(&store, bench, 100, ann, bob).await;
        let sent = say(&store, &bench.clock, ann, bob, "where is it?").await;
        store.mark_read(bob, ann, None).await.expect("read");
        store.beat_node(NodeId::new()).await.expect("a beat");
        prune(&store, 90, 100).await;

        let trace = store.trace(sent.message.id).await.expect("an answer").expect("a message");

        assert_eq!(trace.message, sent.message);
        let member = |user, name: &str, head, kept_from, seq| MemberTrace {
            user, full_name: name.to_owned(), head: Position { epoch: 1, seq: head }, kept_from, seq,
        };
        let mut expected = [member(ann, "Person 0", 2, Some(2), Some(2)), member(bob, "Person 1", 4, Some(1), Some(3))];
        expected.sort_unstable_by_key(|member| member.user);
        assert_eq!(trace.members, expected);
        assert_eq!(store.trace(MessageId::new()).await.expect("an answer").map(|trace| trace.message), None);
        let (beats, now) = store.node_beats().await.expect("beats");
        assert!(beats.len() == 1 && now >= beats[0].1, "{beats:?}");

        let old = store.history(ann, bob, None, crate::model::page::Limit::MAX).await.expect("history").rows[0].id;
        let trace = store.trace(old).await.expect("an answer").expect("a message");
        let seq = |user| trace.members.iter().find(|member| member.user == user).and_then(|member| member.seq);
        assert_eq!((seq(ann), seq(bob)), (None, Some(2)), "its entry was removed from one log");
        vec![store]
    }
}
