//! A closed loop of requests: so many connections, each of which asks the next thing when it has its answer.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{
    histogram::Histogram,
    http::{Answer, Server, answer},
    net::{App, Id, Net},
    outcome::Outcome,
    run::Run,
    say,
};

/// What is asked, and what becomes of the answers.
pub(crate) trait Asks {
    /// Puts the next request of a connection into `into`.
    fn asks(&mut self, connection: usize, server: &Server, into: &mut Vec<u8>);
    /// An answer to it; `false`: not the one that was wanted.
    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> bool;
}

/// How long and how many.
#[derive(Debug, clap::Args)]
pub(crate) struct Loop {
    /// Nodes, taken in turn by the connections
    #[arg(long, value_delimiter = ',', required = true)]
    url: Vec<Server>,
    /// Requests at any time, in all processes
    #[arg(short = 'c', long, default_value_t = 16)]
    concurrency: usize,
    /// Seconds before what is measured
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
}

struct Closed<'a, A> {
    settings: &'a Loop,
    asks: A,
    /// Which connection an id is, and when it asked.
    connections: Vec<(Id, Instant)>,
    begin: Option<Instant>,
    until: Instant,
    answered: u64,
    failed: u64,
    bytes: u64,
    took: Histogram,
    cpu: f64,
    late: u64,
    buffer: Vec<u8>,
    gate: say::Gate,
    ready: bool,
}

impl Loop {
    /// Runs the loop. Says `ready`, `begin`, `end`.
    pub(crate) fn run(&self, run: &Run, command: &str, asks: impl Asks) -> Result<Outcome> {
        let mut net = run.net()?;
        let (gate, now) = (run.gate(&net), Instant::now());
        let mut app = Closed {
            settings: self,
            asks,
            connections: Vec::new(),
            begin: None,
            until: now,
            answered: 0,
            failed: 0,
            bytes: 0,
            took: Histogram::default(),
            cpu: 0.0,
            late: 0,
            buffer: Vec::new(),
            gate,
            ready: true,
        };
        say::event("ready")?;
        while app.ready {
            net.run(&mut app)?;
            for i in run.share.range(self.concurrency) {
                let id = net.open(self.url[i % self.url.len()].address, b"")?;
                app.connections.push((id, now));
                app.next(&mut net, app.connections.len() - 1);
            }
            app.until = Instant::now() + Duration::from_secs_f64(self.warm_up);
            app.ready = false;
        }
        net.run(&mut app)?;
        let Closed { answered, failed, bytes, took, cpu, late, .. } = app;
        let counts = [("answered", answered), ("failed", failed), ("bytes", bytes), ("late_ticks", late)];
        Ok(Outcome { cpu_s: cpu, ..Outcome::new(command, self.seconds).counts(counts).times([("answer", took)]) })
    }
}

impl<A: Asks> Closed<'_, A> {
    fn next(&mut self, net: &mut Net, connection: usize) {
        let server = &self.settings.url[connection % self.settings.url.len()];
        self.asks.asks(connection, server, &mut self.buffer);
        self.connections[connection].1 = Instant::now();
        net.send(self.connections[connection].0, &self.buffer);
    }
}

impl<A: Asks> App for Closed<'_, A> {
    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Option<Instant>> {
        if self.ready {
            return Ok((!self.gate.passes()).then(|| now + Duration::from_millis(100)));
        }
        if now >= self.until {
            if self.begin.is_some() {
                say::event("end")?;
                (self.cpu, self.late) = (say::cpu() - self.cpu, net.late - self.late);
                return Ok(None);
            }
            say::event("begin")?;
            let begin = Instant::now();
            (self.begin, self.until) = (Some(begin), begin + Duration::from_secs_f64(self.settings.seconds));
            (self.cpu, self.late) = (say::cpu(), net.late);
        }
        Ok(Some(self.until))
    }

    fn received(&mut self, net: &mut Net, id: Id, data: &[u8]) -> Result<usize> {
        let Some(answer) = answer(data)? else { return Ok(0) };
        let Some(connection) = self.connections.iter().position(|(own, _)| *own == id) else { return Ok(data.len()) };
        let good = self.asks.answered(connection, &answer);
        if self.begin.is_some() {
            *if good { &mut self.answered } else { &mut self.failed } += 1;
            self.bytes += answer.length as u64;
            self.took.add(self.connections[connection].1.elapsed());
        }
        let length = answer.length;
        self.next(net, connection);
        Ok(length)
    }

    fn closed(&mut self, _net: &mut Net, _id: Id, why: &str) -> Result<()> {
        bail!("a connection ended: {why}")
    }
}
