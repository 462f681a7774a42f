use futures_util::poll;
use std::{future::poll_fn, pin::pin};
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::{super::frame::text_frame, *};

/// A wire that nothing reads from until its peer does.
async fn wire(outbox: usize) -> (Wire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let io = accepted.unwrap().0;
    socket2::SockRef::from(&io).set_send_buffer_size(16 * 1024).unwrap();
    io.writable().await.unwrap();
    (Wire::new(io, outbox), peer.unwrap())
}

async fn opened(outbox: usize) -> (Wire, TcpStream) {
    let (wire, peer) = wire(outbox).await;
    wire.open();
    (wire, peer)
}

fn frame(text: &str) -> Bytes {
    text_frame(text.as_bytes()).into()
}

/// The stream's part: writes all of it, as the engine's WebSocket does.
async fn write(wire: &Wire, mut data: &[u8]) {
    while !data.is_empty() {
        match poll_fn(|cx| wire.write(cx, data)).await.unwrap() {
            Some(written) => data = &data[written..],
            None => flush(wire).await,
        }
    }
}

async fn flush(wire: &Wire) {
    while poll_fn(|cx| wire.flush(cx)).await.unwrap() {}
}

async fn gets(peer: &mut TcpStream, expected: &[&[u8]]) {
    let expected = expected.concat();
    let mut read = vec![0; expected.len()];
    peer.read_exact(&mut read).await.unwrap();
    assert!(read == expected, "{:?}", String::from_utf8_lossy(&read));
}

async fn gets_nothing_yet(peer: &mut TcpStream) {
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    assert!(poll!(pin!(peer.read(&mut [0; 1]))).is_pending());
}

fn sends(wire: &Wire, frame: &Bytes) {
    assert!(matches!(wire.send(frame, When::Now), Ok(false)));
}

/// Sends until the connection takes no more.
fn sends_until_one_waits(wire: &Wire, frame: &Bytes) -> usize {
    (1..1_000_000).find(|_| wire.send(frame, When::Now).unwrap()).unwrap()
}

#[tokio::test]
async fn a_frame_is_written_at_once_and_leaves_nothing_behind() {
    let (wire, mut peer) = opened(4).await;
    for text in ["one", "two"] {
        sends(&wire, &frame(text));
        gets(&mut peer, &[&frame(text)]).await;
    }
    assert!(wire.out.lock().waiting.is_none());
}

#[tokio::test]
async fn before_connect_is_answered_frames_wait_in_their_order() {
    let (wire, mut peer) = wire(4).await;
    sends(&wire, &frame("first"));
    write(&wire, &frame("the answer to CONNECT")).await;
    sends(&wire, &frame("second"));
    flush(&wire).await;
    gets(&mut peer, &[&frame("the answer to CONNECT")]).await;
    gets_nothing_yet(&mut peer).await;
    wire.open();
    flush(&wire).await;
    gets(&mut peer, &[&frame("first"), &frame("second")]).await;
}

#[tokio::test]
async fn a_frame_never_stands_within_one_of_the_stream() {
    let (wire, mut peer) = opened(4).await;
    let (ping, answer) = (frame("2"), frame(&"an answer ".repeat(20)));
    for cut in 1..answer.len() {
        write(&wire, &answer[..cut]).await;
        sends(&wire, &frame("event"));
        // Nothing to do as long as the stream is within its frame.
        assert!(!poll_fn(|cx| wire.flush(cx)).await.unwrap());
        // The rest of it comes with the next frame, which has not begun.
        write(&wire, &[&answer[cut..], &ping].concat()).await;
        gets(&mut peer, &[&answer, &frame("event"), &ping]).await;
    }
}

#[tokio::test]
async fn what_the_connection_does_not_take_goes_in_order_and_before_the_stream() {
    let (wire, mut peer) = opened(2_000_000).await;
    let event = frame(&"x".repeat(5_000));
    let begun = sends_until_one_waits(&wire, &event);
    let waiting: Vec<Bytes> = (0..200).map(|n| frame(&format!("{n} {}", "y".repeat(n * 7)))).collect();
    waiting.iter().for_each(|frame| sends(&wire, frame));
    let ping = frame("2");
    let reads = async {
        for _ in 0..begun {
            gets(&mut peer, &[&event]).await;
        }
        for frame in &waiting {
            gets(&mut peer, &[frame]).await;
        }
        gets(&mut peer, &[&ping]).await;
    };
    tokio::join!(write(&wire, &ping), reads);
    let out = wire.out.lock();
    assert!(out.waiting.is_none());
}

#[tokio::test]
async fn no_more_may_wait_than_the_outbox_holds() {
    let (wire, mut peer) = opened(4).await;
    let event = frame(&"x".repeat(1_000));
    let begun = sends_until_one_waits(&wire, &event);
    (1..4).for_each(|_| sends(&wire, &event));
    assert!(matches!(wire.send(&event, When::Now), Err(Unsent::Full)));
    let reads = async {
        for _ in 0..begun + 3 {
            gets(&mut peer, &[&event]).await;
        }
    };
    tokio::join!(flush(&wire), reads);
    sends(&wire, &event);
    gets(&mut peer, &[&event]).await;
}

#[tokio::test]
async fn bytes_that_wait_are_bounded_but_for_one_frame() {
    let (wire, _peer) = wire(10).await;
    let large = frame(&"x".repeat(10 * AVERAGE));
    sends(&wire, &large);
    assert!(matches!(wire.send(&frame("x"), When::Now), Err(Unsent::Full)));
    wire.forget_unopened();
    sends(&wire, &frame("x"));
    assert_eq!(wire.out.lock().waiting.as_ref().map(|waiting| waiting.frames.len()), Some(1));
}

#[tokio::test]
async fn a_connection_that_failed_says_so() {
    let (wire, peer) = opened(4).await;
    socket2::SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(peer);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let gone = (0..3).any(|_| matches!(wire.send(&frame("x"), When::Now), Err(Unsent::Gone(_))));
    assert!(gone);
}

#[tokio::test]
async fn what_may_wait_for_others_is_written_with_them() {
    let (wire, mut peer) = opened(4).await;
    assert!(matches!(wire.send(&frame("one"), When::Soon), Ok(true)), "somebody has to be told");
    assert!(matches!(wire.send(&frame("two"), When::Soon), Ok(false)), "somebody was");
    sends(&wire, &frame("three"));
    gets_nothing_yet(&mut peer).await;
    assert!(poll_fn(|cx| wire.flush(cx)).await.unwrap());
    gets(&mut peer, &[&frame("one"), &frame("two"), &frame("three")]).await;
}

#[tokio::test]
async fn frames_that_wait_for_a_flush_are_written_by_it_as_far_as_the_connection_takes_them() {
    let (wire, mut peer) = opened(1_000_000).await;
    for text in ["one", "two"] {
        assert!(matches!(wire.send(&frame(text), When::OnFlush), Ok(false)), "nobody has to be told");
    }
    assert!(!wire.try_flush().unwrap());
    gets(&mut peer, &[&frame("one"), &frame("two")]).await;

    let event = frame(&"x".repeat(5_000));
    let begun = sends_until_one_waits(&wire, &event);
    assert!(matches!(wire.send(&frame("last"), When::OnFlush), Ok(false)));
    assert!(wire.try_flush().unwrap(), "the connection's task has to write the rest");
    let reads = async {
        for _ in 0..begun {
            gets(&mut peer, &[&event]).await;
        }
        gets(&mut peer, &[&frame("last")]).await;
    };
    tokio::join!(flush(&wire), reads);
}
