//! `/api/auth`: signing up, logging in and out, who am I.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use serde::{Deserialize, Serialize};

use super::Me;
use crate::{
    domain::accounts::{LogIn, LoggedIn, SignUp},
    http::{
        Edge,
        body::ApiJson,
        client::ClientIp,
        cookie::SessionCookie,
        error::ErrorBody,
        extract::{Caller, Token},
        openapi::Failures,
    },
    model::{Result, UserId, user::User},
};

/// A request for an account. All fields are required.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SignUpBody {
    /// 1 to 100 characters.
    #[schema(value_type = String, required, min_length = 1, max_length = 100)]
    full_name: Option<String>,
    #[schema(value_type = String, required, format = Email)]
    email: Option<String>,
    /// At least 6 characters, at most 1,024 bytes.
    #[schema(value_type = String, required, min_length = 6, format = Password)]
    password: Option<String>,
}

/// A request for a session. Both fields are required.
#[derive(Deserialize, utoipa::ToSchema)]
pub(in crate::http) struct LogInBody {
    #[schema(value_type = String, required, format = Email)]
    email: Option<String>,
    #[schema(value_type = String, required, format = Password)]
    password: Option<String>,
}

/// Whoever just came in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Welcome {
    #[serde(rename = "_id")]
    id: UserId,
    full_name: String,
    email: String,
    /// URL that `<img src>` can load, or empty.
    profile_pic: String,
}

impl From<User> for Welcome {
    fn from(user: User) -> Self {
        Self { id: user.id, full_name: user.full_name, email: user.email.as_str().to_owned(), profile_pic: user.profile_pic }
    }
}

/// A word to people.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Notice {
    message: &'static str,
}

type SetCookie = [(HeaderName, HeaderValue); 1];

fn welcome(logged_in: LoggedIn, cookie: SessionCookie) -> Result<(SetCookie, Json<Welcome>)> {
    Ok(([(header::SET_COOKIE, cookie.set(&logged_in.token)?)], Json(logged_in.user.into())))
}

/// Sign up
///
/// Makes an account and logs in.
#[utoipa::path(
    post, path = "/api/auth/signup", tag = "auth", request_body = SignUpBody,
    responses(
        (status = 201, description = "The account was made.", body = Welcome, headers(("Set-Cookie" = String, description = "The session cookie `jwt`."))),
        (status = 400, description = "A field is missing or not acceptable, or the address has an account already.", body = ErrorBody),
        (status = 413, description = "The body is too large.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn sign_up(
    State(edge): State<Edge>,
    ClientIp(from): ClientIp,
    cookie: SessionCookie,
    ApiJson(SignUpBody { full_name, email, password }): ApiJson<SignUpBody>,
) -> Result<(StatusCode, SetCookie, Json<Welcome>)> {
    let logged_in = edge.services.accounts.sign_up(SignUp { full_name, email, password }, from).await?;
    let (cookie, body) = welcome(logged_in, cookie)?;
    Ok((StatusCode::CREATED, cookie, body))
}

/// Log in
///
/// Makes a session. An unknown address and a wrong password get the same answer, in the same time.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", request_body = LogInBody,
    responses(
        (status = 200, description = "Logged in.", body = Welcome, headers(("Set-Cookie" = String, description = "The session cookie `jwt`."))),
        (status = 400, description = "A field is missing, or address and password don't belong together.", body = ErrorBody),
        (status = 413, description = "The body is too large.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn log_in(
    State(edge): State<Edge>,
    ClientIp(from): ClientIp,
    cookie: SessionCookie,
    ApiJson(LogInBody { email, password }): ApiJson<LogInBody>,
) -> Result<(SetCookie, Json<Welcome>)> {
    welcome(edge.services.accounts.log_in(LogIn { email, password }, from).await?, cookie)
}

/// Log out
///
/// Revokes the session, closes its sockets on every node, and clears the cookie. Works without a session, too.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", security((), ("cookie" = []), ("bearer" = [])),
    responses((status = 200, description = "Logged out.", body = Notice), Failures),
)]
pub(in crate::http) async fn log_out(
    State(edge): State<Edge>,
    cookie: SessionCookie,
    Token(token): Token,
) -> Result<(SetCookie, Json<Notice>)> {
    edge.services.accounts.log_out(token.as_deref()).await?;
    Ok(([(header::SET_COOKIE, cookie.clear()?)], Json(Notice { message: "Logged out successfully" })))
}

/// Who am I
#[utoipa::path(
    get, path = "/api/auth/check", tag = "auth", security(("cookie" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The account of the session.", body = Me),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn check(Caller(me): Caller, State(edge): State<Edge>) -> Result<Json<Me>> {
    Ok(Json(edge.services.users.me(me.user).await?.into()))
}
