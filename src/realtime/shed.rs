//! Giving away what a node holds beyond its share. Connections never move by themselves: a node that was added to a busy
//! cluster stays empty, and the others full. Off unless `cluster.shed` says otherwise.
//!
//! A stock client whose transport is cut comes back within seconds, to whatever node its load balancer picks. One with a
//! cookie that keeps it on its node would come back to this one, and be cut again: so for each socket that was cut, one client
//! that comes here meanwhile is sent away once more, and told to forget that cookie. No more than one each: a load balancer
//! that knows only this node must not lock anybody out.

use axum::http::HeaderValue;
use rand::seq::SliceRandom;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{connection::LocalSocket, hub::Hub, transport::link::Cut};
use crate::config::Cluster;

/// A node has too many when it has more than this part above the mean …
const TOLERANCE: u64 = 10;
/// … and more than so many above it: a few sockets are not worth anybody's reconnect.
const LEAST: u64 = 8;

/// Looks at the loads within `cluster.shed_over`: each closes its part.
const STEPS: u32 = 60;

/// How much longer than `cluster.shed_over` a node rests after it has shed in vain.
const DISCOURAGED: u32 = 10;

/// Clients that still have to be sent away once.
#[derive(Debug, Clone)]
pub(super) struct Debt {
    owed: Arc<AtomicU64>,
    /// `Set-Cookie` that makes a client forget its node.
    farewell: Option<HeaderValue>,
}

impl Debt {
    pub(super) fn new(config: &Cluster) -> Self {
        let (name, attributes) = config.shed_cookie.split_at(config.shed_cookie.find(';').unwrap_or(config.shed_cookie.len()));
        let cookie = format!("{}=; Path=/; Max-Age=0{attributes}", name.trim());
        let farewell = HeaderValue::try_from(cookie).ok().filter(|_| !config.shed_cookie.is_empty());
        Self { owed: Arc::default(), farewell }
    }

    /// Whether whoever comes now is to be sent away; that pays for one.
    pub(super) fn is_owed(&self) -> bool {
        let pay = |owed: u64| owed.checked_sub(1);
        self.owed.load(Ordering::Relaxed) > 0 && self.owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok()
    }

    /// Whether nobody has to be sent away.
    pub(super) fn is_paid(&self) -> bool {
        self.owed.load(Ordering::Relaxed) == 0
    }

    pub(super) fn farewell(&self) -> Option<HeaderValue> {
        self.farewell.clone()
    }

    fn owe(&self, sockets: u64) {
        self.owed.fetch_add(sockets, Ordering::Relaxed);
    }

    fn forgive(&self) {
        self.owed.store(0, Ordering::Relaxed);
    }
}

/// Tells the others how many sockets there are here and, if that is wanted, gives the surplus away; for ever.
pub(super) async fn run(hub: Hub, config: Cluster, debt: Debt) {
    let mut ticks = interval((config.shed_over / STEPS).max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut plan = Plan::new(config.shed_after, config.shed_over);
    loop {
        ticks.tick().await;
        let sockets = hub.metrics().sockets.get().unsigned_abs();
        let leaves = hub.lifecycle().is_draining();
        hub.services().nodes.holds((!leaves).then_some(sockets));
        if leaves || !config.shed {
            debt.forgive();
            continue;
        }
        let Some(others) = hub.services().nodes.loads().await else { continue };
        let staying = if plan.is_shedding() { staying(&hub).len() as u64 } else { sockets };
        let closes = plan.step(staying, &others, Instant::now());
        if !plan.is_shedding() {
            debt.forgive();
        }
        if closes > 0 {
            tracing::info!(sockets, ?others, closes, "this node holds more than its share");
            shed(&hub, &debt, closes);
        }
    }
}

/// Sockets without those that are closed already, and have not come to their end yet.
fn staying(hub: &Hub) -> Vec<LocalSocket> {
    let mut sockets = hub.sockets();
    sockets.retain(|socket| socket.link().reason().is_none());
    sockets
}

fn shed(hub: &Hub, debt: &Debt, count: u64) {
    let mut sockets = staying(hub);
    sockets.shuffle(&mut rand::rng());
    sockets.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    debt.owe(sockets.len() as u64);
    for socket in sockets {
        hub.metrics().shed.inc();
        socket.link().cut(Cut::Shed);
    }
}

/// When to close how many.
#[derive(Debug)]
struct Plan {
    after: Duration,
    over: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing to do, or not for long enough yet.
    Waits { since: Option<Instant> },
    /// So many were held here when it began, and the mean is the aim. `all` is the most that all nodes held since then:
    /// what is on its way to another node is held by nobody, and would be given away twice.
    Sheds { begin: Instant, from: u64, all: u64 },
    /// It did not help.
    Rests { until: Instant },
}

impl Plan {
    fn new(after: Duration, over: Duration) -> Self {
        Self { after, over, state: State::Waits { since: None } }
    }

    fn is_shedding(&self) -> bool {
        matches!(self.state, State::Sheds { .. })
    }

    /// How many sockets to close now.
    fn step(&mut self, own: u64, others: &[u64], now: Instant) -> u64 {
        let held = own + others.iter().sum::<u64>();
        let all = match &mut self.state {
            State::Sheds { all, .. } => {
                *all = held.max(*all);
                *all
            }
            _ => held,
        };
        let mean = all / (others.len() as u64 + 1);
        let surplus = own.saturating_sub(mean);
        let idle = State::Waits { since: None };
        let (closes, next) = match self.state {
            State::Waits { since } => {
                let too_many = surplus > LEAST.max(mean / TOLERANCE);
                let since = too_many.then(|| since.unwrap_or(now));
                let ripe = since.is_some_and(|since| now.duration_since(since) >= self.after);
                (0, if ripe { State::Sheds { begin: now, from: own, all } } else { State::Waits { since } })
            }
            State::Sheds { .. } if surplus == 0 => (0, idle),
            State::Sheds { begin, from, .. } if now.duration_since(begin) >= self.over => {
                let in_vain = from.saturating_sub(own) < surplus;
                if in_vain {
                    tracing::warn!(
                        own,
                        mean,
                        "shedding does not help: the load balancer sends clients back; see cluster.shed_cookie"
                    );
                }
                (0, if in_vain { State::Rests { until: now + self.over * DISCOURAGED } } else { idle })
            }
            State::Sheds { begin, .. } => {
                let left = self.over.saturating_sub(now.duration_since(begin));
                let steps = left.div_duration_f64(self.over / STEPS).max(1.0);
                ((surplus as f64 / steps).ceil() as u64, self.state)
            }
            State::Rests { until } => (0, if now >= until { idle } else { self.state }),
        };
        self.state = next;
        closes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const AFTER: Duration = Duration::from_secs(60);
    const OVER: Duration = Duration::from_secs(120);

    /// A node with its plan, and another one, whose load balancer moves clients or sends them back.
    struct Cluster {
        plan: Plan,
        now: Instant,
        own: u64,
        other: u64,
        closed: u64,
        moves: bool,
        /// How many are on their way since the last steps, the oldest first.
        way: VecDeque<u64>,
    }

    impl Cluster {
        fn of(own: u64, other: u64) -> Self {
            Self { plan: Plan::new(AFTER, OVER), now: Instant::now(), own, other, closed: 0, moves: true, way: VecDeque::new() }
        }

        fn runs(&mut self, seconds: u64) {
            for _ in 0..seconds / 2 {
                let closes = self.plan.step(self.own, &[self.other], self.now);
                self.closed += closes;
                if self.moves {
                    self.own -= closes;
                    self.way.push_back(closes);
                    self.other += self.way.pop_front().unwrap_or_default();
                }
                self.now += OVER / STEPS;
            }
        }
    }

    #[test]
    fn a_new_node_gets_its_share_evenly_over_the_time_that_is_set() {
        let mut cluster = Cluster::of(10_000, 0);
        cluster.runs(60);
        assert_eq!(cluster.closed, 0, "first it waits");
        cluster.runs(60);
        assert!((7_300..7_700).contains(&cluster.own), "half of it in half of the time: {}", cluster.own);
        cluster.runs(70);
        assert_eq!((cluster.own, cluster.other), (5_000, 5_000));
    }

    #[test]
    fn what_is_on_its_way_is_not_given_away_twice() {
        let mut cluster = Cluster { way: VecDeque::from([0; 5]), ..Cluster::of(10_000, 0) };
        cluster.runs(200);
        assert_eq!((cluster.own, cluster.other), (5_000, 5_000));
    }

    #[test]
    fn what_is_even_enough_or_small_is_left_alone() {
        for (own, other) in [(1_090, 1_000), (14, 0), (0, 10_000), (500, 500)] {
            let mut cluster = Cluster::of(own, other);
            cluster.runs(600);
            assert_eq!(cluster.closed, 0, "{own} {other}");
        }
    }

    #[test]
    fn a_surplus_that_passes_by_itself_is_left_alone() {
        let mut cluster = Cluster::of(10_000, 0);
        cluster.runs(40);
        (cluster.own, cluster.other) = (5_000, 5_000);
        cluster.runs(10);
        (cluster.own, cluster.other) = (10_000, 0);
        cluster.runs(50);
        assert_eq!(cluster.closed, 0);
    }

    #[test]
    fn a_node_whose_clients_all_come_back_gives_up_for_long() {
        let mut cluster = Cluster { moves: false, ..Cluster::of(10_000, 0) };
        cluster.runs(190);
        let closed = cluster.closed;
        assert!(closed > 0 && !cluster.plan.is_shedding());
        cluster.runs(1_000);
        assert_eq!(cluster.closed, closed);
    }

    #[test]
    fn a_cookie_that_was_set_with_attributes_is_forgotten_with_them() {
        let mut config = crate::config::Config::load(None, []).unwrap().cluster;
        let mut farewell = |cookie: &str| {
            config.shed_cookie = cookie.to_owned();
            Debt::new(&config).farewell()
        };
        assert_eq!(farewell("").as_ref(), None);
        assert_eq!(farewell("HUBNODE").unwrap(), "HUBNODE=; Path=/; Max-Age=0");
        assert_eq!(farewell("HUBNODE; SameSite=None; Secure").unwrap(), "HUBNODE=; Path=/; Max-Age=0; SameSite=None; Secure");
    }

    #[test]
    fn for_each_socket_that_was_closed_one_client_is_sent_away() {
        let debt = Debt { owed: Arc::default(), farewell: None };
        debt.owe(2);
        assert_eq!([debt.is_owed(), debt.is_owed(), debt.is_owed()], [true, true, false]);
        debt.owe(2);
        debt.forgive();
        assert!(!debt.is_owed());
    }
}
