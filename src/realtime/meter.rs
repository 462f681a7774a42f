//! How many entries reached their people's sockets, on which way, and how long after their commit.

use prometheus::{Histogram, IntCounter};

use crate::metrics::Metrics;

/// The way an entry came to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It was committed here.
    Local,
    /// The node that committed it told so.
    Remote,
    /// From the log, since nobody had told it.
    Log,
}

/// The series of one way, resolved once: a send passes here.
#[derive(Debug)]
pub(super) struct Meter {
    count: IntCounter,
    seconds: Histogram,
}

/// One of each way.
#[derive(Debug)]
pub(super) struct Meters([Meter; 3]);

impl Meters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(["local", "remote", "log"].map(|path| Meter {
            count: metrics.delivered.with_label_values(&[path]),
            seconds: metrics.delivery_seconds.with_label_values(&[path]),
        }))
    }

    pub(super) fn of(&self, way: Way) -> &Meter {
        &self.0[way as usize]
    }
}

impl Meter {
    /// One entry, `seconds` after its commit if that is known, and those that had waited for it: `count` in all. Clocks of
    /// nodes differ: less than nothing counts as nothing.
    pub(super) fn delivered(&self, count: usize, seconds: Option<f64>) {
        self.count.inc_by(count as u64);
        if let Some(seconds) = seconds {
            self.seconds.observe(seconds.max(0.0));
        }
    }
}
