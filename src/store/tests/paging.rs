//! Pages of history, chats and contacts, and read marks.

use super::bench::{Bench, message, on_both, people, person, say};
use crate::{
    model::{Error, MessageId, event::EventKind, page::Limit},
    store::{ReadOutcome, Store},
};
use std::time::Duration;

fn limit(rows: u32) -> Limit {
    Limit::new(rows).expect("a limit")
}

on_both! {
    async fn history_is_paged_backwards_without_a_repeat_or_a_gap(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid] = people(&store, &bench.clock).await;
        for n in 1..=7 {
            say(&store, &bench.clock, if n % 2 == 0 { ann } else { bob }, if n % 2 == 0 { bob } else { ann }, &n.to_string()).await;
        }

        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page = store.history(ann, bob, before, limit(3)).await.expect("history");
            assert!(page.rows.is_sorted_by_key(|message| message.number));
            seen.splice(0..0, page.rows.into_iter().map(|message| message.text.expect("a text")));
            match page.next {
                Some(next) => before = Some(next),
                None => break,
            }
        }

        assert_eq!(seen, ["1", "2", "3", "4", "5", "6", "7"]);
        let exact = store.history(bob, ann, None, limit(7)).await.expect("history");
        assert_eq!((exact.rows.len(), exact.next), (7, None));
        assert_eq!(store.history(ann, cid, None, limit(7)).await.expect("history").rows, []);
        vec![store]
    }

    async fn chats_are_paged_most_recent_first_with_last_message_and_unread_count(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid, dan, eve, stranger] = people(&store, &bench.clock).await;
        for (turn, friend) in [bob, cid, dan, eve].into_iter().enumerate() {
            // Dan and Eve write in the same millisecond: the page must then go on by id.
            bench.clock.advance(Duration::from_millis(if turn == 3 { 0 } else { 1500 }));
            say(&store, &bench.clock, friend, ann, "hello").await;
        }
        bench.clock.advance(Duration::from_secs(2));
        let last = say(&store, &bench.clock, ann, bob, "hi again").await.message;

        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = store.chats(ann, after, limit(1)).await.expect("chats");
            seen.extend(page.rows);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }

        assert_eq!(seen.len(), 4);
        assert_eq!((seen[0].user.id, &seen[0].last_message, seen[0].unread_count), (bob, &last, 1));
        assert_eq!(seen[3].user.id, cid);
        let at_once = store.chats(ann, None, Limit::MAX).await.expect("chats");
        assert_eq!((at_once.rows, at_once.next), (seen, None));
        assert_eq!(store.chats(stranger, None, Limit::MAX).await.expect("chats").rows, []);
        vec![store]
    }

    async fn contacts_are_everybody_else_oldest_first_and_are_found_by_part_of_a_name(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let me = person(&store, &bench.clock, "Me").await;
        let mut expected = Vec::new();
        for name in ["Ann Lee", "50% Off", "Анна Каренина", "a_b", "axb"] {
            expected.push(person(&store, &bench.clock, name).await);
        }

        let first = store.contacts(me, None, None, limit(2)).await.expect("contacts");
        let rest = store.contacts(me, None, first.next, limit(3)).await.expect("contacts");

        let ids: Vec<_> = first.rows.iter().chain(&rest.rows).map(|user| user.id).collect();
        assert_eq!((ids, rest.next), (expected, None));
        for (q, names) in [
            ("LEE", vec!["Ann Lee"]),
            ("%", vec!["50% Off"]),
            ("A_B", vec!["a_b"]),
            ("каренин", vec!["Анна Каренина"]),
            ("\\", vec![]),
            ("' OR 1=1 --", vec![]),
        ] {
            let found = store.contacts(me, Some(q), None, Limit::MAX).await.expect("contacts");
            assert_eq!(found.rows.iter().map(|user| user.full_name.as_str()).collect::<Vec<_>>(), names, "{q}");
        }
        vec![store]
    }

    async fn a_read_mark_moves_forward_only_and_tells_the_readers_log(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob, cid] = people(&store, &bench.clock).await;
        assert_eq!(store.mark_read(ann, bob, None).await, Ok(ReadOutcome { mark: None, seq: None }));
        let mut ids = Vec::new();
        for n in 0..4 {
            ids.push(say(&store, &bench.clock, bob, ann, &n.to_string()).await.message.id);
        }
        say(&store, &bench.clock, ann, bob, "mine does not count").await;

        let second = store.mark_read(ann, bob, Some(ids[1])).await.expect("a mark");
        let back = store.mark_read(ann, bob, Some(ids[0])).await.expect("a mark");
        let newest = store.mark_read(ann, bob, None).await.expect("a mark");
        let again = store.mark_read(ann, bob, None).await.expect("a mark");

        let mark = second.mark.clone().expect("a mark");
        assert_eq!((mark.user_id, mark.up_to, mark.unread_count, second.seq), (bob, ids[1], 2, Some(6)));
        assert_eq!(back, ReadOutcome { mark: second.mark.clone(), seq: None });
        assert_eq!((newest.mark.as_ref().map(|mark| mark.unread_count), newest.seq), (Some(0), Some(7)));
        assert_eq!(again, ReadOutcome { mark: newest.mark, seq: None });
        let entries = store.entries_after(ann, 5, 10).await.expect("a log");
        assert_eq!(entries.iter().map(|entry| (entry.seq, entry.event.kind)).collect::<Vec<_>>(),
            [(6, EventKind::MessagesRead), (7, EventKind::MessagesRead)]);
        let payload = serde_json::to_string(&mark).expect("JSON");
        assert_eq!(entries[0].event.payload.get(), payload);
        assert_eq!(store.entries_after(bob, 0, 10).await.expect("a log").len(), 5, "only the reader is told");
        for (other, up_to) in [(bob, MessageId::new()), (cid, ids[0])] {
            assert_eq!(store.mark_read(ann, other, Some(up_to)).await, Err(Error::MessageNotFound));
        }
        vec![store]
    }

    async fn read_marks_and_sends_at_the_same_time_share_one_sequence(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        say(&store, &bench.clock, bob, ann, "first").await;

        let work = (0..40).map(async |n| match n % 4 {
            0 => store.mark_read(ann, bob, None).await.map(drop),
            _ => store.sends(message(&bench.clock, bob, ann, "more")).await.map(drop),
        });
        let answers = futures_util::future::join_all(work).await;

        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let entries = store.entries_after(ann, 0, 1000).await.expect("a log");
        assert!(entries.iter().map(|entry| entry.seq).eq(1..=entries.len() as i64));
        assert!(entries.iter().filter(|entry| entry.event.kind == EventKind::NewMessage).count() == 31);
        vec![store]
    }
}
