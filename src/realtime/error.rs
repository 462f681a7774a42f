//! The domain's errors on the socket: as acknowledgements, and as refusals of a handshake. The other such place is
//! `http/error.rs`; there is no third.

use serde_json::{Value, json};

use crate::model::{Error, error::Kind};

/// `{ok: false, error: {code, message}}`. Logs the cause, if there is one that an operator can do something about.
pub(super) fn acknowledgement(error: &Error) -> Value {
    log(error);
    json!({ "ok": false, "error": { "code": error.code(), "message": error.to_string() } })
}

/// What a CONNECT_ERROR says. `None`: the failure passes, so the transport must be dropped instead, since a stock client
/// never comes back after a CONNECT_ERROR.
pub(super) fn refusal(error: &Error) -> Option<&'static str> {
    log(error);
    match (error, error.kind()) {
        (Error::NoToken, _) => Some("Unauthorized - No Token Provided"),
        (Error::AccountDeleted, _) => Some("User not found"),
        (_, Kind::Unauthenticated) => Some("Unauthorized - Authentication failed"),
        _ => None,
    }
}

fn log(error: &Error) {
    if let Some(cause) = error.cause() {
        tracing::warn!(code = error.code(), part = cause.part, cause = %cause.text, "a socket request failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_what_stays_wrong_is_refused_for_good() {
        assert_eq!(refusal(&Error::InvalidToken), Some("Unauthorized - Authentication failed"));
        assert_eq!(refusal(&Error::NoToken), Some("Unauthorized - No Token Provided"));
        assert_eq!(refusal(&Error::AccountDeleted), Some("User not found"));
        assert_eq!(refusal(&Error::unavailable("database", "away")), None);
        assert_eq!(refusal(&Error::RateLimited { retry_after: Duration::from_secs(1) }), None);
    }

    #[test]
    fn causes_stay_out_of_acknowledgements() {
        let answer = acknowledgement(&Error::internal("database", "password=hunter2"));
        assert_eq!(answer, json!({ "ok": false, "error": { "code": "internal", "message": "Internal server error" } }));
    }
}
