//! One service a feature; the only layer that puts store, backplane and blobs together. The edges call these methods
//! and nothing below.

pub mod accounts;
mod blocking;
pub mod conversations;
pub mod delivery;
pub mod doctor;
pub mod epoch;
pub mod last_seen;
pub mod limits;
pub mod media;
pub mod messages;
pub mod nodes;
pub mod passwords;
pub mod presence;
pub mod reads;
pub mod retention;
pub mod sessions;
pub mod sync;
pub mod typing;
pub mod users;

/// All services of one node; cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {
    pub accounts: accounts::Accounts,
    pub sessions: sessions::Sessions,
    pub users: users::Users,
    pub conversations: conversations::Conversations,
    pub messages: messages::Messages,
    pub reads: reads::Reads,
    pub delivery: delivery::Delivery,
    pub sync: sync::Sync,
    pub last_seen: last_seen::LastSeen,
    pub presence: presence::Presence,
    pub typing: typing::Typing,
    pub media: media::Media,
    pub limits: limits::Limits,
    pub nodes: nodes::Nodes,
    pub recent: crate::recent::Recent,
    pub clock: crate::model::Clock,
}
