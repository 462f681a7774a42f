//! Peers that stopped reading, or are gone without a word: they are cut, and cost nobody else anything.

use futures_util::future::join_all;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{TestHub, TestSocket, TestUser, eventually, hub::TestNode, peer::SilentPeer};

const ACCOUNTS: usize = 20;
const SOCKETS: usize = 50;

async fn cut(node: &TestNode, reasons: &[&str]) -> usize {
    let mut count = 0.0;
    for reason in reasons {
        count += node.metric(&format!("hubbub_disconnects_total{{reason=\"{reason}\"}}")).await;
    }
    count as usize
}

async fn silent_peers(node: &TestNode, users: &[TestUser], sockets: usize) -> Vec<SilentPeer> {
    let mut peers = Vec::new();
    for user in users {
        peers.extend(join_all((0..sockets).map(|_| SilentPeer::connects(node, user))).await);
    }
    peers
}

/// Two people who write to each other in turns until `over`; answers how many messages both saw, each in its turn.
async fn chat(users: [&TestUser; 2], sockets: [&mut TestSocket; 2], over: &AtomicBool) -> usize {
    let [first, second] = users;
    let [hers, his] = sockets;
    for turn in 0.. {
        if over.load(Ordering::Acquire) {
            return turn;
        }
        let (from, to) = if turn % 2 == 0 { (first, second) } else { (second, first) };
        let text = format!("turn {turn}");
        from.sends(to, &text).await;
        his.expects_message(&text).await;
        hers.expects_message(&text).await;
    }
    unreachable!("turns are numbers without end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_peers_that_never_read_are_cut_while_others_chat() {
    let hub = TestHub::alone_with(&[
        ("HUBBUB__REALTIME__OUTBOX", "32"),
        ("HUBBUB__REALTIME__WRITE_TIMEOUT", "2s"),
        ("HUBBUB__LIMITS__HANDSHAKE__BURST", "0"),
    ])
    .await;
    let node = hub.node(0);
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let stuck = join_all((0..ACCOUNTS).map(|n| async move { TestUser::signs_up(node, &format!("stuck {n}")).await })).await;
    let (mut hers, mut his) = (alice.connects_to(node).await, bob.connects_to(node).await);
    let _peers = silent_peers(node, &stuck, SOCKETS).await;
    eventually("all sockets", || async { (node.metric("hubbub_sockets").await == 1002.0).then_some(()) }).await;
    let memory = node.metric("process_resident_memory_bytes").await;

    // As large as messages get: 8,000 bytes.
    let (large, over) = ("𝄞".repeat(2000), AtomicBool::new(false));
    let mut peak = memory;
    let flood = async {
        let mut rounds = 0;
        while cut(node, &["overflow", "stuck"]).await < ACCOUNTS * SOCKETS {
            rounds += 1;
            assert!(rounds < 2000, "not all of them were cut: {}", cut(node, &["overflow", "stuck"]).await);
            join_all(stuck.iter().map(|user| carol.sends(user, &large))).await;
            peak = peak.max(node.metric("process_resident_memory_bytes").await);
        }
        over.store(true, Ordering::Release);
    };
    let (turns, ()) = tokio::join!(chat([&alice, &bob], [&mut hers, &mut his], &over), flood);

    assert!(turns > 10, "the others hardly got a word in: {turns} turns");
    assert_eq!(cut(node, &["overflow", "stuck"]).await, ACCOUNTS * SOCKETS, "each is counted once");
    eventually("the sockets that are left", || async { (node.metric("hubbub_sockets").await == 2.0).then_some(()) }).await;
    hers.expects_online(&[&alice.id, &bob.id]).await;
    // Each holds at most its outbox and two write buffers; other tests run in this process, too.
    let grown = (peak - memory) / f64::from(1 << 20);
    assert!(grown < 1024.0, "{grown} MiB for a thousand peers");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_vanish_without_a_word_are_missed_by_the_heartbeat() {
    let hub = TestHub::alone_with(&[
        ("HUBBUB__REALTIME__PING_INTERVAL", "1s"),
        ("HUBBUB__REALTIME__PING_TIMEOUT", "1s"),
        ("HUBBUB__LIMITS__HANDSHAKE__BURST", "0"),
    ])
    .await;
    let node = hub.node(0);
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut hers = alice.connects_to(node).await;
    let _peers = silent_peers(node, std::slice::from_ref(&bob), SOCKETS).await;

    // Without a word to him, alice gets the first list with both.
    hers.expects_online(&[&alice.id, &bob.id]).await;
    hers.expects_online(&[&alice.id]).await;

    assert_eq!(cut(node, &["ping_timeout"]).await, SOCKETS);
    assert_eq!(node.metric("hubbub_sockets").await, 1.0);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_stopped_reading_is_gone_with_its_heartbeat_whatever_waits_for_it() {
    let hub = TestHub::alone_with(&[
        // Long enough for the buffers of both sides to fill, on a busy machine, too: only then something waits for the peer.
        ("HUBBUB__REALTIME__PING_INTERVAL", "3s"),
        ("HUBBUB__REALTIME__PING_TIMEOUT", "2s"),
        // Neither of these may be what ends it.
        ("HUBBUB__REALTIME__WRITE_TIMEOUT", "5m"),
        ("HUBBUB__REALTIME__OUTBOX", "65536"),
    ])
    .await;
    let node = hub.node(0);
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = alice.connects_to(node).await;
    let _peer = SilentPeer::connects(node, &bob).await;
    hers.expects_online(&[&alice.id, &bob.id]).await;

    let (large, gone) = ("𝄞".repeat(2000), AtomicBool::new(false));
    let sends = async {
        while !gone.load(Ordering::Acquire) {
            carol.sends(&bob, &large).await;
        }
    };
    let watches = async {
        hers.expects_online(&[&alice.id]).await;
        gone.store(true, Ordering::Release);
    };
    tokio::join!(sends, watches);

    assert_eq!(cut(node, &["stuck"]).await, 1);
    hub.stops().await;
}
