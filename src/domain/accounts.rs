//! Signing up, logging in, logging out.

use std::net::IpAddr;

use super::{limits::Limits, passwords::Passwords, sessions::Sessions};
use crate::{
    model::{
        Clock, Error, Result, UserId,
        session::Identity,
        user::{Email, User, check_password, parse_full_name},
    },
    store::{NewUser, Store},
};

/// Accounts and how one gets in; cheap to clone.
#[derive(Clone, Debug)]
pub struct Accounts {
    store: Store,
    passwords: Passwords,
    sessions: Sessions,
    limits: Limits,
    clock: Clock,
}

/// A request for an account. `None` and empty both count as missing.
#[derive(Clone, Default)]
pub struct SignUp {
    pub full_name: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
}

/// A request for a session. `None` and empty both count as missing.
#[derive(Clone, Default)]
pub struct LogIn {
    pub email: Option<String>,
    pub password: Option<String>,
}

/// Without the password, which must not reach a log.
impl std::fmt::Debug for SignUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignUp").field("full_name", &self.full_name).field("email", &self.email).finish_non_exhaustive()
    }
}

/// Without the password, which must not reach a log.
impl std::fmt::Debug for LogIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogIn").field("email", &self.email).finish_non_exhaustive()
    }
}

/// A new session.
#[derive(Clone)]
pub struct LoggedIn {
    pub user: User,
    pub identity: Identity,
    /// The JWT, for the cookie.
    pub token: String,
}

/// Without the token, which must not reach a log.
impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoggedIn").field("user", &self.user).field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Accounts {
    pub fn new(store: Store, passwords: Passwords, sessions: Sessions, limits: Limits, clock: Clock) -> Self {
        Self { store, passwords, sessions, limits, clock }
    }

    /// Makes an account and a session.
    ///
    /// # Errors
    /// What the contract names for a sign-up; [`Error::RateLimited`] counts what was well-formed; [`Error::Unavailable`], after
    /// which the account may exist.
    pub async fn sign_up(&self, request: SignUp, from: IpAddr) -> Result<LoggedIn> {
        let Checked { full_name, email, password } = check(request)?;
        self.limits.sign_up(&email, from).await?;
        // A taken address is common and a hash is dear. (Of two that come at once, the table refuses one.)
        if self.store.credentials(&email).await?.is_some() {
            return Err(Error::EmailTaken);
        }
        let password_hash = self.passwords.hash(password).await?;
        let new = NewUser { id: UserId::new(), full_name, email, password_hash, created_at: self.clock.now() };
        let user = self.store.create_user(new).await?;
        self.admit(user).await
    }

    /// Makes a session. Takes the same time for an unknown address and a wrong password.
    ///
    /// # Errors
    /// [`Error::LogInIncomplete`], [`Error::InvalidCredentials`], [`Error::RateLimited`], [`Error::Unavailable`].
    pub async fn log_in(&self, request: LogIn, from: IpAddr) -> Result<LoggedIn> {
        let (Some(email), Some(password)) = (given(request.email), given(request.password)) else {
            return Err(Error::LogInIncomplete);
        };
        // What is no address has no account, but whoever tries it is counted and made to wait like everybody else.
        let (email, well_formed) = match Email::parse(&email) {
            Ok(email) => (email, true),
            Err(_) => (Email::from_stored(String::new()), false),
        };
        let _attempt = self.limits.attempt(&email, from)?;
        self.limits.log_in(&email, from).await?;
        let credentials = if well_formed { self.store.credentials(&email).await? } else { None };
        let (user, hash) = credentials.map(|found| (found.user, found.password_hash)).unzip();
        let matches = self.passwords.verify(password, hash).await?;
        match user {
            Some(user) if matches => self.admit(user).await,
            _ => {
                self.limits.failed_log_in(&email, from).await;
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// Revokes the token's session on every node. No token, or a bad one: nothing to do.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the session may still be open.
    pub async fn log_out(&self, token: Option<&str>) -> Result<()> {
        match token.and_then(|token| self.sessions.read(token).ok()) {
            Some(identity) => self.sessions.close(identity.session).await,
            None => Ok(()),
        }
    }

    async fn admit(&self, user: User) -> Result<LoggedIn> {
        let (identity, token) = self.sessions.open(user.id).await?;
        Ok(LoggedIn { user, identity, token })
    }
}

/// A sign-up that is well-formed.
struct Checked {
    full_name: String,
    email: Email,
    password: String,
}

/// In the order of the contract: frontends show the first complaint only.
fn check(request: SignUp) -> Result<Checked> {
    let (Some(full_name), Some(email), Some(password)) =
        (given(request.full_name), given(request.email), given(request.password))
    else {
        return Err(Error::SignUpIncomplete);
    };
    check_password(&password)?;
    let email = Email::parse(&email)?;
    Ok(Checked { full_name: parse_full_name(&full_name)?, email, password })
}

fn given(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(full_name: &str, email: &str, password: &str) -> SignUp {
        let some = |text: &str| Some(text.to_owned());
        SignUp { full_name: some(full_name), email: some(email), password: some(password) }
    }

    #[test]
    fn complaints_about_a_sign_up_come_in_the_order_of_the_contract() {
        let refused = |request| check(request).map(|_| ()).unwrap_err();
        assert_eq!(refused(SignUp::default()), Error::SignUpIncomplete);
        assert_eq!(refused(request("Ann", "", "short")), Error::SignUpIncomplete);
        assert_eq!(refused(request(" ", "nonsense", "short")), Error::PasswordTooShort);
        assert_eq!(refused(request(" ", "nonsense", "long enough")), Error::EmailInvalid);
        assert_eq!(refused(request(" ", "ann@example.org", "long enough")), Error::NameInvalid);
        let checked = check(request(" Ann ", "Ann@Example.org", " 12345")).unwrap();
        assert_eq!((checked.full_name.as_str(), checked.email.as_str()), ("Ann", "ann@example.org"));
        assert_eq!(checked.password, " 12345", "a password is taken as it is");
    }

    #[test]
    fn a_password_is_never_printed() {
        let printed = format!("{:?}", request("Ann", "ann@example.org", "hunter2"));
        assert!(printed.contains("ann@example.org") && !printed.contains("hunter2"), "{printed}");
    }
}
