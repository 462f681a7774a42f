//! The address of the node that holds a polling session, sealed into the session id that the client is told: whatever
//! node it asks can read there whom to ask. So nothing has to be looked up, clients learn no internal addresses, and
//! nobody can make a node call an address of their choice.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
    hkdf, hmac,
};
use std::net::{IpAddr, SocketAddr};

/// What the keys are for: other keys than those of anything else that is made from the same secret.
const PURPOSE: &[u8] = b"hubbub: addresses in polling sessions";

/// The longest text that can be one: an IPv6 address, a port and the tag of the seal, in base64.
const LONGEST: usize = 46;

/// Seals and opens; the same on all nodes that have the same secret.
#[derive(Debug)]
pub(super) struct Seal {
    key: LessSafeKey,
    nonces: hmac::Key,
}

impl Seal {
    /// # Errors
    /// None that a secret could cause: only if the keys' lengths were wrong.
    pub(super) fn new(secret: &str) -> Result<Self, Unspecified> {
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, PURPOSE).extract(secret.as_bytes());
        let key = UnboundKey::from(derived.expand(&[b"key"], &CHACHA20_POLY1305)?);
        let nonces = hmac::Key::from(derived.expand(&[b"nonces"], hmac::HMAC_SHA256)?);
        Ok(Self { key: LessSafeKey::new(key), nonces })
    }

    /// The address, sealed for this session only.
    pub(super) fn seal(&self, sid: &str, address: SocketAddr) -> Option<String> {
        let mut bytes = match address.ip().to_canonical() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        bytes.extend_from_slice(&address.port().to_be_bytes());
        self.key.seal_in_place_append_tag(self.nonce(sid)?, Aad::from(sid), &mut bytes).ok()?;
        Some(BASE64.encode(bytes))
    }

    /// The address that was sealed for this session; `None` if it was not, or not with our secret.
    pub(super) fn open(&self, sid: &str, sealed: &str) -> Option<SocketAddr> {
        let mut bytes = BASE64.decode(Some(sealed).filter(|sealed| sealed.len() <= LONGEST)?).ok()?;
        let opened = self.key.open_in_place(self.nonce(sid)?, Aad::from(sid), &mut bytes).ok()?;
        let (ip, port) = opened.split_last_chunk::<2>()?;
        let ip = match ip.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
            _ => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
    }

    /// Made of the session id, which is random, and so seals one address in its life.
    fn nonce(&self, sid: &str) -> Option<Nonce> {
        let tag = hmac::sign(&self.nonces, sid.as_bytes());
        tag.as_ref().first_chunk::<NONCE_LEN>().map(|nonce| Nonce::assume_unique_for_key(*nonce))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const SID: &str = "AAECAwQFBgcICQoL";

    fn seal() -> Seal {
        Seal::new(SECRET).unwrap()
    }

    #[test]
    fn every_node_with_the_secret_reads_the_address_and_it_is_not_shown() {
        for (address, length) in [("10.1.2.3:3000", 30), ("[fd00::1:2]:65535", 46), ("127.0.0.1:1", 30)] {
            let address: SocketAddr = address.parse().unwrap();
            let sealed = seal().seal(SID, address).unwrap();
            assert_eq!(seal().open(SID, &sealed), Some(address));
            assert_eq!(sealed.len(), length);
            assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{sealed}");
            let octets = match address.ip() {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let bytes = BASE64.decode(&sealed).unwrap();
            assert!(!bytes.windows(octets.len()).any(|window| window == octets), "{sealed}");
        }
        let mapped = seal().seal(SID, "[::ffff:10.1.2.3]:3000".parse().unwrap()).unwrap();
        assert_eq!(seal().open(SID, &mapped), Some("10.1.2.3:3000".parse().unwrap()));
    }

    #[test]
    fn sessions_of_one_node_show_nothing_in_common() {
        let address = "10.1.2.3:3000".parse().unwrap();
        let (one, other) = (seal().seal(SID, address).unwrap(), seal().seal("BAECAwQFBgcICQoL", address).unwrap());
        assert_ne!(one[..8], other[..8]);
    }

    #[test]
    fn what_was_tampered_with_is_not_opened() {
        let sealed = BASE64.decode(seal().seal(SID, "10.1.2.3:3000".parse().unwrap()).unwrap()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(seal().open(SID, &BASE64.encode(forged)), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(seal().open(SID, &BASE64.encode(&sealed[..length])), None, "{length} bytes");
        }
        let long = "A".repeat(60_000);
        for nonsense in ["", ".", "AAAA", "no base64!", "ÄÄÄÄ", long.as_str()] {
            assert_eq!(seal().open(SID, nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn the_seal_of_another_session_or_secret_is_not_opened() {
        let sealed = seal().seal(SID, "10.1.2.3:3000".parse().unwrap()).unwrap();
        assert_eq!(seal().open("BAECAwQFBgcICQoL", &sealed), None);
        assert_eq!(seal().open("", &sealed), None);
        let other = Seal::new("0123456789abcdef0123456789abcdeF").unwrap();
        assert_eq!(other.open(SID, &sealed), None);
    }
}
