use super::{
    super::{frame, link::Links, wire::Wire},
    *,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// In ticks.
const INTERVAL: u32 = 25;
const TIMEOUT: u32 = 20;

fn heartbeat() -> Heartbeat {
    Heartbeat::new(TICK * INTERVAL, TICK * TIMEOUT)
}

/// A session with a WebSocket, and its peer.
async fn websocket(heartbeat: &Heartbeat) -> (Arc<Link>, Arc<Wire>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (link, wire) = (Links::new(mpsc::channel(1).0).open(), Arc::new(Wire::new(accepted.unwrap().0, 16)));
    link.leads_to(&wire);
    wire.open();
    heartbeat.watch(&link);
    (link, wire, peer.unwrap())
}

fn polling(heartbeat: &Heartbeat, closer: mpsc::Sender<Box<str>>) -> Arc<Link> {
    let links = Links::new(closer);
    let link = links.open();
    links.name(&link, "sid");
    heartbeat.watch(&link);
    link
}

async fn turns(heartbeat: &Heartbeat, ticks: u32) {
    for _ in 0..ticks {
        heartbeat.turn().await;
    }
}

/// How many pings came, and nothing else.
fn pings(peer: &TcpStream) -> usize {
    let mut read = [0; 1024];
    let read = peer.try_read(&mut read).map_or(&[][..], |length| &read[..length]);
    assert!(read.chunks(frame::PING.len()).all(|frame| frame == frame::PING), "{read:?}");
    read.len() / frame::PING.len()
}

#[tokio::test]
async fn a_websocket_is_pinged_once_an_interval_for_as_long_as_it_answers() {
    let heartbeat = heartbeat();
    let (link, _wire, mut peer) = websocket(&heartbeat).await;
    for _ in 0..10 {
        turns(&heartbeat, INTERVAL - 1).await;
        assert_eq!(pings(&peer), 0);
        turns(&heartbeat, 1).await;
        let mut ping = [0; frame::PING.len()];
        peer.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, frame::PING);
        link.speaks();
    }
    assert_eq!(link.reason(), None);
}

#[tokio::test]
async fn who_answers_no_ping_within_the_timeout_is_cut() {
    let heartbeat = heartbeat();
    let (link, _wire, _peer) = websocket(&heartbeat).await;
    turns(&heartbeat, INTERVAL + TIMEOUT - 1).await;
    assert_eq!(link.reason(), None);
    turns(&heartbeat, 1).await;
    assert_eq!(link.reason(), Some(Cut::Silent));
}

#[tokio::test]
async fn a_timeout_may_be_longer_than_the_interval() {
    let heartbeat = Heartbeat::new(TICK * 10, TICK * 100);
    let (link, _wire, _peer) = websocket(&heartbeat).await;
    for _ in 0..10 {
        turns(&heartbeat, 10).await;
        assert!(link.owes_pong());
        link.speaks();
    }
    turns(&heartbeat, 10 + 99).await;
    assert_eq!(link.reason(), None);
    turns(&heartbeat, 1).await;
    assert_eq!(link.reason(), Some(Cut::Silent));
}

#[tokio::test]
async fn a_client_that_polls_lives_and_one_that_stopped_is_closed_once_the_engine_can_be_told() {
    let heartbeat = heartbeat();
    let (closer, mut closing) = mpsc::channel(1);
    let link = polling(&heartbeat, closer.clone());
    for _ in 0..4 {
        turns(&heartbeat, INTERVAL).await;
        heartbeat.hears(&link);
    }
    turns(&heartbeat, INTERVAL + TIMEOUT - 1).await;
    assert_eq!(link.reason(), None);

    closer.try_send("another".into()).unwrap();
    turns(&heartbeat, 1).await;
    assert_eq!(link.reason(), Some(Cut::Silent));
    assert_eq!(closing.try_recv().as_deref(), Ok("another"));
    turns(&heartbeat, TIMEOUT).await;
    assert_eq!(closing.try_recv().as_deref(), Ok("sid"));
}

#[tokio::test]
async fn a_session_that_has_become_a_websocket_is_pinged_in_time() {
    let heartbeat = heartbeat();
    let link = polling(&heartbeat, mpsc::channel(1).0);
    for _ in 0..3 {
        turns(&heartbeat, INTERVAL).await;
        heartbeat.hears(&link);
    }
    // The engine's last ping may be so old that the client has the timeout left to hear of the next.
    let (_, wire, peer) = websocket(&heartbeat).await;
    link.leads_to(&wire);
    turns(&heartbeat, TIMEOUT / 2).await;
    assert!(link.owes_pong());
    peer.readable().await.unwrap();
    assert_eq!(pings(&peer), 1);
}

#[tokio::test]
async fn what_has_ended_is_watched_no_more() {
    let heartbeat = heartbeat();
    drop(websocket(&heartbeat).await);
    drop(polling(&heartbeat, mpsc::channel(1).0));
    turns(&heartbeat, INTERVAL).await;
    assert!(heartbeat.wheel.lock().slots.iter().all(Vec::is_empty));
}

#[test]
fn a_node_that_stood_still_gives_its_clients_that_time() {
    let start = Instant::now();
    let mut began = start;
    assert_eq!(due(&mut began, start + TICK / 2), 0);
    assert_eq!(due(&mut began, start + TICK * 3 + TICK / 2), 3);
    assert_eq!(due(&mut began, start + TICK * 4), 1);
    assert_eq!(due(&mut began, start + TICK * 1_004), LATE);
    assert_eq!(due(&mut began, start + TICK * 1_006), 2);
}

#[test]
fn a_greeting_says_how_long_a_client_has() {
    let greeting = |timeout: &str| {
        format!(r#"0{{"sid":"x","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":{timeout},"maxPayload":1}}"#)
            .into_bytes()
    };
    let told = tell_patience(&greeting(&FOR_EVER.as_millis().to_string()), Duration::from_secs(20));
    assert_eq!(told, Some(greeting("20000")));
    for other in [&b"0"[..], br#"0{"sid":"x"}"#, br#"40{"sid":"x","pingTimeout":1}"#] {
        assert_eq!(tell_patience(other, Duration::ZERO), None);
    }
}
