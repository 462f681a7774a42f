//! hubbub: a realtime chat hub. REST and Socket.IO for stock clients, on one laptop or on many nodes.
//!
//! Where things live, and which way the arrows point (`tests/architecture.rs` holds them to it):
//!
//! ```text
//! commands -> app -> http, realtime -> domain -> store, backplane, blobs -> model
//!                    config, metrics, lifecycle, recent, trace: below all of them
//! ```
//!
//! - [`model`]: pure types and rules.
//! - [`store`]: the truth: accounts, messages and every person's numbered log, in SQLite or PostgreSQL.
//! - [`backplane`]: the speed: hints between nodes and who is online, in process or through Redis.
//! - [`blobs`]: images, in a folder or in S3.
//! - [`domain`]: one service a feature; the only layer that puts store, backplane and blobs together.
//! - [`http`] and [`realtime`]: the edges: extract, call one domain method, shape the answer.
//! - [`recent`]: what this node did lately, for `hubbub doctor`.
//! - [`trace`]: the steps of a message's way; [`telemetry`]: logs, and the export of those steps.
//! - [`app`]: builds each part once. [`commands`]: the command line.
//!
//! `docs/ARCHITECTURE.md` says why.

pub mod app;
pub mod backplane;
pub mod blobs;
pub mod commands;
pub mod config;
pub mod domain;
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod model;
pub mod realtime;
pub mod recent;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod trace;
