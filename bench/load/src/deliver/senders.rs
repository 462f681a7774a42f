//! The connections on which messages are sent. Each pair has at most one send under way, so that the order of its messages is defined.

use std::{collections::VecDeque, ops::Range, time::Instant};

use anyhow::Result;
use serde_json::json;

use crate::{
    deliver::books::Books,
    http::{Server, answer, request},
    net::{Id, Net},
    people::Person,
};

/// A send that is under way.
#[derive(Debug, Clone, Copy)]
struct Job {
    pair: u32,
    number: u32,
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    lane: usize,
    job: Option<Job>,
}

/// What goes to one node.
#[derive(Debug)]
struct Lane {
    server: Server,
    /// Connections on which nothing is under way.
    free: Vec<Id>,
    /// Pairs that may send.
    idle: VecDeque<u32>,
    /// Messages that are due, the oldest first.
    due: VecDeque<Instant>,
    connections: usize,
}

pub(super) struct Senders {
    lanes: Vec<Lane>,
    connections: Vec<Option<Connection>>,
    /// Whether a message is due whenever a connection is free.
    closed_loop: bool,
    sending: bool,
    first_pair: usize,
    next_lane: usize,
    pub(super) reopened: u64,
    buffer: Vec<u8>,
}

impl Senders {
    pub(super) fn new(servers: &[Server], pairs: Range<usize>, connections: usize, closed_loop: bool) -> Self {
        let count = servers.len();
        let lanes = servers.iter().enumerate().map(|(at, server)| Lane {
            server: server.clone(),
            free: Vec::new(),
            idle: pairs.clone().enumerate().filter(|(_, pair)| pair % count == at).map(|(own, _)| own as u32).collect(),
            due: VecDeque::new(),
            connections: connections * (at + 1) / count - connections * at / count,
        });
        let (lanes, connections, buffer) = (lanes.collect(), Vec::new(), Vec::new());
        Self { lanes, connections, closed_loop, sending: false, first_pair: pairs.start, next_lane: 0, reopened: 0, buffer }
    }

    /// Opens the connections. From now on messages may be sent.
    pub(super) fn begins(&mut self, net: &mut Net) -> Result<()> {
        self.sending = true;
        for lane in 0..self.lanes.len() {
            for _ in 0..self.lanes[lane].connections {
                self.opens(net, lane)?;
            }
        }
        Ok(())
    }

    fn opens(&mut self, net: &mut Net, lane: usize) -> Result<()> {
        let id = net.open(self.lanes[lane].server.address, b"")?;
        if id >= self.connections.len() {
            self.connections.resize(id + 1, None);
        }
        self.connections[id] = Some(Connection { lane, job: None });
        self.lanes[lane].free.push(id);
        Ok(())
    }

    /// A message is due; the nodes are taken in turn.
    pub(super) fn is_due(&mut self, at: Instant) {
        let lanes = self.lanes.len();
        self.lanes[self.next_lane % lanes].due.push_back(at);
        self.next_lane += 1;
    }

    /// No further ones; answers how many were due and never went.
    pub(super) fn ends(&mut self) -> u64 {
        self.sending = false;
        self.lanes.iter_mut().map(|lane| lane.due.drain(..).count() as u64).sum()
    }

    /// Sends what can be sent.
    pub(super) fn dispatches(&mut self, net: &mut Net, people: &[Person], books: &mut Books, length: usize) {
        for lane in 0..self.lanes.len() {
            self.dispatch(lane, net, people, books, length);
        }
    }

    fn dispatch(&mut self, lane: usize, net: &mut Net, people: &[Person], books: &mut Books, length: usize) {
        let lane = &mut self.lanes[lane];
        while self.sending && !lane.free.is_empty() && !lane.idle.is_empty() {
            let due = if self.closed_loop { Some(Instant::now()) } else { lane.due.pop_front() };
            let Some(due) = due else { return };
            let (Some(id), Some(pair)) = (lane.free.pop(), lane.idle.pop_front()) else { return };
            let mark = books.sends(pair, due);
            let sender = 2 * (self.first_pair + pair as usize);
            let (from, to) = (&people[sender], &people[sender + 1]);
            let body = json!({ "text": mark.text(length) }).to_string();
            request(&mut self.buffer, &lane.server, &format!("/api/messages/send/{}", to.id), Some(&from.token), Some(&body));
            if let Some(connection) = self.connections[id].as_mut() {
                connection.job = Some(Job { pair, number: mark.number });
            }
            net.send(id, &self.buffer);
        }
    }

    pub(super) fn owns(&self, id: Id) -> bool {
        self.connections.get(id).is_some_and(Option::is_some)
    }

    /// An answer, or a part of one. Answers how much of it is done with, and the status if it is another one than 201.
    pub(super) fn received(&mut self, id: Id, data: &[u8], books: &mut Books) -> Result<(usize, Option<u16>)> {
        let Some(answer) = answer(data)? else { return Ok((0, None)) };
        let Some(connection) = self.connections[id].as_mut() else { return Ok((data.len(), None)) };
        if let Some(Job { pair, number }) = connection.job.take() {
            books.answered(pair, number, answer.status == 201);
            self.lanes[connection.lane].idle.push_back(pair);
        }
        self.lanes[connection.lane].free.push(id);
        Ok((answer.length, (answer.status != 201).then_some(answer.status)))
    }

    /// The server closed a connection: another one takes its place. Answers whether a send was under way.
    pub(super) fn closed(&mut self, net: &mut Net, id: Id, books: &mut Books) -> Result<bool> {
        let Some(Connection { lane, job }) = self.connections[id].take() else { return Ok(false) };
        self.lanes[lane].free.retain(|free| *free != id);
        if let Some(Job { pair, number }) = job {
            books.answered(pair, number, false);
            self.lanes[lane].idle.push_back(pair);
        }
        self.reopened += 1;
        if self.sending {
            self.opens(net, lane)?;
        }
        Ok(job.is_some())
    }
}
