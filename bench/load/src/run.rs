//! What all commands are told.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{net::Net, people::Share, say::Gate, sockets::Pace};

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) people: PathBuf,
    pub(crate) share: Share,
    pub(crate) gated: bool,
    /// Whether it is one of several processes.
    pub(crate) part: bool,
}

impl Run {
    pub(crate) fn net(&self) -> Result<Net> {
        Net::new(u8::try_from(self.share.index).context("too many processes")?)
    }

    pub(crate) fn gate(&self, net: &Net) -> Gate {
        Gate::new(self.gated, self.part, net.waker())
    }
}

pub(crate) fn pace(in_flight: usize, rate: Option<f64>) -> Pace {
    rate.map_or(Pace::InFlight(in_flight), Pace::Rate)
}
