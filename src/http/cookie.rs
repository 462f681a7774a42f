//! The session cookie `jwt`: reading it, setting it, clearing it.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts, uri::Authority},
};
use std::{net::IpAddr, time::Duration};

use super::client::{ForwardedHttps, Proxies};
use crate::{
    config::{Auth, CookieSecure},
    model::{
        Error, Result,
        session::{COOKIE, cookie_token},
    },
};

/// How session cookies are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct CookieRules {
    lifetime: Duration,
    secure: CookieSecure,
}

impl CookieRules {
    pub(super) fn new(auth: &Auth) -> Self {
        Self { lifetime: auth.session_lifetime, secure: auth.cookie_secure }
    }

    fn is_secure(self, forwarded_https: bool, headers: &HeaderMap) -> bool {
        match self.secure {
            CookieSecure::Always => true,
            CookieSecure::Never => false,
            CookieSecure::Auto => forwarded_https || !is_loopback(headers),
        }
    }
}

/// The token in the request's cookies, if there is one.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    cookie_token(headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok()))
}

/// Whether the request names this machine itself, which is the only place where plain HTTP is safe and usual.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| {
        let name = host.host().to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
    })
}

/// Makes `Set-Cookie` values that suit the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionCookie {
    lifetime: Duration,
    secure: bool,
}

impl SessionCookie {
    /// The cookie that holds a token for as long as its session lasts.
    ///
    /// # Errors
    /// [`Error::Internal`] for a token that can't stand in a header, which would be a defect.
    pub(super) fn set(self, token: &str) -> Result<HeaderValue> {
        self.write(token, self.lifetime.as_secs())
    }

    /// The cookie that makes browsers forget it.
    ///
    /// # Errors
    /// As [`SessionCookie::set`].
    pub(super) fn clear(self) -> Result<HeaderValue> {
        self.write("", 0)
    }

    fn write(self, value: &str, max_age: u64) -> Result<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{COOKIE}={value}; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Strict{secure}");
        let mut value = HeaderValue::try_from(text).map_err(|cause| Error::internal("http", cause))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl<S: Sync> FromRequestParts<S> for SessionCookie
where
    CookieRules: FromRef<S>,
    Proxies: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let ForwardedHttps(https) = ForwardedHttps::from_request_parts(parts, state).await?;
        let rules = CookieRules::from_ref(state);
        Ok(Self { lifetime: rules.lifetime, secure: rules.is_secure(https, &parts.headers) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_token_is_found_among_other_cookies_and_in_several_lines() {
        let found = |values: &[&'static str]| {
            let pairs: Vec<_> = values.iter().map(|&value| (header::COOKIE, value)).collect();
            token(&headers(&pairs)).map(str::to_owned)
        };
        assert_eq!(found(&["a=1; jwt=x.y.z; b=2"]).as_deref(), Some("x.y.z"));
        assert_eq!(found(&["a=1", "jwt=x.y.z"]).as_deref(), Some("x.y.z"));
        assert_eq!(found(&["jwt=first; jwt=second"]).as_deref(), Some("first"));
        assert_eq!(found(&["jwt=; notjwt=1; jwtx=2"]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn the_cookie_has_the_attributes_of_the_contract() {
        let cookie = SessionCookie { lifetime: Duration::from_secs(604_800), secure: true };
        assert_eq!(
            cookie.set("x.y.z").expect("a header"),
            "jwt=x.y.z; Max-Age=604800; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(cookie.clear().expect("a header"), "jwt=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure");
        let plain = SessionCookie { secure: false, ..cookie };
        assert!(!plain.set("x").expect("a header").to_str().expect("text").contains("Secure"));
    }

    #[test]
    fn auto_leaves_secure_out_on_loopback_names_only() {
        let rules = CookieRules { lifetime: Duration::ZERO, secure: CookieSecure::Auto };
        for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "127.8.8.8", "[::1]:3000", "app.localhost"] {
            assert!(!rules.is_secure(false, &headers(&[(header::HOST, host)])), "{host}");
            assert!(rules.is_secure(true, &headers(&[(header::HOST, host)])), "{host} behind https");
        }
        for host in ["chat.example.org", "localhost.example.org", "10.0.0.1:3000", "notlocalhost"] {
            assert!(rules.is_secure(false, &headers(&[(header::HOST, host)])), "{host}");
        }
        assert!(rules.is_secure(false, &HeaderMap::new()));
    }

    #[test]
    fn always_and_never_mean_what_they_say() {
        let local = headers(&[(header::HOST, "localhost")]);
        let rules = |secure| CookieRules { lifetime: Duration::ZERO, secure };
        assert!(rules(CookieSecure::Always).is_secure(false, &local));
        assert!(!rules(CookieSecure::Never).is_secure(true, &HeaderMap::new()));
    }
}
