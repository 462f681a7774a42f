//! Identifiers. All are UUIDs; those that hubbub makes are version 7, so that they sort by creation time and
//! insert at the right edge of an index.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

use super::error::Error;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new, time-ordered identifier (UUID v7).
            #[expect(clippy::new_without_default, reason = "each call gives another value; that is no default")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        /// Accepts only the hyphenated form that hubbub itself writes: an id has one spelling.
        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                match text.len() {
                    36 => Uuid::try_parse(text).map(Self).map_err(|_| Error::BadId),
                    _ => Err(Error::BadId),
                }
            }
        }
    };
}

id!(
    /// A person.
    UserId
);
id!(
    /// A conversation: two people today, a group later.
    ConversationId
);
id!(
    /// A message.
    MessageId
);
id!(
    /// One login of one person; the token's `sid`.
    SessionId
);
id!(
    /// A stored image.
    UploadId
);
id!(
    /// The sender's own name for a send, unique for that sender for ever: what makes a retry harmless.
    ClientId
);
id!(
    /// One run of one hubbub process. A node that lost its lease takes a new one.
    NodeId
);
