//! When people were last seen, whom they talk with, and when a node last beat.

use super::bench::{Bench, on_both, people, say};
use crate::{
    model::{NodeId, Timestamp, UserId},
    store::{Store, sql},
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use std::time::Duration;

/// What the database knows of these, in their order; unknown people are left out.
async fn seen(store: &Store, users: &[UserId]) -> Vec<(UserId, Option<Timestamp>)> {
    let mut seen = store.last_seen(users).await.expect("an answer");
    seen.sort_unstable_by_key(|(user, _)| users.iter().position(|asked| asked == user));
    seen
}

/// The partners of one person, in the order of the answer.
fn of(person: UserId, pairs: &[(UserId, UserId)]) -> Vec<UserId> {
    pairs.iter().filter(|(user, _)| *user == person).map(|(_, partner)| *partner).collect()
}

on_both! {
    async fn the_latest_time_stays_whatever_the_order_of_writing(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid] = people(&store, &bench.clock).await;
        let noon = bench.clock.now();
        let (sooner, later) = (noon - TimeDelta::milliseconds(1), noon + TimeDelta::seconds(1));
        assert_eq!(store.record_last_seen(&[]).await, Ok(()));

        store.record_last_seen(&[(bob, sooner), (ann, noon), (bob, later), (bob, noon)]).await.expect("written");
        assert_eq!(seen(&store, &[ann, bob, cid]).await, [(ann, Some(noon)), (bob, Some(later)), (cid, None)]);

        store.record_last_seen(&[(ann, sooner), (bob, sooner), (cid, sooner)]).await.expect("written");
        assert_eq!(seen(&store, &[ann, bob, cid]).await, [(ann, Some(noon)), (bob, Some(later)), (cid, Some(sooner))]);

        store.record_last_seen(&[(ann, later)]).await.expect("written");
        assert_eq!(seen(&store, &[ann]).await, [(ann, Some(later))]);
        vec![store]
    }

    async fn only_living_accounts_were_ever_seen(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        let (nobody, now) = (UserId::new(), bench.clock.now());
        store.record_last_seen(&[(ann, now), (bob, now), (nobody, now)]).await.expect("written");

        let delete = sql(&store.write, "UPDATE users SET deleted_at = $2 WHERE id = $1", [bob.0.into(), now.into()]);
        store.write.execute_raw(delete).await.expect("deleted");

        assert_eq!(seen(&store, &[nobody, bob, ann]).await, [(ann, Some(now))]);
        assert_eq!(seen(&store, &[]).await, []);
        vec![store]
    }

    async fn nodes_that_write_the_same_people_at_once_do_not_get_in_each_others_way(bench: &Bench) -> Vec<Store> {
        let (store, other) = (bench.store().await, bench.store().await);
        let everybody: [UserId; 40] = people(&store, &bench.clock).await;
        let start = bench.clock.now();

        let writes = (0..20).map(|n| {
            let (store, at) = (if n % 2 == 0 { &store } else { &other }, start + TimeDelta::milliseconds(n));
            let mut seen = everybody.map(|user| (user, at));
            if n % 4 < 2 {
                seen.reverse();
            }
            async move { store.record_last_seen(&seen).await }
        });
        let answers = join_all(writes).await;

        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let last = Some(start + TimeDelta::milliseconds(19));
        assert_eq!(seen(&store, &everybody).await, everybody.map(|user| (user, last)));
        vec![store, other]
    }

    async fn partners_are_those_of_the_most_recent_conversations(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid, dan, eve] = people(&store, &bench.clock).await;
        for (from, to) in [(ann, bob), (cid, ann), (ann, dan), (bob, ann), (dan, cid)] {
            say(&store, &bench.clock, from, to, "hello").await;
            bench.clock.advance(Duration::from_millis(5));
        }

        let all = store.partners(&[ann, cid, eve, UserId::new()], 10).await.expect("partners");
        assert_eq!(of(ann, &all), [bob, dan, cid], "bob wrote last, whoever began");
        assert_eq!(of(cid, &all), [dan, ann]);
        assert_eq!(all.len(), 5, "{all:?}");

        let some = store.partners(&[ann, cid], 2).await.expect("partners");
        assert_eq!((of(ann, &some), of(cid, &some)), (vec![bob, dan], vec![dan, ann]));
        assert_eq!(store.partners(&[ann], 0).await, Ok(Vec::new()));
        assert_eq!(store.partners(&[], 10).await, Ok(Vec::new()));
        vec![store]
    }

    async fn a_conversation_without_a_message_makes_no_partners(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        say(&store, &bench.clock, ann, bob, "hello").await;
        // What a send leaves whose node dies between making the conversation and the message.
        store.write.execute_unprepared("UPDATE conversations SET last_number = 0, last_at = NULL").await.expect("emptied");

        assert_eq!(store.partners(&[ann, bob], 10).await, Ok(Vec::new()));
        vec![store]
    }

    async fn a_nodes_last_beat_is_known_until_it_retires(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let node = NodeId::new();
        assert_eq!(store.last_beat(node).await, Ok(None));

        store.beat_node(node).await.expect("a beat");
        let first = store.last_beat(node).await.expect("an answer").expect("a beat");
        store.beat_node(NodeId::new()).await.expect("a beat of another");
        bench.clock.advance(Duration::from_millis(1));
        store.beat_node(node).await.expect("a beat");
        let second = store.last_beat(node).await.expect("an answer").expect("a beat");

        assert!(second > first, "{first} {second}");
        store.retire_node(node).await.expect("retired");
        assert_eq!(store.last_beat(node).await, Ok(None));
        vec![store]
    }
}
