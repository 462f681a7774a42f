//! Reads what a handler left of a request's body. A server that answers and closes while the client is still writing
//! makes the kernel reset the connection, and the client often never sees the answer: a photo that is too large, or
//! that is sent with an expired session, would look like a network failure instead of 413 or 401.

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    response::Response,
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::Instant;

use super::body::BodyRules;

/// How much more than the largest allowed body is read for politeness; beyond that the connection is closed.
const GENEROSITY: usize = 4;

/// A body that can still be reached after the handler dropped its end.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

/// Lets the handler answer, then reads the rest, as long as the body itself might have taken.
pub(super) async fn discard(rules: &BodyRules, request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    // A client that asks first doesn't send before it is told to, so there is nothing to read.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next(request).await;
    }
    let deadline = Instant::now() + rules.timeout;
    let (parts, body) = request.into_parts();
    let mut shared = Shared(Arc::new(Mutex::new(body)));
    let response = next(Request::from_parts(parts, Body::new(shared.clone()))).await;
    let rest = async {
        let mut budget = rules.limit.saturating_mul(GENEROSITY);
        while !shared.is_end_stream()
            && let Some(Ok(frame)) = shared.frame().await
        {
            let read = frame.data_ref().map_or(0, Bytes::len);
            match budget.checked_sub(read) {
                Some(left) => budget = left,
                None => break,
            }
        }
    };
    // Too slow or too much: the answer goes out all the same, and the connection is closed after it.
    if tokio::time::timeout_at(deadline, rest).await.is_err() {
        tracing::debug!("a request's body was not read to its end");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router,
        http::StatusCode,
        middleware::{self, Next},
        routing::post,
    };
    use futures_util::{StreamExt, stream};
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };
    use tower::ServiceExt;

    fn router() -> Router {
        let rules = BodyRules { limit: 10, timeout: Duration::from_millis(500) };
        let layer = middleware::from_fn(move |request, next: Next| async move {
            discard(&rules, request, async |request| next.run(request).await).await
        });
        Router::new().route("/", post(async || StatusCode::UNAUTHORIZED)).layer(layer)
    }

    fn counted(chunks: usize) -> (Arc<AtomicUsize>, Body) {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = read.clone();
        let body = stream::iter(0..chunks).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>("xxxxx")
        });
        (read, Body::from_stream(body))
    }

    async fn send(body: Body) -> StatusCode {
        let request = Request::post("/").body(body).expect("a request");
        router().oneshot(request).await.expect("infallible").status()
    }

    #[tokio::test]
    async fn a_body_that_the_handler_ignored_is_read_to_its_end() {
        let (read, body) = counted(6);
        assert_eq!(send(body).await, StatusCode::UNAUTHORIZED);
        assert_eq!(read.load(Ordering::Relaxed), 6);
    }

    #[tokio::test]
    async fn reading_stops_at_four_times_the_limit() {
        let (read, body) = counted(1_000);
        assert_eq!(send(body).await, StatusCode::UNAUTHORIZED);
        assert_eq!(read.load(Ordering::Relaxed), 9);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_holds_the_answer_no_longer_than_the_body_timeout() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let answer = tokio::time::timeout(Duration::from_secs(30), send(never)).await;
        assert_eq!(answer.expect("an answer in time"), StatusCode::UNAUTHORIZED);
    }
}
