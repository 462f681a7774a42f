//! A Socket.IO client for tests that look at the wire: WebSocket only, nothing hidden. The stock client is driven by
//! the tests in `tests/client`.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{collections::VecDeque, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderValue, Request},
    },
};

use super::{PATIENCE, hub::TestNode, soon};

/// One connection.
pub(crate) struct TestSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Events that came while something else was waited for.
    events: VecDeque<(String, Value)>,
    /// The pid that the answer to CONNECT held.
    pid: Option<String>,
    /// The string that ended an event last: what a stock client would remember.
    offset: Option<String>,
    /// The positions of all numbered events that it heard, in order.
    heard: Vec<String>,
    next_ack: u64,
}

/// One thing that the server said.
enum Heard {
    /// Name, the string that ended it, payload.
    Event(String, Option<String>, Value),
    Ack(u64, Value),
    Connected(Value),
    Refused(String),
    Dismissed,
}

fn request(hub: SocketAddr, token: Option<&str>, origin: Option<&str>) -> Request<()> {
    let mut request = format!("ws://{hub}/socket.io/?EIO=4&transport=websocket").into_client_request().unwrap();
    let mut says = |name: &'static str, value: String| {
        request.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
    };
    if let Some(token) = token {
        says("cookie", format!("jwt={token}"));
    }
    if let Some(origin) = origin {
        says("origin", origin.to_owned());
    }
    request
}

impl TestSocket {
    /// Opens the transport; [`TestSocket::connects`] comes next.
    pub(crate) async fn opens(node: &TestNode, token: Option<&str>) -> Self {
        Self::tries_to_open(node, token, None).await.unwrap()
    }

    /// As [`TestSocket::opens`], with an `Origin`; `Err` is the HTTP status.
    pub(crate) async fn tries_to_open(node: &TestNode, token: Option<&str>, origin: Option<&str>) -> Result<Self, u16> {
        Self::tries_to_open_at(node.address(), token, origin).await
    }

    /// As [`TestSocket::tries_to_open`], at a hub that need not be in this process.
    pub(crate) async fn tries_to_open_at(hub: SocketAddr, token: Option<&str>, origin: Option<&str>) -> Result<Self, u16> {
        match soon("the WebSocket", connect_async(request(hub, token, origin))).await {
            Ok((stream, _)) => Ok(Self::begins(stream).await),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`TestSocket::opens`], on a connection on which something else was asked before.
    pub(crate) async fn opens_after_another_request(node: &TestNode, token: &str) -> Self {
        let mut stream = TcpStream::connect(node.address()).await.unwrap();
        stream.write_all(b"GET /api/nowhere HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert!(soon("an answer", stream.read_buf(&mut answer)).await.unwrap() > 0);
        }
        let request = request(node.address(), Some(token), None);
        let opened = client_async(request, MaybeTlsStream::Plain(stream));
        Self::begins(soon("the WebSocket", opened).await.unwrap().0).await
    }

    async fn begins(mut stream: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        let open = soon("the open packet", stream.next()).await.expect("an open packet").unwrap();
        assert!(open.to_text().unwrap().starts_with("0{"), "{open}");
        Self { stream, events: VecDeque::new(), pid: None, offset: None, heard: Vec::new(), next_ack: 0 }
    }

    /// Sends CONNECT with `auth`; `Err` is the message of a CONNECT_ERROR.
    pub(crate) async fn connects(&mut self, auth: Value) -> Result<(), String> {
        // A stock client keeps its offset over its connections.
        self.offset = auth["offset"].as_str().map(str::to_owned);
        let connect = if auth.is_null() { "40".to_owned() } else { format!("40{auth}") };
        self.says(&connect).await;
        loop {
            match self.hears().await.expect("an answer to CONNECT") {
                Heard::Connected(answer) => {
                    self.pid = answer["pid"].as_str().map(str::to_owned);
                    return Ok(());
                }
                Heard::Refused(message) => return Err(message),
                Heard::Event(name, _, payload) => self.events.push_back((name, payload)),
                Heard::Ack(..) | Heard::Dismissed => panic!("something else than an answer to CONNECT"),
            }
        }
    }

    /// What a stock client would say when it comes back: its `pid`, and its `offset` if an event gave it one.
    pub(crate) fn memory(&self) -> Value {
        match &self.offset {
            Some(offset) => json!({ "pid": self.pid, "offset": offset }),
            None => json!({ "pid": self.pid }),
        }
    }

    /// The pid that the answer to CONNECT held.
    pub(crate) fn pid(&self) -> &str {
        self.pid.as_deref().expect("a pid")
    }

    /// The position of the last event that had one.
    pub(crate) fn position(&self) -> &str {
        self.offset.as_deref().expect("a position")
    }

    /// Loses the connection without a word; answers where it was.
    pub(crate) async fn loses_network(mut self) -> String {
        // Everybody has a position from the first list on.
        if self.offset.is_none() {
            self.expects("getOnlineUsers").await;
        }
        self.position().to_owned()
    }

    /// The verdict on its position. Answers from where to go on, which a reset says.
    pub(crate) async fn expects_verdict(&mut self, verdict: Value) -> Option<String> {
        let mut told = self.expects("resume").await;
        let position = told.as_object_mut().and_then(|told| told.remove("position"));
        assert_eq!((&told, position.is_some()), (&verdict, verdict["verdict"] == "reset"));
        position.map(|position| position.as_str().expect("text").to_owned())
    }

    /// The positions of all numbered events that this socket heard, in order.
    pub(crate) fn heard(&self) -> &[String] {
        &self.heard
    }

    /// Takes what is on its way, up to the answer to a question that is asked now.
    pub(crate) async fn hears_so_far(&mut self) {
        self.asks("areYouThere", Value::Null).await;
    }

    /// Takes the next thing that the server says.
    pub(crate) async fn hears_anything(&mut self) {
        assert!(self.hears().await.is_some(), "the connection ended");
    }

    /// Takes what comes until the server hangs up.
    pub(crate) async fn hears_to_the_end(&mut self) {
        while self.hears().await.is_some() {}
    }

    /// Proves that no message came before `marker`, which was sent last.
    pub(crate) async fn expects_only(&mut self, marker: &str) {
        self.expects_message(marker).await;
    }

    /// Sends a raw Engine.IO packet.
    pub(crate) async fn says(&mut self, packet: &str) {
        soon("the write", self.stream.send(Message::text(packet))).await.unwrap();
    }

    /// As [`TestSocket::says`]; false when the connection has ended.
    pub(crate) async fn tries_to_say(&mut self, packet: &str) -> bool {
        soon("the write", self.stream.send(Message::text(packet))).await.is_ok()
    }

    /// Emits an event and answers its acknowledgement.
    pub(crate) async fn asks(&mut self, event: &str, payload: Value) -> Value {
        self.next_ack += 1;
        let id = self.next_ack;
        self.says(&format!("42{id}{}", json!([event, payload]))).await;
        loop {
            match self.hears().await.expect("an acknowledgement") {
                Heard::Ack(acknowledged, answer) if acknowledged == id => return answer,
                Heard::Event(name, _, payload) => self.events.push_back((name, payload)),
                _ => {}
            }
        }
    }

    /// The payload of the next event of that name; others before it are dropped.
    pub(crate) async fn expects(&mut self, event: &str) -> Value {
        self.hears_next_of(&[event]).await.1
    }

    /// The next event that has one of these names, and its payload; others before it are dropped.
    pub(crate) async fn hears_next_of(&mut self, events: &[&str]) -> (String, Value) {
        while let Some((name, payload)) = self.events.pop_front() {
            if events.contains(&name.as_str()) {
                return (name, payload);
            }
        }
        loop {
            match self.hears().await {
                Some(Heard::Event(name, _, payload)) if events.contains(&name.as_str()) => return (name, payload),
                Some(_) => {}
                None => panic!("the connection ended while waiting for {events:?}"),
            }
        }
    }

    /// Expects the next `newMessage` to be this one.
    pub(crate) async fn expects_message(&mut self, text: &str) -> Value {
        let message = self.expects("newMessage").await;
        assert_eq!(message["text"], text);
        message
    }

    /// Waits for a list of who is online that names exactly these people.
    pub(crate) async fn expects_online(&mut self, ids: &[&str]) {
        let mut wanted: Vec<&str> = ids.to_vec();
        wanted.sort_unstable();
        loop {
            let list = self.expects("getOnlineUsers").await;
            let mut online: Vec<&str> = list.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            online.sort_unstable();
            if online == wanted {
                return;
            }
        }
    }

    /// Waits until it is told that this person came.
    pub(crate) async fn is_told_online(&mut self, id: &str) {
        while !self.expects("presence").await["online"].as_array().expect("ids").iter().any(|user| user == id) {}
    }

    /// Waits until it is told that this person left; answers what it is told of them.
    pub(crate) async fn is_told_offline(&mut self, id: &str) -> Value {
        loop {
            let changes = self.expects("presence").await;
            if let Some(gone) = changes["offline"].as_array().expect("people").iter().find(|gone| gone["id"] == id) {
                return gone.clone();
            }
        }
    }

    /// The lists of who is online that came before the answer to a question that is asked now.
    pub(crate) async fn lists_so_far(&mut self) -> Vec<Vec<String>> {
        self.asks("areYouThere", Value::Null).await;
        let lists = self.events.iter().filter(|(name, _)| name == "getOnlineUsers");
        lists.map(|(_, list)| serde_json::from_value(list.clone()).expect("a list of ids")).collect()
    }

    /// Waits until the server says goodbye (a DISCONNECT packet) or hangs up.
    pub(crate) async fn expects_end(&mut self) {
        while let Some(heard) = self.hears().await {
            if matches!(heard, Heard::Dismissed) {
                return;
            }
        }
    }

    /// Waits until the connection ends without a DISCONNECT or CONNECT_ERROR, after which a stock client comes back.
    pub(crate) async fn expects_end_without_a_word(&mut self) {
        while let Some(heard) = self.hears().await {
            assert!(!matches!(heard, Heard::Dismissed | Heard::Refused(_)), "a stock client would stay away for good");
        }
    }

    /// Hangs up without a word, as a closed tab does.
    pub(crate) async fn hangs_up(mut self) {
        self.stream.close(None).await.unwrap();
    }

    async fn hears(&mut self) -> Option<Heard> {
        loop {
            let frame = match tokio::time::timeout(PATIENCE, self.stream.next()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(_) => return None,
                Err(_) => panic!("waited {PATIENCE:?} in vain for the server to say something"),
            };
            let Message::Text(text) = frame else { continue };
            if text.as_str() == "2" {
                // The server may have hung up meanwhile; the next read tells.
                self.tries_to_say("3").await;
            } else if let Some(heard) = read(&text) {
                if let Heard::Event(name, Some(position), _) = &heard {
                    let is_numbered = matches!(name.as_str(), "newMessage" | "messagesRead" | "getOnlineUsers");
                    assert!(is_numbered, "a stock client takes the string that ends {name} for its position");
                    self.offset = Some(position.clone());
                    if name != "getOnlineUsers" {
                        self.heard.push(position.clone());
                    }
                }
                return Some(heard);
            }
        }
    }
}

fn read(packet: &str) -> Option<Heard> {
    let (kind, rest) = packet.split_at_checked(2)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, data) = rest.split_at(digits);
    let json = || serde_json::from_str::<Value>(data).unwrap_or(Value::Null);
    match kind {
        "40" => Some(Heard::Connected(json())),
        "41" => Some(Heard::Dismissed),
        "42" => {
            let mut arguments = serde_json::from_str::<Vec<Value>>(data).ok()?;
            let last = arguments.get(1..)?.last()?.as_str().map(str::to_owned);
            let payload = arguments.get_mut(1)?.take();
            Some(Heard::Event(arguments[0].as_str()?.to_owned(), last, payload))
        }
        "43" => Some(Heard::Ack(id.parse().ok()?, json()[0].clone())),
        "44" => Some(Heard::Refused(json()["message"].as_str()?.to_owned())),
        _ => None,
    }
}
