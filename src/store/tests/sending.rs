//! Numbers, order and idempotence of sends.

use super::bench::{Bench, message, named, on_both, people, say};
use crate::{
    model::{ClientId, Error, UserId, event::EventKind, message::Sent, page::Limit},
    store::{Store, sql},
};
use futures_util::future::join_all;
use rand::RngExt as _;
use sea_orm::ConnectionTrait as _;
use std::collections::{BTreeMap, HashMap};

/// Everybody's log as the senders were told it, in the order of its numbers.
fn told(sent: &[Sent]) -> HashMap<UserId, BTreeMap<i64, String>> {
    let mut logs: HashMap<UserId, BTreeMap<i64, String>> = HashMap::new();
    for sent in sent {
        for (user, seq) in &sent.entries {
            let before = logs.entry(*user).or_default().insert(*seq, sent.message.id.to_string());
            assert_eq!(before, None, "number {seq} of {user} was given twice");
        }
    }
    logs
}

/// What the log of `user` holds, as (number, message id).
async fn logged(store: &Store, user: UserId) -> BTreeMap<i64, String> {
    let entries = store.entries_after(user, 0, 10_000).await.expect("a log");
    let id = |payload: &str| {
        serde_json::from_str::<serde_json::Value>(payload).expect("JSON")["_id"].as_str().expect("an id").to_owned()
    };
    entries.iter().map(|entry| (entry.seq, id(entry.event.payload.get()))).collect()
}

/// Every number from 1 on, once, and the same in the log, the position and what senders were told.
async fn assert_whole(store: &Store, sent: &[Sent]) {
    let told = told(sent);
    for (user, log) in &told {
        assert!(log.keys().copied().eq(1..=log.len() as i64), "gaps in the log of {user}: {:?}", log.keys());
        assert_eq!(&logged(store, *user).await, log);
    }
    let users: Vec<_> = told.keys().copied().collect();
    let positions: HashMap<_, _> = store.positions(&users).await.expect("positions").into_iter().collect();
    assert!(told.iter().all(|(user, log)| positions[user].epoch == 1 && positions[user].seq == log.len() as i64));
}

/// Both members' logs hold the messages of a conversation in the order of its numbers.
fn assert_one_order(sent: &[Sent]) {
    let mut by_conversation: HashMap<_, Vec<&Sent>> = HashMap::new();
    for sent in sent {
        by_conversation.entry(sent.message.conversation_id).or_default().push(sent);
    }
    for mut sent in by_conversation.into_values() {
        sent.sort_by_key(|sent| sent.message.number);
        assert!(sent.iter().map(|sent| sent.message.number).eq(1..=sent.len() as i64), "gaps in a conversation");
        for user in [sent[0].message.sender_id, sent[0].message.receiver_id] {
            let seqs = sent.iter().map(|sent| sent.entries.iter().find(|(member, _)| *member == user).expect("an entry").1);
            assert!(seqs.is_sorted(), "{user} sees another order than the conversation");
        }
    }
}

async fn all(sends: impl IntoIterator<Item = impl Future<Output = Result<Sent, Error>>>) -> Vec<Sent> {
    join_all(sends).await.into_iter().collect::<Result<_, _>>().expect("every send succeeds")
}

on_both! {
    async fn two_hundred_sends_both_ways_at_once_are_numbered_without_gaps_in_one_order(bench: &Bench) -> Vec<Store> {
        let stores = [bench.store().await, bench.store().await];
        let [ann, bob] = people(&stores[0], &bench.clock).await;

        let sent = all((0..200).map(|n| {
            let (from, to) = if n % 3 == 0 { (ann, bob) } else { (bob, ann) };
            stores[n % 2].sends(message(&bench.clock, from, to, &n.to_string()))
        }))
        .await;

        assert_eq!(sent.iter().filter(|sent| sent.first).count(), 200);
        assert_whole(&stores[0], &sent).await;
        assert_one_order(&sent);
        let batches = bench.metrics.batch_size.get_sample_count();
        assert!(batches < 100, "200 sends at once took {batches} transactions");
        Vec::from(stores)
    }

    async fn sends_among_twenty_people_at_random_are_numbered_without_gaps_in_one_order(bench: &Bench) -> Vec<Store> {
        let stores = [bench.store().await, bench.store().await];
        let everybody: [UserId; 20] = people(&stores[0], &bench.clock).await;
        let pairs: Vec<_> = (0..400)
            .map(|_| {
                let (from, step) = (rand::rng().random_range(0..20), rand::rng().random_range(1..20));
                (everybody[from], everybody[(from + step) % 20])
            })
            .collect();

        let sent = all(pairs.iter().enumerate().map(|(n, (from, to))| stores[n % 2].sends(message(&bench.clock, *from, *to, "x")))).await;

        assert_eq!(sent.len(), 400);
        assert_whole(&stores[0], &sent).await;
        assert_one_order(&sent);
        Vec::from(stores)
    }

    async fn fifty_sends_at_once_under_one_client_id_are_one_message(bench: &Bench) -> Vec<Store> {
        let stores = [bench.store().await, bench.store().await];
        let [ann, bob, cid] = people(&stores[0], &bench.clock).await;
        let name = ClientId::new();

        let sent =
            all((0..50).map(|n| stores[n % 2].sends(named(message(&bench.clock, ann, bob, "once"), name)))).await;

        let first: Vec<_> = sent.iter().filter(|sent| sent.first).collect();
        assert_eq!(first.len(), 1);
        assert!(sent.iter().all(|sent| sent.message == first[0].message && (sent.first || sent.entries.is_empty())));
        assert_eq!(logged(&stores[0], bob).await.len(), 1);
        let to_another = stores[1].sends(named(message(&bench.clock, ann, cid, "once"), name)).await;
        assert_eq!(to_another, Err(Error::ClientIdReused));
        let found = stores[1].sent_before(ann, name).await;
        assert_eq!(found, Ok(Some(first[0].message.clone())));
        assert_eq!(stores[1].sent_before(bob, name).await, Ok(None));
        Vec::from(stores)
    }

    async fn two_first_messages_at_the_same_moment_make_one_conversation(bench: &Bench) -> Vec<Store> {
        let stores = [bench.store().await, bench.store().await];
        let [ann, bob] = people(&stores[0], &bench.clock).await;

        let sent = all([
            stores[0].sends(message(&bench.clock, ann, bob, "hi Bob")),
            stores[1].sends(message(&bench.clock, bob, ann, "hi Ann")),
        ])
        .await;

        assert_eq!(sent[0].message.conversation_id, sent[1].message.conversation_id);
        assert_one_order(&sent);
        assert_whole(&stores[0], &sent).await;
        let chats = stores[0].chats(ann, None, Limit::MAX).await.expect("chats");
        assert_eq!(chats.rows.len(), 1);
        Vec::from(stores)
    }

    async fn a_send_to_nobody_harms_no_other_send_of_its_batch(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;

        let answers = join_all((0..60).map(|n| {
            let receiver = if n % 10 == 0 { UserId::new() } else { bob };
            store.sends(message(&bench.clock, ann, receiver, "hello"))
        }))
        .await;

        let (sent, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(refused, vec![Err(Error::ReceiverNotFound); 6]);
        let sent: Vec<_> = sent.into_iter().flatten().collect();
        assert_eq!(sent.len(), 54);
        assert_whole(&store, &sent).await;
        let chats = store.chats(ann, None, Limit::MAX).await.expect("chats");
        assert_eq!(chats.rows.len(), 1, "a conversation with nobody must not appear");
        vec![store]
    }

    async fn a_send_that_the_database_refuses_harms_no_other_send_of_its_batch(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        let taken = say(&store, &bench.clock, ann, bob, "first").await.message.id;

        let answers = join_all((0..30).map(|n| {
            let mut message = message(&bench.clock, ann, bob, "later");
            if n == 17 {
                message.id = taken;
            }
            store.sends(message)
        }))
        .await;

        let failed: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.is_err()).map(|(n, _)| n).collect();
        assert_eq!(failed, [17]);
        assert!(matches!(answers[17], Err(Error::Internal(_))), "{:?}", answers[17]);
        let numbers: BTreeMap<_, _> = logged(&store, bob).await;
        assert!(numbers.keys().copied().eq(1..=30));
        vec![store]
    }

    async fn an_entry_of_the_log_is_the_message_exactly_as_the_send_answered_it(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        let name = ClientId::new();

        let sent = store.sends(named(message(&bench.clock, ann, bob, "  Привет, \"Bob\" 🙂"), name)).await.expect("a send");

        let entries = store.entries_after(bob, 0, 10).await.expect("a log");
        let live = crate::model::event::Event::new_message(&sent.message).expect("an event");
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].seq, entries[0].event.kind), (1, EventKind::NewMessage));
        assert_eq!(entries[0].event.payload.get(), live.payload.get());
        let history = store.history(bob, ann, None, Limit::MAX).await.expect("history");
        assert_eq!(history.rows, [sent.message]);
        vec![store]
    }

    async fn what_follows_a_commit_happens_though_its_sender_hung_up_and_a_panic_there_stops_nobody(bench: &Bench) -> Vec<Store> {
        // One writer, so that what is queued first is numbered first.
        let store = bench.tuned(|config| config.writers = 1).await;
        store.migrate().await.expect("the schema is brought up");
        let [ann, bob] = people(&store, &bench.clock).await;

        let (tell, told) = tokio::sync::oneshot::channel();
        let then = |sent: Sent| ((), move || tell.send(sent.entries.len()).expect("somebody waits"));
        let mut hung_up = Box::pin(store.send(message(&bench.clock, ann, bob, "hung up"), then));
        assert!(futures_util::poll!(hung_up.as_mut()).is_pending(), "it is queued");
        drop(hung_up);
        assert_eq!(told.await, Ok(2));

        let defect = |_: Sent| -> ((), fn()) { panic!("as a defect would") };
        let fails = store.send(message(&bench.clock, ann, bob, "defect"), defect);
        let (failed, beside) = tokio::join!(fails, store.sends(message(&bench.clock, ann, bob, "beside")));
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        assert_eq!(beside.expect("a send beside it").message.number, 3);
        assert_eq!(store.sends(message(&bench.clock, ann, bob, "next")).await.expect("a later one").message.number, 4);
        vec![store]
    }

    async fn a_send_to_somebody_without_a_log_leaves_nothing_behind_alone_or_in_a_batch(bench: &Bench) -> Vec<Store> {
        let store = bench.tuned(|config| config.writers = 1).await;
        store.migrate().await.expect("the schema is brought up");
        let [ann, bob, cyd] = people(&store, &bench.clock).await;
        for friend in [bob, cyd] {
            say(&store, &bench.clock, ann, friend, "before").await;
        }
        let change = async |statement| store.write.execute_raw(sql(&store.write, statement, [bob.0.into()])).await.expect("a change");
        change("DELETE FROM user_log WHERE user_id = $1").await;

        let alone = store.sends(message(&bench.clock, ann, bob, "alone")).await;
        let to_bob = store.sends(message(&bench.clock, ann, bob, "in a batch"));
        let (in_a_batch, beside) = tokio::join!(to_bob, store.sends(message(&bench.clock, ann, cyd, "beside it")));
        assert!(matches!((&alone, &in_a_batch), (Err(_), Err(_))), "{alone:?}, {in_a_batch:?}");
        assert_eq!(beside.expect("a send beside it").message.number, 2);

        change("INSERT INTO user_log (user_id, epoch, seq) VALUES ($1, 1, 1)").await;
        let after = say(&store, &bench.clock, ann, bob, "after").await;
        assert_eq!(after.message.number, 2);
        assert_eq!(after.entries.iter().copied().collect::<BTreeMap<_, _>>(), BTreeMap::from([(ann, 4), (bob, 2)]));
        vec![store]
    }

    async fn after_closing_a_send_is_refused_and_those_before_are_answered(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let [ann, bob] = people(&store, &bench.clock).await;
        let closing = store.clone();

        let sends = join_all((0..40).map(|_| store.sends(message(&bench.clock, ann, bob, "last words"))));
        // The sends are polled first, so all of them are queued when the store begins to close.
        let (answers, ()) = tokio::join!(sends, closing.close());

        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 40);
        let late = store.sends(message(&bench.clock, ann, bob, "too late")).await;
        assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
        vec![store]
    }
}
