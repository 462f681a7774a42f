//! What only a cluster can do to nodes: replicas take over, and slots move.

use super::*;
use deployment::Server;

/// Three nodes with a person each, who see each other.
struct Trio {
    nodes: [Node; 3],
    people: [UserId; 3],
    /// Of what each node shows.
    versions: [u64; 3],
}

impl Trio {
    async fn on(redis: &Deployment) -> Self {
        let nodes = [Node::redis(redis), Node::redis(redis), Node::redis(redis)];
        let people = [UserId::new(), UserId::new(), UserId::new()];
        for (node, user) in nodes.iter().zip(people) {
            node.fences(user).await;
        }
        for node in &nodes {
            node.shows_online(&people).await;
        }
        let versions = [0, 1, 2].map(|at| nodes[at].online().version);
        Self { nodes, people, versions }
    }

    /// Waits until everybody is registered where they are, and an envelope for each comes through from another node.
    async fn is_well(&mut self, redis: &Deployment) {
        for (node, user) in self.nodes.iter().zip(self.people) {
            until("everybody is registered", || {
                let id = node.backplane.node().to_string();
                has(redis, &presence(user), "HKEYS {key}", &id)
                    && has(redis, &of_node(node.backplane.node(), "users"), "SMEMBERS {key}", &user.to_string())
            })
            .await;
        }
        let Self { nodes: [a, b, c], people: [ann, bob, carl], .. } = self;
        for (from, to, user) in [(&*a, &mut *b, *bob), (&*a, &mut *c, *carl)] {
            tells(from, to, user).await;
        }
        tells(b, a, *ann).await;
    }

    /// Waits until every node has said for one of these reasons that it reconciles, and all is as before; nobody flickered.
    async fn gets_over_it(&mut self, redis: &Deployment, reasons: &[Reason]) {
        for node in &mut self.nodes {
            node.pulls_reconcile(reasons).await;
        }
        self.is_well(redis).await;
        self.showed_everybody_all_the_time();
    }

    /// Nobody went and nobody came back in between.
    fn showed_everybody_all_the_time(&self) {
        for (node, version) in self.nodes.iter().zip(self.versions) {
            assert_eq!((node.online().version, node.online().users.as_slice()), (version, self.people.as_slice()));
        }
    }
}

/// Whether an answer has this line. Not while no server has the key.
fn has(redis: &Deployment, key: &str, command: &str, line: &str) -> bool {
    redis
        .holder(key)
        .is_some_and(|server| server.run(&command.replace("{key}", &redis.key(key))).lines().any(|found| found == line))
}

async fn until(what: &str, mut met: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let waiting = async {
        while !met() {
            ticks.tick().await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// Publishes until it arrives: right after a repair of one node, the other may still be at its own.
pub(super) async fn tells(from: &Node, to: &mut Node, user: UserId) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let telling = async {
        loop {
            ticks.tick().await;
            from.backplane.publish(envelope(&[user]));
        }
    };
    tokio::select! {
        () = telling => {}
        _ = to.pulls_envelopes_until(user) => {}
    }
}

fn replica_of<'a>(redis: &'a Deployment, primary: &Server) -> &'a Server {
    let line = format!("master_port:{}", primary.port);
    let mut servers = redis.servers().iter().filter(|server| server.runs());
    servers.find(|server| server.run("INFO replication").lines().any(|found| found == line)).expect("each has a replica")
}

fn is_primary(server: &Server) -> bool {
    server.run("INFO replication").contains("role:master")
}

#[tokio::test]
async fn an_inbox_is_a_sharded_channel() {
    let redis = Deployment::shared_cluster();
    let trio = Trio::on(&redis).await;
    for node in &trio.nodes {
        let inbox = of_node(node.backplane.node(), "inbox");
        let command = format!("PUBSUB SHARDNUMSUB {}", redis.key(&inbox));
        assert!(redis.holder(&inbox).expect("it serves").run(&command).contains(":1\r\n"));
        assert!(!redis.run_everywhere(&format!("PUBSUB NUMSUB {}", redis.key(&inbox))).contains(":1\r\n"));
    }
}

#[tokio::test]
async fn when_the_server_of_an_inbox_dies_its_replica_takes_over() {
    let redis = Deployment::cluster_that_fails_over();
    let mut trio = Trio::on(&redis).await;
    let server = redis.holder(&of_node(trio.nodes[1].backplane.node(), "lease")).expect("it serves");
    let replica = replica_of(&redis, server);

    server.kill();

    trio.gets_over_it(&redis, CUT).await;
    assert!(is_primary(replica));
}

#[tokio::test]
async fn when_the_server_of_peoples_presence_dies_what_it_lost_is_written_again() {
    let redis = Deployment::cluster_that_fails_over();
    let mut trio = Trio::on(&redis).await;
    let person = presence(trio.people[1]);
    let server = redis.holder(&person).expect("it serves");
    let replica = replica_of(&redis, server);
    // As if the replica had lagged.
    redis.run(&person, "DEL {key}");

    server.kill();

    trio.gets_over_it(&redis, CUT).await;
    assert!(is_primary(replica));
}

/// No connection breaks, and nobody has a reason to ask the server of that person: only its history tells.
#[tokio::test]
async fn when_a_replica_takes_over_in_silence_people_are_registered_again() {
    let redis = Deployment::own_cluster();
    let mut trio = Trio::on(&redis).await;
    let person = presence(trio.people[1]);
    let replica = replica_of(&redis, redis.holder(&person).expect("it serves"));
    redis.run(&person, "DEL {key}");

    let answer = replica.run("CLUSTER FAILOVER");
    assert!(answer.starts_with("+OK"), "{answer}");

    trio.gets_over_it(&redis, &[Reason::Reconnected]).await;
    assert!(is_primary(replica));
}

#[tokio::test]
async fn when_the_server_of_an_inbox_hangs_its_replica_takes_over() {
    let redis = Deployment::cluster_that_fails_over();
    let mut trio = Trio::on(&redis).await;
    let server = redis.holder(&of_node(trio.nodes[1].backplane.node(), "lease")).expect("it serves");
    let replica = replica_of(&redis, server);

    server.signal("STOP");

    until("the replica takes over", || is_primary(replica)).await;
    for node in &mut trio.nodes {
        node.pulls_reconcile(CUT).await;
    }
    // It finds out that it is none any more.
    server.signal("CONT");
    until("the one that hung follows its replica", || !is_primary(server)).await;
    trio.is_well(&redis).await;
    trio.showed_everybody_all_the_time();
}

#[tokio::test]
async fn when_one_server_comes_back_empty_what_it_had_is_written_again() {
    let redis = Deployment::own_cluster();
    let mut trio = Trio::on(&redis).await;
    let server = redis.holder(&of_node(trio.nodes[1].backplane.node(), "lease")).expect("it serves");

    assert!(server.start());

    trio.gets_over_it(&redis, CUT).await;
}

#[tokio::test]
async fn a_node_hears_again_after_the_slot_of_its_inbox_has_moved() {
    let redis = Deployment::own_cluster();
    let mut trio = Trio::on(&redis).await;
    let node = trio.nodes[1].backplane.node();
    let lease = of_node(node, "lease");
    let from = redis.holder(&lease).expect("it serves");
    let to = redis.primaries().into_iter().find(|server| server.port != from.port).expect("there are three");

    move_slot(&redis, &lease, from, to);

    assert_eq!(redis.holder(&lease).map(|server| server.port), Some(to.port));
    trio.nodes[1].pulls_reconcile(CUT).await;
    assert_eq!(trio.nodes[1].backplane.node(), node, "the lease has moved along");
    trio.is_well(&redis).await;
    trio.showed_everybody_all_the_time();
}

fn move_slot(redis: &Deployment, key: &str, from: &Server, to: &Server) {
    let id = |server: &Server| server.run("CLUSTER MYID").lines().nth(1).expect("an id").to_owned();
    let asked = |server: &Server, command: &str| {
        let answer = server.run(command);
        assert!(answer.starts_with('+'), "{command}: {answer}");
    };
    let slot = redis.run(key, "CLUSTER KEYSLOT {key}");
    let slot = slot.lines().next().and_then(|line| line.strip_prefix(':')).expect("a number");
    asked(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(from)));
    asked(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(to)));
    let keys = from.run(&format!("CLUSTER GETKEYSINSLOT {slot} 100"));
    let keys: Vec<&str> = keys.lines().filter(|line| line.contains("{")).collect();
    assert!(keys.len() >= 3, "the lease, the number and the people: {keys:?}");
    asked(from, &format!("MIGRATE 127.0.0.1 {} \"\" 0 5000 KEYS {}", to.port, keys.join(" ")));
    let owner = id(to);
    let primaries = redis.primaries();
    for server in
        [to, from].into_iter().chain(primaries.into_iter().filter(|server| ![to.port, from.port].contains(&server.port)))
    {
        asked(server, &format!("CLUSTER SETSLOT {slot} NODE {owner}"));
    }
}
