//! The socket contract, on one node, over both databases.

mod delivery;
mod handshake;
mod hostile;
mod presence;
mod resume;
mod sending;
mod slow;
mod typing;
mod upgrade;
