//! Messages: what a client may send, and the one shape in which everybody sees them.

use serde::Serialize;

use super::{ClientId, ConversationId, Error, MessageId, Result, Timestamp, UserId, clock::iso, upload::MediaName};

/// The text of a message: 1 to 2,000 characters, not only white space, no NUL (PostgreSQL cannot store it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    pub const MAX_CHARS: usize = 2000;

    /// `None` for a text that counts as absent: empty, or white space only.
    ///
    /// # Errors
    /// [`Error::TextTooLong`], [`Error::TextInvalid`].
    pub fn parse(text: String) -> Result<Option<Self>> {
        if text.chars().count() > Self::MAX_CHARS {
            Err(Error::TextTooLong)
        } else if text.contains('\0') {
            Err(Error::TextInvalid)
        } else if text.trim().is_empty() {
            Ok(None)
        } else {
            Ok(Some(Self(text)))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a client asks to send, before any image is decoded.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub text: Option<String>,
    /// A data URL; `None` or empty when there is no image.
    pub image: Option<String>,
    pub client_id: Option<ClientId>,
}

/// A send that was checked and is ready to be written.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub id: MessageId,
    pub sender: UserId,
    pub receiver: UserId,
    pub client_id: Option<ClientId>,
    pub text: Option<Text>,
    pub image: Option<MediaName>,
    pub created_at: Timestamp,
}

/// A stored message of a direct conversation, as the POST answers it and as `newMessage` carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    #[serde(rename = "_id")]
    pub id: MessageId,
    pub sender_id: UserId,
    pub receiver_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// URL that `<img src>` can load.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_id: Option<ClientId>,
    #[serde(serialize_with = "iso::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[serde(serialize_with = "iso::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[schema(ignore)]
    pub conversation_id: ConversationId,
    /// Place in its conversation: 1, 2, 3 … without gaps.
    #[serde(skip)]
    #[schema(ignore)]
    pub number: i64,
}

/// What the store answers to a [`NewMessage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub message: Message,
    /// The numbered entry that this message is in each member's log; empty when `first` is false.
    pub entries: Vec<(UserId, i64)>,
    /// False when the sender's `clientId` was already known and this is the message that it named.
    pub first: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_bounded_in_characters_not_bytes() {
        assert!(matches!(Text::parse("я".repeat(2000)), Ok(Some(_))));
        assert_eq!(Text::parse("я".repeat(2001)), Err(Error::TextTooLong));
    }

    #[test]
    fn a_text_of_blanks_counts_as_absent_and_nul_is_refused() {
        assert_eq!(Text::parse(" \n\t ".into()), Ok(None));
        assert_eq!(Text::parse(String::new()), Ok(None));
        assert_eq!(Text::parse("a\0b".into()), Err(Error::TextInvalid));
    }

    #[test]
    fn surrounding_blanks_of_a_text_are_kept() {
        let text = Text::parse("  code block".into()).ok().flatten();
        assert_eq!(text.as_ref().map(Text::as_str), Some("  code block"));
    }
}
