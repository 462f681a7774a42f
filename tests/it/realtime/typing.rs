//! Who is typing.

use serde_json::json;

use crate::support::TestHub;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_sees_who_is_typing_on_every_device_and_nobody_else_does() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let mut phone = bob.connects_to(hub.node(0)).await;
    let mut laptop = bob.connects_to(hub.node(1)).await;
    let mut carols = carol.connects_to(hub.node(1)).await;

    assert_eq!(hers.asks("typing", json!({ "receiverId": bob.id })).await, json!({ "ok": true }));

    let sign = json!({ "userId": alice.id, "typing": true, "expiresIn": 6000 });
    assert_eq!(phone.expects("typing").await, sign);
    assert_eq!(laptop.expects("typing").await, sign);
    assert_eq!(hers.asks("typing", json!({ "receiverId": bob.id, "typing": false })).await, json!({ "ok": true }));
    assert_eq!(laptop.expects("typing").await, json!({ "userId": alice.id, "typing": false, "expiresIn": 0 }));

    // Carol's first sign is about somebody else.
    hers.asks("typing", json!({ "receiverId": carol.id })).await;
    assert_eq!(carols.expects("typing").await, sign);
    assert_eq!(hub.node(1).metric("hubbub_events_emitted_total{event=\"typing\"}").await, 3.0);
    hub.stops().await;
}

#[tokio::test]
async fn signs_are_limited_and_checked() {
    let hub = TestHub::alone_with(&[("HUBBUB__LIMITS__TYPING__BURST", "1"), ("HUBBUB__LIMITS__TYPING__EVERY", "1h")]).await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    for _ in 0..3 {
        assert_eq!(
            hers.asks("typing", json!({ "receiverId": bob.id })).await,
            json!({ "ok": true }),
            "the same again costs nothing"
        );
    }
    for (payload, code) in [
        (json!({ "receiverId": carol.id }), "rate_limited"),
        (json!({ "receiverId": alice.id }), "message.to_self"),
        (json!({ "receiverId": "x" }), "request.bad_id"),
        (json!({ "receiverId": bob.id, "typing": "yes" }), "request.malformed"),
    ] {
        assert_eq!(hers.asks("typing", payload).await["error"]["code"], code);
    }
    his.expects("typing").await;
    alice.sends(&bob, "marker").await;
    his.expects_message("marker").await;
    assert_eq!(hub.node(0).metric("hubbub_events_emitted_total{event=\"typing\"}").await, 1.0);
    hub.stops().await;
}
