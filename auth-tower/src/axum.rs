//! What only axum handlers need. Services and layers work under axum without this.

use auth_core::Principal;
use axum_core::{
    body::Body as AxumBody,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use std::convert::Infallible;

use crate::{Body, problem::Problem, require::nobody};

/// The caller, in the arguments of a handler behind an [`AuthLayer`](crate::AuthLayer).
///
/// Without a principal the handler is not run and the answer is 401. `Option<CurrentUser>` is `None` then; it
/// belongs behind [`AuthLayer::optional`](crate::AuthLayer::optional).
///
/// ```
/// use auth_tower::axum::CurrentUser;
///
/// async fn me(CurrentUser(caller): CurrentUser) -> String {
///     caller.user_id().to_string()
/// }
///
/// async fn greet(caller: Option<CurrentUser>) -> &'static str {
///     if caller.is_some() { "Welcome back" } else { "Welcome" }
/// }
/// # let _: axum::Router = axum::Router::new()
/// #     .route("/me", axum::routing::get(me)).route("/", axum::routing::get(greet));
/// ```
#[derive(Debug, Clone)]
pub struct CurrentUser(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().map(Self).ok_or_else(|| nobody(&parts.extensions))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Problem::into_response(self).map(|body: Body| AxumBody::from(body.into_bytes()))
    }
}
