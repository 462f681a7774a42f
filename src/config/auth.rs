//! `[auth]`: tokens, cookies, passwords.

use serde::Deserialize;
use std::{fmt, time::Duration};

use super::redact;

/// HS256 is only as strong as its key: RFC 7518 asks for at least as many bits as the hash has.
pub const MIN_SECRET_BYTES: usize = 32;

#[derive(Clone, Deserialize)]
pub struct Auth {
    /// `JWT_SECRET`, at least 32 bytes. Empty with SQLite: made once and kept in `data/jwt-secret`.
    pub jwt_secret: String,
    /// How long a login lasts.
    pub session_lifetime: Duration,
    /// `Secure` on the cookie: `auto` = unless the request came by plain HTTP to a loopback name, `always`, `never`.
    pub cookie_secure: CookieSecure,
    /// Password hashes computed at the same time (19 MiB and about 20 ms of a core each).
    pub hash_concurrency: usize,
    /// Log-ins and sign-ups that may wait for one of them; one more is answered 503.
    pub hash_queue: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CookieSecure {
    Auto,
    Always,
    Never,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jwt_secret, session_lifetime, cookie_secure, hash_concurrency, hash_queue } = self;
        f.debug_struct("Auth")
            .field("jwt_secret", &redact::secret(jwt_secret))
            .field("session_lifetime", session_lifetime)
            .field("cookie_secure", cookie_secure)
            .field("hash_concurrency", hash_concurrency)
            .field("hash_queue", hash_queue)
            .finish()
    }
}
