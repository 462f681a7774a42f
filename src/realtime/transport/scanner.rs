//! What is changed in the engine's first words to a WebSocket, on their way out: its greeting tells the client how long it
//! really has for a pong, its first ping is kept back (both see [`heartbeat`](super::heartbeat)), and the answer to CONNECT gets
//! its [`pid`](super::pid).

use super::{frame::text_frame, heartbeat, pid};
use std::time::Duration;

/// Frames above this are none of those, which have some hundred bytes; so no more is ever held back.
const LONGEST: u64 = 1024;

/// The engine's ping.
const PING: &[u8] = b"2";

/// Follows what a server writes to one WebSocket up to the answer to the first CONNECT, and then it is done. Everything
/// else passes as it is, whatever pieces it comes in.
#[derive(Debug)]
pub(super) struct Scanner {
    /// What clients are told that they have for a pong.
    ping_timeout: Duration,
    /// The beginning of a frame, as long as it may be one to change. At most a header and [`LONGEST`] bytes.
    held: Vec<u8>,
    /// Bytes of the current frame that are still to come and pass as they are.
    passing: u64,
    out: Vec<u8>,
    written: usize,
    done: bool,
}

/// What a frame is, as far as its first bytes show.
enum Frame {
    /// More bytes must tell.
    Unknown,
    /// None to change; so many bytes of it are still to come.
    Other(u64),
    /// One that begins like those, complete, after so many bytes of header.
    Whole(usize),
    /// Nothing that a server sends: hands off from here on.
    Foreign,
}

impl Scanner {
    pub(super) fn new(ping_timeout: Duration) -> Self {
        Self { ping_timeout, held: Vec::new(), passing: 0, out: Vec::new(), written: 0, done: false }
    }

    /// Has this ready before everything else. It is no frame.
    pub(super) fn begins_with(&mut self, out: Vec<u8>) {
        self.out = out;
    }

    /// Takes what is to be written, in any pieces. `take` is called once, at the answer to CONNECT.
    pub(super) fn scan(&mut self, mut data: &[u8], mut take: impl FnMut() -> Option<Box<str>>) {
        while !data.is_empty() {
            if self.done {
                self.out.extend_from_slice(data);
                return;
            }
            if self.passing > 0 {
                let pass = usize::try_from(self.passing).unwrap_or(usize::MAX).min(data.len());
                self.out.extend_from_slice(&data[..pass]);
                self.passing -= pass as u64;
                data = &data[pass..];
                continue;
            }
            self.held.push(data[0]);
            data = &data[1..];
            match classify(&self.held) {
                Frame::Unknown => {}
                Frame::Other(rest) => {
                    self.out.append(&mut self.held);
                    self.passing = rest;
                }
                Frame::Foreign => {
                    self.out.append(&mut self.held);
                    self.done = true;
                }
                Frame::Whole(header) => self.change(header, &mut take),
            }
        }
    }

    /// Passes on a whole frame of which so many bytes are its header, as it should be.
    fn change(&mut self, header: usize, take: impl FnOnce() -> Option<Box<str>>) {
        let packet = &self.held[header..];
        let changed = if packet == PING {
            Some(Vec::new())
        } else if pid::is_answer(packet) {
            self.done = true;
            take().map(|pid| text_frame(&pid::with_pid(packet, &pid)))
        } else {
            heartbeat::tell_patience(packet, self.ping_timeout).map(|greeting| text_frame(&greeting))
        };
        self.out.extend_from_slice(changed.as_ref().unwrap_or(&self.held));
        self.held = Vec::new();
    }

    /// What is ready to be written.
    pub(super) fn ready(&self) -> &[u8] {
        &self.out[self.written..]
    }

    /// So many bytes of it were written.
    pub(super) fn advance(&mut self, written: usize) {
        self.written += written;
        if self.written >= self.out.len() {
            self.out.clear();
            self.written = 0;
        }
    }

    /// Whether it has seen what it was there for. Without anything [`ready`](Self::ready), it can go.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether it holds nothing, between two frames.
    pub(super) fn rests(&self) -> bool {
        self.held.is_empty() && self.passing == 0 && self.ready().is_empty()
    }
}

fn classify(frame: &[u8]) -> Frame {
    let [first, second, rest @ ..] = frame else { return Frame::Unknown };
    let (length, payload) = match (second, rest) {
        (128.., _) => return Frame::Foreign, // masked
        (126, [a, b, payload @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), payload),
        (127, [a, b, c, d, e, f, g, h, payload @ ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), payload),
        (126 | 127, _) => return Frame::Unknown,
        (length, payload) => (u64::from(*length), payload),
    };
    let here = payload.len() as u64;
    let may_be = |packet: &[u8]| {
        let known = payload.len().min(packet.len());
        payload[..known] == packet[..known]
    };
    // 0x81: a whole message of text.
    if *first != 0x81 || length > LONGEST || ![pid::ANSWER, heartbeat::GREETING, PING].into_iter().any(may_be) {
        Frame::Other(length.saturating_sub(here))
    } else if here < length {
        Frame::Unknown
    } else {
        Frame::Whole(frame.len() - payload.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: &str = "1.42.aB_-z";
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A frame of any first byte.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = text_frame(payload);
        frame[0] = first;
        frame
    }

    fn answer(sid: &str) -> Vec<u8> {
        format!(r#"40{{"sid":"{sid}"}}"#).into_bytes()
    }

    fn with(sid: &str) -> Vec<u8> {
        format!(r#"40{{"sid":"{sid}","pid":"{PID}"}}"#).into_bytes()
    }

    /// What comes out when the input comes in these pieces, and whether the pid was taken.
    fn scanned<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
        let (mut scanner, mut out, mut pid) = (Scanner::new(PATIENCE), Vec::new(), Some(PID.into()));
        for piece in pieces {
            scanner.scan(piece, || pid.take());
            // One byte at a time, as a stuffed peer takes it.
            while let Some(byte) = scanner.ready().first() {
                out.push(*byte);
                scanner.advance(1);
            }
            assert!(scanner.held.len() <= LONGEST as usize + 10);
        }
        (out, pid.is_none())
    }

    /// The whole at once, byte by byte, and cut in two at each position.
    fn in_all_pieces(data: &[u8], expected: &[u8]) {
        assert_eq!(scanned([data]).0, expected);
        assert_eq!(scanned(data.chunks(1)).0, expected);
        for at in (0..data.len()).take(400) {
            let (before, after) = data.split_at(at);
            assert_eq!(scanned([before, after]).0, expected, "cut at {at}");
        }
    }

    #[test]
    fn the_answer_gets_the_pid_wherever_it_stands_and_however_it_is_cut() {
        let before = [frame(0x81, br#"0{"sid":"x","upgrades":[]}"#), frame(0x81, b"2probe"), frame(0x89, b"ws ping")].concat();
        let after = [frame(0x81, br#"42["newMessage",{}]"#), frame(0x82, &[0x81, 5, 4, 0])].concat();
        let data = [before.clone(), frame(0x81, &answer("AAAABBBBCCCCDDDD")), after.clone()].concat();
        in_all_pieces(&data, &[before, frame(0x81, &with("AAAABBBBCCCCDDDD")), after].concat());
    }

    #[test]
    fn the_greeting_says_how_long_a_client_really_has_and_the_first_ping_is_kept_back() {
        let greeting = |timeout: &str| {
            let text = format!(r#"0{{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":{timeout},"maxPayload":65536}}"#);
            frame(0x81, text.as_bytes())
        };
        let data = [greeting("315360000000"), frame(0x81, b"2"), frame(0x81, &answer("a")), frame(0x81, b"2")].concat();
        in_all_pieces(&data, &[greeting("20000"), frame(0x81, &with("a")), frame(0x81, b"2")].concat());
    }

    #[test]
    fn the_length_changes_its_form_where_it_must() {
        // With the pid, the answer grows by 19 bytes: from around 106 on it needs the longer form of the length.
        for length in 60..=140 {
            let sid = "s".repeat(length);
            let (data, expected) = (frame(0x81, &answer(&sid)), frame(0x81, &with(&sid)));
            let header = if with(&sid).len() < 126 { 2 } else { 4 };
            assert_eq!(expected.len(), with(&sid).len() + header);
            in_all_pieces(&data, &expected);
        }
    }

    #[test]
    fn frames_of_all_lengths_pass_unchanged_before_the_answer() {
        for length in [0, 1, 2, 125, 126, 127, 1023, 1024, 1025, 65_535, 65_536, 70_000] {
            for first in [0x81, 0x82, 0x01, 0x80, 0x8a] {
                // It begins as the answer does, as long as it can.
                let mut payload: Vec<u8> = pid::ANSWER.iter().copied().take(length).collect();
                payload.resize(length, b'x');
                let other = frame(first, &payload);
                let data = [other.clone(), frame(0x81, &answer("s"))].concat();
                let expected = [other, frame(0x81, &with("s"))].concat();
                assert_eq!(scanned([&*data]).0, expected, "{first:x} {length}");
                assert_eq!(scanned(data.chunks(1)).0, expected, "{first:x} {length}");
                assert_eq!(scanned(data.chunks(4096)).0, expected, "{first:x} {length}");
            }
        }
    }

    #[test]
    fn what_only_begins_with_40_is_no_answer() {
        let others =
            [&b"40"[..], b"4", b"40{}", br#"40/admin,{"sid":"x"}"#, b"400", br#"42["x",{"sid":"x"}]"#, br#"44{"message":"no"}"#];
        let data = others.map(|other| frame(0x81, other)).concat();
        in_all_pieces(&data, &data);
        assert!(!scanned([&*data]).1, "the pid waits for the answer");
    }

    #[test]
    fn only_the_first_answer_gets_it_and_without_one_nothing_changes() {
        let two = [frame(0x81, &answer("a")), frame(0x81, &answer("b"))].concat();
        in_all_pieces(&two, &[frame(0x81, &with("a")), frame(0x81, &answer("b"))].concat());
        let mut scanner = Scanner::new(PATIENCE);
        scanner.scan(&two, || None);
        assert_eq!(scanner.ready(), two);
        assert!(scanner.is_done());
    }

    #[test]
    fn a_long_frame_is_not_waited_for() {
        let mut scanner = Scanner::new(PATIENCE);
        let mut data = vec![0x81, 127];
        data.extend_from_slice(&u64::MAX.to_be_bytes());
        scanner.scan(&data, || None);
        assert_eq!(scanner.ready(), data);
    }

    #[test]
    fn a_masked_frame_ends_it() {
        let data = [vec![0x81, 0x82, 0, 0, 0, 0, b'4', b'0'], frame(0x81, &answer("a"))].concat();
        in_all_pieces(&data, &data);
    }
}
