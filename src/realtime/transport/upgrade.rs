//! The way from polling to a WebSocket: the client sends `2probe`, is answered `3probe`, waits for its last poll, and
//! sends `5`.
//!
//! All of that happens here, and the engine hears of it only when it has succeeded: its own way closes the session when
//! the WebSocket fails meanwhile (which behind a proxy that cuts WebSockets is always), waits for room in a full outbox
//! until its time is up, and forgets the packet that the last poll had no room for.

use axum::{
    body::Bytes,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use std::{io, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Service;

use super::{
    Engine,
    frame::text_frame,
    polling::{Claim, Polling},
    stream::Guarded,
};

const PROBE: &[u8] = b"2probe";
const PROBE_ANSWER: &[u8] = b"3probe";
const UPGRADE: &[u8] = b"5";

/// What the engine is told once the client has upgraded: `2probe` and `5`, as a client sends them, with a mask of zeros.
const REPLAY: Bytes = Bytes::from_static(b"\x81\x86\0\0\0\x002probe\x81\x81\0\0\0\x005");

/// The length of the frame `3probe`, which it answers to nobody.
const REPLAY_ANSWER: u8 = 2 + PROBE_ANSWER.len() as u8;

/// Takes a polling session over to a WebSocket. A stream that fails before the client says `5` changes nothing for the
/// session.
pub(super) async fn upgrade(
    mut engine: Engine,
    mut stream: Box<Guarded>,
    request: Request<()>,
    claim: Claim,
    patience: Duration,
) {
    let Some(polling) = claim.polling() else { return };
    match tokio::time::timeout(patience, probe(&mut stream, &claim)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return tracing::debug!(%error, "a WebSocket ended while it was probed; its session goes on by polling"),
        Err(_) => return tracing::debug!("a WebSocket was not upgraded in time; its session goes on by polling"),
    }
    // The client polls no more: from here on the session lives and ends with the stream.
    stream.ends_session();
    // What is said to it from here on waits in the stream for what the engine has queued until now.
    stream.takes_events();
    let turn = polling.turn().await;
    if let Err(error) = drain(&engine, &mut stream, polling).await {
        return tracing::debug!(%error, "a session was lost while it was handed to its WebSocket");
    }
    stream.passes_events();
    stream.replays(REPLAY, REPLAY_ANSWER);
    let handed = Service::<(Box<Guarded>, Request<()>)>::call(&mut engine, (stream, request)).await;
    drop(turn);
    match handed {
        Ok(()) => claim.upgraded(),
        Err(error) => tracing::debug!(%error, "the engine refused a WebSocket"),
    }
}

/// The client's side of the handshake, until it says `5`.
async fn probe(stream: &mut Guarded, claim: &Claim) -> io::Result<()> {
    expect(stream, PROBE).await?;
    stream.write_all(&text_frame(PROBE_ANSWER)).await?;
    stream.flush().await?;
    claim.probed();
    expect(stream, UPGRADE).await
}

/// Reads one short message of text, which must be this one.
async fn expect(stream: &mut Guarded, packet: &[u8]) -> io::Result<()> {
    let mut head = [0; 6];
    stream.read_exact(&mut head).await?;
    let [first, length, mask @ ..] = head;
    // Whole, text, masked (RFC 6455, 5.2), and so short.
    if first != 0x81 || usize::from(length) != packet.len() | 0x80 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "something else than the upgrade's next packet"));
    }
    let mut payload = vec![0; packet.len()];
    stream.read_exact(&mut payload).await?;
    if payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).eq(packet.iter().copied()) {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "something else than the upgrade's next packet"))
    }
}

/// Writes to the stream what waited for a poll.
async fn drain(engine: &Engine, stream: &mut Guarded, polling: &Polling) -> io::Result<()> {
    while let Some(answer) = polling.rest(engine.clone()).await {
        if answer.status() != StatusCode::OK {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the session has ended"));
        }
        let body = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        for packet in body.split(|byte| *byte == 0x1e) {
            match packet.first() {
                // Empty: the session has ended. `b`: binary, which nobody here sends.
                None | Some(b'b') => return Err(io::Error::new(io::ErrorKind::NotFound, "the session has ended")),
                Some(b'6') => {}
                Some(_) => stream.write_all(&text_frame(packet)).await?,
            }
        }
    }
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::transport::{frame::masked, link::Links, stream::Limits};
    use tokio::{
        net::{TcpListener, TcpStream},
        sync::mpsc,
    };

    /// A stream of a session that polls, its claim, and its peer.
    async fn claimed(glued: &'static [u8]) -> (Guarded, Claim, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (closer, _) = mpsc::channel(1);
        let links = Links::new(closer);
        let link = links.open();
        links.name(&link, "sid");
        let claim = Claim::on(&link).unwrap();
        let limits = Limits {
            write: Duration::from_secs(60),
            silence: Duration::from_secs(60),
            pong: Duration::from_secs(60),
            outbox: 16,
        };
        (Guarded::new(accepted.unwrap().0, Bytes::from_static(glued), link, limits, None), claim, peer.unwrap())
    }

    #[tokio::test]
    async fn a_client_that_keeps_to_the_handshake_is_upgraded() {
        let (mut stream, claim, mut peer) = claimed(b"\x81\x86\0\0\0\x002pro").await;
        let (probed, ()) = tokio::join!(probe(&mut stream, &claim), async {
            peer.write_all(b"be").await.unwrap();
            let mut answer = [0; 8];
            peer.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"\x81\x063probe");
            peer.write_all(&[masked(UPGRADE), masked(b"4next")].concat()).await.unwrap();
        });
        probed.unwrap();
        let mut next = vec![0; 11];
        stream.read_exact(&mut next).await.unwrap();
        assert_eq!(next, masked(b"4next"), "what comes after it is left for the engine");
    }

    #[tokio::test]
    async fn anything_else_ends_the_probe() {
        let others =
            [masked(b"2"), masked(b"5"), masked(b"2prob3"), text_frame(PROBE), vec![0x88, 0x80, 0, 0, 0, 0], vec![0xff; 14]];
        for other in others {
            let (mut stream, claim, mut peer) = claimed(b"").await;
            peer.write_all(&other).await.unwrap();
            assert!(probe(&mut stream, &claim).await.is_err(), "{other:?}");
        }
        let (mut stream, claim, mut peer) = claimed(b"").await;
        peer.write_all(&masked(PROBE)).await.unwrap();
        peer.shutdown().await.unwrap();
        assert!(probe(&mut stream, &claim).await.is_err(), "it left");
    }
}
