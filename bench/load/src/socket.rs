//! A Socket.IO socket on a WebSocket, as much of it as listening takes: frames without extensions, each packet in one frame.

use anyhow::{Result, bail};

use crate::http::{Server, head_end, status};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FIN: u8 = 0x80;

/// How far a socket has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The request for a WebSocket is under way.
    Upgrading,
    /// The WebSocket is there: CONNECT goes out when the server has introduced itself.
    Opening,
    Joining,
    Joined,
}

/// What a socket says of what came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// To be sent to the server.
    Reply(&'static [u8]),
    Joined,
    /// An event: the JSON behind the packet's type.
    Event(&'a [u8]),
}

/// Frames of a client are masked; with zeros, which is allowed and costs nothing.
const CONNECT: &[u8] = &[0x81, 0x82, 0, 0, 0, 0, b'4', b'0'];
const PONG: &[u8] = &[0x81, 0x81, 0, 0, 0, 0, b'3'];

/// The first that a socket says. The key is the example of the specification: nobody who reads it is helped by another one.
pub(crate) fn hello(server: &Server, token: &str) -> Vec<u8> {
    let (path, key) = ("/socket.io/?EIO=4&transport=websocket", "dGhlIHNhbXBsZSBub25jZQ==");
    let upgrade = format!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}");
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{upgrade}\r\nCookie: jwt={token}\r\n\r\n", server.host).into_bytes()
}

struct Frame<'a> {
    first: u8,
    payload: &'a [u8],
    length: usize,
}

/// The frame at the beginning of what came, if all of it is there.
fn frame(data: &[u8]) -> Option<Frame<'_>> {
    let [first, second, ..] = *data else { return None };
    let (start, length): (usize, usize) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(data.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(data.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let end = start.checked_add(length)?;
    Some(Frame { first, payload: data.get(start..end)?, length: end })
}

impl State {
    /// Reads what came, and answers how much of it is done with. An error is why the socket is at its end.
    pub(crate) fn hears<'a>(&mut self, data: &'a [u8], mut says: impl FnMut(Said<'a>)) -> Result<usize> {
        let mut done = 0;
        if *self == Self::Upgrading {
            let Some(end) = head_end(data) else { return Ok(0) };
            let head = std::str::from_utf8(&data[..end])?;
            if status(head)? != 101 {
                bail!("{}", head.lines().next().unwrap_or_default());
            }
            *self = Self::Opening;
            done = end;
        }
        while let Some(Frame { first, payload, length }) = frame(&data[done..]) {
            done += length;
            match first ^ FIN {
                TEXT => self.packet(payload, &mut says)?,
                CLOSE => bail!("close {}", String::from_utf8_lossy(payload.get(2..).unwrap_or_default())),
                PING => {} // nobody sends these: Engine.IO has pings of its own
                other => bail!("a frame that is not expected here: {other:#x}"),
            }
        }
        Ok(done)
    }

    fn packet<'a>(&mut self, packet: &'a [u8], says: &mut impl FnMut(Said<'a>)) -> Result<()> {
        match (*self, packet) {
            (_, [b'2']) => says(Said::Reply(PONG)),
            (Self::Joined, [b'4', b'2', event @ ..]) => says(Said::Event(event)),
            (Self::Opening, [b'0', ..]) => {
                *self = Self::Joining;
                says(Said::Reply(CONNECT));
            }
            (Self::Joining, [b'4', b'0', ..]) => {
                *self = Self::Joined;
                says(Said::Joined);
            }
            (_, [b'4', b'4' | b'1', ..] | [b'1', ..]) => bail!("refused: {}", String::from_utf8_lossy(packet)),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(payload: &str) -> Vec<u8> {
        let length = payload.len();
        let head = if length < 126 { vec![0x81, length as u8] } else { vec![0x81, 126, (length >> 8) as u8, length as u8] };
        [head, payload.as_bytes().to_vec()].concat()
    }

    fn conversation() -> Vec<u8> {
        let long = format!("42[\"newMessage\",\"{}\"]", "x".repeat(300));
        let packets = [r#"0{"sid":"a"}"#, r#"40{"sid":"b"}"#, "2", r#"42["a"]"#, &long];
        [b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec(), packets.iter().flat_map(|packet| text(packet)).collect()].concat()
    }

    /// What a socket says that is given `data` in pieces of `size` bytes.
    fn heard(data: &[u8], size: usize) -> Result<Vec<String>> {
        let (mut state, mut rest, mut all) = (State::Upgrading, Vec::new(), Vec::new());
        for piece in data.chunks(size) {
            rest.extend_from_slice(piece);
            let done = state.hears(&rest, |said| {
                all.push(match said {
                    Said::Reply(PONG) => "pong".to_owned(),
                    Said::Reply(_) => "connect".to_owned(),
                    Said::Joined => "joined".to_owned(),
                    Said::Event(event) => format!("event of {}", event.len()),
                })
            })?;
            rest.drain(..done);
        }
        assert!(rest.is_empty());
        Ok(all)
    }

    #[test]
    fn a_socket_joins_answers_pings_and_hears_events_however_the_bytes_come() {
        let data = conversation();
        for size in [1, 2, 3, 7, 100, data.len()] {
            let expected = ["connect", "joined", "pong", "event of 5", "event of 317"];
            assert_eq!(heard(&data, size).expect("no fault"), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let upgrade = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        let refused = [upgrade.clone(), text("0{}"), text(r#"44{"message":"no"}"#)].concat();
        let closed = [upgrade, vec![0x88, 4, 3, 0xe8, b'b', b'y']].concat();
        for (data, why) in [(refused, "no"), (closed, "by"), (b"HTTP/1.1 503 Busy\r\n\r\n".to_vec(), "503")] {
            let error = heard(&data, data.len()).expect_err("refused").to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_frame_waits_for_all_of_its_length_and_payload() {
        let mut long = vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70];
        long.resize(10 + 70_000, b'x');
        for length in [0, 1, 2, 9, 10, 11, long.len() - 1] {
            assert!(frame(&long[..length]).is_none(), "{length}");
        }
        assert_eq!(frame(&long).map(|frame| (frame.payload.len(), frame.length)), Some((70_000, 70_010)));
        assert!(frame(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255, 0]).is_none());
    }
}
