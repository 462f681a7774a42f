use super::{
    super::{
        frame::masked,
        link::Links,
        wire::{Sent, When},
    },
    *,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

const LONG: Duration = Duration::from_secs(60);

async fn pair(write: Duration) -> (Guarded, TcpStream, Arc<Link>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let link = Links::new(mpsc::channel(1).0).open();
    let limits = Limits { write, silence: LONG, pong: LONG, outbox: 512 };
    let stream = Guarded::new(accepted.unwrap().0, Bytes::from_static(b"glued"), link.clone(), limits, None);
    (stream, peer.unwrap(), link)
}

#[tokio::test]
async fn what_came_with_the_request_is_read_first() {
    let (mut stream, mut peer, _link) = pair(LONG).await;
    peer.write_all(b" then").await.unwrap();
    let mut read = [0; 10];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"glued then");
}

#[tokio::test]
async fn a_replay_is_read_before_everything_else_and_its_answer_is_not_written() {
    let (mut stream, mut peer, _link) = pair(LONG).await;
    stream.replays(Bytes::from_static(b"first "), 5);
    let mut read = [0; 11];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"first glued");
    stream.write_all(b"swallowed").await.unwrap();
    stream.flush().await.unwrap();
    let mut written = [0; 4];
    peer.read_exact(&mut written).await.unwrap();
    assert_eq!(&written, b"owed");
}

#[tokio::test]
async fn a_cut_ends_a_read_that_waits() {
    let (stream, _peer, link) = pair(LONG).await;
    let (mut reader, _writer) = tokio::io::split(stream);
    let mut buffer = [0; 16];
    assert_eq!(reader.read(&mut buffer).await.unwrap(), 5);
    let (read, ()) = tokio::join!(reader.read(&mut buffer), async { link.cut(Cut::Revoked) });
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut_after_the_deadline() {
    for scanned in [true, false] {
        let (mut stream, _peer, link) = pair(Duration::from_millis(20)).await;
        if !scanned {
            stream.scanner = None;
        }
        let block = vec![0x80; 1 << 20];
        let failed = loop {
            // As frames of 128 bytes of nothing, which the scanner follows.
            if let Err(failed) = stream.write_all(&[&[0x82, 126, 0x10, 0][..], &block[..4096]].concat()).await {
                break failed;
            }
        };
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert_eq!(link.reason(), Some(Cut::Stuck));
    }
}

#[tokio::test]
async fn a_flush_waits_for_what_the_scanner_holds_and_is_cut_after_the_deadline() {
    let (mut stream, _peer, link) = pair(Duration::from_millis(20)).await;
    // Fill the connection past the scanner, so that what it holds has nowhere to go.
    let mut scanner = stream.scanner.take();
    let block = vec![0; 1 << 16];
    while futures_util::poll!(std::pin::pin!(stream.write(&block))).is_ready() {}
    scanner.as_mut().unwrap().scan(&[0x89, 0], || None);
    (stream.scanner, stream.deadline) = (scanner, None);
    assert_eq!(stream.flush().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(link.reason(), Some(Cut::Stuck));
}

#[tokio::test]
async fn the_answer_to_connect_gets_its_pid_and_the_scanner_goes() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    link.set_pid("1.2.x".to_owned());
    let written = b"\x81\x012\x81\x0f40{\"sid\":\"abc\"}\x81\x0242";
    for piece in written.chunks(7) {
        assert!(stream.scanner.is_some() || link.is_answered());
        stream.write_all(piece).await.unwrap();
    }
    assert!(stream.scanner.is_none());
    stream.write_all(b"\x81\x013").await.unwrap();
    let expected = b"\x81\x1d40{\"sid\":\"abc\",\"pid\":\"1.2.x\"}\x81\x0242\x81\x013";
    let mut read = vec![0; expected.len()];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_stream_whose_connect_was_answered_elsewhere_scans_nothing() {
    let (mut stream, _peer, link) = pair(LONG).await;
    stream.write_all(b"\x81\x012").await.unwrap();
    assert!(stream.scanner.is_some());
    link.take_pid();
    stream.write_all(b"\x81\x012").await.unwrap();
    assert!(stream.scanner.is_none());
}

fn said(text: &str) -> Option<Bytes> {
    Some(crate::realtime::transport::frame::text_frame(text.as_bytes()).into())
}

fn says(link: &Link, text: &str) -> Sent {
    link.send(When::Now, || said(text), || unreachable!("it has a WebSocket"))
}

#[tokio::test]
async fn events_follow_the_answer_to_connect_and_then_go_at_once() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    stream.takes_events();
    stream.passes_events();
    link.set_pid("1.2.x".to_owned());
    assert_eq!(says(&link, "42[1]"), Sent::Queued);
    stream.write_all(b"\x81\x0f40{\"sid\":\"abc\"}").await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(says(&link, "42[2]"), Sent::Queued);
    let expected = b"\x81\x1d40{\"sid\":\"abc\",\"pid\":\"1.2.x\"}\x81\x0542[1]\x81\x0542[2]";
    let mut read = vec![0; expected.len()];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn events_wait_for_what_the_engine_has_queued_before_an_upgrade() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    link.take_pid();
    stream.takes_events();
    assert_eq!(says(&link, "42[2]"), Sent::Queued);
    stream.write_all(b"\x81\x0542[1]").await.unwrap();
    stream.flush().await.unwrap();
    stream.passes_events();
    stream.flush().await.unwrap();
    let mut read = [0; 14];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"\x81\x0542[1]\x81\x0542[2]");
}

#[tokio::test]
async fn who_only_reads_from_the_stream_writes_the_events_that_wait() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    link.take_pid();
    stream.takes_events();
    stream.passes_events();
    let text = "x".repeat(100_000);
    // Far more than the kernel takes at once.
    let said = 16;
    (0..said).for_each(|_| assert_eq!(says(&link, &text), Sent::Queued));
    let (mut glued, mut buffer) = ([0; 5], [0; 16]);
    stream.read_exact(&mut glued).await.unwrap();
    let mut all = vec![0; said * (text.len() + 10)];
    tokio::select! {
        _ = stream.read(&mut buffer) => unreachable!("the peer says nothing"),
        read = peer.read_exact(&mut all) => drop(read.unwrap()),
    }
}

#[tokio::test]
async fn a_peer_that_does_not_take_its_events_is_cut_after_the_deadline() {
    let (mut stream, _peer, link) = pair(Duration::from_millis(20)).await;
    link.take_pid();
    stream.takes_events();
    stream.passes_events();
    stream.read_exact(&mut [0; 5]).await.unwrap();
    let text = "x".repeat(10_000);
    while says(&link, &text) == Sent::Queued {}
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!((link.reason(), says(&link, "42[]")), (Some(Cut::Stuck), Sent::Gone));
}

#[tokio::test]
async fn a_stream_that_is_gone_takes_its_connection_with_it() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    stream.takes_events();
    stream.passes_events();
    drop(stream);
    assert_eq!(says(&link, "42[]"), Sent::Gone);
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn the_first_packets_go_together_and_the_engines_first_ping_is_kept_back() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    stream.begins_with(b"HTTP/1.1 101\r\n\r\n".to_vec());
    let mut read = [0; 256];

    stream.write_all(b"\x81\x010").await.unwrap();
    stream.flush().await.unwrap();
    let first = peer.read(&mut read).await.unwrap();
    assert_eq!(&read[..first], b"HTTP/1.1 101\r\n\r\n\x81\x010");

    stream.write_all(frame::PING).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(peer.try_read(&mut read).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    link.set_pid("1.2.x".to_owned());
    stream.write_all(b"\x81\x0f40{\"sid\":\"abc\"}").await.unwrap();
    let rest = peer.read(&mut read).await.unwrap();
    assert_eq!(&read[..rest], b"\x81\x1d40{\"sid\":\"abc\",\"pid\":\"1.2.x\"}");

    stream.write_all(frame::PING).await.unwrap();
    assert_eq!(peer.read(&mut read).await.unwrap(), frame::PING.len(), "others are not ours to keep");
}

#[tokio::test]
async fn a_pong_is_a_sign_of_life_and_nothing_for_the_engine() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    // What came with the request is the first half of a message.
    stream.unread = Bytes::from(masked(b"4one")).split_to(5);
    stream.read_exact(&mut [0; 5]).await.unwrap();
    peer.write_all(&masked(b"4one")[5..]).await.unwrap();
    stream.read_exact(&mut [0; 5]).await.unwrap();

    link.pings(1);
    assert!(link.owes_pong());
    peer.write_all(&masked(b"3")).await.unwrap();
    let mut read = [0; 64];
    let mut reads = std::pin::pin!(stream.read(&mut read));
    while link.owes_pong() {
        assert!(futures_util::poll!(reads.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    peer.write_all(&masked(b"4two")).await.unwrap();
    let length = reads.await.unwrap();
    assert_eq!(&read[..length], masked(b"4two"));
}

#[tokio::test]
async fn what_only_looks_like_a_pong_within_a_message_is_part_of_it() {
    let (mut stream, mut peer, link) = pair(LONG).await;
    stream.unread.clear();
    let message = [&[0x82, 0x80 | 14, 0, 0, 0, 0][..], &masked(b"3"), &masked(b"3")].concat();
    let mut read = [0; 64];
    for part in [&message[..6], &message[6..13], &message[13..]] {
        link.pings(1);
        peer.write_all(part).await.unwrap();
        let length = stream.read(&mut read).await.unwrap();
        assert_eq!(&read[..length], part);
        assert!(!link.owes_pong(), "whatever comes is a sign of life");
    }
}
