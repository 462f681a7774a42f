//! Sockets that come as fast as they are let in, or at a given rate, and then stay.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::{
    http::Server,
    net::{App, Id, Net},
    outcome::Outcome,
    people::{self, Person},
    run::{Run, pace},
    say,
    sockets::{Plan, Sockets},
};

/// Open sockets and hold them. Says `ready`, `begin`, `connected`, `hold`, `held`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// Nodes, taken in turn
    #[arg(long, value_delimiter = ',', required = true)]
    url: Vec<Server>,
    /// Sockets in all; people are taken in turn
    #[arg(short = 'n', long, default_value_t = 1_000)]
    sockets: usize,
    /// Most that are on their way at the same time, in each process
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Sockets a second, instead
    #[arg(long)]
    rate: Option<f64>,
    /// Seconds for which nothing is done after the last one has come, before the hold is measured
    #[arg(long, default_value_t = 1.0)]
    settle: f64,
    /// Seconds for which they are held
    #[arg(long, default_value_t = 0.0)]
    hold: f64,
}

impl Connect {
    pub(crate) fn run(&self, run: &Run) -> Result<Outcome> {
        let people: Vec<Person> = people::read(&run.people)?;
        let mut net = run.net()?;
        let mut sockets = Sockets::new(self.url.clone(), pace(self.in_flight, self.rate.map(|rate| run.share.rate(rate))));
        for i in run.share.range(self.sockets) {
            sockets.wants(Plan { person: i % people.len(), server: i, tag: () });
        }
        let gate = run.gate(&net);
        let mut app = Connecting {
            people,
            sockets,
            gate,
            phase: Phase::Ready,
            begun: Instant::now(),
            until: None,
            settings: self,
            took: 0.0,
            cpu: 0.0,
        };
        say::event("ready")?;
        net.run(&mut app)?;
        let Connecting { sockets, took, cpu, .. } = app;
        let counts = [
            ("connected", sockets.joined),
            ("failed", sockets.failed),
            ("dropped", sockets.dropped),
            ("pings", sockets.pings),
            ("late_ticks", net.late),
        ];
        Ok(Outcome {
            reasons: sockets.reasons,
            cpu_s: cpu,
            ..Outcome::new("connect", took).counts(counts).times([("connect", sockets.took)])
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Ready,
    Coming,
    Settling,
    Held,
}

struct Connecting<'a> {
    people: Vec<Person>,
    sockets: Sockets<()>,
    gate: say::Gate,
    phase: Phase,
    begun: Instant,
    /// When the phase ends.
    until: Option<Instant>,
    settings: &'a Connect,
    took: f64,
    cpu: f64,
}

impl App for Connecting<'_> {
    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Option<Instant>> {
        let later = now + Duration::from_secs(1);
        match self.phase {
            Phase::Ready if self.gate.passes() => {
                say::event("begin")?;
                (self.phase, self.begun, self.cpu) = (Phase::Coming, Instant::now(), say::cpu());
            }
            Phase::Coming if self.sockets.settled() => {
                (self.took, self.cpu) = (self.begun.elapsed().as_secs_f64(), say::cpu() - self.cpu);
                say::line(&serde_json::json!({ "event": "connected", "sockets": self.sockets.live }))?;
                (self.phase, self.until) = (Phase::Settling, Some(now + Duration::from_secs_f64(self.settings.settle)));
            }
            Phase::Settling if self.until <= Some(now) => {
                if self.settings.hold == 0.0 {
                    return Ok(None);
                }
                say::event("hold")?;
                (self.phase, self.until) = (Phase::Held, Some(now + Duration::from_secs_f64(self.settings.hold)));
            }
            Phase::Held if self.until <= Some(now) => {
                say::event("held")?;
                return Ok(None);
            }
            _ => {}
        }
        if self.phase == Phase::Coming {
            return Ok(Some(self.sockets.opens(net, &self.people, now, |_, ()| {})?.unwrap_or(later)));
        }
        Ok(Some(self.until.unwrap_or(later)))
    }

    fn received(&mut self, net: &mut Net, id: Id, data: &[u8]) -> Result<usize> {
        self.sockets.received(net, id, data, |(), _| {})
    }

    fn closed(&mut self, _net: &mut Net, id: Id, why: &str) -> Result<()> {
        self.sockets.closed(id, why);
        Ok(())
    }
}
