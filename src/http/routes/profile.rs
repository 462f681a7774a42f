//! `/api/auth/update-profile`: changing one's name and picture.

use axum::{Json, extract::State};
use serde::Deserialize;

use super::Me;
use crate::{
    domain::users::ProfileUpdate,
    http::{Edge, body::ApiJson, error::ErrorBody, extract::Caller, openapi::Failures},
    model::Result,
};

/// What to change; at least one of the fields.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ProfileBody {
    /// 1 to 100 characters.
    full_name: Option<String>,
    /// A data URL of a JPEG, PNG, GIF or WebP image.
    #[schema(example = "data:image/png;base64,…")]
    profile_pic: Option<String>,
}

/// Change my profile
#[utoipa::path(
    put, path = "/api/auth/update-profile", tag = "auth", request_body = ProfileBody, security(("cookie" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The account after the change.", body = Me),
        (status = 400, description = "Nothing to change, or a name or image that is not acceptable.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        (status = 413, description = "The body is too large.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn update(
    Caller(me): Caller,
    State(edge): State<Edge>,
    ApiJson(ProfileBody { full_name, profile_pic }): ApiJson<ProfileBody>,
) -> Result<Json<Me>> {
    Ok(Json(edge.services.users.update_profile(me.user, ProfileUpdate { full_name, profile_pic }).await?.into()))
}
