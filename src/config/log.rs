//! `[log]`.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    /// `human` or `json`.
    pub format: LogFormat,
    /// As in `RUST_LOG`: `info`, `hubbub=debug,info` ….
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Human,
    Json,
}
