//! Who came and who left.

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::{Arc, OnceLock};

use crate::model::{Timestamp, UserId, clock::iso};

/// The payload of `presence`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Changes {
    pub(super) online: Vec<UserId>,
    /// With the time at which they were last here, if that is known.
    #[serde(serialize_with = "offline")]
    pub(super) offline: Vec<(UserId, Option<Timestamp>)>,
    /// As JSON, for all who are told the same.
    #[serde(skip)]
    rendered: OnceLock<Option<Arc<RawValue>>>,
}

impl Changes {
    pub(super) fn new(online: Vec<UserId>, offline: Vec<(UserId, Option<Timestamp>)>) -> Self {
        Self { online, offline, rendered: OnceLock::new() }
    }

    pub(super) fn render(&self) -> Option<Arc<RawValue>> {
        self.rendered.get_or_init(|| to_raw_value(self).ok().map(Arc::from)).clone()
    }

    /// `left`: they did, and when they were last here.
    pub(super) fn push(&mut self, user: UserId, left: Option<Option<Timestamp>>) {
        match left {
            None => self.online.push(user),
            Some(at) => self.offline.push((user, at)),
        }
    }
}

fn offline<S: Serializer>(people: &[(UserId, Option<Timestamp>)], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Gone {
        id: UserId,
        #[serde(rename = "lastSeen", serialize_with = "iso::serialize_optional")]
        last_seen: Option<Timestamp>,
    }
    to.collect_seq(people.iter().map(|(id, last_seen)| Gone { id: *id, last_seen: *last_seen }))
}

/// Who is only in the second of two sorted lists, and who is only in the first.
pub(super) fn between(before: &[UserId], after: &[UserId]) -> (Vec<UserId>, Vec<UserId>) {
    let (mut came, mut left) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    loop {
        match (before.peek(), after.peek()) {
            (None, None) => return (came, left),
            (Some(one), Some(other)) if one == other => {
                before.next();
                after.next();
            }
            (Some(one), other) if other.is_none_or(|other| one < other) => left.extend(before.next()),
            _ => came.extend(after.next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_two_lists_is_who_came_and_who_left() {
        let [a, b, c, d, e] = std::array::from_fn(|_| UserId::new());
        assert_eq!(between(&[a, b, d], &[b, c, d, e]), (vec![c, e], vec![a]));
        assert_eq!(between(&[], &[a]), (vec![a], vec![]));
        assert_eq!(between(&[a, b], &[]), (vec![], vec![a, b]));
        assert_eq!(between(&[a], &[a]), (vec![], vec![]));
    }

    #[test]
    fn who_left_is_told_with_the_time_at_which_they_were_last_here() {
        let [ann, bob, cem] = std::array::from_fn(|_| UserId::new());
        let at = Timestamp::from_timestamp_millis(1_764_000_000_120).expect("a time");
        let mut changes = Changes::default();
        changes.push(ann, None);
        changes.push(bob, Some(Some(at)));
        changes.push(cem, Some(None));
        let expected = serde_json::json!({
            "online": [ann],
            "offline": [{ "id": bob, "lastSeen": "2025-11-24T16:00:00.120Z" }, { "id": cem, "lastSeen": null }],
        });
        assert_eq!(serde_json::to_value(&changes).expect("JSON"), expected);
    }
}
