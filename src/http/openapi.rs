//! The description of the REST interface, made from the handlers' own annotations, so that the two cannot diverge.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::error::ErrorBody;

const DESCRIPTION: &str = "\
REST interface of hubbub, a realtime chat hub. Live events travel over Socket.IO at `/socket.io/`.

**Errors.** Every error answer is JSON: `{message, code}`. `message` is for people, `code` is stable and for programs. \
405 (`request.method_not_allowed`) and 404 (`request.not_found`) are JSON, too.

**Login.** Sign-up and log-in set the session cookie `jwt` (HttpOnly, SameSite=Strict). Programs may send its value as \
`Authorization: Bearer` instead. Logging out revokes the session on every node within a second.

**Pages.** Lists are bare arrays. When there is more, the answer has a `Link: <…>; rel=\"next\"` header; follow it as it is.

**Limits.** Bodies are at most 5 MiB, texts 2,000 characters. Sends are limited by account, sign-ups by address, failed \
log-ins by account and address. Beyond a limit: 429 with `Retry-After` in seconds. 503 means that something the hub needs \
is away for a moment: try again after `Retry-After`.

**Retries.** A send that carries a `clientId` may be repeated until it is answered: it is stored once.

**Coming back.** `GET /api/sync` tells what changed since a position. Sockets do the same by themselves; see the README.";

#[derive(OpenApi)]
#[openapi(
    info(title = "hubbub", description = DESCRIPTION),
    components(schemas(ErrorBody)),
    tags(
        (name = "auth", description = "Accounts and sessions"),
        (name = "messages", description = "People, conversations, messages"),
        (name = "presence", description = "Who is online"),
        (name = "media", description = "Images"),
    ),
    modifiers(&Security),
)]
pub(super) struct Description;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let cookie = ApiKeyValue::with_description("jwt", "Set by sign-up and log-in; browsers send it by themselves.");
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The value of the cookie, for programs."))
            .build();
        let components = openapi.components.get_or_insert_with(Components::new);
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// What any route may answer when things go wrong.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "exists for the description only")]
pub(super) enum Failures {
    /// Too often; wait for `Retry-After` seconds.
    #[response(status = 429, headers(("Retry-After" = u64, description = "Seconds to wait.")))]
    RateLimited(ErrorBody),
    /// A defect of hubbub or its installation.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// Something that the hub needs is away for now; try again after `Retry-After` seconds.
    #[response(status = 503, headers(("Retry-After" = u64, description = "Seconds to wait.")))]
    Unavailable(ErrorBody),
}
