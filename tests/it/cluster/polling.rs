//! Polling without a sticky load balancer, on the wire. With the stock client: `tests/client/balanced.test.mjs`.

use reqwest::{Method, RequestBuilder, header};
use serde_json::Value;

use crate::support::{
    Answer, TestHub, TestUser, eventually,
    hub::TestNode,
    peer::SilentPeer,
    soon,
    user::{answer, request},
};

const FORWARDED: [&str; 2] =
    ["hubbub_polls_forwarded_total{result=\"answered\"}", "hubbub_polls_forwarded_total{result=\"failed\"}"];
const CONNECTIONS: &str = "hubbub_http_connections{listener=\"public\"}";

/// Each node is reached at the port that it got.
async fn cluster(nodes: usize) -> TestHub {
    TestHub::cluster_with(nodes, &[("HUBBUB__CLUSTER__ADDRESS", "127.0.0.1:0")]).await
}

/// Somebody's polling session, whose requests may go to any node.
struct Session {
    sid: String,
    greeting: Value,
}

impl Session {
    async fn opens(node: &TestNode, user: &TestUser) -> Self {
        let url = node.url("/socket.io/?EIO=4&transport=polling");
        let open =
            soon("an answer", request(Method::GET, url).header(header::COOKIE, format!("jwt={}", user.token)).send()).await;
        let open = open.unwrap();
        let length = open.content_length();
        let open = open.text().await.unwrap();
        assert_eq!(length, Some(open.len() as u64));
        let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        Self { sid: open["sid"].as_str().unwrap().to_owned(), greeting: open }
    }

    /// A request of this session, without a cookie: the node that opened it knows who it is.
    fn at(&self, node: &TestNode, method: Method) -> RequestBuilder {
        request(method, node.url(&format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)))
    }

    async fn posts(&self, node: &TestNode, packet: &str) -> String {
        let response = soon("the answer to a post", self.at(node, Method::POST).body(packet.to_owned()).send()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    async fn polls(&self, node: &TestNode) -> String {
        let response = soon("the answer to a poll", self.at(node, Method::GET).send()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    /// Says CONNECT and polls until the last has come that this brings by itself, always at the next of these nodes.
    async fn connects(&self, nodes: &[&TestNode]) {
        assert_eq!(self.posts(nodes[0], "40").await, "ok");
        for node in nodes.iter().cycle() {
            if self.polls(node).await.contains("42[\"getOnlineUsers\"") {
                return;
            }
        }
    }

    /// Polls until this comes, and answers pings until then.
    async fn hears(&self, node: &TestNode, what: &str) {
        loop {
            let heard = self.polls(node).await;
            if heard.contains(what) {
                return;
            }
            if heard == "2" {
                self.posts(node, "3").await;
            }
        }
    }
}

async fn forwarded(node: &TestNode) -> [f64; 2] {
    [node.metric(FORWARDED[0]).await, node.metric(FORWARDED[1]).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_told_how_long_it_has_for_a_pong_by_whatever_way_it_comes() {
    let hub = TestHub::alone_with(&[("HUBBUB__REALTIME__PING_INTERVAL", "7s"), ("HUBBUB__REALTIME__PING_TIMEOUT", "11s")]).await;
    let [bob] = hub.users(["bob"]).await;

    let polling = Session::opens(hub.node(0), &bob).await.greeting;
    assert_eq!((&polling["pingInterval"], &polling["pingTimeout"]), (&7_000.into(), &11_000.into()));
    let websocket = SilentPeer::connects(hub.node(0), &bob).await.heard;
    let websocket = String::from_utf8_lossy(&websocket);
    assert!(websocket.contains(r#""pingInterval":7000,"pingTimeout":11000,"#), "{websocket}");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_polls_no_more_is_missed_and_not_before() {
    let hub = TestHub::alone_with(&[("HUBBUB__REALTIME__PING_INTERVAL", "1s"), ("HUBBUB__REALTIME__PING_TIMEOUT", "1s")]).await;
    let (node, [bob]) = (hub.node(0), hub.users(["bob"]).await);
    let session = Session::opens(node, &bob).await;
    session.connects(&[node]).await;
    let missed = || node.metric("hubbub_disconnects_total{reason=\"ping_timeout\"}");

    // The first ping came at once. All of them take longer than anybody may be silent.
    session.posts(node, "3").await;
    for _ in 0..4 {
        while session.polls(node).await != "2" {}
        session.posts(node, "3").await;
    }
    assert_eq!(missed().await, 0.0);

    eventually("it is missed", || async { (missed().await == 1.0).then_some(()) }).await;
    assert_eq!(session.at(node, Method::GET).send().await.unwrap().status(), 400);
    hub.stops().await;
}

fn is_unknown(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), &answer.body["message"]), (400, &Value::from("Session ID unknown")));
    assert_eq!(answer.body["code"], "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_served_by_whatever_node_its_requests_reach() {
    let hub = cluster(3).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let nodes = [hub.node(0), hub.node(1), hub.node(2)];
    let session = Session::opens(nodes[0], &bob).await;

    session.connects(&[nodes[1], nodes[2], nodes[0]]).await;
    for turn in 0..6 {
        alice.sends(&bob, &format!("message {turn}")).await;
        session.hears(nodes[turn % 3], &format!("message {turn}")).await;
    }
    let send = format!(r#"421["sendMessage",{{"receiverId":"{}","text":"and back"}}]"#, alice.id);
    assert_eq!(session.posts(nodes[2], &send).await, "ok");
    session.hears(nodes[1], "431[").await;

    assert_eq!(forwarded(nodes[0]).await, [0.0, 0.0], "it holds the session");
    for node in &nodes[1..] {
        let [answered, failed] = forwarded(node).await;
        assert!(answered >= 3.0 && failed == 0.0, "{answered} answered, {failed} failed");
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_from_another_node_has_the_headers_of_one_from_this_node() {
    let hub = cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let session = Session::opens(hub.node(0), &bob).await;
    session.connects(&[hub.node(1)]).await;

    let mut seen = Vec::new();
    for node in [hub.node(0), hub.node(1)] {
        alice.sends(&bob, "hello").await;
        let poll = session.at(node, Method::GET).header(header::ORIGIN, "http://localhost:5173");
        let response = soon("the answer to a poll", poll.send()).await.unwrap();
        let headers = response.headers();
        assert_eq!(headers.get_all("access-control-allow-origin").iter().collect::<Vec<_>>(), ["http://localhost:5173"]);
        assert_eq!(headers.get_all(header::VARY).iter().collect::<Vec<_>>(), ["origin"]);
        let own = |name: &str| matches!(name, "x-request-id" | "date" | "content-length");
        let mut lines: Vec<String> =
            headers.iter().filter(|(name, _)| !own(name.as_str())).map(|(name, value)| format!("{name}: {value:?}")).collect();
        lines.sort();
        seen.push(lines);
    }
    assert_eq!(seen[0], seen[1]);

    let foreign = session.at(hub.node(1), Method::GET).header(header::ORIGIN, "https://evil.net");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_takes_its_poll_at_the_other_node_with_it() {
    let hub = cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let (holder, other) = (hub.node(0), hub.node(1));
    let session = Session::opens(holder, &bob).await;
    session.connects(&[holder]).await;
    // Alice's and Bob's own, by which they signed up and which they keep.
    let own = 2.0;
    let reaches = |connections: f64| async move { (holder.metric(CONNECTIONS).await == connections).then_some(()) };
    eventually("the end of all other connections", || reaches(own)).await;

    let poll = tokio::spawn(session.at(other, Method::GET).send());
    eventually("the poll at the holder", || reaches(own + 1.0)).await;
    poll.abort();
    // It would wait there for longer than this does.
    eventually("its end at the holder", || reaches(own)).await;

    alice.sends(&bob, "still there?").await;
    session.hears(other, "still there?").await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_passed_on_is_an_unknown_session() {
    let mut hub = cluster(2).await;
    let [bob] = hub.users(["bob"]).await;
    let session = Session::opens(hub.node(0), &bob).await;
    let (sid, sealed) = session.sid.split_once('.').expect("an id with a sealed address");

    // Somebody else's address, an address of their own making, none at all.
    let other = Session::opens(hub.node(0), &bob).await;
    let stolen = other.sid.split_once('.').unwrap().1;
    for forged in [format!("{sid}.{stolen}"), format!("{sid}.fwAAAQu4"), format!("{sid}."), sid.to_owned(), format!(".{sealed}")]
    {
        is_unknown(&answer(Session { sid: forged, greeting: Value::Null }.at(hub.node(1), Method::GET)).await);
    }
    assert_eq!(forwarded(hub.node(1)).await, [0.0, 0.0], "nobody was asked");

    let large = session.at(hub.node(1), Method::POST).body("4".repeat(65 * 1024));
    assert_eq!(soon("the answer", large.send()).await.unwrap().status(), 413);
    let upgrade = "/socket.io/?EIO=4&transport=websocket&sid=";
    let upgrade = answer(request(Method::GET, hub.node(1).url(&format!("{upgrade}{}", session.sid)))).await;
    assert_eq!((upgrade.status.as_u16(), &upgrade.body["code"]), (400, &Value::from("3")));
    assert_eq!(forwarded(hub.node(1)).await, [0.0, 0.0], "neither is passed on");

    hub.node_mut(0).stops().await;
    is_unknown(&answer(session.at(hub.node(1), Method::GET)).await);
    assert_eq!(forwarded(hub.node(1)).await, [0.0, 1.0]);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_lets_go_of_the_polls_that_wait_at_others() {
    let settings = [
        ("HUBBUB__CLUSTER__ADDRESS", "127.0.0.1:0"),
        // Far longer than this test may take.
        ("HUBBUB__REALTIME__PING_INTERVAL", "5m"),
        ("HUBBUB__DRAIN__FINISH", "5m"),
    ];
    let mut hub = TestHub::cluster_with(2, &settings).await;
    let [bob] = hub.users(["bob"]).await;
    let session = Session::opens(hub.node(0), &bob).await;
    session.connects(&[hub.node(0)]).await;
    let holder = hub.node(0);
    let reaches = |connections: f64| async move { (holder.metric(CONNECTIONS).await == connections).then_some(()) };
    // Bob's own, by which he signed up and which he keeps.
    eventually("the end of all other connections", || reaches(1.0)).await;
    let poll = tokio::spawn(answer(session.at(hub.node(1), Method::GET)));
    eventually("the poll at the holder", || reaches(2.0)).await;

    soon("the end of the node", hub.node_mut(1).stops()).await;

    is_unknown(&soon("the answer", poll).await.unwrap());
    hub.stops().await;
}
