//! The `pid` of the CONNECT answer: with it, a stock client recovers by itself (it sends back `pid` and `offset`).
//!
//! socketioxide has no hook for it (its issue 729), so it is added to what the library writes: a
//! [`Scanner`](super::scanner::Scanner) does it on a WebSocket, [`with_pid_in_body`] in the answer to a poll. Once the
//! library has the feature, this file goes.

/// How the answer to a CONNECT in the default namespace begins. Another namespace stands between `40` and the object.
pub(super) const ANSWER: &[u8] = br#"40{"sid":"#;

/// Longest `pid` that is added.
const LONGEST_PID: usize = 256;

/// What separates the packets in a polling body.
const SEPARATOR: u8 = 0x1e;

/// Whether this can go into JSON as it is.
pub(super) fn is_plain(pid: &str) -> bool {
    (1..=LONGEST_PID).contains(&pid.len()) && pid.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
}

pub(super) fn is_answer(packet: &[u8]) -> bool {
    packet.starts_with(ANSWER) && packet.ends_with(b"}")
}

/// The answer to CONNECT with `pid` in it.
pub(super) fn with_pid(answer: &[u8], pid: &str) -> Vec<u8> {
    let open = answer.strip_suffix(b"}").unwrap_or(answer);
    [open, br#","pid":""#, pid.as_bytes(), br#""}"#].concat()
}

/// Adds the `pid` to the answer to CONNECT in a polling body; `None` if there is no such answer in it, and `take` is not
/// called then.
pub(super) fn with_pid_in_body(body: &[u8], take: impl FnOnce() -> Option<Box<str>>) -> Option<Vec<u8>> {
    let mut packets: Vec<&[u8]> = body.split(|byte| *byte == SEPARATOR).collect();
    let at = packets.iter().position(|packet| is_answer(packet))?;
    let answer = with_pid(packets[at], &take()?);
    packets[at] = &answer;
    Some(packets.join(&SEPARATOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: &str = "1.42.aB_-z";

    fn answer(sid: &str) -> Vec<u8> {
        format!(r#"40{{"sid":"{sid}"}}"#).into_bytes()
    }

    fn with(sid: &str) -> Vec<u8> {
        format!(r#"40{{"sid":"{sid}","pid":"{PID}"}}"#).into_bytes()
    }

    #[test]
    fn bodies_of_polls_get_it_in_the_packet_that_answers() {
        let add = |body: &[u8]| with_pid_in_body(body, || Some(PID.into()));
        assert_eq!(add(&answer("a")), Some(with("a")));
        let body = |middle: Vec<u8>| [&b"2\x1e44{}\x1e"[..], &middle, b"\x1e42[\"newMessage\",\"40{\"]\x1ebAQID"].concat();
        assert_eq!(add(&body(answer("a"))), Some(body(with("a"))));
        assert_eq!(add(&[&b"6\x1e"[..], &answer("a")].concat()), Some([&b"6\x1e"[..], &with("a")].concat()));
        for other in [&b""[..], b"6", b"2\x1e", br#"40/admin,{"sid":"a"}"#, br#"42["40{\"sid\":"]"#, b"\x1e\x1e"] {
            assert_eq!(with_pid_in_body(other, || unreachable!("no answer, no pid")), None, "{other:?}");
        }
    }

    #[test]
    fn only_what_needs_no_escape_is_a_pid() {
        assert!(is_plain(PID));
        for other in ["", "a\"b", "a b", "ä", "a\\", &"x".repeat(257)] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
