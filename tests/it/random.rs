//! A walk at random: people write, lose their connections and come back elsewhere, nodes leave and others come, Redis
//! forgets everything. At the end each page has what its owner's log has, once, in order.

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::support::{Redis, TestHub, TestSocket, TestUser};

const STEPS: usize = 150;

/// A page that stays open while its connections come and go. It remembers what a stock client remembers.
struct Page {
    owner: TestUser,
    /// Where the log was when it was opened.
    start: String,
    /// The positions of the events of earlier connections.
    heard: Vec<String>,
    socket: TestSocket,
    node: usize,
}

impl Page {
    async fn opens(hub: &TestHub, owner: &TestUser, node: usize) -> Self {
        let mut socket = owner.connects_to(hub.node(node)).await;
        socket.expects("getOnlineUsers").await;
        Self { owner: owner.clone(), start: socket.position().to_owned(), heard: Vec::new(), socket, node }
    }

    /// Loses its connection, and what was on its way there, and comes back to some node.
    async fn moves(&mut self, hub: &TestHub, node: usize) {
        self.heard.extend_from_slice(self.socket.heard());
        let (memory, pid) = (self.socket.memory(), self.socket.pid().to_owned());
        self.socket = self.owner.comes_back_to(hub.node(node), memory).await;
        self.node = node;
        assert_eq!(self.socket.pid(), pid, "it is told that nothing is missing");
    }

    /// Hears all that its owner's log has, and nothing else.
    async fn hears_all(mut self, hub: &TestHub) {
        let owner = self.owner.at(hub.node(self.node));
        let log = owner.gets(&format!("/api/sync?since={}", self.start)).await.is(200);
        let events = log["events"].as_array().expect("events");
        let expected: Vec<_> = events.iter().map(|event| event["position"].as_str().expect("a position").to_owned()).collect();
        while self.heard.len() + self.socket.heard().len() < expected.len() {
            self.socket.hears_anything().await;
        }
        self.socket.hears_so_far().await;
        self.heard.extend_from_slice(self.socket.heard());
        assert_eq!(self.heard, expected);
    }
}

async fn walk(seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut redis = Redis::starts();
    let mut hub = TestHub::cluster_with(3, &[("REDIS_URL", &redis.url())]).await;
    hub.settles().await;
    let people = hub.users(["ann", "bob", "cem", "dora", "eve"]).await;
    let mut nodes = vec![0, 1, 2];
    let mut pages = Vec::new();
    for n in 0..10 {
        pages.push(Page::opens(&hub, &people[n % 5], n % 3).await);
    }

    for step in 0..STEPS {
        let node = nodes[random.random_range(0..nodes.len())];
        match random.random_range(0..100) {
            0..70 => {
                let from = random.random_range(0..people.len());
                let to = (from + random.random_range(1..people.len())) % people.len();
                people[from].at(hub.node(node)).sends(&people[to], &step.to_string()).await;
            }
            70..80 => {
                let page = random.random_range(0..pages.len());
                pages[page].socket.hears_so_far().await;
            }
            80..96 => {
                let page = random.random_range(0..pages.len());
                pages[page].moves(&hub, node).await;
            }
            96..98 => {
                redis.dies();
                redis.returns();
            }
            _ => {
                let leaving = nodes.swap_remove(random.random_range(0..nodes.len()));
                nodes.push(hub.adds_node().await);
                hub.node_mut(leaving).stops().await;
                let next = nodes[random.random_range(0..nodes.len())];
                for page in pages.iter_mut().filter(|page| page.node == leaving) {
                    page.socket.hears_to_the_end().await;
                    page.moves(&hub, next).await;
                }
            }
        }
    }

    for page in pages {
        page.hears_all(&hub).await;
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_each_page_has_all_of_the_log_once_and_in_order_1() {
    walk(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_each_page_has_all_of_the_log_once_and_in_order_2() {
    walk(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_each_page_has_all_of_the_log_once_and_in_order_3() {
    walk(3).await;
}
