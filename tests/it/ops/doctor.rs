//! `hubbub doctor`, `hubbub epoch` and the retention of logs, as operators meet them.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Ended, Process};
use crate::support::{TestHub, eventually, on_both_databases, user::get};

/// Runs `hubbub COMMAND` on the hub's database. Its configuration has no ops port of a node in it.
async fn runs(hub: &TestHub, command: &str) -> Ended {
    let folder = TempDir::new().unwrap();
    let settings = [("DATABASE_URL", hub.setting("DATABASE_URL")), ("JWT_SECRET", hub.setting("JWT_SECRET"))];
    Process::runs(command, folder.path(), &settings).await
}

/// The fact about a person that has these words.
fn fact<'a>(said: &'a str, words: &[&str]) -> &'a str {
    let line = said.lines().find(|line| words.iter().all(|word| line.contains(word)));
    line.unwrap_or_else(|| panic!("no line with {words:?} in:\n{said}"))
}

on_both_databases! {
    async fn a_message_that_nobody_was_there_for_waits_in_the_log(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        alice.sends(&bob, "are you there?").await;
        let sent = alice.sends(&bob, "hello?").await;
        let (id, node) = (sent["_id"].as_str().unwrap(), hub.node(0).ops_url("").replace("http://", ""));

        let said = runs(hub, &format!("doctor message {id} --node {node}")).await.is(0).stdout;

        let created_at = sent["createdAt"].as_str().unwrap();
        fact(&said, &["taken in at", created_at, "number 2 of conversation"]);
        fact(&said, &["from alice", &alice.id, "to bob", &bob.id]);
        fact(&said, &[&format!("asked {node}: node ")]);
        fact(&said, &["entry 1.2 in the log, which goes to 1.2 and is kept from 1.1 on"]);
        fact(&said, &[&node, "committed as number 2"]);
        fact(&said, &["=> bob: no socket was connected on the asked nodes", "it waits in the log as 1.2"]);
        assert!(!said.contains("hello?"), "{said}");

        let json = runs(hub, &format!("doctor message {id} --node {node} --json")).await.is(0).stdout;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["message"]["id"], json["members"].as_array().unwrap().len()), (&id.into(), 2), "{json}");
        assert_eq!((&json["members"][0]["entry"], &json["notAsked"]), (&"1.2".into(), &Value::Array(Vec::new())), "{json}");
    }

    async fn what_the_doctor_cannot_find_out_is_said_and_the_rest_is_answered(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let sent = alice.sends(&bob, "hello").await;
        let id = sent["_id"].as_str().unwrap();
        let public = hub.node(0).address();

        let said = runs(hub, &format!("doctor message {id} --node {public} --node nowhere.invalid:9464 --node nonsense")).await.is(0).stdout;
        fact(&said, &[&format!("asked {public}: answered 404"), "is that the ops port of a hubbub"]);
        fact(&said, &["asked nowhere.invalid:9464: cannot be resolved"]);
        fact(&said, &["asked nonsense: expected HOST:PORT"]);
        // Until its first life sign, nobody knows of a node.
        let living = || async {
            let said = runs(hub, &format!("doctor message {id} --node nonsense")).await.is(0).stdout;
            said.contains("not asked: node ").then_some(())
        };
        eventually("the node in the list of those that live", living).await;
        fact(&said, &["=> bob: no node could be asked; it waits in the log as 1.1"]);

        let unknown = runs(hub, "doctor message 01a20afc-5d2b-7584-a53b-c03f0a41b9ca").await.is(1);
        assert!(unknown.stderr.contains("there is no message 01a20afc-5d2b-7584-a53b-c03f0a41b9ca"), "{unknown:?}");
        assert_eq!(runs(hub, "doctor message 42").await.code, Some(2));
    }

    async fn a_bump_of_the_epoch_says_what_it_would_do_and_then_does_it(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        alice.sends(&bob, "before the restore").await;

        let asked = runs(hub, "epoch bump").await.is(1);
        fact(&asked.stdout, &["would raise the epoch of 2 log(s) from 1 to ", "Nothing was changed"]);
        let done = runs(hub, "epoch bump --yes").await.is(0).stdout;
        let again = runs(hub, "epoch bump --yes").await.is(0).stdout;

        let epoch = |said: &str| -> i32 {
            let line = fact(said, &["Raised the epoch of 2 log(s) from "]);
            line.trim_end_matches('.').rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert!(1 < epoch(&done) && epoch(&done) < epoch(&again), "{done}{again}");
        let sent = alice.sends(&bob, "after it").await;
        let said = runs(hub, &format!("doctor message {} --node nonsense", sent["_id"].as_str().unwrap())).await.is(0).stdout;
        fact(&said, &[&format!("entry {}.2 in the log", epoch(&again))]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_names_the_node_that_was_told() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(1)).await;
    let sent = alice.sends(&bob, "hello").await;
    his.expects_message("hello").await;

    let nodes: Vec<String> = [0, 1].map(|index| hub.node(index).ops_url("").replace("http://", "")).into();
    let command = format!("doctor message {} --node {} --node {}", sent["_id"].as_str().unwrap(), nodes[0], nodes[1]);
    // What came of telling is known a moment after the hint has arrived.
    let said = eventually("the telling", || async {
        let said = runs(&hub, &command).await.is(0).stdout;
        said.contains("told node").then_some(said)
    })
    .await;

    let there = fact(&said, &[&format!("asked {}: node ", nodes[1])]).rsplit(' ').next().unwrap();
    fact(&said, &[&nodes[0], "committed as number 1"]);
    fact(&said, &[&nodes[0], &format!("told node {there}")]);
    fact(&said, &[&nodes[0], "told no other node: nobody else has a socket of that person"]);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_tells_what_became_of_the_sockets_and_which_resume_covered_it() {
    let hub = TestHub::alone().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let node = hub.node(0).ops_url("").replace("http://", "");
    let examined = async |sent: &Value| {
        runs(&hub, &format!("doctor message {} --node {node}", sent["_id"].as_str().unwrap())).await.is(0).stdout
    };
    let mut phone = bob.connects_to(hub.node(0)).await;
    let shown = alice.sends(&bob, "shown").await;
    phone.expects_message("shown").await;
    fact(&examined(&shown).await, &["=> bob: queued to 1 socket on"]);

    let seen = phone.loses_network().await;
    let said = eventually("the end of the socket", || async {
        let said = examined(&shown).await;
        said.contains("socket 1 ended").then_some(said)
    })
    .await;
    fact(&said, &["=> bob: queued to 1 socket on", "a client that did not get it and resumes is sent it as 1.1"]);
    let missed = alice.sends(&bob, "missed").await;
    fact(&examined(&missed).await, &["=> bob: ", "it waits in the log as 1.2, and a client that resumes gets it"]);

    bob.resumes_at(hub.node(0), &seen).await.expects_message("missed").await;
    fact(&examined(&missed).await, &["=> bob: socket 2 resumed on", "and was sent what came after 1.1 from the log"]);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_for_what_is_there_do_not_make_a_database() {
    let folder = TempDir::new().unwrap();
    for command in ["doctor message 01a20afc-5d2b-7584-a53b-c03f0a41b9ca", "epoch bump", "epoch bump --yes"] {
        let ended = Process::runs(command, folder.path(), &[]).await.is(1);
        assert!(ended.stderr.contains("there is no database data/hubbub.db: set DATABASE_URL"), "{ended:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_remembers_is_told_on_its_ops_port_only() {
    let hub = TestHub::alone().await;
    let query = "/recent?message=01a20afc-5d2b-7584-a53b-c03f0a41b9ca";
    assert_eq!(get(&hub.node(0).url(query)).await.status(), 404);
    let answer = get(&hub.node(0).ops_url(query)).await;
    assert_eq!(answer.status(), 200);
    let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert!(told["node"].is_string() && told["facts"].as_array().unwrap().is_empty(), "{told}");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_entries_leave_the_log_while_the_messages_stay() {
    let hub = TestHub::alone_with(&[("HUBBUB__DATABASE__LOG_RETENTION", "1s")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let sent = alice.sends(&bob, "hello").await;

    eventually("both entries to be removed", || async {
        (hub.node(0).metric("hubbub_log_entries_pruned_total").await == 2.0).then_some(())
    })
    .await;

    assert_eq!(bob.history_with(&alice).await.len(), 1);
    let mut phone = bob.resumes_at(hub.node(0), "1.0").await;
    phone.expects_verdict(json!({ "verdict": "reset", "count": 0, "reason": "trimmed" })).await;
    alice.sends(&bob, "and goes on").await;
    phone.expects_only("and goes on").await;
    let said = runs(&hub, &format!("doctor message {} --node nonsense", sent["_id"].as_str().unwrap())).await.is(0).stdout;
    fact(&said, &["no entry any more in the log, which goes to 1."]);
    fact(&said, &["=> alice: its entry was removed from the log, which ", "(database.log_retention)"]);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_a_cluster_remove_each_old_entry_once() {
    let hub = TestHub::cluster_with(2, &[("HUBBUB__DATABASE__LOG_RETENTION", "1s")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    for text in ["one", "two", "three"] {
        alice.sends(&bob, text).await;
    }
    let removed = async || {
        let series = "hubbub_log_entries_pruned_total";
        hub.node(0).metric(series).await + hub.node(1).metric(series).await
    };
    eventually("all entries to be removed", || async { (removed().await == 6.0).then_some(()) }).await;

    // The logs go on where they were, and what is new stays until it is old, too.
    let sent = alice.sends(&bob, "four").await;
    let said = runs(&hub, &format!("doctor message {} --node nonsense", sent["_id"].as_str().unwrap())).await.is(0).stdout;
    fact(&said, &["in the log, which goes to 1.4"]);
    assert_eq!(bob.history_with(&alice).await.len(), 4);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_nodes_notice_a_new_epoch_and_nobody_resumes_at_an_old_number() {
    let hub = TestHub::cluster_with(2, &[("HUBBUB__REALTIME__SWEEP_INTERVAL", "200ms")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut phone = bob.connects_to(hub.node(1)).await;
    alice.sends(&bob, "hello").await;
    phone.expects_message("hello").await;
    let position = phone.position().to_owned();

    runs(&hub, "epoch bump --yes").await.is(0);

    phone.expects_end().await;
    let mut phone = bob.resumes_at(hub.node(0), &position).await;
    phone.expects_verdict(json!({ "verdict": "reset", "count": 0, "reason": "unknown_log" })).await;
    alice.sends(&bob, "and goes on").await;
    phone.expects_only("and goes on").await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_follows_a_message_from_node_to_node_and_through_a_resume_elsewhere() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let nodes: Vec<String> = [0, 1].map(|index| hub.node(index).ops_url("").replace("http://", "")).into();
    let says = async |sent: &Value, words: &str| {
        let command = format!("doctor message {} --node {} --node {}", sent["_id"].as_str().unwrap(), nodes[0], nodes[1]);
        eventually(words, || async {
            let said = runs(&hub, &command).await.is(0).stdout;
            said.lines().any(|line| line.contains(words)).then_some(said)
        })
        .await
    };
    let mut phone = bob.connects_to(hub.node(1)).await;

    let seen = alice.sends(&bob, "seen").await;
    phone.expects_message("seen").await;
    let position = phone.loses_network().await;
    let said = says(&seen, "socket 1 ended").await;
    fact(&said, &[&nodes[1], "socket 1 is live, and gets every number after 0"]);
    fact(&said, &[&nodes[1], "queued to 1 socket(s): 1; told by the node that committed it"]);
    fact(&said, &["=> bob: queued to 1 socket on", &nodes[1], "socket 1 ended"]);

    let missed = alice.sends(&bob, "missed").await;
    let mut phone = bob.resumes_at(hub.node(0), &position).await;
    phone.expects_message("missed").await;
    let said = says(&missed, "is live").await;
    fact(&said, &[&nodes[0], "socket 1 resumes after 1.1, up to 1.2 from the log"]);
    fact(&said, &["=> bob: socket 1 resumed on", &nodes[0], "and was sent what came after 1.1 from the log"]);

    let mut anew = bob.comes_back_to(hub.node(1), json!({ "since": "7.1" })).await;
    anew.expects("resume").await;
    let said = says(&missed, "`reset` (unknown_log); starts anew after 1.2").await;
    fact(&said, &["=> bob: socket 1 resumed on"]);
    hub.stops().await;
}
