//! Which web pages may speak to the hub: the one rule for CORS and for the Socket.IO handshake, so that a page that is
//! shut out of one is not let in by the other.

use std::sync::Arc;

/// The allowed origins; cheap to clone.
///
/// Allowed are: requests without an `Origin` (native and server clients, and browsers' same-origin GETs), pages that
/// the hub itself served (the origin's host and port are those of the `Host` header), and the configured list. The
/// opaque origin `null` (sandboxed frames, local files) is none of them: every attacker can have it.
#[derive(Debug, Clone)]
pub struct Origins(Arc<[Origin]>);

/// An origin in one spelling: lower-cased, with its port written out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origins {
    /// Reads the list; what is no origin (see [`is_origin`]) allows nothing.
    pub fn new(list: &[String]) -> Self {
        Self(list.iter().filter_map(|text| Origin::parse(text)).collect())
    }

    /// Whether a request with these `Origin` and `Host` headers may be answered to the page that made it.
    pub fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let Some(origin) = Origin::parse(origin) else { return false };
        self.0.contains(&origin) || host.is_some_and(|host| origin.is_served_at(host))
    }
}

/// Whether a text is an origin as `http.allowed_origins` wants it: `scheme://host` or `scheme://host:port`.
pub fn is_origin(text: &str) -> bool {
    Origin::parse(text).is_some()
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://")?;
        let (host, port) = split_port(rest.strip_suffix('/').unwrap_or(rest))?;
        let port = port.or_else(|| default_port(scheme))?;
        Some(Self { scheme: scheme.to_owned(), host: host.to_owned(), port })
    }

    /// The scheme is not compared: behind a proxy that ends TLS the hub sees plain HTTP, while the page is `https`.
    fn is_served_at(&self, host: &str) -> bool {
        let host = host.trim().to_ascii_lowercase();
        split_port(&host)
            .is_some_and(|(name, port)| name == self.host && port.or_else(|| default_port(&self.scheme)) == Some(self.port))
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Takes `host`, `host:port`, `[v6]` and `[v6]:port` apart. `None` for anything else, such as one with a path.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon belongs to an address in brackets.
        Some((_, tail)) if tail.ends_with(']') => (authority, None),
        Some((host, port)) if !port.starts_with('+') => (host, Some(port.parse().ok()?)),
        Some(_) => return None,
        None => (authority, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).map_or(host, |v6| v6);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let well_formed = if bare.len() == host.len() { bare.chars().all(plain) } else { bare.parse::<std::net::Ipv6Addr>().is_ok() };
    (!bare.is_empty() && well_formed).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &[&str]) -> Origins {
        Origins::new(&list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_request_without_an_origin_is_allowed() {
        assert!(origins(&[]).allows(None, Some("chat.example.org")));
    }

    #[test]
    fn a_listed_origin_is_allowed_in_every_spelling() {
        let origins = origins(&["https://App.Example.org/", " http://localhost:5173"]);
        for origin in
            ["https://app.example.org", "https://app.example.org:443", "HTTPS://APP.EXAMPLE.ORG", "http://localhost:5173"]
        {
            assert!(origins.allows(Some(origin), Some("hub.example.org")), "{origin}");
        }
    }

    #[test]
    fn an_origin_that_differs_in_scheme_host_or_port_is_refused() {
        let origins = origins(&["https://app.example.org"]);
        for origin in [
            "http://app.example.org",
            "https://example.org",
            "https://app.example.org:8443",
            "https://app.example.org.evil.net",
            "https://evil.net/https://app.example.org",
            "https://app.example.org@evil.net",
            "",
            "null",
            "*",
        ] {
            assert!(!origins.allows(Some(origin), Some("hub.example.org")), "{origin}");
        }
    }

    #[test]
    fn the_hubs_own_pages_are_allowed_with_and_without_written_default_ports() {
        let origins = origins(&[]);
        for (origin, host) in [
            ("http://localhost:3000", "localhost:3000"),
            ("https://chat.example.org", "chat.example.org"),
            ("https://chat.example.org", "Chat.Example.org:443"),
            ("http://chat.example.org:80", "chat.example.org"),
            ("http://[::1]:3000", "[::1]:3000"),
            ("http://[::1]", "[::1]"),
        ] {
            assert!(origins.allows(Some(origin), Some(host)), "{origin} at {host}");
        }
        for (origin, host) in [
            ("http://localhost:5173", "localhost:3000"),
            ("http://chat.example.org", "chat.example.org:443"),
            ("https://evil.net", "chat.example.org"),
            ("null", "null"),
        ] {
            assert!(!origins.allows(Some(origin), Some(host)), "{origin} at {host}");
        }
        assert!(!origins.allows(Some("https://chat.example.org"), None));
    }

    #[test]
    fn what_is_no_origin_is_told_apart() {
        assert!(is_origin("http://localhost:5173") && is_origin("https://example.org/") && is_origin("http://[::1]:80"));
        for text in [
            "",
            "localhost:5173",
            "example.org",
            "https://",
            "https://a b",
            "https://a/b",
            "https://a:x",
            "ftp://a",
            "https://[::1",
        ] {
            assert!(!is_origin(text), "{text:?}");
        }
    }
}
