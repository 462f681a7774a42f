//! From polling to a WebSocket, on the wire. With the stock client: `tests/client/upgrade.test.mjs`.

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::support::{TestHub, TestUser, eventually, hub::TestNode, soon};

const PATH: &str = "/socket.io/?EIO=4";

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Somebody's session that began with polling.
struct Session<'a> {
    node: &'a TestNode,
    user: &'a TestUser,
    sid: String,
}

impl<'a> Session<'a> {
    /// Opens a session and says CONNECT; the answer to it waits for the next poll.
    async fn opens(node: &'a TestNode, user: &'a TestUser) -> Self {
        let mut session = Self { node, user, sid: String::new() };
        let open = session.asks(Method::GET, "").await;
        let open: Value = serde_json::from_str(&open[1..]).unwrap();
        session.sid = format!("&sid={}", open["sid"].as_str().unwrap());
        assert_eq!(session.asks(Method::POST, "40").await, "ok");
        session
    }

    async fn asks(&self, method: Method, body: &'static str) -> String {
        let request = self.user.request(method, &format!("{PATH}&transport=polling{}", self.sid)).body(body);
        let response = soon("the answer to a poll", request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    async fn polls(&self) -> Vec<String> {
        self.asks(Method::GET, "").await.split('\u{1e}').map(str::to_owned).collect()
    }

    /// Polls until CONNECT is answered and the list of who is online has come, the last that it brings by itself.
    async fn is_connected(&self) {
        while !self.polls().await.iter().any(|packet| packet.starts_with("42[\"getOnlineUsers\"")) {}
    }

    /// Goes over to a WebSocket.
    async fn upgrades(&self) -> WebSocket {
        let mut stream = self.websocket().await.expect("a WebSocket that is let in");
        says(&mut stream, "2probe").await;
        assert_eq!(hears(&mut stream).await, "3probe");
        says(&mut stream, "5").await;
        stream
    }

    /// A WebSocket that names this session; `None` if it is refused.
    async fn websocket(&self) -> Option<WebSocket> {
        let url = format!("ws://{}{PATH}&transport=websocket{}", self.node.address(), self.sid);
        soon("the WebSocket", connect_async(url)).await.ok().map(|(stream, _)| stream)
    }
}

async fn says(stream: &mut WebSocket, packet: &'static str) {
    soon("the write", stream.send(Message::text(packet))).await.unwrap();
}

async fn hears(stream: &mut WebSocket) -> String {
    soon("a packet", stream.next()).await.unwrap().unwrap().into_text().unwrap().to_string()
}

/// The number at the beginning of the message in a packet, if there is one in it.
fn number(packet: &str) -> Option<usize> {
    let event: Value = serde_json::from_str(packet.strip_prefix("42")?).unwrap();
    event[1]["text"].as_str()?.split(' ').next()?.parse().ok()
}

/// Waits until so many messages are in outboxes, or were.
async fn emitted(node: &TestNode, messages: usize) {
    let series = "hubbub_events_emitted_total{event=\"newMessage\"}";
    eventually("all messages in his outbox", || async { (node.metric(series).await == messages as f64).then_some(()) }).await;
}

#[tokio::test]
async fn what_a_poll_had_no_room_for_comes_by_the_websocket() {
    let hub = TestHub::alone().await;
    let node = hub.node(0);
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let session = Session::opens(node, &bob).await;
    session.is_connected().await;

    // Several times what a poll has room for.
    let filler = "𝄞".repeat(1_900);
    for n in 0..30 {
        alice.sends(&bob, &format!("{n} {filler}")).await;
    }
    emitted(node, 30).await;
    let mut heard: Vec<usize> = session.polls().await.iter().filter_map(|packet| number(packet)).collect();
    assert!((1..30).contains(&heard.len()), "a poll brought {} of 30", heard.len());

    let mut stream = session.upgrades().await;
    while heard.len() < 30 {
        heard.extend(number(&hears(&mut stream).await));
    }
    assert_eq!(heard, (0..30).collect::<Vec<_>>());
    alice.sends(&bob, "30 and on").await;
    assert_eq!(number(&hears(&mut stream).await), Some(30));
    hub.stops().await;
}

#[tokio::test]
async fn an_outbox_that_is_full_is_handed_over() {
    let hub = TestHub::alone_with(&[("HUBBUB__REALTIME__OUTBOX", "8"), ("HUBBUB__REALTIME__UPGRADE_TIMEOUT", "5m")]).await;
    let node = hub.node(0);
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let session = Session::opens(node, &bob).await;
    session.is_connected().await;

    for n in 0..8 {
        alice.sends(&bob, &format!("{n} of eight")).await;
    }
    emitted(node, 8).await;
    let mut stream = session.upgrades().await;

    for n in 0..8 {
        assert_eq!(number(&hears(&mut stream).await), Some(n));
    }
    hub.stops().await;
}

#[tokio::test]
async fn a_poll_that_waits_is_let_go_for_the_upgrade_and_a_websocket_that_leaves_changes_nothing() {
    let hub = TestHub::alone().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let session = Session::opens(hub.node(0), &bob).await;
    session.is_connected().await;

    for turn in 0..3 {
        // The node may not have seen yet that the one before has left.
        let mut stream = eventually("a WebSocket that is let in", || session.websocket()).await;
        let polls = async || while session.polls().await != ["6"] {};
        let probed = async {
            says(&mut stream, "2probe").await;
            assert_eq!(hears(&mut stream).await, "3probe");
        };
        tokio::join!(polls(), probed);
        assert!(session.websocket().await.is_none(), "one at a time");
        drop(stream);

        alice.sends(&bob, &format!("{turn} by polling")).await;
        let mut heard = Vec::new();
        while heard.is_empty() {
            heard.extend(session.polls().await.iter().filter_map(|packet| number(packet)));
        }
        assert_eq!(heard, [turn]);
    }
    hub.stops().await;
}
