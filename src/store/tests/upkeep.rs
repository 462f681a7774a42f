//! Schema, accounts, sessions and nodes.

use super::bench::{Bench, message, on_both, person, say};
use crate::{
    model::{
        Error, NodeId, SessionId, UploadId, UserId,
        page::Limit,
        session::Session,
        upload::{ImageKind, MediaName},
        user::Email,
    },
    store::{NewUser, ProfileChange, Schema, Store, sql},
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use std::time::Duration;

on_both! {
    async fn of_five_that_migrate_at_once_exactly_one_applies(bench: &Bench) -> Vec<Store> {
        let stores = join_all((0..5).map(|_| bench.connect())).await;
        let known = match stores[0].schema().await {
            Ok(Schema::Behind(pending)) => pending,
            other => panic!("an empty database is behind, not {other:?}"),
        };

        let mut applied = join_all(stores.iter().map(Store::migrate)).await.into_iter().collect::<Result<Vec<_>, _>>().expect("all end well");

        applied.sort_unstable();
        assert_eq!(applied, [0, 0, 0, 0, known]);
        assert_eq!(stores[4].schema().await, Ok(Schema::Current));
        stores
    }

    async fn an_address_has_one_account(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let email = Email::parse("ann@example.org").expect("an address");
        let user = |email: &Email| NewUser {
            id: UserId::new(),
            full_name: "Ann".to_owned(),
            email: email.clone(),
            password_hash: "$argon2id$x".to_owned(),
            created_at: bench.clock.now(),
        };

        let made = store.create_user(user(&email)).await.expect("an account");
        let again = store.create_user(user(&email)).await;

        assert_eq!(again, Err(Error::EmailTaken));
        let credentials = store.credentials(&email).await.expect("an answer").expect("an account");
        assert_eq!((credentials.user, credentials.password_hash.as_str()), (made.clone(), "$argon2id$x"));
        assert_eq!(store.user(made.id).await, Ok(Some(made.clone())));
        assert_eq!(store.user(UserId::new()).await, Ok(None));
        assert_eq!(store.positions(&[made.id, UserId::new()]).await.expect("positions").len(), 1);
        vec![store]
    }

    async fn a_deleted_account_takes_no_messages_but_its_chats_stay(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let (ann, bob) = (person(&store, &bench.clock, "Ann").await, person(&store, &bench.clock, "Bob").await);
        say(&store, &bench.clock, ann, bob, "hello").await;
        let now = bench.clock.now();
        let session = Session { id: SessionId::new(), user_id: bob, created_at: now, expires_at: now, revoked_at: None, user_deleted: false };
        store.create_session(&session).await.expect("a session");

        let delete = sql(&store.write, "UPDATE users SET deleted_at = $2 WHERE id = $1", [bob.0.into(), now.into()]);
        store.write.execute_raw(delete).await.expect("deleted");

        assert_eq!(store.user(bob).await, Ok(None));
        assert_eq!(store.contacts(ann, None, None, Limit::MAX).await.expect("contacts").rows, []);
        assert_eq!(store.chats(ann, None, Limit::MAX).await.expect("chats").rows.len(), 1);
        assert_eq!(store.sends(message(&bench.clock, ann, bob, "gone?")).await, Err(Error::ReceiverNotFound));
        assert_eq!(store.sends(message(&bench.clock, bob, ann, "gone")).await, Err(Error::AccountDeleted));
        assert_eq!(store.live_session(session.id).await, Ok(Some(Session { user_deleted: true, ..session })));
        vec![store]
    }

    async fn a_profile_keeps_what_is_not_changed(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let ann = person(&store, &bench.clock, "Ann").await;
        let picture = MediaName::new(UploadId::new(), ImageKind::Png);
        store.record_upload(UploadId::new(), ann, ImageKind::Png, 1234, bench.clock.now()).await.expect("recorded");
        bench.clock.advance(Duration::from_secs(1));
        let later = bench.clock.now();

        let change = ProfileChange { full_name: None, profile_pic: Some(picture.clone()) };
        let pictured = store.update_profile(ann, change, later).await.expect("an answer").expect("an account");
        let change = ProfileChange { full_name: Some("Ann LEE".to_owned()), profile_pic: None };
        let renamed = store.update_profile(ann, change, later).await.expect("an answer").expect("an account");

        assert_eq!((pictured.full_name.as_str(), pictured.updated_at), ("Ann", later));
        assert_eq!((renamed.full_name.as_str(), renamed.profile_pic), ("Ann LEE", picture.url()));
        assert_eq!(store.update_profile(UserId::new(), ProfileChange::default(), later).await, Ok(None));
        let found = store.contacts(UserId::new(), Some("lee"), None, Limit::MAX).await.expect("contacts");
        assert_eq!(found.rows.len(), 1, "the new name is what is searched");
        vec![store]
    }

    async fn a_revoked_session_is_gone_and_every_poll_hears_of_it(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let ann = person(&store, &bench.clock, "Ann").await;
        let now = bench.clock.now();
        let session = |id| Session { id, user_id: ann, created_at: now, expires_at: now + TimeDelta::days(7), revoked_at: None, user_deleted: false };
        let (kept, revoked) = (session(SessionId::new()), session(SessionId::new()));
        for session in [&kept, &revoked] {
            store.create_session(session).await.expect("a session");
        }
        let (none, mark) = store.revoked_since(None).await.expect("a mark");

        assert_eq!(store.live_session(revoked.id).await, Ok(Some(revoked.clone())));
        assert_eq!(store.revoke_session(revoked.id).await, Ok(true));
        assert_eq!(store.revoke_session(revoked.id).await, Ok(false));

        let (heard, next) = store.revoked_since(Some(mark)).await.expect("a poll");
        assert_eq!((none, heard), (Vec::new(), vec![revoked.id]));
        assert!(next >= mark);
        assert_eq!(store.live_session(revoked.id).await, Ok(None));
        assert_eq!(store.live_session(kept.id).await, Ok(Some(kept)));
        vec![store]
    }

    async fn a_node_lives_while_it_beats_and_until_it_retires(bench: &Bench) -> Vec<Store> {
        let store = bench.store().await;
        let (one, two) = (NodeId::new(), NodeId::new());
        for node in [one, two, one] {
            store.beat_node(node).await.expect("a beat");
        }

        let mut both = store.live_nodes(Duration::from_secs(60)).await.expect("nodes");
        store.retire_node(one).await.expect("retired");

        both.sort_unstable();
        assert_eq!(both, [one, two]);
        assert_eq!(store.live_nodes(Duration::from_secs(60)).await, Ok(vec![two]));
        vec![store]
    }
}

/// As `.cargo/config.toml` has it. Without that everything works, but those who read wait for each other.
#[tokio::test]
async fn sqlite_lets_threads_read_without_a_lock_that_all_of_them_take() {
    let bench = Bench::sqlite();
    let store = bench.store().await;

    let options = store.read.query_all_raw(sql(&store.read, "SELECT compile_options FROM pragma_compile_options", [])).await;
    let mapped = store.read.query_one_raw(sql(&store.read, "PRAGMA mmap_size", [])).await.expect("a pragma").expect("a row");

    let options: Vec<String> = options.expect("a pragma").iter().map(|row| row.try_get_by_index(0).expect("a text")).collect();
    assert!(options.iter().any(|option| option == "DEFAULT_MEMSTATUS=0"), "{options:?}");
    assert!(options.iter().all(|option| option != "ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
    assert!(mapped.try_get_by_index::<i64>(0).expect("a number") > 0);
    bench.close([store]).await;
}
