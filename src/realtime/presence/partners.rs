//! Reads with whom people talk, where that decides what they see: for many people at a time, since thousands come at once.

use std::{collections::HashMap, time::Duration};
use tokio::time::sleep;

use super::Hub;
use crate::model::{Result, UserId};

/// People whom one query asks about.
const CHUNK: usize = 500;

/// Those who come within this are asked about together: a few at a time would be a query each.
const GATHER: Duration = Duration::from_millis(25);

/// Between attempts while the database is away.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(hub: Hub) {
    let presence = hub.presence();
    loop {
        let users = presence.views.lock().unread(CHUNK);
        if users.is_empty() {
            presence.unread.notified().await;
            sleep(GATHER).await;
            continue;
        }
        match read(&hub, &users).await {
            Ok(read) => {
                presence.views.lock().learn(read);
                presence.aside.notify_one();
                presence.outdated.notify_one();
            }
            Err(error) => {
                tracing::warn!(%error, cause = ?error.cause(), people = users.len(), "could not read who talks with whom; trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

/// An entry for each of them, with nobody in it for those who talk with nobody.
async fn read(hub: &Hub, users: &[UserId]) -> Result<HashMap<UserId, Vec<UserId>>> {
    let mut partners: HashMap<UserId, Vec<UserId>> = users.iter().map(|user| (*user, Vec::new())).collect();
    for (user, partner) in hub.services().presence.partners(users).await? {
        partners.entry(user).or_default().push(partner);
    }
    Ok(partners)
}
