//! Configuration: `config/default.toml` (embedded, and the manual at the same time) <- a file <- the environment.
//! Every fault is reported at once, each with its key and what would be right. (Idea: linkerd2-proxy's `app/src/env.rs`.)

use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

mod auth;
mod check;
mod cluster;
mod database;
mod describe;
mod drain;
mod fault;
mod http;
mod limits;
mod load;
mod log;
mod media;
mod ops;
pub mod origins;
mod presence;
mod realtime;
mod redact;
mod redis;
mod runtime;
mod schema;
pub mod secret;
mod suggest;
#[cfg(test)]
mod tests;
mod tracing;
mod value;

pub use auth::{Auth, CookieSecure, MIN_SECRET_BYTES};
pub use cluster::Cluster;
pub use database::Database;
pub use drain::Drain;
pub use fault::{Fault, Faults, Source};
pub use http::Http;
pub use limits::{Limits, Quota};
pub use load::DEFAULTS;
pub use log::{Log, LogFormat};
pub use media::Media;
pub use ops::Ops;
pub use presence::{Audience, Presence};
pub use realtime::Realtime;
pub use redis::Redis;
pub use runtime::Runtime;
pub use tracing::Tracing;

/// Everything that can be configured, checked. One section a subsystem.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    pub http: Http,
    pub ops: Ops,
    pub log: Log,
    pub runtime: Runtime,
    pub database: Database,
    pub redis: Redis,
    pub auth: Auth,
    pub limits: Limits,
    pub media: Media,
    pub realtime: Realtime,
    pub presence: Presence,
    pub cluster: Cluster,
    pub drain: Drain,
    pub tracing: Tracing,
    /// Where each value came from, for [`Config::describe`].
    #[serde(skip)]
    settings: load::Settings,
}

impl Config {
    /// Lays a file and environment variables (`PORT`, `DATABASE_URL`, `REDIS_URL`, `JWT_SECRET`, `CLIENT_URL`,
    /// `OPS_PORT`, `RUST_LOG`, and `HUBBUB__SECTION__KEY` for every key, which wins) over the defaults, and checks the result.
    /// Variables that are not hubbub's are ignored.
    ///
    /// # Errors
    /// All faults of all sources, unknown keys included.
    pub fn load(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, Faults> {
        load::load(file, variables.into_iter().collect::<BTreeMap<_, _>>(), true)
    }

    /// As [`Config::load`], for what only works on the database: it signs nothing, so that it may be without a secret.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_unsigned(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, Faults> {
        load::load(file, variables.into_iter().collect::<BTreeMap<_, _>>(), false)
    }

    /// The effective configuration as TOML, with where each value came from and without secrets.
    pub fn describe(&self) -> String {
        describe::describe(&self.settings)
    }
}

/// The process's environment, for [`Config::load`]. What is not Unicode is kept as far as it can be read.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}
