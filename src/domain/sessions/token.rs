//! Tokens: JWTs that name a person and a session. They prove only that we once let somebody in; whether that still holds is
//! the store's to say.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, fmt};

use crate::{
    config,
    model::{Error, Result, SessionId, Timestamp, UserId, session::Identity},
};

/// Ours have about 250 bytes; anything much longer is not worth a signature check.
const MAX_BYTES: usize = 2048;

/// What a token says. Times in seconds since 1970, as RFC 7519 has them.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// Signs and reads tokens.
pub(super) struct Tokens {
    header: Header,
    /// How every token of ours begins: the header, encoded.
    begin: String,
    /// The key that checks those, made ready once: every request and every socket shows a token.
    key: hmac::Key,
    sign: EncodingKey,
    check: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// # Errors
    /// [`Error::Internal`] for a secret that can be guessed: whoever has it can be anybody.
    pub(super) fn new(secret: &str) -> Result<Self> {
        if secret.len() < config::MIN_SECRET_BYTES {
            return Err(Error::internal("auth", "the secret has less than 32 bytes"));
        }
        // One algorithm: a token that could choose it could choose none.
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is checked here, by our clock and without leeway; the library reads the system's.
        validation.validate_exp = false;
        validation.required_spec_claims = HashSet::new();
        let header = Header::new(Algorithm::HS256);
        let encoded = serde_json::to_vec(&header).map_err(|cause| Error::internal("auth", cause))?;
        Ok(Self {
            header,
            begin: format!("{}.", URL_SAFE_NO_PAD.encode(encoded)),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            sign: EncodingKey::from_secret(secret.as_bytes()),
            check: DecodingKey::from_secret(secret.as_bytes()),
            validation,
        })
    }

    /// # Errors
    /// [`Error::Internal`], a defect.
    pub(super) fn sign(&self, identity: &Identity, now: Timestamp) -> Result<String> {
        let Identity { user, session, expires_at } = *identity;
        let claims = Claims { sub: user, sid: session, iat: now.timestamp(), exp: expires_at.timestamp() };
        encode(&self.header, &claims, &self.sign).map_err(|cause| Error::internal("auth", cause))
    }

    /// # Errors
    /// [`Error::InvalidToken`] for one that we did not sign, or that has expired.
    pub(super) fn read(&self, token: &str, now: Timestamp) -> Result<Identity> {
        if token.len() > MAX_BYTES {
            return Err(Error::InvalidToken);
        }
        let claims = match token.strip_prefix(&self.begin) {
            Some(rest) => self.claims(token, rest).ok_or(Error::InvalidToken)?,
            // The same said in another way.
            None => decode::<Claims>(token, &self.check, &self.validation).map_err(|_| Error::InvalidToken)?.claims,
        };
        let expires_at = Timestamp::from_timestamp(claims.exp, 0).ok_or(Error::InvalidToken)?;
        if expires_at <= now {
            return Err(Error::InvalidToken);
        }
        Ok(Identity { user: claims.sub, session: claims.sid, expires_at })
    }

    /// What a token says whose header is ours, if its signature is: `rest` is what follows the header (RFC 7515, 5.2).
    fn claims(&self, token: &str, rest: &str) -> Option<Claims> {
        let (body, signature) = rest.split_once('.')?;
        let signed = token.strip_suffix(signature)?.strip_suffix('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.key, signed.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn ann() -> Identity {
        Identity { user: UserId::new(), session: SessionId::new(), expires_at: at(2_000) }
    }

    #[test]
    fn a_token_reads_back_until_the_second_it_expires() {
        let (tokens, ann) = (Tokens::new(SECRET).unwrap(), ann());
        let token = tokens.sign(&ann, at(1_000)).unwrap();
        assert_eq!(tokens.read(&token, at(1_999)), Ok(ann));
        assert_eq!(tokens.read(&token, at(2_000)), Err(Error::InvalidToken));
    }

    #[test]
    fn every_token_of_ours_is_known_by_its_beginning_and_one_that_begins_otherwise_is_read_too() {
        let (tokens, ann) = (Tokens::new(SECRET).unwrap(), ann());
        let token = tokens.sign(&ann, at(1_000)).unwrap();
        let rest = token.strip_prefix(&tokens.begin).expect("our own header");
        let body = rest.split('.').next().unwrap();
        let signed = format!("{}.{body}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#));
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&tokens.key, signed.as_bytes()));
        assert_eq!(tokens.read(&format!("{signed}.{signature}"), at(1_500)), Ok(ann));
        for wrong in [format!("{token}."), format!("{token}.x"), token.replacen(body, &body[1..], 1), tokens.begin.clone()] {
            assert_eq!(tokens.read(&wrong, at(1_500)), Err(Error::InvalidToken), "{wrong}");
        }
    }

    #[test]
    fn a_token_of_another_key_algorithm_or_shape_is_refused() {
        let (tokens, ann) = (Tokens::new(SECRET).unwrap(), ann());
        let token = tokens.sign(&ann, at(1_000)).unwrap();
        let foreign = Tokens::new("fedcba9876543210fedcba9876543210").unwrap().sign(&ann, at(1_000)).unwrap();
        let claims = Claims { sub: ann.user, sid: ann.session, iat: 1_000, exp: 2_000 };
        let stronger = encode(&Header::new(Algorithm::HS512), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        let body = token.split('.').nth(1).unwrap();
        let unsigned = format!("{}.{body}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#));
        let original = encode(
            &Header::new(Algorithm::HS256),
            &serde_json::json!({"userId": "6650", "iat": 1_000, "exp": 2_000}),
            &EncodingKey::from_secret(SECRET.as_bytes()),
        )
        .unwrap();
        let long = "x".repeat(MAX_BYTES + 1);
        for wrong in [&foreign, &stronger, &unsigned, &original, &long, "", "a.b.c", &token[..token.len() - 2]] {
            assert_eq!(tokens.read(wrong, at(1_500)), Err(Error::InvalidToken), "{wrong}");
        }
    }

    #[test]
    fn a_secret_that_can_be_guessed_signs_nothing() {
        assert!(matches!(Tokens::new(""), Err(Error::Internal(_))));
        assert!(Tokens::new(&SECRET[..31]).is_err());
    }
}
