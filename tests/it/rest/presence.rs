//! `GET /api/users/:id/presence` and `GET /api/users/presence`: who is online, for those who ask.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Redis, TestHub, TestUser, eventually, on_both_databases};

fn path(id: &str) -> String {
    format!("/api/users/{id}/presence")
}

async fn state(asker: &TestUser, of: &TestUser) -> Value {
    let mut body = asker.gets(&path(&of.id)).await.is(200);
    assert_eq!(body["userId"], of.id.as_str(), "{body}");
    body["state"].take()
}

async fn becomes(asker: &TestUser, of: &TestUser, wanted: &str) {
    eventually(wanted, || async { (state(asker, of).await == wanted).then_some(()) }).await;
}

on_both_databases! {
    async fn somebody_is_online_while_connected_and_offline_a_grace_after(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let never = json!({ "userId": bob.id, "state": "offline", "lastSeen": null });
        assert_eq!(alice.gets(&path(&bob.id)).await.is(200), never);

        let his = bob.connects_to(hub.node(0)).await;
        let online = json!({ "userId": bob.id, "state": "online", "lastSeen": null });
        assert_eq!(alice.gets(&path(&bob.id)).await.is(200), online);
        assert_eq!(state(&bob, &bob).await, "online", "as he is told of himself");

        his.hangs_up().await;
        becomes(&alice, &bob, "offline").await;
    }

    async fn many_are_answered_in_the_order_asked_without_unknown_people(hub: &TestHub) {
        let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
        let _his = bob.connects_to(hub.node(0)).await;
        let nobody = Uuid::new_v4();

        let ids = format!("{},{nobody},{},{}", carol.id, bob.id, alice.id);
        let told = alice.gets(&format!("/api/users/presence?ids={ids}")).await.is(200);
        let offline = |user: &TestUser| json!({ "userId": user.id, "state": "offline", "lastSeen": null });
        let online = json!({ "userId": bob.id, "state": "online", "lastSeen": null });
        assert_eq!(told, json!([offline(&carol), online, offline(&alice)]));
        // As some clients write commas.
        assert_eq!(alice.gets(&format!("/api/users/presence?ids={}", ids.replace(',', "%2C"))).await.is(200), told);
        assert_eq!(alice.gets(&format!("/api/users/presence?ids={nobody}")).await.is(200), json!([]));
    }

    async fn who_does_not_exist_is_404_and_what_is_no_id_400(hub: &TestHub) {
        let [alice] = hub.users(["alice"]).await;
        alice.gets(&path(&Uuid::new_v4().to_string())).await.is_error(404, "User not found", "user.not_found");
        let many = |ids: &str| format!("/api/users/presence?ids={ids}");
        for malformed in [path("alice"), many("alice"), many(&format!("{},", alice.id))] {
            let refused = alice.gets(&malformed).await;
            assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("request.bad_id")), "{malformed}");
        }
    }

    async fn one_to_a_hundred_people_may_be_asked_for(hub: &TestHub) {
        let [alice] = hub.users(["alice"]).await;
        let ids = |count: usize| vec![alice.id.as_str(); count].join(",");
        let told = alice.gets(&format!("/api/users/presence?ids={}", ids(100))).await.is(200);
        assert_eq!(told.as_array().map(Vec::len), Some(100));
        let allowed = "ids must be 1 to 100 ids of people, separated by commas.";
        for query in ["".to_owned(), "?ids=".to_owned(), format!("?ids={}", ids(101))] {
            alice.gets(&format!("/api/users/presence{query}")).await.is_error(400, allowed, "request.malformed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_those_who_are_not_in_the_list_may_be_elsewhere() {
    let mut redis = Redis::starts();
    let hub = TestHub::cluster_with(1, &[("REDIS_URL", &redis.url())]).await;
    hub.settles().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let _hers = alice.connects_to(hub.node(0)).await;
    assert_eq!(state(&alice, &bob).await, "offline");

    redis.dies();
    becomes(&alice, &bob, "unknown").await;
    assert_eq!(state(&bob, &alice).await, "online", "the last known state stands");

    redis.returns();
    becomes(&alice, &bob, "offline").await;
    hub.stops().await;
}
