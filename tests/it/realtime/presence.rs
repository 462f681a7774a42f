//! `getOnlineUsers`: the list, to whoever connects and when it changes.

use crate::support::{TestHub, on_both_databases};

on_both_databases! {
    async fn everybody_sees_who_comes_and_goes(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut hers = alice.connects_to(hub.node(0)).await;
        hers.expects_online(&[&alice.id]).await;
        let mut his = bob.connects_to(hub.node(0)).await;
        his.expects_online(&[&alice.id, &bob.id]).await;
        hers.expects_online(&[&alice.id, &bob.id]).await;
        his.hangs_up().await;
        hers.expects_online(&[&alice.id]).await;
    }

    async fn closing_one_of_two_tabs_leaves_its_owner_online(hub: &TestHub) {
        let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
        let mut hers = alice.connects_to(hub.node(0)).await;
        let first = bob.connects_to(hub.node(0)).await;
        let mut second = bob.connects_to(hub.node(0)).await;
        hers.expects_online(&[&alice.id, &bob.id]).await;

        first.hangs_up().await;
        // The next list that anybody gets is because of Carol, and Bob is still in it.
        let _carols = carol.connects_to(hub.node(0)).await;
        let list = hers.expects("getOnlineUsers").await;
        assert_eq!(list.as_array().map(Vec::len), Some(3), "{list}");

        alice.sends(&bob, "the second tab is not deaf").await;
        second.expects_message("the second tab is not deaf").await;
    }
}

#[tokio::test]
async fn a_reload_makes_nobody_flicker() {
    let hub = TestHub::alone_with(&[("HUBBUB__PRESENCE__GRACE", "30s")]).await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let tab = bob.connects_to(hub.node(0)).await;
    hers.expects_online(&[&alice.id, &bob.id]).await;

    tab.hangs_up().await;
    let _reloaded = bob.connects_to(hub.node(0)).await;
    let _marker = carol.connects_to(hub.node(0)).await;

    let list = hers.expects("getOnlineUsers").await;
    assert_eq!(list.as_array().map(Vec::len), Some(3), "no list without Bob came between: {list}");
    hub.stops().await;
}
