//! People, and what makes a name, an address and a password acceptable.

use serde::Serialize;

use super::{Error, Result, Timestamp, UserId, clock::iso};

/// A person as the store knows them, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub full_name: String,
    pub email: Email,
    /// URL that `<img src>` can load, or empty.
    pub profile_pic: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What others may see of a person: never the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicUser {
    #[serde(rename = "_id")]
    pub id: UserId,
    pub full_name: String,
    /// URL that `<img src>` can load, or empty.
    pub profile_pic: String,
    #[serde(serialize_with = "iso::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[serde(serialize_with = "iso::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<User> for PublicUser {
    fn from(user: User) -> Self {
        let User { id, full_name, profile_pic, created_at, updated_at, email: _ } = user;
        Self { id, full_name, profile_pic, created_at, updated_at }
    }
}

/// An e-mail address in the form that is stored and compared: trimmed and lower-cased, since people type
/// `Ann@Example.org` on one device and `ann@example.org` on the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Longest address that SMTP can carry (RFC 5321).
    const MAX_BYTES: usize = 254;

    /// Accepts what the original accepts, `something@domain.tld` without blanks, and bounds it.
    ///
    /// # Errors
    /// [`Error::EmailInvalid`].
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim().to_lowercase();
        let well_formed = text.len() <= Self::MAX_BYTES
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            && text.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && !domain.contains('@')
                    && domain.rsplit_once('.').is_some_and(|(host, tld)| !host.is_empty() && !tld.is_empty())
            });
        if well_formed { Ok(Self(text)) } else { Err(Error::EmailInvalid) }
    }

    /// An address that was stored earlier and is known to be canonical.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Trims a full name and checks it: 1 to 100 characters, none of them control characters.
///
/// # Errors
/// [`Error::NameInvalid`].
pub fn parse_full_name(text: &str) -> Result<String> {
    let name = text.trim();
    let acceptable = !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if acceptable { Ok(name.to_owned()) } else { Err(Error::NameInvalid) }
}

/// Checks a new password: at least 6 characters, at most 1,024 bytes (hashing longer ones would only cost us time).
///
/// # Errors
/// [`Error::PasswordTooShort`], [`Error::PasswordTooLong`].
pub fn check_password(password: &str) -> Result<()> {
    if password.chars().count() < 6 {
        Err(Error::PasswordTooShort)
    } else if password.len() > 1024 {
        Err(Error::PasswordTooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case_and_surrounding_blanks() {
        assert_eq!(Email::parse(" Ann@Example.ORG "), Email::parse("ann@example.org"));
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "ann",
            "ann@",
            "@example.org",
            "ann@example",
            "a nn@example.org",
            "ann@exa@mple.org",
            "ann@.org",
            "ann@org.",
            "a\0@b.c",
        ] {
            assert_eq!(Email::parse(text), Err(Error::EmailInvalid), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@example.org", "a".repeat(300))).is_err());
    }

    #[test]
    fn passwords_are_measured_in_characters_and_bounded_in_bytes() {
        assert_eq!(check_password("12345"), Err(Error::PasswordTooShort));
        assert_eq!(check_password("пароль"), Ok(()));
        assert_eq!(check_password(&"x".repeat(1025)), Err(Error::PasswordTooLong));
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(parse_full_name("  Ann Lee "), Ok("Ann Lee".to_owned()));
        assert_eq!(parse_full_name("   "), Err(Error::NameInvalid));
        assert_eq!(parse_full_name("a\0b"), Err(Error::NameInvalid));
        assert_eq!(parse_full_name(&"x".repeat(101)), Err(Error::NameInvalid));
    }
}
