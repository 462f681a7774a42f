//! Every row of the wire contract, over both databases.

mod accounts;
mod contacts;
mod errors;
mod history;
mod images;
mod limits;
mod presence;
mod profile;
mod send;
mod sync;
mod web;
