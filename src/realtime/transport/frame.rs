//! WebSocket frames as a server sends them: unmasked, whole messages of text (RFC 6455, 5.2).

use bytes::Bytes;
use serde::Serialize;
use std::io::Write;

/// A whole message of text.
const TEXT: u8 = 0x81;

/// The engine's ping.
pub(super) const PING: &[u8] = &[TEXT, 1, b'2'];

/// The longest header of a frame without a mask.
const HEADER: usize = 10;

/// A whole message of text, with the shortest form of its length.
pub(super) fn text_frame(payload: &[u8]) -> Vec<u8> {
    let (header, length) = header(payload.len());
    [&header[..length], payload].concat()
}

fn header(payload: usize) -> ([u8; HEADER], usize) {
    let mut header = [0; HEADER];
    header[0] = TEXT;
    let length = match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(length @ ..=125), _) => {
            header[1] = length;
            2
        }
        (_, Ok(length)) => {
            header[1] = 126;
            header[2..4].copy_from_slice(&length.to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(payload as u64).to_be_bytes());
            HEADER
        }
    };
    (header, length)
}

/// An event of the default namespace: `42["name",payload]`, and the position behind the payload if there is one.
/// `None` if the payload can't be written as JSON, which would be a defect.
pub(in crate::realtime) fn event<T: Serialize + ?Sized>(name: &str, payload: &T, at: Option<&str>) -> Option<Bytes> {
    message(|to| {
        to.extend_from_slice(b"42[");
        serde_json::to_writer(&mut *to, name)?;
        to.push(b',');
        serde_json::to_writer(&mut *to, payload)?;
        if let Some(at) = at {
            to.push(b',');
            serde_json::to_writer(&mut *to, at)?;
        }
        to.push(b']');
        Ok(())
    })
}

/// The answer to a client's event in the default namespace: `43id[payload]`; `None` as of [`event`].
pub(in crate::realtime) fn acknowledgement<T: Serialize + ?Sized>(id: i64, payload: &T) -> Option<Bytes> {
    message(|to| {
        write!(to, "43{id}[")?;
        serde_json::to_writer(&mut *to, payload)?;
        to.push(b']');
        Ok(())
    })
}

/// Writes the message behind room for the longest header, and then its header before it.
fn message(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Option<Bytes> {
    let mut frame = Vec::with_capacity(512);
    frame.resize(HEADER, 0);
    write(&mut frame).ok()?;
    let (header, length) = header(frame.len() - HEADER);
    let start = HEADER - length;
    frame[start..HEADER].copy_from_slice(&header[..length]);
    Some(Bytes::from(frame).slice(start..))
}

/// Whether this is one whole frame of a client with the engine's pong in it.
pub(super) fn is_pong(frame: &[u8]) -> bool {
    matches!(frame, [TEXT, 0x81, mask, _, _, _, packet] if mask ^ packet == b'3')
}

/// Follows the frames of one direction of a WebSocket, whatever pieces they come in.
#[derive(Debug, Clone, Default)]
pub(super) struct Boundaries {
    header: [u8; HEADER],
    /// Bytes of the header that are known.
    known: u8,
    /// Bytes of the current frame that are still to come.
    rest: u64,
}

impl Boundaries {
    /// Before so many bytes that are no frame.
    pub(super) fn behind(head: usize) -> Self {
        Self { rest: head as u64, ..Self::default() }
    }

    /// Whether the last frame is complete and no other one has begun.
    pub(super) fn is_between(&self) -> bool {
        self.known == 0 && self.rest == 0
    }

    /// These bytes were written.
    pub(super) fn follow(&mut self, mut written: &[u8]) {
        while !written.is_empty() {
            let taken = self.take(written);
            written = &written[taken..];
        }
    }

    /// How many of these bytes, which come next, are left of the current frame; the first one's if none has begun.
    pub(super) fn left_of_frame(&self, next: &[u8]) -> usize {
        self.clone().take(next)
    }

    /// Follows up to the end of the current frame. Answers how many bytes that were.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.rest == 0 {
            let Some(byte) = bytes.get(taken) else { return taken };
            self.header[usize::from(self.known)] = *byte;
            self.known += 1;
            taken += 1;
            if let Some(rest) = rest(&self.header[..usize::from(self.known)]) {
                self.known = 0;
                self.rest = rest;
                break;
            }
        }
        let here = usize::try_from(self.rest).unwrap_or(usize::MAX).min(bytes.len() - taken);
        self.rest -= here as u64;
        taken + here
    }
}

/// How many bytes follow a header; `None` while it isn't complete.
fn rest(header: &[u8]) -> Option<u64> {
    let (masked, length) = match header {
        [_, second, ..] => (second & 0x80 != 0, second & 0x7f),
        _ => return None,
    };
    let length = match (length, &header[2..]) {
        (126, [a, b]) => u64::from(u16::from_be_bytes([*a, *b])),
        (127, [a, b, c, d, e, f, g, h]) => u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        (126 | 127, _) => return None,
        (length, _) => u64::from(length),
    };
    Some(length.saturating_add(if masked { 4 } else { 0 }))
}

/// A message of text as a client sends it.
#[cfg(test)]
pub(super) fn masked(payload: &[u8]) -> Vec<u8> {
    let mask = [7, 77, 177, 217];
    let mut frame = vec![TEXT, 0x80 | payload.len() as u8];
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, value::RawValue};

    #[test]
    fn an_event_is_what_the_library_would_write() {
        let payload: Box<RawValue> = serde_json::from_str(r#"{"text":"ü\n"}"#).unwrap();
        let frame = event("newMessage", &*payload, Some("1.42")).unwrap();
        assert_eq!(frame, text_frame(r#"42["newMessage",{"text":"ü\n"},"1.42"]"#.as_bytes()));
        assert_eq!(event("getOnlineUsers", &json!([]), None).unwrap(), text_frame(br#"42["getOnlineUsers",[]]"#));
        assert_eq!(acknowledgement(7, &json!({ "ok": true })).unwrap(), text_frame(br#"437[{"ok":true}]"#));
    }

    #[test]
    fn the_length_has_its_shortest_form() {
        for length in [0, 100, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload = "x".repeat(length);
            let expected = format!(r#"42["e","{payload}"]"#);
            let frame = event("e", &payload, None).unwrap();
            assert_eq!(frame, text_frame(expected.as_bytes()));
            let header = match expected.len() {
                ..=125 => 2,
                126..=65_535 => 4,
                _ => 10,
            };
            assert_eq!(frame.len(), header + expected.len());
        }
    }

    #[test]
    fn boundaries_are_found_however_the_frames_are_cut() {
        let frames = [0, 1, 125, 126, 300, 65_535, 65_536].map(|length| text_frame(&vec![0x81; length]));
        let (all, mut ends) = (frames.concat(), Vec::new());
        frames.iter().fold(0, |end, frame| {
            ends.push(end + frame.len());
            end + frame.len()
        });
        for piece in [1, 2, 3, 7, 4096, all.len()] {
            let (mut boundaries, mut at) = (Boundaries::default(), 0);
            for bytes in all.chunks(piece) {
                let next = ends.iter().copied().find(|end| *end > at).unwrap();
                assert_eq!(boundaries.left_of_frame(bytes), bytes.len().min(next - at), "{piece} {at}");
                boundaries.follow(bytes);
                at += bytes.len();
                assert_eq!(boundaries.is_between(), ends.contains(&at), "{piece} {at}");
            }
        }
    }

    #[test]
    fn a_mask_is_part_of_its_frame() {
        let mut boundaries = Boundaries::default();
        boundaries.follow(&[0x81, 0x81, 1, 2, 3, 4]);
        assert!(!boundaries.is_between());
        boundaries.follow(&[5]);
        assert!(boundaries.is_between());
    }
}
