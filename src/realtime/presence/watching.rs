//! People whom a client asked for by name: those on its screen.

use serde_json::{Value, json};

use super::{Hub, Kind};
use crate::{
    model::{
        Error, Result, UserId,
        presence::{Status, UserPresence},
    },
    realtime::connection::Connection,
};

/// People named at once at most.
const NAMED: usize = 200;

/// What is known of the people that a client begins to watch.
pub(in crate::realtime) struct Watched(Vec<(UserId, Status)>);

/// From now on this socket is told of these people, too.
///
/// # Errors
/// [`Error::Malformed`] for a client that does not take changes, for too many people at once or in all, and
/// [`Error::Unavailable`].
pub(in crate::realtime) async fn watch(hub: &Hub, connection: &Connection, users: &[UserId]) -> Result<Watched> {
    if connection.kind != Kind::Changes {
        let text = "Only a client that connected with auth: {presence: \"diff\"} can watch people: others aren't told changes.";
        return Err(Error::Malformed(text.to_owned()));
    }
    bounded(users)?;
    let watching = hub.presence().views.lock().watch(connection.number, users);
    if watching.is_err() {
        let most = hub.presence().watch;
        return Err(Error::Malformed(format!(
            "A socket may watch {most} people: unwatch those that are no longer on the screen."
        )));
    }
    Ok(Watched(hub.services().presence.status(users).await?))
}

/// The end of [`watch`].
///
/// # Errors
/// [`Error::Malformed`] for too many people at once.
pub(in crate::realtime) fn unwatch(hub: &Hub, connection: &Connection, users: &[UserId]) -> Result<()> {
    bounded(users)?;
    hub.presence().views.lock().unwatch(connection.number, users);
    Ok(())
}

fn bounded(users: &[UserId]) -> Result<()> {
    if users.len() > NAMED {
        return Err(Error::Malformed(format!("Name at most {NAMED} people at a time.")));
    }
    Ok(())
}

impl Watched {
    /// Gives the answer to whoever queues it, at a moment at which it is what the changes told before and after it say.
    pub(in crate::realtime) fn answer(self, hub: &Hub, queue: impl FnOnce(&Value)) {
        let views = hub.presence().views.lock();
        let told = views.told();
        let people = self.0.into_iter().map(|(user, status)| {
            let online = told.users.binary_search(&user).is_ok();
            // Whoever has come or gone since all were told is in the next change.
            let status = match status {
                _ if online => Status::Online,
                Status::Online if told.known => Status::Offline { last_seen: None },
                Status::Online => Status::Unknown { last_seen: None },
                other => other,
            };
            UserPresence::from((user, status))
        });
        let people: Vec<UserPresence> = people.collect();
        queue(&json!({ "ok": true, "presence": people }));
    }
}
