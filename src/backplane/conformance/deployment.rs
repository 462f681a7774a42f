//! A Redis as an operator may run it: one server, one with a replica and a Sentinel, or a cluster of three primaries with a
//! replica each.

use parking_lot::Mutex;
use std::{
    fmt::Write,
    fs,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

use super::{PATIENCE, server};
use crate::{config, model::NodeId, model::UserId};
pub(super) use server::Server;

/// The slots of the three primaries, which come first.
const SHARDS: [(u16, u16); 3] = [(0, 5460), (5461, 10922), (10923, 16383)];
/// After how many milliseconds without an answer a server of a cluster is held to be dead: where none shall be, however
/// busy the machine is, and where one shall.
const NEVER: u32 = 15_000;
const SOON: u32 = 1_500;

/// See the module. Tests that share a cluster have a prefix each.
#[derive(Clone)]
pub(super) struct Deployment {
    servers: Arc<Servers>,
    prefix: String,
}

struct Servers {
    all: Vec<Server>,
    url: String,
    clustered: bool,
    /// Where the servers of a cluster, or a Sentinel, keep what they know of the others.
    _folder: Option<TempDir>,
}

impl Servers {
    fn single() -> Self {
        let port = server::free_port();
        Self { all: vec![Server::new(port, "")], url: format!("redis://127.0.0.1:{port}"), clustered: false, _folder: None }
    }

    /// A primary, its replica, and a Sentinel that need ask no other.
    fn sentinel() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [primary, replica, sentinel] = [server::free_port(), server::free_port(), server::free_port()];
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "sentinel monitor hub 127.0.0.1 {primary} 1\nsentinel down-after-milliseconds hub {SOON}\n\
             sentinel failover-timeout hub 5000\n"
        );
        fs::write(&file, text).expect("it can be written");
        let all = vec![
            Server::new(primary, "--repl-diskless-sync-delay 0"),
            Server::new(replica, &format!("--repl-diskless-sync-delay 0 --replicaof 127.0.0.1 {primary}")),
            Server::sentinel(sentinel, &file),
        ];
        let url = format!("redis-sentinel://127.0.0.1:{sentinel}/0?sentinelServiceName=hub");
        Self { all, url, clustered: false, _folder: Some(folder) }
    }

    /// Six servers that will know each other when they start: faster than to introduce them.
    fn cluster(node_timeout: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<(u16, u16)> = (0..6).map(|_| (server::free_port(), server::free_port())).collect();
        let ids: Vec<String> = (0..6).map(|at| format!("{:032x}{at:08x}", rand::random::<u128>())).collect();
        let configuration = |me: usize| {
            let mut text = String::new();
            for (at, ((port, bus), id)) in ports.iter().zip(&ids).enumerate() {
                let (shard, myself) = (at % 3, if at == me { "myself," } else { "" });
                let (role, primary, slots) = match at < 3 {
                    true => ("master", "-", format!(" {}-{}", SHARDS[shard].0, SHARDS[shard].1)),
                    false => ("slave", ids[shard].as_str(), String::new()),
                };
                let epoch = shard + 1;
                writeln!(text, "{id} 127.0.0.1:{port}@{bus} {myself}{role} {primary} 0 0 {epoch} connected{slots}")
                    .expect("fits");
            }
            text + "vars currentEpoch 3 lastVoteEpoch 0\n"
        };
        let server = |me: usize| {
            let file = folder.path().join(format!("nodes-{me}.conf"));
            fs::write(&file, configuration(me)).expect("it can be written");
            let options = format!(
                "--cluster-enabled yes --cluster-port {} --cluster-node-timeout {node_timeout} --cluster-replica-validity-factor 0 \
                 --repl-diskless-sync-delay 0 --cluster-config-file {}",
                ports[me].1,
                file.display()
            );
            Server::new(ports[me].0, &options)
        };
        let all: Vec<Server> = (0..6).map(server).collect();
        // One server of a cluster is enough to find the others, also when that one is gone later.
        let url = format!("redis-cluster://127.0.0.1:{}", ports[0].0);
        Self { all, url, clustered: true, _folder: Some(folder) }
    }

    /// A Sentinel is to find the replica when it starts: it looks again only after ten seconds.
    fn start(&self) -> bool {
        let each = self.all.iter().enumerate();
        each.fold(true, |up, (at, server)| up && server.start() && (self.clustered || self.settle(at + 1)))
    }

    /// Waits until the first `count` servers are content with each other.
    fn settle(&self, count: usize) -> bool {
        let content = |server: &Server| {
            let info = server.run("INFO");
            (!self.clustered || server.run("CLUSTER INFO").contains("cluster_state:ok"))
                && !info.lines().any(|line| line == "master_link_status:down" || line.contains("slaves=0"))
        };
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.all[..count].iter().all(content) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// New ones, until they come up: somebody else may take a port in between.
    fn up(new: impl Fn() -> Self) -> Self {
        for _ in 0..20 {
            let servers = new();
            if servers.start() && servers.settle(servers.all.len()) {
                return servers;
            }
        }
        panic!("redis-server does not start")
    }
}

impl Deployment {
    fn of(servers: Servers) -> Self {
        Self { servers: Arc::new(servers), prefix: "test:".to_owned() }
    }

    /// One server.
    pub(super) fn single() -> Self {
        Self::of(Servers::up(Servers::single))
    }

    /// One server and a replica that takes over.
    pub(super) fn sentinel() -> Self {
        Self::of(Servers::up(Servers::sentinel))
    }

    /// A cluster for a test that breaks it.
    pub(super) fn own_cluster() -> Self {
        Self::of(Servers::up(|| Servers::cluster(NEVER)))
    }

    /// A cluster for a test in which a replica shall take over by itself.
    pub(super) fn cluster_that_fails_over() -> Self {
        Self::of(Servers::up(|| Servers::cluster(SOON)))
    }

    /// A cluster that is shared with all tests that run at the same time and break nothing.
    pub(super) fn shared_cluster() -> Self {
        static SHARED: Mutex<Weak<Servers>> = Mutex::new(Weak::new());
        static TESTS: AtomicU32 = AtomicU32::new(0);
        let mut shared = SHARED.lock();
        let servers = shared.upgrade().unwrap_or_else(|| Arc::new(Servers::up(|| Servers::cluster(NEVER))));
        *shared = Arc::downgrade(&servers);
        Self { servers, prefix: format!("test{}:", TESTS.fetch_add(1, Ordering::Relaxed)) }
    }

    pub(super) fn config(&self) -> config::Redis {
        config::Redis {
            url: self.servers.url.clone(),
            prefix: self.prefix.clone(),
            connections: 2,
            timeout: Duration::from_secs(2),
        }
    }

    pub(super) fn servers(&self) -> &[Server] {
        &self.servers.all
    }

    pub(super) fn is_clustered(&self) -> bool {
        self.servers.clustered
    }

    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Runs a command about `{key}` on the server that has the key.
    pub(super) fn run(&self, key: &str, command: &str) -> String {
        let command = command.replace("{key}", &self.key(key));
        let (_, answer) = self.try_run(&command).unwrap_or_else(|| panic!("no server has the key of {command}"));
        assert!(!answer.starts_with('-'), "{command}: {answer}");
        answer
    }

    /// The server that has the key. None while a cluster is looking for another.
    pub(super) fn holder(&self, key: &str) -> Option<&Server> {
        self.try_run(&format!("TYPE {}", self.key(key))).map(|(server, _)| server)
    }

    fn try_run(&self, command: &str) -> Option<(&Server, String)> {
        let elsewhere = |answer: &str| answer.starts_with("-MOVED") || answer.starts_with("-CLUSTERDOWN");
        let running = self.servers.all.iter().filter(|server| server.runs());
        running.map(|server| (server, server.run(command))).find(|(_, answer)| !elsewhere(answer))
    }

    /// Runs a command on every primary.
    pub(super) fn run_everywhere(&self, command: &str) -> String {
        let mut answers = String::new();
        for server in self.primaries() {
            let answer = server.run(command);
            assert!(!answer.starts_with('-'), "{command}: {answer}");
            answers += &answer;
        }
        answers
    }

    pub(super) fn primaries(&self) -> Vec<&Server> {
        let running = self.servers.all.iter().filter(|server| server.runs());
        running.filter(|server| server.run("INFO replication").contains("role:master")).collect()
    }

    /// Every key of this test, one a line.
    pub(super) fn keys(&self) -> String {
        self.run_everywhere(&format!("KEYS {}*", self.prefix))
    }

    pub(super) fn kill(&self) {
        self.servers.all.iter().for_each(Server::kill);
    }

    /// Starts all servers, empty, at the same addresses.
    pub(super) fn restart(&self) -> bool {
        self.kill();
        self.servers.start()
    }
}

impl Deployment {
    /// Starts all servers with what they last saved.
    pub(super) fn restart_with_what_was_saved(&self) -> bool {
        self.kill();
        self.servers.all.iter().all(Server::start_with_what_it_saved)
    }

    /// Waits until all serve: a primary of a cluster that was started again does so only after two seconds.
    pub(super) fn serves(&self) -> bool {
        self.servers.settle(self.servers.all.len())
    }
}

/// The key of something about a node, without the prefix.
pub(super) fn of_node(node: NodeId, what: &str) -> String {
    format!("{{{node}}}:{what}")
}

/// The key of where a person is, without the prefix.
pub(super) fn presence(user: UserId) -> String {
    format!("presence:{{{user}}}")
}
