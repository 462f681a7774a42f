//! The tables: columns and relations only. Queries go by feature, in the files above this folder.

#![expect(unreachable_pub, reason = "sea-orm's derives expect and make plain `pub` items")]

pub mod conversation;
pub mod member;
pub mod message;
pub mod node;
pub mod session;
pub mod upload;
pub mod user;
pub mod user_event;
pub mod user_log;
