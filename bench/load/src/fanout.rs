//! One person with many sockets, each of which is sent every message.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde_json::json;

use crate::{
    deliver::Mark,
    histogram::Histogram,
    http::{Server, answer, request},
    net::{App, Id, Net},
    outcome::Outcome,
    people::{self, Person, Share},
    run::{Run, pace},
    say,
    sockets::{Plan, Sockets},
};

/// A message that is not everywhere after so long never will be.
const PATIENCE: Duration = Duration::from_secs(10);

/// Send to one person with many sockets. Says `connected`, `begin`, `end`.
#[derive(Debug, Args)]
pub(crate) struct Fanout {
    /// Nodes to which messages are sent, taken in turn by the senders
    #[arg(long, value_delimiter = ',', required = true)]
    send: Vec<Server>,
    /// Nodes on which the sockets are, taken in turn
    #[arg(long, value_delimiter = ',', required = true)]
    receive: Vec<Server>,
    /// Sockets of the first of the people
    #[arg(long, default_value_t = 1_000)]
    sockets: usize,
    /// Messages that are on their way at any time: each is from somebody else, who sends the next when it has come to all sockets
    #[arg(long, default_value_t = 2)]
    window: usize,
    /// Seconds before what is measured
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
}

/// Somebody who sends, and the message of theirs that is under way.
struct Sender {
    id: Id,
    number: u32,
    sent: Instant,
    acked: bool,
    /// To how many sockets it came.
    count: usize,
    /// No further one follows.
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    WarmUp,
    Measured,
    Draining,
}

struct Fanning<'a> {
    settings: &'a Fanout,
    people: Vec<Person>,
    sockets: Sockets<u32>,
    senders: Vec<Sender>,
    /// The last number of each sender that each socket got.
    last: Vec<u32>,
    run: u32,
    phase: Phase,
    until: Instant,
    counts: Counts,
    arrives: Histogram,
    complete: Histogram,
    cpu: f64,
    buffer: Vec<u8>,
}

#[derive(Debug, Default)]
struct Counts {
    acked: u64,
    delivered: u64,
    lost: u64,
    doubled: u64,
    failed: u64,
}

impl Fanout {
    pub(crate) fn run(&self, run: &Run) -> Result<Outcome> {
        ensure!(run.share.of == Share::ALL.of, "one process is enough for the sockets of one person");
        let people: Vec<Person> = people::read(&run.people)?;
        ensure!(people.len() > self.window, "{} people are needed", self.window + 1);
        let mut net = run.net()?;
        let mut sockets = Sockets::new(self.receive.clone(), pace(64, None));
        (0..self.sockets).for_each(|i| sockets.wants(Plan { person: 0, server: i, tag: i as u32 }));
        let (now, last) = (Instant::now(), vec![0; self.sockets * self.window]);
        let mut app = Fanning {
            settings: self,
            people,
            sockets,
            senders: Vec::new(),
            last,
            run: std::process::id(),
            phase: Phase::Connecting,
            until: now + Duration::from_secs(60),
            counts: Counts::default(),
            arrives: Histogram::default(),
            complete: Histogram::default(),
            cpu: 0.0,
            buffer: Vec::new(),
        };
        net.run(&mut app)?;
        let Fanning { sockets, counts, arrives, complete, cpu, .. } = app;
        let outcome = Outcome::new("fanout", self.seconds)
            .counts([
                ("acked", counts.acked),
                ("delivered", counts.delivered),
                ("lost", counts.lost),
                ("doubled", counts.doubled),
            ])
            .counts([
                ("failed", counts.failed),
                ("sockets", sockets.live as u64),
                ("dropped", sockets.dropped),
                ("late_ticks", net.late),
            ])
            .times([("deliver", arrives), ("complete", complete)]);
        Ok(Outcome { reasons: sockets.reasons, cpu_s: cpu, ..outcome })
    }
}

impl Fanning<'_> {
    fn begins(&mut self, net: &mut Net) -> Result<()> {
        for i in 0..self.settings.window {
            let server = &self.settings.send[i % self.settings.send.len()];
            let id = net.open(server.address, b"")?;
            self.senders.push(Sender { id, number: 0, sent: Instant::now(), acked: false, count: 0, done: false });
            self.sends(net, i);
        }
        Ok(())
    }

    fn sends(&mut self, net: &mut Net, i: usize) {
        let server = &self.settings.send[i % self.settings.send.len()];
        let sender = &mut self.senders[i];
        *sender = Sender { number: sender.number + 1, sent: Instant::now(), acked: false, count: 0, ..*sender };
        let body = json!({ "text": Mark { run: self.run, pair: i as u32, number: sender.number }.text(50) }).to_string();
        let path = format!("/api/messages/send/{}", self.people[0].id);
        request(&mut self.buffer, server, &path, Some(&self.people[i + 1].token), Some(&body));
        net.send(sender.id, &self.buffer);
    }

    fn measured(&self) -> bool {
        self.phase == Phase::Measured
    }

    /// A message came to a socket.
    fn hears(&mut self, socket: u32, event: &[u8]) {
        let Some(Mark { run, pair, number }) = Mark::of(event) else { return };
        let measured = u64::from(self.measured());
        let Some(sender) = self.senders.get_mut(pair as usize).filter(|_| run == self.run) else { return };
        let last = &mut self.last[socket as usize * self.settings.window + pair as usize];
        if number <= *last {
            self.counts.doubled += 1;
            return;
        }
        *last = number;
        self.counts.delivered += measured;
        if number != sender.number {
            return; // it was given up
        }
        sender.count += 1;
        if measured == 1 {
            self.arrives.add(sender.sent.elapsed());
        }
    }

    /// Whoever's message is everywhere sends the next one.
    fn goes_on(&mut self, net: &mut Net, now: Instant) {
        for i in 0..self.senders.len() {
            let Sender { acked, count, sent, done, .. } = self.senders[i];
            let everywhere = acked && count >= self.sockets.live;
            if done || (!everywhere && now < sent + PATIENCE) {
                continue;
            }
            self.counts.lost += (self.sockets.live - count.min(self.sockets.live)) as u64;
            if self.measured() {
                self.complete.add(sent.elapsed());
            }
            if self.phase == Phase::Draining {
                self.senders[i].done = true;
            } else {
                self.sends(net, i);
            }
        }
    }
}

impl App for Fanning<'_> {
    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Option<Instant>> {
        let soon = now + Duration::from_millis(100);
        match self.phase {
            Phase::Connecting if self.sockets.settled() => {
                ensure!(self.sockets.failed == 0, "{} sockets could not join: {:?}", self.sockets.failed, self.sockets.reasons);
                say::line(&json!({ "event": "connected", "sockets": self.sockets.live }))?;
                (self.phase, self.until) = (Phase::WarmUp, now + Duration::from_secs_f64(self.settings.warm_up));
                self.begins(net)?;
            }
            Phase::Connecting if now > self.until => bail!("{} sockets do not join", self.sockets.opening),
            Phase::Connecting => return Ok(Some(self.sockets.opens(net, &self.people, now, |_, _| {})?.unwrap_or(soon))),
            Phase::WarmUp if now >= self.until => {
                say::event("begin")?;
                (self.phase, self.until, self.cpu, net.late) =
                    (Phase::Measured, Instant::now() + Duration::from_secs_f64(self.settings.seconds), say::cpu(), 0);
            }
            Phase::Measured if now >= self.until => {
                say::event("end")?;
                (self.phase, self.cpu) = (Phase::Draining, say::cpu() - self.cpu);
            }
            Phase::Draining if self.senders.iter().all(|sender| sender.done) => return Ok(None),
            _ => {}
        }
        self.goes_on(net, now);
        Ok(Some(if self.phase == Phase::Draining { soon.min(now + Duration::from_millis(5)) } else { self.until.min(soon) }))
    }

    fn received(&mut self, net: &mut Net, id: Id, data: &[u8]) -> Result<usize> {
        let measured = self.measured();
        if let Some(sender) = self.senders.iter_mut().find(|sender| sender.id == id) {
            let Some(answer) = answer(data)? else { return Ok(0) };
            sender.acked = true;
            let count = if answer.status == 201 { &mut self.counts.acked } else { &mut self.counts.failed };
            *count += u64::from(measured);
            return Ok(answer.length);
        }
        let mut heard = Vec::new();
        let done = self.sockets.received(net, id, data, |socket, event| heard.push((socket, event.to_vec())))?;
        heard.iter().for_each(|(socket, event)| self.hears(*socket, event));
        Ok(done)
    }

    fn closed(&mut self, _net: &mut Net, id: Id, why: &str) -> Result<()> {
        ensure!(self.sockets.closed(id, why).is_some(), "the connection of a sender was closed: {why}");
        Ok(())
    }
}
