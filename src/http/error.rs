//! The one place that says how an [`Error`] looks in HTTP. Every error answer is JSON and carries `message`, because
//! frontends read `error.response.data.message` unguarded; `code` is for programs.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::model::{Error, error::Kind};

/// The body of every error answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// For people.
    #[schema(example = "Invalid credentials")]
    pub message: String,
    /// For programs: stable, never renamed.
    #[schema(example = "auth.invalid_credentials")]
    pub code: &'static str,
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error with a cause, as it travels with its answer to [`super::observe`]: the one line about the request says it.
#[derive(Debug, Clone)]
pub(super) struct Failed(pub(super) Error);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = self.code();
        let retry_after = self.retry_after();
        let mut response = (status(self.kind()), Json(ErrorBody { message: self.to_string(), code })).into_response();
        if let Some(wait) = retry_after {
            // Whole seconds, rounded up: a client that waits exactly that long must not come too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.cause().is_some() {
            response.extensions_mut().insert(Failed(self));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::time::Duration;

    async fn body(error: Error) -> serde_json::Value {
        let bytes = error.into_response().into_body().collect().await.expect("a body in memory").to_bytes();
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[test]
    fn every_kind_has_its_status() {
        let cases = [
            (Error::EmailTaken, 400),
            (Error::BadId, 400),
            (Error::NoToken, 401),
            (Error::AccountDeleted, 401),
            (Error::ReceiverNotFound, 404),
            (Error::UserNotFound, 404),
            (Error::MethodNotAllowed, 405),
            (Error::ClientIdReused, 409),
            (Error::TooLarge { limit: 1 }, 413),
            (Error::RateLimited { retry_after: Duration::ZERO }, 429),
            (Error::internal("json", "x"), 500),
            (Error::unavailable("database", "x"), 503),
        ];
        for (error, status) in cases {
            assert_eq!(error.clone().into_response().status().as_u16(), status, "{error:?}");
        }
    }

    #[test]
    fn retry_after_is_in_whole_seconds_rounded_up_and_never_zero() {
        for (wait, header_value) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (59_900, "60")] {
            let response = Error::RateLimited { retry_after: Duration::from_millis(wait) }.into_response();
            assert_eq!(response.headers()[header::RETRY_AFTER], header_value, "{wait} ms");
        }
        assert!(!Error::BadId.into_response().headers().contains_key(header::RETRY_AFTER));
    }

    #[tokio::test]
    async fn the_body_carries_message_and_code_and_never_the_cause() {
        assert_eq!(
            body(Error::InvalidCredentials).await,
            serde_json::json!({"message": "Invalid credentials", "code": "auth.invalid_credentials"})
        );
        let text = body(Error::internal("database", "password=hunter2")).await.to_string();
        assert!(!text.contains("hunter2") && !text.contains("database"), "{text}");
    }
}
