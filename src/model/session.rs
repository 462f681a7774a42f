//! Logins.

use super::{SessionId, Timestamp, UserId};

/// A login as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub user_deleted: bool,
}

/// Who is speaking: what a valid token proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub user: UserId,
    pub session: SessionId,
    /// When the token stops counting; sockets close at this moment.
    pub expires_at: Timestamp,
}

/// The name of the session cookie.
pub const COOKIE: &str = "jwt";

/// The token in `Cookie` headers: the first non-empty [`COOKIE`] among them.
pub fn cookie_token<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut pairs = headers.into_iter().flat_map(|header| header.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let value = value.trim_matches('"');
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        assert_eq!(cookie_token(["theme=dark; jwt=a.b.c; x=y"]), Some("a.b.c"));
        assert_eq!(cookie_token(["xjwt=1; jwt=", "jwt=\"a.b.c\""]), Some("a.b.c"));
        assert_eq!(cookie_token(["jwtx=1"]), None);
    }
}
