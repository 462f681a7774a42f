//! Conversations.

use serde::Serialize;
use uuid::Uuid;

use super::{MessageId, UserId, message::Message, user::PublicUser};

/// The unique key of the direct conversation of two people: the same whoever asks.
pub fn direct_key(a: UserId, b: UserId) -> String {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    format!("{}:{}", low.0.simple(), high.0.simple())
}

/// Whom `me` talks with in the conversation of this key; `None` if it is not a key of theirs.
pub fn partner_in(direct_key: &str, me: UserId) -> Option<UserId> {
    let (low, high) = direct_key.split_once(':')?;
    let (low, high) = (UserId(Uuid::try_parse(low).ok()?), UserId(Uuid::try_parse(high).ok()?));
    if low == me { Some(high) } else { (high == me).then_some(low) }
}

/// Somebody whom I have exchanged a message with, and where that conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    #[serde(flatten)]
    pub user: PublicUser,
    pub last_message: Message,
    /// Messages from them that I have not read; counted up to 1,000.
    pub unread_count: i64,
}

/// How far I have read in the conversation with somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadMark {
    /// The other person of the conversation.
    pub user_id: UserId,
    /// The newest message that counts as read.
    pub up_to: MessageId,
    /// Messages from them after that one; counted up to 1,000.
    pub unread_count: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_conversation_has_one_key_from_both_sides() {
        let (ann, bob) = (UserId::new(), UserId::new());
        assert_eq!(direct_key(ann, bob), direct_key(bob, ann));
    }

    #[test]
    fn a_key_tells_each_of_the_two_the_other_and_a_third_nothing() {
        let (ann, bob, cid) = (UserId::new(), UserId::new(), UserId::new());
        let key = direct_key(ann, bob);
        assert_eq!((partner_in(&key, ann), partner_in(&key, bob), partner_in(&key, cid)), (Some(bob), Some(ann), None));
        assert_eq!(partner_in("", ann), None);
        assert_eq!(partner_in(&format!("{}:", ann.0.simple()), ann), None);
    }
}
