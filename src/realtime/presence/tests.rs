//! [`Views`] against clients that believe what they are told.

use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    seats::Kind,
    views::{Shown, TooMany, Views, Word},
};
use crate::{
    config::{self, Audience},
    domain::presence::Online,
    model::UserId,
};

type People = BTreeSet<UserId>;

const INTERVAL: Duration = Duration::from_secs(2);

fn config(audience: Audience, everyone_up_to: usize) -> config::Presence {
    let config = config::Config::load(None, []).expect("defaults are fine").presence;
    config::Presence { audience, everyone_up_to, list_interval: INTERVAL, watch: 3, ..config }
}

fn people<const N: usize>() -> [UserId; N] {
    std::array::from_fn(|_| UserId::new())
}

fn online(version: u64, users: impl IntoIterator<Item = UserId>) -> Online {
    let users: People = users.into_iter().collect();
    Online { version, users: Arc::new(users.into_iter().collect()), known: true }
}

/// What a frontend holds.
#[derive(Debug, Default)]
struct Client {
    begun: bool,
    online: People,
    known: bool,
    lists_at: Vec<Instant>,
}

impl Client {
    fn hears(&mut self, word: &Word, now: Instant) {
        let all = |shown: &Shown| match shown {
            Shown::Everyone { users, .. } => users.iter().copied().collect(),
            Shown::These(users) => users.iter().copied().collect(),
        };
        match word {
            Word::Snapshot { online, known, .. } => (self.begun, self.online, self.known) = (true, all(online), *known),
            Word::List(online) => {
                self.online = all(online);
                self.lists_at.push(now);
            }
            Word::Changes(changes) => {
                assert!(self.begun, "a change of nothing");
                self.online.extend(&changes.online);
                changes.offline.iter().for_each(|(user, _)| {
                    self.online.remove(user);
                });
            }
            Word::State { known } => self.known = *known,
        }
    }
}

/// A node's views and the clients before them.
struct World {
    views: Views<u32>,
    clients: BTreeMap<u32, (UserId, Kind, Client)>,
    watched: HashMap<u32, People>,
    talks: HashMap<UserId, People>,
    now: Instant,
    online: Online,
    sockets: u32,
}

impl World {
    fn new(audience: Audience, everyone_up_to: usize) -> Self {
        Self {
            views: Views::new(config(audience, everyone_up_to), Online { known: true, ..Online::default() }),
            clients: BTreeMap::new(),
            watched: HashMap::new(),
            talks: HashMap::new(),
            now: Instant::now(),
            online: Online { known: true, ..Online::default() },
            sockets: 0,
        }
    }

    fn enters(&mut self, user: UserId, kind: Kind) -> u32 {
        self.sockets += 1;
        let (number, mut client) = (self.sockets, Client::default());
        if let Some(word) = self.views.enter(number, user, number, kind, self.now) {
            client.hears(&word, self.now);
        }
        self.clients.insert(number, (user, kind, client));
        number
    }

    fn leaves(&mut self, number: u32) {
        self.views.leave(number);
        self.clients.remove(&number);
        self.watched.remove(&number);
    }

    fn says(&mut self, words: Vec<(u32, Word)>) {
        for (number, word) in words {
            // Whoever has left meanwhile hears nothing.
            if let Some((.., client)) = self.clients.get_mut(&number) {
                client.hears(&word, self.now);
            }
        }
    }

    fn advances(&mut self) {
        let (_, words) = self.views.advance(self.online.clone(), |_| None);
        self.says(words);
    }

    fn come_and_go(&mut self, users: impl IntoIterator<Item = UserId>) {
        self.online = Online { known: self.online.known, ..online(self.online.version + 1, users) };
    }

    fn reads_conversations(&mut self) {
        let unread = self.views.unread(10);
        let read =
            unread.into_iter().map(|user| (user, self.talks.get(&user).cloned().unwrap_or_default().into_iter().collect()));
        self.views.learn(read.collect());
        let asides = self.views.asides();
        self.says(asides);
    }

    fn talk(&mut self, one: UserId, other: UserId) {
        for (user, with) in [(one, other), (other, one)] {
            self.talks.entry(user).or_default().insert(with);
            self.views.met(user, with);
        }
    }

    fn sends_lists(&mut self) {
        let (due, _) = self.views.due(self.now);
        let words = due.into_iter().filter_map(|number| self.views.list(number, self.now)).collect();
        self.says(words);
    }

    fn comes_to_rest(&mut self) {
        self.advances();
        while !self.views.unread(1).is_empty() {
            self.reads_conversations();
        }
        let asides = self.views.asides();
        self.says(asides);
        self.now += INTERVAL;
        self.sends_lists();
    }

    /// Who is online of those whom this socket may see.
    fn truth(&self, number: u32, user: UserId, kind: Kind) -> People {
        let online: People = self.online.users.iter().copied().collect();
        if self.views.scope() == Audience::Everyone {
            return online;
        }
        let mut seen = self.talks.get(&user).cloned().unwrap_or_default();
        seen.insert(user);
        if kind == Kind::Changes {
            seen.extend(self.watched.get(&number).into_iter().flatten());
        }
        seen.intersection(&online).copied().collect()
    }

    fn everybody_believes_the_truth(&self, story: &str) {
        for (number, (user, kind, client)) in &self.clients {
            assert_eq!(client.online, self.truth(*number, *user, *kind), "{story}: socket {number}, {kind:?}");
            assert!(*kind == Kind::Lists || client.known == self.online.known, "{story}: socket {number}");
            let too_soon = client.lists_at.windows(2).find(|pair| pair[1] - pair[0] < INTERVAL);
            assert_eq!(too_soon, None, "{story}: two lists within the interval");
        }
    }
}

#[test]
fn whatever_comes_and_goes_everybody_believes_the_truth_at_rest() {
    let everybody: [UserId; 14] = people();
    for seed in 0..400 {
        let mut random = SmallRng::seed_from_u64(seed);
        let (audience, limit) =
            [(Audience::Everyone, 100), (Audience::Everyone, 7), (Audience::Conversations, 0)][(seed % 3) as usize];
        let mut world = World::new(audience, limit);
        let anybody = |random: &mut SmallRng| *everybody.choose(random).expect("somebody");
        for step in 0..120 {
            let some = world.clients.keys().copied().collect::<Vec<_>>().choose(&mut random).copied();
            match random.random_range(0..100) {
                0..15 => drop(world.enters(anybody(&mut random), [Kind::Lists, Kind::Changes][random.random_range(0..2)])),
                15..25 => some.into_iter().for_each(|number| world.leaves(number)),
                25..50 => {
                    let share = random.random_range(0.0..1.0);
                    world.come_and_go(everybody.into_iter().filter(|_| random.random_bool(share)).collect::<Vec<_>>());
                }
                50..60 => world.advances(),
                60..68 => world.reads_conversations(),
                68..76 => world.talk(anybody(&mut random), anybody(&mut random)),
                76..82 => {
                    if let Some(number) = some {
                        let user = anybody(&mut random);
                        if world.views.watch(number, &[user]).is_ok() && world.clients[&number].1 == Kind::Changes {
                            world.watched.entry(number).or_default().insert(user);
                            // The answer says it.
                            let is_online = world.views.told().users.binary_search(&user).is_ok();
                            let (.., client) = world.clients.get_mut(&number).expect("there");
                            if is_online {
                                client.online.insert(user)
                            } else {
                                client.online.remove(&user)
                            };
                        }
                    }
                }
                82..86 => {
                    if let Some(number) = some {
                        let user = anybody(&mut random);
                        world.views.unwatch(number, &[user]);
                        let gone = world.watched.get_mut(&number).is_some_and(|watched| watched.remove(&user));
                        // What it is told no more, it must forget, unless it sees that person anyway.
                        let (owner, kind, _) = world.clients[&number];
                        if gone && !world.truth_by_scope(owner).contains(&user) && kind == Kind::Changes {
                            world.clients.get_mut(&number).expect("there").2.online.remove(&user);
                        }
                    }
                }
                86..90 => world.online.known = random.random_bool(0.5),
                90..95 => world.sends_lists(),
                _ => world.now += INTERVAL.mul_f64(random.random_range(0.1..1.5)),
            }
            if step % 30 == 29 {
                world.comes_to_rest();
                world.everybody_believes_the_truth(&format!("seed {seed}, step {step}"));
            }
        }
    }
}

impl World {
    /// Whom somebody sees without watching.
    fn truth_by_scope(&self, user: UserId) -> People {
        match self.views.scope() {
            Audience::Everyone => self.views.told().users.iter().copied().collect(),
            Audience::Conversations => self.talks.get(&user).into_iter().flatten().copied().chain([user]).collect(),
        }
    }
}

#[test]
fn above_the_limit_each_sees_those_with_whom_they_talk_and_below_four_fifths_everybody_again() {
    let mut world = World::new(Audience::Everyone, 10);
    let everybody: [UserId; 11] = people();
    let (ann, bob) = (everybody[0], everybody[1]);
    world.talk(ann, bob);
    let (stock, aware) = (world.enters(ann, Kind::Lists), world.enters(ann, Kind::Changes));
    world.come_and_go(everybody[..10].to_vec());
    world.comes_to_rest();
    assert_eq!((world.views.scope(), world.clients[&stock].2.online.len()), (Audience::Everyone, 10));

    world.come_and_go(everybody);
    world.comes_to_rest();
    assert_eq!(world.views.scope(), Audience::Conversations);
    for socket in [stock, aware] {
        assert_eq!(world.clients[&socket].2.online, People::from([ann, bob]));
    }

    world.come_and_go(everybody[..9].to_vec());
    world.comes_to_rest();
    assert_eq!(world.views.scope(), Audience::Conversations, "it does not go to and fro");
    world.come_and_go(everybody[..8].to_vec());
    world.comes_to_rest();
    for socket in [stock, aware] {
        assert_eq!(world.clients[&socket].2.online.len(), 8);
    }
}

#[test]
fn a_change_is_told_only_to_those_who_see_that_person() {
    let mut world = World::new(Audience::Conversations, 0);
    let [ann, bob, cem, dora] = people();
    world.talk(ann, bob);
    world.enters(ann, Kind::Changes);
    let watching = world.enters(cem, Kind::Changes);
    world.enters(dora, Kind::Changes);
    world.comes_to_rest();
    world.views.watch(watching, &[bob]).expect("within the limit");

    let (_, words) = world.views.advance(online(1, [bob]), |_| None);

    let mut told: Vec<u32> = words.iter().map(|(number, _)| *number).collect();
    told.sort_unstable();
    assert_eq!(told, [1, watching]);
}

#[test]
fn whom_a_socket_watches_is_bounded_and_a_refusal_changes_nothing() {
    let mut world = World::new(Audience::Conversations, 0);
    let [ann, a, b, c, d] = people();
    let socket = world.enters(ann, Kind::Changes);
    assert_eq!(world.views.watch(socket, &[a, b, b]), Ok(()));
    assert_eq!(world.views.watch(socket, &[c, d]), Err(TooMany));
    assert_eq!(world.views.watch(socket, &[a, c]), Ok(()), "known ones don't count twice");
    world.views.unwatch(socket, &[a, b]);
    assert_eq!(world.views.watch(socket, &[a, d]), Ok(()));
}

#[test]
fn a_long_list_of_partners_stays_below_twenty_kilobytes() {
    let mut world = World::new(Audience::Conversations, 0);
    let ann = UserId::new();
    let crowd: Vec<UserId> = (0..700).map(|_| UserId::new()).collect();
    world.talks.insert(ann, crowd.iter().copied().collect());
    world.enters(ann, Kind::Lists);
    world.come_and_go(crowd);
    world.advances();
    world.reads_conversations();
    let (_, word) = world.views.list(1, world.now).expect("a list");
    let Word::List(Shown::These(users)) = word else { panic!("{word:?}") };
    assert!(serde_json::to_string(&users).expect("JSON").len() <= 20_000);
    assert!(users.len() > 500);
}

#[test]
fn nothing_is_kept_of_those_who_left() {
    let mut world = World::new(Audience::Conversations, 0);
    let [ann, bob] = people();
    world.talk(ann, bob);
    let socket = world.enters(ann, Kind::Changes);
    world.comes_to_rest();
    world.views.watch(socket, &[ann, bob]).expect("within the limit");
    world.leaves(socket);
    assert!(world.views.is_empty());
}
