//! Who is at the other end: the client's address and scheme, through the proxies that we trust and no others.

use axum::{
    extract::{ConnectInfo, FromRef, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;
use parking_lot::Mutex;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::model::Error;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// Addresses looked at in one `X-Forwarded-For`; no honest chain is that long.
const MAX_HOPS: usize = 32;

/// How often to warn about forwarded headers of peers that are not trusted.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The proxies whose forwarded headers count; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Proxies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    trusted: Vec<IpNet>,
    warned: Mutex<Option<Instant>>,
}

impl Proxies {
    /// Reads addresses and networks; what is neither trusts nobody (the configuration's check refuses it earlier).
    pub(super) fn new(list: &[String]) -> Self {
        let read = |text: &String| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
        Self(Arc::new(Inner { trusted: list.iter().filter_map(read).collect(), warned: Mutex::new(None) }))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.trusted.iter().any(|network| network.contains(&address))
    }

    /// The right-most address that is not one of our proxies: what lies left of it is whatever the client wrote.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut seen = peer;
        if !self.trusts(peer) {
            if headers.contains_key(FORWARDED_FOR) {
                self.warn(peer);
            }
            return seen;
        }
        let hops = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|value| value.to_str().ok());
        for hop in hops.flat_map(|value| value.rsplit(',')).take(MAX_HOPS) {
            let Some(address) = parse_hop(hop) else { break };
            seen = address;
            if !self.trusts(address) {
                break;
            }
        }
        seen
    }

    fn is_https(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let mut protocols = headers.get_all(FORWARDED_PROTO).iter().filter_map(|value| value.to_str().ok());
        self.trusts(peer) && protocols.any(|value| value.split(',').any(|scheme| scheme.trim().eq_ignore_ascii_case("https")))
    }

    /// Where the trace stands that a proxy of ours began. What others say is no reason to record anything.
    pub(super) fn trace<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        let said = request.headers().get(TRACEPARENT).filter(|_| self.trusts(peer.ip().to_canonical()))?;
        said.to_str().ok()
    }

    fn warn(&self, peer: IpAddr) {
        let mut warned = self.0.warned.lock();
        if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(%peer, "X-Forwarded-For of a peer that is not in http.trusted_proxies is ignored: rate limits count the peer");
        }
    }
}

/// An address, with or without a port, as proxies write it.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip())).map(|ip| ip.to_canonical()).ok()
}

/// The connection's other end as the kernel knows it; IPv4 in its plain form.
fn peer(parts: &Parts) -> Result<IpAddr, Error> {
    let ConnectInfo(address) = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .ok_or_else(|| Error::internal("http", "the server did not say who the peer is"))?;
    Ok(address.ip().to_canonical())
}

/// The client's address: the peer, or what a trusted proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientIp(pub(super) IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientIp
where
    Proxies: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Ok(Self(Proxies::from_ref(state).client(peer(parts)?, &parts.headers)))
    }
}

/// Whether a trusted proxy says that the client came by HTTPS. False is no proof of plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForwardedHttps(pub(super) bool);

impl<S: Sync> FromRequestParts<S> for ForwardedHttps
where
    Proxies: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Ok(Self(Proxies::from_ref(state).is_https(peer(parts)?, &parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: [u8; 4] = [10, 0, 0, 7];

    fn client(peer: impl Into<IpAddr>, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().expect("a header value"));
        }
        let proxies = Proxies::new(&["10.0.0.0/8".into(), "192.0.2.1".into(), "nonsense".into()]);
        proxies.client(peer.into(), &headers).to_string()
    }

    #[test]
    fn without_a_forwarded_header_the_peer_is_the_client() {
        assert_eq!(client([203, 0, 113, 9], &[]), "203.0.113.9");
        assert_eq!(client(PROXY, &[]), "10.0.0.7");
    }

    #[test]
    fn a_forwarded_header_of_an_untrusted_peer_is_ignored() {
        assert_eq!(client([203, 0, 113, 9], &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn the_rightmost_untrusted_address_counts_whatever_the_client_wrote_before_it() {
        assert_eq!(client(PROXY, &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(PROXY, &["1.1.1.1, 198.51.100.1, 192.0.2.1"]), "198.51.100.1");
        assert_eq!(client(PROXY, &["1.1.1.1", "198.51.100.1, 10.9.9.9"]), "198.51.100.1");
    }

    #[test]
    fn a_chain_of_proxies_only_ends_at_its_leftmost_and_nonsense_ends_it() {
        assert_eq!(client(PROXY, &["10.1.1.1, 10.2.2.2"]), "10.1.1.1");
        assert_eq!(client(PROXY, &["1.1.1.1, unknown, 10.2.2.2"]), "10.2.2.2");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        assert_eq!(client(PROXY, &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client(PROXY, &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client(PROXY, &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client(PROXY, &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn https_is_believed_from_trusted_proxies_only() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_PROTO, axum::http::HeaderValue::from_static("HTTPS"));
        let proxies = Proxies::new(&["10.0.0.0/8".into()]);
        assert!(proxies.is_https(PROXY.into(), &headers));
        assert!(!proxies.is_https([203, 0, 113, 9].into(), &headers));
        assert!(!proxies.is_https(PROXY.into(), &HeaderMap::new()));
    }
}
