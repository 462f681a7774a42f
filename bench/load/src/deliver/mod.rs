//! From a send to the socket: pairs of people of whom one sends and the other one listens, and others who are there, or come and go.

mod books;
mod chat;
mod senders;

pub(crate) use books::Mark;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    deliver::{books::Books, chat::Chat, senders::Senders},
    http::Server,
    outcome::Outcome,
    people::{self, Person},
    run::{Run, pace},
    sockets::{Plan, Sockets},
};

/// Send messages and watch them arrive. Says `connected`, `begin`, `end`, and `hold`, `held` or `progress` if asked to.
#[derive(Debug, Args)]
pub(crate) struct Deliver {
    /// Nodes to which messages are sent; pair i takes the i-th
    #[arg(long, value_delimiter = ',', required = true)]
    send: Vec<Server>,
    /// Nodes on which the receivers' sockets are; pair i takes the i-th
    #[arg(long, value_delimiter = ',', required = true)]
    receive: Vec<Server>,
    /// Pairs of a sender and a receiver
    #[arg(long, default_value_t = 200)]
    pairs: usize,
    /// Closed loop: so many sends at any time
    #[arg(short = 'c', long, default_value_t = 64)]
    concurrency: usize,
    /// Open loop instead: so many messages a second, whatever becomes of them; latencies count from when one was due
    #[arg(long)]
    rate: Option<f64>,
    /// Open loop: at even intervals instead of at random (Poisson)
    #[arg(long)]
    even: bool,
    /// Open loop: most sends at any time, in each process
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Seconds in which nothing is sent, when all are there: says `hold` and `held`
    #[arg(long, default_value_t = 0.0)]
    hold: f64,
    /// Seconds before what is measured
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Seconds without news after which nothing more is expected at the end
    #[arg(long, default_value_t = 3.0)]
    drain: f64,
    /// Length of the texts
    #[arg(long, default_value_t = 50)]
    text: usize,
    /// Senders have a socket each, too, on the node to which they send
    #[arg(long)]
    senders_online: bool,
    /// Further people with a socket each, on all nodes of --receive
    #[arg(long, default_value_t = 0)]
    crowd: usize,
    /// Sockets of the crowd that are closed and come back, a second
    #[arg(long, default_value_t = 0.0)]
    churn: f64,
    /// Sockets that are on their way at the same time before it begins, in each process
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Sockets a second before it begins, instead
    #[arg(long)]
    connect_rate: Option<f64>,
    /// Seconds between two lines about the progress
    #[arg(long)]
    progress: Option<f64>,
}

/// What a socket is there for.
#[derive(Debug, Clone, Copy)]
enum Tag {
    /// The receiver of a pair of this process.
    Receiver(u32),
    Sender,
    Crowd,
}

impl Deliver {
    pub(crate) fn run(&self, run: &Run) -> Result<Outcome> {
        let people: Vec<Person> = people::read(&run.people)?;
        let everybody = self.pairs * 2 + self.crowd;
        ensure!(people.len() >= everybody, "{everybody} people are needed, and {} are there", people.len());
        ensure!(self.rate.is_none_or(|rate| rate > 0.0) && self.seconds > 0.0, "nothing to send");
        let mut net = run.net()?;
        let mut sockets = Sockets::new(self.servers(), pace(self.in_flight, self.connect_rate.map(|rate| run.share.rate(rate))));
        let pairs = run.share.range(self.pairs);
        for (own, pair) in pairs.clone().enumerate() {
            sockets.wants(Plan { person: 2 * pair + 1, server: pair % self.receive.len(), tag: Tag::Receiver(own as u32) });
            if self.senders_online {
                sockets.wants(Plan { person: 2 * pair, server: self.receive.len() + pair % self.send.len(), tag: Tag::Sender });
            }
        }
        for other in run.share.range(self.crowd) {
            sockets.wants(Plan { person: 2 * self.pairs + other, server: other % self.receive.len(), tag: Tag::Crowd });
        }
        let connections = if self.rate.is_some() { self.connections } else { run.share.count(self.concurrency) };
        let senders = Senders::new(&self.send, pairs.clone(), connections, self.rate.is_none());
        let books = Books::new(pairs.len(), pairs.start);
        let gate = run.gate(&net);
        let mut chat = Chat::new(self, people, sockets, senders, books, gate, run.share);
        net.run(&mut chat)?;
        Ok(chat.outcome())
    }

    /// Those of the receivers, then those of the senders.
    fn servers(&self) -> Vec<Server> {
        self.receive.iter().chain(&self.send).cloned().collect()
    }
}
