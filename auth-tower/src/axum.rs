//! What only axum handlers need. Services and layers work under axum without this.

use auth_core::{Auth, ClientInfo, Principal, Verified};
use axum_core::{
    body::Body as AxumBody,
    extract::{FromRef, FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use std::convert::Infallible;

use crate::{Body, client_info, headers::given_request_id, mounted, problem::Problem};

/// The caller, in the arguments of a handler behind an [`AuthLayer`](crate::AuthLayer).
///
/// Without a principal the handler is not run and the answer is 401. `Option<CurrentUser>` is `None` then; it
/// belongs behind [`AuthLayer::optional`](crate::AuthLayer::optional). Behind no layer at all the answer to either is 500, and an
/// ERROR line tells of the [mistake](auth_core::manual::recipes#when-a-route-answers-500).
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
        caller(parts, "CurrentUser")?.map(Self).ok_or_else(|| mounted::nobody(&parts.extensions))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(caller(parts, "Option<CurrentUser>")?.map(Self))
    }
}

/// The caller's account as it is at this moment, in the arguments of a handler behind an [`AuthLayer`](crate::AuthLayer): one
/// SELECT, by which a session that has ended or a disabled account is refused at once, whatever the layer checks. The router's
/// state has to give an [`Auth`] (axum's `FromRef`).
///
/// ```
/// use auth_core::Auth;
/// use auth_tower::{AuthLayer, axum::User};
/// use axum::{Router, routing::get};
///
/// async fn me(User(user): User) -> String {
///     format!("{}, {}", user.email, user.roles.join(", "))
/// }
///
/// fn app(auth: Auth) -> Router {
///     Router::new().route("/me", get(me)).layer(AuthLayer::required(auth.verifier())).with_state(auth)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct User(pub auth_core::User);

impl<S> FromRequestParts<S> for User
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let caller = caller(parts, "User")?.ok_or_else(|| mounted::nobody(&parts.extensions))?;
        let user = Auth::from_ref(state).current_user(&caller).await;
        user.map(Self).map_err(|error| Problem::of_rule(error, given_request_id(&parts.headers)))
    }
}

/// Who asks, for the operations of [`Auth`] that a handler calls itself, as [`client_info`] tells it.
///
/// ```
/// use auth_core::Auth;
/// use auth_tower::{Problem, axum::{Client, CurrentUser}};
/// use axum::{Router, extract::State, routing::post};
///
/// async fn sign_out_elsewhere(
///     State(auth): State<Auth>,
///     CurrentUser(caller): CurrentUser,
///     Client(client): Client,
/// ) -> Result<(), Problem> {
///     Ok(auth.end_other_sessions(&caller, client).await?)
/// }
/// # let _: Router<Auth> = Router::new().route("/sign-out-elsewhere", post(sign_out_elsewhere));
/// ```
#[derive(Debug, Clone)]
pub struct Client(pub ClientInfo);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(client_info(parts)))
    }
}

fn caller(parts: &Parts, extractor: &str) -> Result<Option<Principal>, Problem> {
    let door = format!("the extractor {extractor}");
    mounted::caller(&parts.extensions, &door, Verified::Stateless).map(Option::<&Principal>::cloned)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Problem::into_response(self).map(|body: Body| AxumBody::from(body.into_bytes()))
    }
}
