//! Somebody with many sockets: what is queued to these is written by several at once, on all cores.
//!
//! A write to a socket is a call of the kernel's, which may have to wake who reads there; a thousand of them, one after the other,
//! would keep everybody else waiting for milliseconds.

use std::{sync::Arc, thread, time::Duration};
use tokio::runtime::Handle;

use super::transport::link::Link;
use crate::lifecycle::Lifecycle;

/// Sockets to which one task writes without a pause: some microseconds each. Almost everybody has fewer.
pub(super) const AT_ONCE: usize = 32;

/// How long events wait for others if they go to more sockets than that: what comes within it costs one write a socket.
pub(super) const GATHER: Duration = Duration::from_millis(1);

/// Who writes.
#[derive(Debug)]
pub(super) struct Writers {
    /// Threads that run tasks.
    workers: usize,
    /// Further cores that the process may use.
    spare: usize,
}

impl Writers {
    /// Those of the runtime in which this is called.
    pub(super) fn new() -> Self {
        let workers = Handle::current().metrics().num_workers();
        let cores = thread::available_parallelism().map_or(workers, usize::from);
        Self { workers, spare: cores.saturating_sub(workers) }
    }

    /// Has what waits for these sockets written, by tasks and, as far as cores are spare, by threads beside them. No order is needed
    /// among sockets: each one's own events have one.
    pub(super) fn flush(&self, links: &[Arc<Link>], lifecycle: &Lifecycle) {
        let mut beside = vec![Vec::new(); self.spare];
        for (part, links) in links.chunks(AT_ONCE).enumerate() {
            match (part % (self.workers + self.spare)).checked_sub(self.workers) {
                Some(thread) => beside[thread].extend_from_slice(links),
                None => {
                    let links = links.to_vec();
                    lifecycle.spawn(async move { write(&links) });
                }
            }
        }
        for links in beside.into_iter().filter(|links| !links.is_empty()) {
            lifecycle.tracker().spawn_blocking(move || write(&links));
        }
    }
}

fn write(links: &[Arc<Link>]) {
    links.iter().for_each(|link| link.flush());
}
