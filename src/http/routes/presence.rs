//! `/api/users`: who is online, and who was when.

use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    http::{
        Edge,
        error::ErrorBody,
        extract::{ApiQuery, Caller, Id},
        openapi::Failures,
    },
    model::{Error, Result, UserId, presence::UserPresence},
};

/// People that one request may ask for.
const MOST: usize = 100;

/// Whose presence to tell.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PresenceQuery {
    /// 1 to 100 ids of people, separated by commas.
    #[serde(default)]
    #[param(required, value_type = Vec<UserId>, style = Form, explode = false, min_items = 1, max_items = 100)]
    ids: String,
}

fn people(ids: &str) -> Result<Vec<UserId>> {
    if ids.is_empty() || ids.split(',').nth(MOST).is_some() {
        return Err(Error::Malformed(format!("ids must be 1 to {MOST} ids of people, separated by commas.")));
    }
    ids.split(',').map(str::parse).collect()
}

/// Is somebody online?
#[utoipa::path(
    get, path = "/api/users/{id}/presence", tag = "presence", params(("id" = UserId, Path, description = "The person.")),
    security(("cookie" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "How it is with that person now.", body = UserPresence),
        (status = 400, description = "Not an id.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        (status = 404, description = "Nobody has this id.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn presence(
    Caller(_me): Caller,
    State(edge): State<Edge>,
    Id(user): Id<UserId>,
) -> Result<Json<UserPresence>> {
    let status = edge.services.presence.status(&[user]).await?;
    status.into_iter().next().map(|status| Json(status.into())).ok_or(Error::UserNotFound)
}

/// Who of these is online?
///
/// In the order asked. Ids that nobody has are left out.
#[utoipa::path(
    get, path = "/api/users/presence", tag = "presence", params(PresenceQuery), security(("cookie" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "How it is with these people now.", body = Vec<UserPresence>),
        (status = 400, description = "No ids, too many, or something that is none.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn presence_of_many(
    Caller(_me): Caller,
    State(edge): State<Edge>,
    ApiQuery(query): ApiQuery<PresenceQuery>,
) -> Result<Json<Vec<UserPresence>>> {
    let status = edge.services.presence.status(&people(&query.ids)?).await?;
    Ok(Json(status.into_iter().map(UserPresence::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_a_hundred_ids_are_read_in_their_order() {
        let ids: Vec<UserId> = (0..=MOST).map(|_| UserId::new()).collect();
        let list = |ids: &[UserId]| ids.iter().map(UserId::to_string).collect::<Vec<_>>().join(",");
        assert_eq!(people(&list(&ids[..1])), Ok(ids[..1].to_vec()));
        assert_eq!(people(&list(&ids[1..])), Ok(ids[1..].to_vec()));
        let bounds = Error::Malformed("ids must be 1 to 100 ids of people, separated by commas.".to_owned());
        assert_eq!((people(""), people(&list(&ids))), (Err(bounds.clone()), Err(bounds)));
        for malformed in ["x", ",", &format!("{},", ids[0]), &format!("{}, {}", ids[0], ids[1])] {
            assert_eq!(people(malformed), Err(Error::BadId), "{malformed:?}");
        }
    }
}
