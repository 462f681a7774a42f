//! What handlers take from a request, each with a domain error when it is not there.

use axum::{
    extract::{FromRef, FromRequestParts, Path, Query},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::{convert::Infallible, str::FromStr};

use super::{body::shorten, cookie};
use crate::{
    domain::sessions::Sessions,
    model::{Error, Result, session::Identity},
};

/// The token that a request carries: the cookie `jwt`, else `Authorization: Bearer`.
#[derive(Debug, Clone)]
pub(super) struct Token(pub(super) Option<String>);

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(cookie::token(&parts.headers).or_else(|| bearer(&parts.headers)).map(str::to_owned)))
    }
}

/// Who is calling. A handler that takes this is closed to strangers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller(pub(super) Identity);

impl<S: Sync> FromRequestParts<S> for Caller
where
    Sessions: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Ok(Token(token)) = Token::from_request_parts(parts, state).await;
        let token = token.ok_or(Error::NoToken)?;
        Sessions::from_ref(state).authenticate(&token).await.map(Self)
    }
}

/// The id in the path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr<Err = Error>> FromRequestParts<S> for Id<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Error::BadId)?;
        text.parse().map(Self)
    }
}

/// The query string as `T`; what doesn't fit is 400 with a message that names the parameter.
#[derive(Debug, Clone)]
pub(super) struct ApiQuery<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Error::Malformed(shorten(&rejection.body_text()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;
    use axum::{
        Router,
        body::Body,
        http::{Request, StatusCode},
        routing::get,
    };
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn ask(router: Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("infallible");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    fn token_of(name: header::HeaderName, value: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, axum::http::HeaderValue::from_static(value));
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn a_bearer_token_is_read_without_case_of_its_scheme() {
        assert_eq!(token_of(header::AUTHORIZATION, "Bearer x.y.z").as_deref(), Some("x.y.z"));
        assert_eq!(token_of(header::AUTHORIZATION, "bearer  x.y.z ").as_deref(), Some("x.y.z"));
        assert_eq!(token_of(header::AUTHORIZATION, "Basic x.y.z"), None);
        assert_eq!(token_of(header::AUTHORIZATION, "Bearer "), None);
        assert_eq!(token_of(header::AUTHORIZATION, "x.y.z"), None);
    }

    #[tokio::test]
    async fn the_cookie_wins_over_the_bearer_token() {
        let request =
            Request::get("/").header("cookie", "jwt=c").header("authorization", "Bearer b").body(()).expect("a request");
        let (mut parts, ()) = request.into_parts();
        let Ok(Token(token)) = Token::from_request_parts(&mut parts, &()).await;
        assert_eq!(token.as_deref(), Some("c"));
    }

    #[tokio::test]
    async fn a_malformed_id_in_the_path_is_400() {
        let router = Router::new().route("/{id}", get(async |Id(id): Id<UserId>| id.to_string()));
        let id = UserId::new().to_string();
        assert_eq!(ask(router.clone(), &format!("/{id}")).await, (StatusCode::OK, id.clone()));
        for bad in ["1", "x", "%ff", &id.replace('-', ""), &format!("{id}0")] {
            let (status, body) = ask(router.clone(), &format!("/{bad}")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
            assert!(body.contains("request.bad_id"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_query_that_does_not_fit_is_400_and_names_the_parameter() {
        #[derive(serde::Deserialize)]
        struct Params {
            limit: Option<u32>,
        }
        let router = Router::new().route("/", get(async |ApiQuery(p): ApiQuery<Params>| p.limit.unwrap_or(0).to_string()));
        assert_eq!(ask(router.clone(), "/?limit=7&unknown=1").await, (StatusCode::OK, "7".into()));
        assert_eq!(ask(router.clone(), "/").await, (StatusCode::OK, "0".into()));
        for bad in ["/?limit=x", "/?limit=-1", "/?limit=", "/?limit=1&limit=2"] {
            let (status, body) = ask(router.clone(), bad).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
            assert!(body.contains("limit") && body.contains("request.malformed"), "{body}");
        }
    }
}
