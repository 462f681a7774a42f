//! The one error of the domain. Every variant has a stable `code` for programs and a `message` for people; both are
//! mapped to the wire in two files only, `http/error.rs` and `realtime/error.rs`. Causes are for the log: they never
//! reach a client.

use std::{fmt, time::Duration};

/// `Result` with the domain's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, in the words of the wire contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("All fields are required")]
    SignUpIncomplete,
    #[error("Password must be at least 6 characters")]
    PasswordTooShort,
    #[error("Password must be at most 1024 bytes")]
    PasswordTooLong,
    #[error("Invalid email format")]
    EmailInvalid,
    #[error("Email already exists")]
    EmailTaken,
    #[error("Full name must be 1 to 100 characters, without control characters")]
    NameInvalid,
    #[error("Email and password are required")]
    LogInIncomplete,
    #[error("Invalid credentials")]
    InvalidCredentials,
    #[error("Unauthorized - No token provided")]
    NoToken,
    #[error("Unauthorized - Invalid token")]
    InvalidToken,
    /// The session is good but its account is gone.
    #[error("Unauthorized - Invalid token")]
    AccountDeleted,
    #[error("Profile pic is required")]
    ProfileUpdateEmpty,
    #[error("Text or image is required.")]
    MessageEmpty,
    #[error("Text must be at most 2000 characters.")]
    TextTooLong,
    #[error("Text must not contain NUL characters.")]
    TextInvalid,
    #[error("Cannot send messages to yourself.")]
    SelfMessage,
    #[error("Receiver not found.")]
    ReceiverNotFound,
    #[error("Message not found.")]
    MessageNotFound,
    #[error("User not found")]
    UserNotFound,
    #[error("Not an id: expected a UUID such as 0192f0c1-2b3c-7def-8123-456789abcdef.")]
    BadId,
    #[error("clientId was already used for a message to somebody else.")]
    ClientIdReused,
    /// `0` says what is wrong with the image.
    #[error("Not an acceptable image: {0}.")]
    ImageInvalid(&'static str),
    /// `0` says what is wrong with a body, query or event payload.
    #[error("{0}")]
    Malformed(String),
    #[error("The request is larger than the limit of {limit} bytes.")]
    TooLarge { limit: usize },
    #[error("Not found.")]
    NotFound,
    #[error("Method not allowed.")]
    MethodNotAllowed,
    #[error("Rate limit exceeded. Please try again later.")]
    RateLimited { retry_after: Duration },
    /// Something that hubbub needs is away for now; the caller should try again with the same `clientId`.
    #[error("Service temporarily unavailable. Please try again.")]
    Unavailable(Cause),
    #[error("Internal server error")]
    Internal(Cause),
}

/// How an edge answers, without naming a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invalid,
    Unauthenticated,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    RateLimited,
    Unavailable,
    Internal,
}

/// What lies behind an [`Error::Unavailable`] or [`Error::Internal`]: for the log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The part that failed: `database`, `redis`, `blobs` ….
    pub part: &'static str,
    pub text: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.text)
    }
}

impl Error {
    /// Wraps the failure of a part that is expected to come back.
    pub fn unavailable(part: &'static str, cause: impl fmt::Display) -> Self {
        Self::Unavailable(Cause { part, text: cause.to_string() })
    }

    /// Wraps a failure that is a defect of hubbub or its installation.
    pub fn internal(part: &'static str, cause: impl fmt::Display) -> Self {
        Self::Internal(Cause { part, text: cause.to_string() })
    }

    /// The stable machine-readable name; part of the wire contract, never renamed.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SignUpIncomplete => "auth.fields_required",
            Self::PasswordTooShort => "auth.password_too_short",
            Self::PasswordTooLong => "auth.password_too_long",
            Self::EmailInvalid => "auth.email_invalid",
            Self::EmailTaken => "auth.email_taken",
            Self::NameInvalid => "user.name_invalid",
            Self::LogInIncomplete => "auth.credentials_required",
            Self::InvalidCredentials => "auth.invalid_credentials",
            Self::NoToken => "auth.no_token",
            Self::InvalidToken => "auth.invalid_token",
            Self::AccountDeleted => "auth.account_deleted",
            Self::ProfileUpdateEmpty => "user.profile_pic_required",
            Self::MessageEmpty => "message.empty",
            Self::TextTooLong => "message.text_too_long",
            Self::TextInvalid => "message.text_invalid",
            Self::SelfMessage => "message.to_self",
            Self::ReceiverNotFound => "message.receiver_not_found",
            Self::MessageNotFound => "message.not_found",
            Self::UserNotFound => "user.not_found",
            Self::BadId => "request.bad_id",
            Self::ClientIdReused => "message.client_id_reused",
            Self::ImageInvalid(_) => "image.invalid",
            Self::Malformed(_) => "request.malformed",
            Self::TooLarge { .. } => "request.too_large",
            Self::NotFound => "request.not_found",
            Self::MethodNotAllowed => "request.method_not_allowed",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// The kind that the edges translate into a status.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoToken | Self::InvalidToken | Self::AccountDeleted => Kind::Unauthenticated,
            Self::ReceiverNotFound | Self::MessageNotFound | Self::UserNotFound | Self::NotFound => Kind::NotFound,
            Self::MethodNotAllowed => Kind::MethodNotAllowed,
            Self::ClientIdReused => Kind::Conflict,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::RateLimited { .. } => Kind::RateLimited,
            Self::Unavailable(_) => Kind::Unavailable,
            Self::Internal(_) => Kind::Internal,
            _ => Kind::Invalid,
        }
    }

    /// How long a client should wait before it tries again, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::Unavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// What to log, if anything: only failures that an operator can do something about.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }
}
