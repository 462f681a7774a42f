//! A node that was added to a busy cluster gets its share, if that is wanted.

use crate::support::{TestHub, TestSocket, TestUser, eventually, hub::TestNode, user::get};
use futures_util::future::join_all;

const SHEDDING: [(&str, &str); 6] = [
    ("HUBBUB__CLUSTER__SHED", "true"),
    ("HUBBUB__CLUSTER__SHED_AFTER", "200ms"),
    ("HUBBUB__CLUSTER__SHED_OVER", "3s"),
    ("HUBBUB__CLUSTER__SHED_COOKIE", "HUBNODE"),
    ("HUBBUB__CLUSTER__BEAT", "100ms"),
    ("HUBBUB__REALTIME__SWEEP_INTERVAL", "1s"),
];

/// Comes back to the node with the fewest connections once it is closed, as a load balancer would have it.
async fn moves(mut socket: TestSocket, user: &TestUser, to: &TestNode) -> TestSocket {
    socket.expects_end_without_a_word().await;
    user.connects_to(to).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sockets_of_a_full_node_move_to_one_that_was_added() {
    let mut hub = TestHub::cluster_with(1, &SHEDDING).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let sockets = join_all((0..40).map(|_| bob.connects_to(hub.node(0)))).await;
    hub.adds_node().await;
    hub.settles().await;

    let shed = "hubbub_sockets_shed_total";
    let (full, empty) = (hub.node(0), hub.node(1));
    let moving = join_all(sockets.into_iter().map(|socket| moves(socket, &bob, empty)));
    let even = eventually("an even spread", || async {
        let (here, there) = (full.metric("hubbub_sockets").await, empty.metric("hubbub_sockets").await);
        (here == 20.0 && there == 20.0).then_some(())
    });
    tokio::select! {
        _ = moving => panic!("not all of them are to move"),
        () = even => {}
    }

    assert_eq!(full.metric(shed).await, 20.0);
    assert_eq!(full.metric("hubbub_disconnects_total{reason=\"shed\"}").await, 20.0);
    assert_eq!(empty.metric(shed).await, 0.0);
    alice.sends(&bob, "who moved hears it, too").await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_to_a_node_that_sheds_is_told_to_forget_it_once() {
    let mut hub = TestHub::cluster_with(1, &SHEDDING).await;
    let [bob] = hub.users(["bob"]).await;
    let _sockets = join_all((0..40).map(|_| bob.connects_to(hub.node(0)))).await;
    hub.adds_node().await;
    let full = hub.node(0);
    eventually("the first to go", || async { (full.metric("hubbub_sockets_shed_total").await >= 1.0).then_some(()) }).await;

    let polling = full.url("/socket.io/?EIO=4&transport=polling");
    let refused = eventually("a client that is sent away", || async {
        let answer = get(&polling).await;
        (answer.status() == 503).then_some(answer)
    })
    .await;

    assert_eq!(refused.headers()["set-cookie"], "HUBNODE=; Path=/; Max-Age=0");
    // The debt is paid, or forgiven at the end: nobody is locked out, whatever the load balancer does.
    eventually("a way in", || async { (get(&polling).await.status() == 200).then_some(()) }).await;
    let (shed, sent_away) =
        (full.metric("hubbub_sockets_shed_total").await, full.metric("hubbub_handshakes_total{result=\"shed\"}").await);
    assert!(sent_away <= shed, "{sent_away} of {shed}");
    hub.stops().await;
}
