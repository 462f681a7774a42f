//! `[runtime]`.

use serde::Deserialize;

/// What the process works with.
#[derive(Debug, Clone, Deserialize)]
pub struct Runtime {
    /// Threads that do the work of all tasks; 0 = one for each core that the process may use.
    pub worker_threads: usize,
}
