//! `[presence]`: who is online.

use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
pub struct Presence {
    /// How long somebody stays online after the last socket closed.
    pub grace: Duration,
    /// How often what changed is told at most.
    pub interval: Duration,
    /// How often one socket is sent a list at most.
    pub list_interval: Duration,
    /// Whose coming and going people are told.
    pub audience: Audience,
    /// As long as at most so many are online; above that, [`Audience::Conversations`] is in force.
    pub everyone_up_to: usize,
    /// The people with whom somebody talked last, so many of them, count as those with whom they talk.
    pub partners: u32,
    /// Other people whom one socket may watch.
    pub watch: usize,
    /// What sending lists may cost a node at most, in bytes a second.
    pub bytes_per_second: u64,
}

/// Whose coming and going somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everybody's, while that is affordable.
    Everyone,
    /// That of the people with whom they have a conversation.
    Conversations,
}
