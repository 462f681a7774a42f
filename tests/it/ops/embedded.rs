//! The embedded default: `hubbub serve` in a folder, and nothing else.

use futures_util::future::join_all;
use std::{collections::HashMap, os::unix::fs::PermissionsExt, path::Path};
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{person::Person, process::Process};
use crate::support::soon;

const ANYWHERE: [(&str, &str); 2] = [("PORT", "0"), ("OPS_PORT", "0")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_all_that_it_needs_and_everything_is_still_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let hub = Process::starts("serve", folder.path(), &ANYWHERE);
    let address = hub.serves().await;
    let (ann, bob) = (Person::signs_up(address, "Ann").await, Person::signs_up(address, "Bob").await);
    ann.tries_to_send(&bob, "before", Uuid::new_v4()).await.unwrap();

    let data = folder.path().join("data");
    assert!(data.join("hubbub.db").is_file() && data.join("media").is_dir(), "{:?}", names(&data));
    let secret = data.join("jwt-secret").metadata().unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    assert_eq!(names(folder.path()), ["data"]);
    hub.terminates().await.is(0);

    let hub = Process::starts("serve", folder.path(), &ANYWHERE);
    let address = hub.serves().await;
    let (ann, bob) = (ann.at(address), bob.at(address));
    assert_eq!(bob.gets("/api/auth/check").await["_id"], bob.id.as_str());
    ann.tries_to_send(&bob, "after", Uuid::new_v4()).await.unwrap();
    assert_eq!(bob.texts_with(&ann).await, ["before", "after"]);
    hub.terminates().await.is(0);
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// How many people send at the same time, and after how many answers the power goes.
const SENDERS: usize = 8;
const ENOUGH: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_under_load_loses_no_acknowledged_message_and_a_retry_doubles_none() {
    let folder = TempDir::new().unwrap();
    let settings = [ANYWHERE[0], ANYWHERE[1], ("HUBBUB__LIMITS__SEND__BURST", "0")];
    let mut hub = Process::starts("serve", folder.path(), &settings);
    let address = hub.serves().await;
    let (ann, bob) = (&Person::signs_up(address, "Ann").await, &Person::signs_up(address, "Bob").await);

    let (acknowledge, mut acknowledgements) = mpsc::channel(SENDERS);
    let senders = join_all((0..SENDERS).map(|sender| {
        let acknowledge = acknowledge.clone();
        async move {
            for number in 0.. {
                let (text, client_id) = (format!("{sender}-{number}"), Uuid::new_v4());
                let Some(message) = ann.tries_to_send(bob, &text, client_id).await else { return (text, client_id) };
                acknowledge.send((text, message["_id"].as_str().unwrap().to_owned())).await.unwrap();
            }
            unreachable!("the hub is killed before the numbers end")
        }
    }));
    drop(acknowledge);
    let watch = async {
        let mut acknowledged = Vec::new();
        while let Some(message) = acknowledgements.recv().await {
            acknowledged.push(message);
            if acknowledged.len() == ENOUGH {
                hub.dies();
            }
        }
        acknowledged
    };
    let (unanswered, acknowledged) = soon("the hub's end under load", async { tokio::join!(senders, watch) }).await;
    assert!(acknowledged.len() >= ENOUGH);

    let hub = Process::starts("serve", folder.path(), &settings);
    let address = hub.serves().await;
    let (ann, bob) = (&ann.at(address), &bob.at(address));
    let stored = bob.gets(&format!("/api/messages/{}", ann.id)).await;
    let stored: Vec<_> = stored.as_array().unwrap().iter().map(|message| (&message["text"], &message["_id"])).collect();
    for (text, id) in &acknowledged {
        let copies: Vec<_> = stored.iter().filter(|(there, _)| *there == text).map(|(_, id)| id.as_str().unwrap()).collect();
        assert_eq!(copies, [id], "{text} was acknowledged once");
    }
    // Those who got no answer try again, as clients do: whether it had been stored or not, it is there once now.
    for (text, client_id) in &unanswered {
        ann.tries_to_send(bob, text, *client_id).await.unwrap();
    }
    let mut copies: HashMap<String, usize> = HashMap::new();
    for text in bob.texts_with(ann).await {
        *copies.entry(text).or_default() += 1;
    }
    assert_eq!(copies.len(), acknowledged.len() + unanswered.len());
    assert!(copies.values().all(|copies| *copies == 1), "{copies:?}");
    hub.terminates().await.is(0);
}
