//! Conversations.

use serde::Serialize;

use super::{MessageId, UserId, message::Message, user::PublicUser};

/// The unique key of the direct conversation of two people: the same whoever asks.
pub fn direct_key(a: UserId, b: UserId) -> String {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    format!("{}:{}", low.0.simple(), high.0.simple())
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
}
