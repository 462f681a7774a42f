//! The course of a run: all come, warm up, are measured, and wait for what is still under way.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::json;

use crate::{
    deliver::{Deliver, Tag, books::Books, senders::Senders},
    net::{App, Id, Net},
    outcome::Outcome,
    people::{Person, Share},
    random::Random,
    say::{self, Gate},
    sockets::Sockets,
};

/// Without a socket that joins for so long, not all can join.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Ready,
    Held,
    WarmUp,
    Measured,
    Draining,
}

pub(super) struct Chat<'a> {
    settings: &'a Deliver,
    people: Vec<Person>,
    sockets: Sockets<Tag>,
    senders: Senders,
    books: Books,
    gate: Gate,
    rate: Option<f64>,
    churn: f64,
    phase: Phase,
    /// When the phase ends.
    until: Instant,
    /// When the next message is due, and when the next socket of the crowd goes.
    due: Instant,
    goes: Instant,
    progress: Instant,
    /// Sockets of the crowd, in the order in which they are closed.
    crowd: VecDeque<Id>,
    churned: u64,
    random: Random,
    unsent: u64,
    cpu: f64,
    late: u64,
}

impl<'a> Chat<'a> {
    pub(super) fn new(
        settings: &'a Deliver,
        people: Vec<Person>,
        sockets: Sockets<Tag>,
        senders: Senders,
        books: Books,
        gate: Gate,
        share: Share,
    ) -> Self {
        // Processes that share the work shall not send at the same moments.
        let (now, crowd, random) = (Instant::now(), VecDeque::new(), Random(share.index as u64));
        let (rate, churn) = (settings.rate.map(|rate| share.rate(rate)), share.rate(settings.churn));
        Self {
            settings,
            people,
            sockets,
            senders,
            books,
            gate,
            rate,
            churn,
            phase: Phase::Connecting,
            until: now,
            due: now,
            goes: now,
            progress: now,
            crowd,
            churned: 0,
            random,
            unsent: 0,
            cpu: 0.0,
            late: 0,
        }
    }

    fn phases(&mut self, net: &mut Net, now: Instant) -> Result<bool> {
        match self.phase {
            Phase::Connecting if self.sockets.settled() => {
                if self.sockets.failed > 0 {
                    bail!("{} sockets could not join: {:?}", self.sockets.failed, self.sockets.reasons);
                }
                say::line(
                    &json!({ "event": "connected", "sockets": self.sockets.live, "connect_ms": self.sockets.took.summary() }),
                )?;
                self.phase = Phase::Ready;
                return self.phases(net, now);
            }
            Phase::Connecting if now > self.until + PATIENCE => bail!("{} sockets do not join", self.sockets.opening),
            Phase::Ready if self.gate.passes() => {
                if self.settings.hold > 0.0 {
                    say::event("hold")?;
                }
                (self.phase, self.until) = (Phase::Held, Instant::now() + Duration::from_secs_f64(self.settings.hold));
            }
            Phase::Held if now >= self.until => {
                if self.settings.hold > 0.0 {
                    say::event("held")?;
                }
                self.senders.begins(net)?;
                (self.due, self.goes) = (now, now);
                (self.phase, self.until) = (Phase::WarmUp, now + Duration::from_secs_f64(self.settings.warm_up));
            }
            Phase::WarmUp if now >= self.until => {
                say::event("begin")?;
                let (begin, length) = (Instant::now(), Duration::from_secs_f64(self.settings.seconds));
                self.books.measures(begin, length);
                (self.cpu, self.late, self.books.recent, self.progress) = (say::cpu(), net.late, Default::default(), begin);
                (self.phase, self.until) = (Phase::Measured, begin + length);
            }
            Phase::Measured if now >= self.until => {
                say::event("end")?;
                self.cpu = say::cpu() - self.cpu;
                self.late = net.late - self.late;
                self.unsent = self.senders.ends();
                self.phase = Phase::Draining;
            }
            Phase::Draining => {
                return Ok(self.books.waits() && now < self.books.news + Duration::from_secs_f64(self.settings.drain));
            }
            _ => {}
        }
        Ok(true)
    }

    /// What is due now; answers when something is due again.
    fn sends(&mut self, net: &mut Net, now: Instant) -> Instant {
        let mut next = self.until;
        if let Some(rate) = self.rate {
            while self.due <= now {
                self.senders.is_due(self.due);
                let gap = if self.settings.even { 1.0 } else { self.random.exponential() };
                self.due += Duration::from_secs_f64(gap / rate);
            }
            next = next.min(self.due);
        }
        self.senders.dispatches(net, &self.people, &mut self.books, self.settings.text);
        next
    }

    /// Sockets of the crowd go, and come back.
    fn churns(&mut self, net: &mut Net, now: Instant) -> Result<Option<Instant>> {
        if self.churn > 0.0 {
            while self.goes <= now {
                self.goes += Duration::from_secs_f64(1.0 / self.churn);
                if let Some(plan) = self.crowd.pop_front().and_then(|id| self.sockets.closes(net, id)) {
                    self.churned += 1;
                    self.sockets.wants(plan);
                }
            }
        }
        let again = self.opens(net, now)?;
        let goes = (self.churn > 0.0).then_some(self.goes);
        Ok(again.into_iter().chain(goes).min())
    }

    fn opens(&mut self, net: &mut Net, now: Instant) -> Result<Option<Instant>> {
        let crowd = &mut self.crowd;
        self.sockets.opens(net, &self.people, now, |id, tag| {
            if matches!(tag, Tag::Crowd) {
                crowd.push_back(id);
            }
        })
    }

    fn tells(&mut self, now: Instant) -> Result<Option<Instant>> {
        let Some(every) = self.settings.progress.map(Duration::from_secs_f64) else { return Ok(None) };
        if now >= self.progress + every {
            self.progress += every;
            let recent = std::mem::take(&mut self.books.recent);
            say::line(&json!({
                "event": "progress", "acked": recent.acked, "delivered": recent.delivered, "failed": recent.failed, "sockets": self.sockets.live,
                "churned": self.churned, "deliver_ms": recent.deliver.summary(),
            }))?;
        }
        Ok(Some(self.progress + every))
    }

    pub(super) fn outcome(self) -> Outcome {
        let Self { books, sockets, senders, unsent, churned, late, .. } = self;
        let (faults, measured) = (books.faults(), books.measured);
        let outcome = Outcome::new("deliver", self.settings.seconds)
            .counts([
                ("acked", measured.acked),
                ("delivered", measured.delivered),
                ("failed", measured.failed),
                ("unsent", unsent),
            ])
            .counts([
                ("lost", faults.lost),
                ("doubled", books.doubled),
                ("out_of_order", books.out_of_order),
                ("strays", books.strays),
            ])
            .counts([
                ("unpromised", faults.unpromised),
                ("sockets", sockets.live as u64),
                ("dropped", sockets.dropped),
                ("churned", churned),
            ])
            .counts([("not_back", sockets.failed), ("reopened", senders.reopened), ("late_ticks", late)])
            .times([("ack", measured.ack), ("deliver", measured.deliver), ("connect", sockets.took)]);
        Outcome { reasons: sockets.reasons, cpu_s: self.cpu, ..outcome }
    }

    fn failed(&mut self, why: String) {
        *self.sockets.reasons.entry(why).or_default() += 1;
    }
}

impl App for Chat<'_> {
    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Option<Instant>> {
        if !self.phases(net, now)? {
            return Ok(None);
        }
        let soon = now + Duration::from_millis(100);
        match self.phase {
            Phase::Connecting => Ok(Some(self.opens(net, now)?.map_or(soon, |at| at.min(soon)))),
            Phase::Ready | Phase::Draining => Ok(Some(soon)),
            Phase::Held => Ok(Some(self.until.min(soon))),
            Phase::WarmUp | Phase::Measured => {
                let next = self.sends(net, now);
                let told = if self.phase == Phase::Measured { self.tells(now)? } else { None };
                Ok([Some(next), self.churns(net, now)?, told].into_iter().flatten().min())
            }
        }
    }

    fn received(&mut self, net: &mut Net, id: Id, data: &[u8]) -> Result<usize> {
        if self.senders.owns(id) {
            let (done, status) = self.senders.received(id, data, &mut self.books)?;
            if let Some(status) = status {
                self.failed(format!("a send was answered {status}"));
            }
            return Ok(done);
        }
        let books = &mut self.books;
        let joined = self.sockets.joined;
        let done = self.sockets.received(net, id, data, |tag, event| {
            if let Tag::Receiver(pair) = tag {
                books.hears(pair, event);
            }
        });
        if self.phase == Phase::Connecting && self.sockets.joined > joined {
            self.until = Instant::now();
        }
        done
    }

    fn closed(&mut self, net: &mut Net, id: Id, why: &str) -> Result<()> {
        if self.senders.owns(id) {
            if self.senders.closed(net, id, &mut self.books)? {
                self.failed(format!("while a send was under way: {why}"));
            }
        } else {
            self.sockets.closed(id, why);
        }
        Ok(())
    }
}
