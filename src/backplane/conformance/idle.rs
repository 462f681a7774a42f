//! What a node costs when nothing happens.

use super::*;
use std::collections::BTreeMap;

/// Beacons over which commands are counted.
const BEACONS: u64 = 40;

/// Commands that the server was sent, and those inside scripts, while two nodes sent that many beacons.
async fn counted(redis: &Deployment) -> BTreeMap<String, u64> {
    let stats = || {
        let text = redis.run_everywhere("INFO commandstats");
        let each = text.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        });
        each.collect::<BTreeMap<String, u64>>()
    };
    redis.run_everywhere("CONFIG RESETSTAT");
    until_true("that many beacons", || stats().get("publish").is_some_and(|beacons| *beacons >= BEACONS)).await;
    let mut stats = stats();
    // What this test asks for itself.
    stats.retain(|name, _| !["info", "config|resetstat", "quit"].contains(&name.as_str()));
    stats
}

#[tokio::test]
async fn an_idle_node_sends_the_same_commands_with_one_person_and_with_two_thousand() {
    let redis = Deployment::single();
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    a.fences(UserId::new()).await;
    b.fences(UserId::new()).await;
    a.knows(true).await;
    b.knows(true).await;
    until_true("they see each other", || a.online().users.len() == 2 && b.online().users.len() == 2).await;
    let few = counted(&redis).await;

    let crowd: Vec<UserId> = (0..2000).map(|_| UserId::new()).collect();
    futures_util::future::join_all(crowd.iter().map(|user| a.fences(*user))).await;
    until_true("everybody is seen", || b.online().users.len() == 2002).await;
    // What the crowd still costs when it is seen.
    tokio::time::sleep(cluster().lease).await;
    let many = counted(&redis).await;

    let each = |stats: &BTreeMap<String, u64>| stats.values().sum::<u64>() as f64 / stats["publish"] as f64;
    assert!((each(&few) - each(&many)).abs() < 1.0, "commands for a beacon: {few:?}, {many:?}");
    for command in ["hset", "hdel", "hget", "hkeys"] {
        assert!(!many.contains_key(command), "{many:?}");
    }
    assert!(few.keys().eq(many.keys()), "{few:?}, {many:?}");
}
