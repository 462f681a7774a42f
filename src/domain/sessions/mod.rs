//! Sessions: tokens, and who is still allowed in.

use chrono::SubsecRound;
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

mod cache;
mod token;

use crate::{
    backplane::Backplane,
    config,
    model::{
        Clock, Error, Result, SessionId, Timestamp, UserId,
        session::{Identity, Session},
    },
    store::Store,
};
use cache::Cache;
use token::Tokens;

/// Opens, checks and closes sessions; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    backplane: Backplane,
    clock: Clock,
    tokens: Tokens,
    lifetime: Duration,
    cache: Mutex<Cache>,
    /// Up to where the database was asked for revoked sessions, by its own clock.
    mark: Mutex<Option<Timestamp>>,
}

impl Sessions {
    /// # Errors
    /// [`Error::Internal`] if `config.jwt_secret` is missing or short: the caller sees to it that there is one
    /// ([`config::secret`]).
    pub fn new(store: Store, backplane: Backplane, config: &config::Auth, clock: Clock) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            store,
            backplane,
            clock,
            tokens: Tokens::new(&config.jwt_secret)?,
            lifetime: config.session_lifetime,
            cache: Mutex::default(),
            mark: Mutex::default(),
        })))
    }

    /// Makes a session and its token.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open(&self, user: UserId) -> Result<(Identity, String)> {
        let now = self.0.clock.now();
        let lifetime = chrono::Duration::from_std(self.0.lifetime).map_err(|cause| Error::internal("auth", cause))?;
        // A token holds whole seconds; so does the row, that both end at the same moment.
        let expires_at = (now + lifetime).trunc_subsecs(0);
        let session =
            Session { id: SessionId::new(), user_id: user, created_at: now, expires_at, revoked_at: None, user_deleted: false };
        let identity = Identity { user, session: session.id, expires_at };
        let token = self.0.tokens.sign(&identity, now)?;
        self.0.store.create_session(&session).await?;
        Ok((identity, token))
    }

    /// What a token proves.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::AccountDeleted`], or [`Error::Unavailable`] when the database can't be asked.
    pub async fn authenticate(&self, token: &str) -> Result<Identity> {
        self.confirm(self.read(token)?).await
    }

    /// What the claims of a token prove that [`Sessions::read`] has read, now or earlier.
    ///
    /// # Errors
    /// Those of [`Sessions::authenticate`].
    pub async fn confirm(&self, claimed: Identity) -> Result<Identity> {
        if claimed.expires_at <= self.0.clock.now() {
            return Err(Error::InvalidToken);
        }
        let ticket = {
            let mut cache = self.0.cache.lock();
            if let Some(known) = cache.get(claimed.session, Instant::now()) {
                return admit(claimed, known, self.0.clock.now());
            }
            cache.ticket()
        };
        // The query that answers this may be shared, but it begins after the ticket was drawn.
        let session = self.0.store.live_session(claimed.session).await?.ok_or(Error::InvalidToken)?;
        let identity = judge(claimed, &session, self.0.clock.now())?;
        if let Some(ticket) = ticket {
            self.0.cache.lock().insert(ticket, identity, Instant::now());
        }
        Ok(identity)
    }

    /// Who a token names, if it is ours and has not expired; the session may be revoked.
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub fn read(&self, token: &str) -> Result<Identity> {
        self.0.tokens.read(token, self.0.clock.now())
    }

    /// Revokes a session on every node.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it may or may not be revoked; closing it again is harmless.
    pub async fn close(&self, session: SessionId) -> Result<()> {
        // Forgotten first: even if the answer of the database is lost, this node asks it again.
        self.forget(session);
        self.0.store.revoke_session(session).await?;
        self.0.backplane.revoke(session);
        Ok(())
    }

    /// One poll of the database: sessions revoked since the last look, forgotten by this node's cache from now on.
    /// Called every `cluster.revocation_poll`; repeats are normal.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; until a poll succeeds again, the cache stands aside and every request asks the database.
    pub async fn poll_revoked(&self) -> Result<Vec<SessionId>> {
        let began = Instant::now();
        let since = *self.0.mark.lock();
        let (revoked, mark) = self.0.store.revoked_since(since).await?;
        let mut cache = self.0.cache.lock();
        for session in &revoked {
            cache.revoke(*session, began);
        }
        cache.polled(began);
        drop(cache);
        let mut latest = self.0.mark.lock();
        *latest = (*latest).max(Some(mark));
        Ok(revoked)
    }

    /// A hint of another node: forget this session's cache entry.
    pub fn forget(&self, session: SessionId) {
        self.0.cache.lock().revoke(session, Instant::now());
    }
}

/// A token that names one person and the session of another was not made by us.
fn admit(claimed: Identity, known: Identity, now: Timestamp) -> Result<Identity> {
    if claimed.user == known.user && known.expires_at > now { Ok(known) } else { Err(Error::InvalidToken) }
}

fn judge(claimed: Identity, session: &Session, now: Timestamp) -> Result<Identity> {
    if session.user_id != claimed.user || session.revoked_at.is_some() || session.expires_at <= now {
        return Err(Error::InvalidToken);
    }
    if session.user_deleted {
        return Err(Error::AccountDeleted);
    }
    // Whichever ends first: an operator may have shortened the row.
    Ok(Identity { expires_at: claimed.expires_at.min(session.expires_at), ..claimed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn session() -> (Identity, Session) {
        let (user, id) = (UserId::new(), SessionId::new());
        let row = Session { id, user_id: user, created_at: at(0), expires_at: at(2_000), revoked_at: None, user_deleted: false };
        (Identity { user, session: id, expires_at: at(2_000) }, row)
    }

    #[test]
    fn a_live_session_admits_its_own_person() {
        let (claimed, row) = session();
        assert_eq!(judge(claimed, &row, at(1_999)), Ok(claimed));
        let shortened = Session { expires_at: at(1_500), ..row };
        assert_eq!(judge(claimed, &shortened, at(1_000)).map(|identity| identity.expires_at), Ok(at(1_500)));
    }

    #[test]
    fn a_session_that_is_over_or_somebody_elses_admits_nobody() {
        let (claimed, row) = session();
        for wrong in [
            Session { revoked_at: Some(at(1_000)), ..row.clone() },
            Session { user_id: UserId::new(), ..row.clone() },
            Session { expires_at: at(1_500), ..row.clone() },
        ] {
            assert_eq!(judge(claimed, &wrong, at(1_500)), Err(Error::InvalidToken));
        }
        assert_eq!(judge(claimed, &Session { user_deleted: true, ..row }, at(1_500)), Err(Error::AccountDeleted));
        assert_eq!(admit(claimed, Identity { user: UserId::new(), ..claimed }, at(0)), Err(Error::InvalidToken));
        assert_eq!(admit(claimed, claimed, at(2_000)), Err(Error::InvalidToken));
    }
}
