//! Resuming: what a client says of where it is, and what that comes to. Pure: the log is read elsewhere.
//!
//! Clients of ours say `auth: {since}`. Stock clients do it by themselves: when the answer to CONNECT held a `pid`, they
//! remember the last string that ended an event as their `offset`, and send both when they come back.

use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

use super::{Error, Result, UserId, position::Position};

/// Most characters of a position or pid that are looked at; longer ones are none of ours.
const LONGEST: usize = 128;

/// The name of a socket's place in a log, for stock clients: `epoch.startSeq.random`. They report that nothing was missed
/// when they get the same one again, and a client that never got an event resumes from the start that is in it.
///
/// The random part ends in a digest of the person's id, so that whoever logs in as somebody else on the same page
/// doesn't resume at the other one's number. It guards against mistakes, not attacks: everybody reads only their own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pid {
    start: Position,
    nonce: u32,
    owner: u64,
}

impl Pid {
    pub fn new(user: UserId, start: Position, nonce: u32) -> Self {
        Self { start, nonce, owner: owner(user, nonce) }
    }

    fn belongs_to(self, user: UserId) -> bool {
        self.owner == owner(user, self.nonce)
    }
}

fn owner(user: UserId, nonce: u32) -> u64 {
    let digest = Sha256::new().chain_update(nonce.to_be_bytes()).chain_update(user.0.as_bytes()).finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:08x}{:016x}", self.start, self.nonce, self.owner)
    }
}

impl FromStr for Pid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (start, random) = text.rsplit_once('.')?;
            let (nonce, owner) = random.split_at_checked(8)?;
            let plain = random.len() == 24 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
            let (nonce, owner) = (u32::from_str_radix(nonce, 16).ok()?, u64::from_str_radix(owner, 16).ok()?);
            plain.then_some(Self { start: start.parse().ok()?, nonce, owner })
        };
        read().ok_or_else(|| Error::Malformed("Not a pid.".to_owned()))
    }
}

/// What a client said of where it is, as it said it.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// Of clients of ours. Goes before the two below.
    pub since: Option<Box<str>>,
    /// Of clients of ours that say whose position it is.
    pub user: Option<Box<str>>,
    /// Of stock clients.
    pub pid: Option<Box<str>>,
    pub offset: Option<Box<str>>,
}

impl Claim {
    /// Whether the client said anything at all.
    pub fn is_made(&self) -> bool {
        self.since.is_some() || self.pid.is_some()
    }

    /// The number after which this person is to be told everything, in a log of this epoch.
    ///
    /// # Errors
    /// Why that can't be done: [`Reset::OtherUser`] or [`Reset::UnknownLog`].
    pub fn start(&self, user: UserId, epoch: i32) -> Result<i64, Reset> {
        if self.user.as_deref().is_some_and(|text| text.parse() != Ok(user)) {
            return Err(Reset::OtherUser);
        }
        let position = match (&self.since, &self.pid) {
            (Some(since), _) => read(since).ok_or(Reset::UnknownLog)?,
            (None, Some(pid)) => {
                let pid: Pid = read(pid).ok_or(Reset::UnknownLog)?;
                if !pid.belongs_to(user) {
                    return Err(Reset::OtherUser);
                }
                let offset = self.offset.as_deref().map(|offset| read(offset).ok_or(Reset::UnknownLog)).transpose()?;
                // A client that got no event since that pid may still carry an offset of before.
                offset.map_or(pid.start, |offset: Position| offset.max(pid.start))
            }
            (None, None) => return Err(Reset::UnknownLog),
        };
        if position.epoch == epoch { Ok(position.seq) } else { Err(Reset::UnknownLog) }
    }

    /// The pid, if it is this person's: the one to answer with again.
    pub fn pid(&self, user: UserId) -> Option<Pid> {
        self.pid.as_deref().and_then(read::<Pid>).filter(|pid| pid.belongs_to(user))
    }
}

fn read<T: FromStr>(text: &str) -> Option<T> {
    (text.len() <= LONGEST).then(|| text.parse().ok()).flatten()
}

/// What a claim came to. The client is told, so that it knows whether to load its lists anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was missed.
    Current,
    /// So many entries were missed and follow.
    Resumed(u64),
    /// What was missed does not follow: load lists and histories, or ask `GET /api/sync`.
    Reset(Reset),
}

/// Why a client could not resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The position is of another epoch, or none that we gave out.
    UnknownLog,
    /// What follows the position was pruned.
    Trimmed,
    /// More was missed than a socket replays.
    TooFar,
    /// The position is beyond the log's end: the database was restored without `hubbub epoch bump`.
    Ahead,
    /// The position is somebody else's.
    OtherUser,
}

impl Verdict {
    /// What a client at `since` gets of a log that ends at `head`, if a replay takes at most `most` entries. Whether
    /// they are still there shows when they are read.
    pub fn of(since: i64, head: i64, most: u64) -> Self {
        match u64::try_from(head - since) {
            Err(_) => Self::Reset(Reset::Ahead),
            Ok(0) => Self::Current,
            Ok(missed) if missed > most => Self::Reset(Reset::TooFar),
            Ok(missed) => Self::Resumed(missed),
        }
    }

    /// The name on the wire, in the log and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Resumed(_) => "resumed",
            Self::Reset(_) => "reset",
        }
    }

    /// How many entries follow.
    pub fn count(self) -> u64 {
        if let Self::Resumed(count) = self { count } else { 0 }
    }

    pub fn reason(self) -> Option<Reset> {
        if let Self::Reset(reason) = self { Some(reason) } else { None }
    }
}

impl Reset {
    /// All of them, for whoever counts by them.
    pub const ALL: [Self; 5] = [Self::UnknownLog, Self::Trimmed, Self::TooFar, Self::Ahead, Self::OtherUser];

    /// The name on the wire, in the log and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::UnknownLog => "unknown_log",
            Self::Trimmed => "trimmed",
            Self::TooFar => "too_far",
            Self::Ahead => "ahead",
            Self::OtherUser => "other_user",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: i32, seq: i64) -> Position {
        Position { epoch, seq }
    }

    fn stock(pid: Pid, offset: Option<&str>) -> Claim {
        Claim { pid: Some(pid.to_string().into()), offset: offset.map(Into::into), ..Claim::default() }
    }

    fn ours(since: &str) -> Claim {
        Claim { since: Some(since.into()), ..Claim::default() }
    }

    #[test]
    fn a_pid_reads_back_as_it_was_written() {
        let pid = Pid::new(UserId::new(), at(3, 42), 7);
        assert_eq!(pid.to_string().parse(), Ok(pid));
        assert!(pid.to_string().starts_with("3.42."));
    }

    #[test]
    fn what_is_no_pid_is_refused() {
        for text in [
            "",
            "1.2",
            "1.2.",
            "1.2.3",
            "1.2.+0000001+00000000000002a",
            "x.y.000000010000000000000002",
            "1.2.é0000010000000000000002",
        ] {
            assert!(text.parse::<Pid>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_client_of_ours_resumes_from_what_it_says() {
        let me = UserId::new();
        assert_eq!(ours("2.17").start(me, 2), Ok(17));
        assert_eq!(ours("1.17").start(me, 2), Err(Reset::UnknownLog), "another epoch");
        assert_eq!(ours("seventeen").start(me, 2), Err(Reset::UnknownLog));
        assert_eq!(ours(&"1".repeat(1000)).start(me, 2), Err(Reset::UnknownLog));
    }

    #[test]
    fn a_stock_client_resumes_from_the_larger_of_start_and_offset() {
        let me = UserId::new();
        let pid = Pid::new(me, at(1, 10), 99);
        assert_eq!(stock(pid, None).start(me, 1), Ok(10), "it never got an event");
        assert_eq!(stock(pid, Some("1.12")).start(me, 1), Ok(12));
        assert_eq!(stock(pid, Some("1.5")).start(me, 1), Ok(10), "an offset of before the reset that gave it the pid");
        assert_eq!(stock(Pid::new(me, at(2, 3), 1), Some("1.500")).start(me, 2), Ok(3), "an offset of the epoch before");
        assert_eq!(stock(pid, Some("gibberish")).start(me, 1), Err(Reset::UnknownLog));
        assert_eq!(stock(pid, Some("1.12")).start(me, 2), Err(Reset::UnknownLog));
    }

    #[test]
    fn nobody_resumes_at_somebody_elses_number() {
        let (me, other) = (UserId::new(), UserId::new());
        let claim = stock(Pid::new(other, at(1, 10), 5), Some("1.12"));
        assert_eq!(claim.start(me, 1), Err(Reset::OtherUser));
        assert_eq!(claim.pid(me), None);
        assert!(claim.pid(other).is_some());
        let claim = Claim { user: Some(other.to_string().into()), ..ours("1.12") };
        assert_eq!((claim.start(me, 1), claim.start(other, 1)), (Err(Reset::OtherUser), Ok(12)));
    }

    #[test]
    fn what_a_claim_comes_to_depends_on_how_far_the_log_goes() {
        assert_eq!(Verdict::of(7, 7, 100), Verdict::Current);
        assert_eq!(Verdict::of(7, 107, 100), Verdict::Resumed(100));
        assert_eq!(Verdict::of(7, 108, 100), Verdict::Reset(Reset::TooFar));
        assert_eq!(Verdict::of(8, 7, 100), Verdict::Reset(Reset::Ahead));
    }
}
