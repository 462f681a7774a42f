//! What all commands are told.

use std::path::PathBuf;

use anyhow::Result;

use crate::{net::Net, people::Share, say::Gate, sockets::Pace};

/// Connections for which one address is taken: it has some 28,000 ports, and others need theirs.
const PER_SOURCE: usize = 15_000;

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) people: PathBuf,
    pub(crate) share: Share,
    pub(crate) gated: bool,
    /// Whether it is one of several processes.
    pub(crate) part: bool,
}

impl Run {
    /// An event loop for its part of so many connections in all.
    pub(crate) fn net(&self, connections: usize) -> Result<Net> {
        Net::new(u8::try_from(connections.div_ceil(PER_SOURCE)).unwrap_or(u8::MAX).max(1))
    }

    pub(crate) fn gate(&self, net: &Net) -> Gate {
        Gate::new(self.gated, self.part, net.waker())
    }
}

pub(crate) fn pace(in_flight: usize, rate: Option<f64>) -> Pace {
    rate.map_or(Pace::InFlight(in_flight), Pace::Rate)
}
