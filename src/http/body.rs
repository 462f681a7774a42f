//! JSON bodies. Of requests: bounded in size and time, refused with a message that says what is wrong and where. Of answers:
//! what was written as JSON before is not written again.

use axum::{
    body::Body,
    extract::{FromRef, FromRequest, Request},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};

use crate::{
    config::Http,
    model::{Error, Result},
};

/// Longest text of a parser's that is passed on: it may quote the input, which may be megabytes.
const MAX_DETAIL: usize = 200;

/// Most memory taken on the word of a `Content-Length` alone.
const MAX_EAGER: usize = 64 * 1024;

/// How large a body may be, and how long it may take to arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyRules {
    pub(super) limit: usize,
    pub(super) timeout: Duration,
}

impl BodyRules {
    pub(super) fn new(http: &Http) -> Self {
        Self { limit: http.body_limit, timeout: http.body_timeout }
    }
}

/// A JSON object as `T`. Unknown members are ignored, as the original does.
#[derive(Debug, Clone)]
pub(super) struct ApiJson<T>(pub(super) T);

impl<S, T> FromRequest<S> for ApiJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    BodyRules: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let BodyRules { limit, timeout } = BodyRules::from_ref(state);
        let (parts, body) = request.into_parts();
        check_headers(&parts.headers)?;
        let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(Error::TooLarge { limit });
        }
        let buffer = BytesMut::with_capacity(announced.unwrap_or(0).min(MAX_EAGER));
        let bytes = tokio::time::timeout(timeout, read(body, buffer, limit)).await.map_err(|_| {
            Error::Malformed(format!("The request body did not arrive within {} seconds.", timeout.as_secs_f32()))
        })??;
        parse(&bytes).map(Self)
    }
}

/// Final JSON as an answer.
#[derive(Debug, Clone)]
pub(super) struct Final(pub(super) Arc<RawValue>);

impl IntoResponse for Final {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], Bytes::copy_from_slice(self.0.get().as_bytes())).into_response()
    }
}

fn check_headers(headers: &HeaderMap) -> Result<()> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type != "application/json" && !(media_type.starts_with("application/") && media_type.ends_with("+json")) {
        return Err(Error::Malformed("Expected a JSON body with Content-Type: application/json.".to_owned()));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Error::Malformed("Compressed request bodies are not supported.".to_owned()))
        }
        _ => Ok(()),
    }
}

async fn read(mut body: Body, mut buffer: BytesMut, limit: usize) -> Result<Bytes> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::Malformed("The request body ended before it was complete.".to_owned()))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > limit.saturating_sub(buffer.len()) {
                return Err(Error::TooLarge { limit });
            }
            buffer.extend_from_slice(&data);
        }
    }
    Ok(buffer.freeze())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // serde would take an array for a struct, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::Malformed("Expected a JSON object.".to_owned()));
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    // Again, this time looking where the fault is: that takes three times as long.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.inner();
        if inner.is_data() && path != "." {
            Error::Malformed(format!("Invalid {path}: {}.", detail(inner)))
        } else {
            Error::Malformed(format!("Malformed JSON: {}.", detail(inner)))
        }
    })?;
    json.end().map_err(|error| Error::Malformed(format!("Malformed JSON: {}.", detail(&error))))?;
    Ok(value)
}

fn detail(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(before, _)| before);
    if error.is_data() { shorten(text) } else { format!("{} at line {}, column {}", shorten(text), error.line(), error.column()) }
}

/// Cuts a text that may quote the input.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, http::StatusCode, routing::post};
    use futures_util::stream;
    use std::convert::Infallible;
    use tower::ServiceExt;

    #[derive(Clone)]
    struct State(BodyRules);

    impl FromRef<State> for BodyRules {
        fn from_ref(state: &State) -> Self {
            state.0
        }
    }

    #[derive(serde::Deserialize)]
    struct Send {
        text: Option<String>,
        image: Option<String>,
    }

    async fn post_body(content_type: &str, body: Body) -> (StatusCode, String) {
        let echo = async |ApiJson(Send { text, image }): ApiJson<Send>| format!("{text:?} {image:?}");
        let rules = BodyRules { limit: 64, timeout: Duration::from_millis(500) };
        let router = Router::new().route("/", post(echo)).with_state(State(rules));
        let request = Request::post("/").header("content-type", content_type).body(body).expect("a request");
        let response = router.oneshot(request).await.expect("infallible");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    async fn post_json(body: &'static str) -> (StatusCode, String) {
        post_body("application/json", Body::from(body)).await
    }

    #[tokio::test]
    async fn an_object_is_read_and_null_counts_as_absent() {
        assert_eq!(post_json(r#"{"text":"hi","image":null,"more":[1]}"#).await, (StatusCode::OK, "Some(\"hi\") None".into()));
        assert_eq!(post_body("Application/JSON; charset=utf-8", Body::from("{}")).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_field_of_the_wrong_type_is_400_and_named() {
        for (body, name) in [(r#"{"text":5}"#, "text"), (r#"{"image":{"a":1}}"#, "image"), (r#"{"text":["a"]}"#, "text")] {
            let (status, answer) = post_json(body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(answer.contains(&format!("Invalid {name}: ")) && answer.contains("request.malformed"), "{answer}");
        }
    }

    #[tokio::test]
    async fn what_is_no_json_object_is_400() {
        for body in ["", "{", "[]", r#"["a","b"]"#, "null", "\"x\"", "{}{}", "{\"text\":\"\u{1}\"}", "nonsense"] {
            let (status, answer) = post_json(body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body:?}");
            assert!(answer.contains("request.malformed"), "{answer}");
        }
    }

    #[tokio::test]
    async fn another_content_type_is_400() {
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
            assert_eq!(post_body(content_type, Body::from("{}")).await.0, StatusCode::BAD_REQUEST, "{content_type}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_413_whether_its_length_is_announced_or_not() {
        let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(100));
        assert_eq!(post_body("application/json", Body::from(body.clone())).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        let chunks = body.into_bytes().chunks(10).map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect::<Vec<_>>();
        let (status, answer) = post_body("application/json", Body::from_stream(stream::iter(chunks))).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.contains("64 bytes"), "{answer}");
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_in_time_is_400() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let (status, answer) = post_body("application/json", never).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer.contains("within 0.5 seconds"), "{answer}");
    }

    #[test]
    fn what_a_message_quotes_is_cut() {
        let long = format!(r#"{{"text":{{"{}":1}}}}"#, "x".repeat(10_000));
        let Err(Error::Malformed(text)) = parse::<Send>(long.as_bytes()) else { panic!("must be refused") };
        assert!(text.len() < 300, "{text}");
        assert_eq!(shorten(&"я".repeat(500)).chars().count(), MAX_DETAIL + 1);
    }
}
