//! Many sockets that come at a given pace, join, answer pings and listen.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    histogram::Histogram,
    http::Server,
    net::{Id, Net},
    people::Person,
    socket::{Said, State, hello},
};

/// Sockets that are begun between two looks at what came.
const AT_ONCE: usize = 64;

/// How fast sockets come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// So many at a time that are not there yet.
    InFlight(usize),
    /// So many a second.
    Rate(f64),
}

/// A socket that shall be: whose, on which server, and what it is there for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<T> {
    pub(crate) person: usize,
    pub(crate) server: usize,
    pub(crate) tag: T,
}

#[derive(Debug)]
struct Open<T> {
    plan: Plan<T>,
    state: State,
    begun: Instant,
}

pub(crate) struct Sockets<T> {
    servers: Vec<Server>,
    pace: Pace,
    wanted: VecDeque<Plan<T>>,
    next: Option<Instant>,
    open: Vec<Option<Open<T>>>,
    /// Begun and not joined yet.
    pub(crate) opening: usize,
    pub(crate) live: usize,
    /// How many ever joined.
    pub(crate) joined: u64,
    /// Never joined.
    pub(crate) failed: u64,
    /// Joined, and was closed by the server.
    pub(crate) dropped: u64,
    pub(crate) pings: u64,
    pub(crate) reasons: BTreeMap<String, u64>,
    /// From the first byte to the answer to CONNECT.
    pub(crate) took: Histogram,
}

impl<T: Copy> Sockets<T> {
    pub(crate) fn new(servers: Vec<Server>, pace: Pace) -> Self {
        let (wanted, open, reasons, took) = (VecDeque::new(), Vec::new(), BTreeMap::new(), Histogram::default());
        Self {
            servers,
            pace,
            wanted,
            next: None,
            open,
            opening: 0,
            live: 0,
            joined: 0,
            failed: 0,
            dropped: 0,
            pings: 0,
            reasons,
            took,
        }
    }

    pub(crate) fn wants(&mut self, plan: Plan<T>) {
        self.wanted.push_back(plan);
    }

    /// Whether all that were wanted have come, or failed.
    pub(crate) fn settled(&self) -> bool {
        self.wanted.is_empty() && self.opening == 0
    }

    /// Opens as many as the pace allows, and names each. Answers when to be called again, if not because of something that came.
    pub(crate) fn opens(
        &mut self,
        net: &mut Net,
        people: &[Person],
        now: Instant,
        mut names: impl FnMut(Id, T),
    ) -> Result<Option<Instant>> {
        // Those that are there already shall not wait while many are due.
        for _ in 0..AT_ONCE {
            if self.wanted.is_empty() {
                return Ok(None);
            }
            match self.pace {
                Pace::InFlight(limit) if self.opening >= limit => return Ok(None),
                Pace::InFlight(_) => {}
                Pace::Rate(rate) => {
                    let next = self.next.unwrap_or(now);
                    if next > now {
                        return Ok(Some(next));
                    }
                    self.next = Some(next + Duration::from_secs_f64(1.0 / rate));
                }
            }
            let Some(plan) = self.wanted.pop_front() else { break };
            let server = &self.servers[plan.server % self.servers.len()];
            let begun = Instant::now();
            let id = net.open(server.address, &hello(server, &people[plan.person].token))?;
            if id >= self.open.len() {
                self.open.resize_with(id + 1, || None);
            }
            names(id, plan.tag);
            self.open[id] = Some(Open { plan, state: State::Upgrading, begun });
            self.opening += 1;
        }
        Ok(Some(now))
    }

    /// Gives what came to the socket; `hears` is told of its events.
    pub(crate) fn received(&mut self, net: &mut Net, id: Id, data: &[u8], mut hears: impl FnMut(T, &[u8])) -> Result<usize> {
        let Some(Open { plan, state, begun }) = self.open.get_mut(id).and_then(Option::as_mut) else { return Ok(data.len()) };
        let (tag, begun) = (plan.tag, *begun);
        state.hears(data, |said| match said {
            Said::Reply(reply) => {
                net.send(id, reply);
                self.pings += u64::from(reply.len() == 7);
            }
            Said::Joined => {
                self.took.add(begun.elapsed());
                self.opening -= 1;
                self.live += 1;
                self.joined += 1;
            }
            Said::Event(event) => hears(tag, event),
        })
    }

    /// The server closed it. Answers what it was there for.
    pub(crate) fn closed(&mut self, id: Id, why: &str) -> Option<T> {
        let Open { plan, state, .. } = self.forgets(id)?;
        if state == State::Joined {
            self.dropped += 1;
        } else {
            self.failed += 1;
        }
        *self.reasons.entry(why.to_owned()).or_default() += 1;
        Some(plan.tag)
    }

    /// Closes a socket, and answers what it was, if it is one.
    pub(crate) fn closes(&mut self, net: &mut Net, id: Id) -> Option<Plan<T>> {
        let open = self.forgets(id)?;
        net.close(id);
        Some(open.plan)
    }

    fn forgets(&mut self, id: Id) -> Option<Open<T>> {
        let open = self.open.get_mut(id)?.take()?;
        if open.state == State::Joined {
            self.live -= 1
        } else {
            self.opening -= 1
        }
        Some(open)
    }
}
