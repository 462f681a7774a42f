//! Pure types and rules: no I/O, no clock reads, nothing that can block. Everything above this layer speaks in these words.

pub mod clock;
pub mod conversation;
pub mod error;
pub mod event;
pub mod ids;
pub mod message;
pub mod page;
pub mod position;
pub mod presence;
pub mod resume;
pub mod session;
pub mod upload;
pub mod user;

pub use clock::{Clock, Timestamp};
pub use error::{Error, Result};
pub use ids::{ClientId, ConversationId, MessageId, NodeId, SessionId, UploadId, UserId};
