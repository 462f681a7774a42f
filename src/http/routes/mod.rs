//! The handlers: extract, one domain call, shape the answer.

pub(super) mod auth;
pub(super) mod media;
pub(super) mod messages;
pub(super) mod presence;
pub(super) mod profile;
pub(super) mod sync;

use axum::http::{HeaderValue, header};
use serde::Serialize;

use crate::model::{Timestamp, UserId, clock::iso, page::Limit, user::User};

/// A person as they see themselves.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    #[serde(rename = "_id")]
    id: UserId,
    email: String,
    full_name: String,
    /// URL that `<img src>` can load, or empty.
    profile_pic: String,
    #[serde(serialize_with = "iso::serialize")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(serialize_with = "iso::serialize")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<User> for Me {
    fn from(user: User) -> Self {
        let User { id, full_name, email, profile_pic, created_at, updated_at } = user;
        Self { id, email: email.as_str().to_owned(), full_name, profile_pic, created_at, updated_at }
    }
}

/// The page size that a request asked for.
fn limit(rows: Option<u32>) -> crate::model::Result<Option<Limit>> {
    rows.map(Limit::new).transpose()
}

/// The `Link` header of a page, if there is a next one.
fn link(value: Option<HeaderValue>) -> Option<[(header::HeaderName, HeaderValue); 1]> {
    value.map(|value| [(header::LINK, value)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::user::Email;

    #[test]
    fn a_person_sees_exactly_the_fields_of_the_contract() {
        let at = Timestamp::from_timestamp_millis(1_764_000_000_120).expect("a time");
        let id = UserId::new();
        let user = User {
            id,
            full_name: "Ann Lee".into(),
            email: Email::from_stored("ann@example.org".into()),
            profile_pic: String::new(),
            created_at: at,
            updated_at: at,
        };
        let expected = serde_json::json!({
            "_id": id, "email": "ann@example.org", "fullName": "Ann Lee", "profilePic": "",
            "createdAt": "2025-11-24T16:00:00.120Z", "updatedAt": "2025-11-24T16:00:00.120Z",
        });
        assert_eq!(serde_json::to_value(Me::from(user)).expect("JSON"), expected);
    }
}
