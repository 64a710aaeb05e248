//! The doors for administrators only.

use auth_core::ClientInfo;
use http::{Method, Response, request::Parts};

use super::{BoxError, Inner, Refusal, query};
use crate::{Body, Endpoint, endpoint, problem::Problem, route::parameter};

impl Inner {
    /// Who is no administrator gets no further than the first line: neither a body nor an id is looked at before.
    pub(super) async fn administer<B>(
        &self,
        endpoint: Endpoint,
        parts: &Parts,
        body: B,
        client: ClientInfo,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let client = client.actor(endpoint::administrator(self, &parts.headers).await?);
        let Some(user) = parameter(endpoint, parts.uri.path()) else {
            return endpoint::users(self, query(parts)?).await;
        };
        let user = user.parse().map_err(|_| Problem::not_found())?;
        match (endpoint, &parts.method) {
            (Endpoint::UserEvents, _) => endpoint::events_of(self, user, query(parts)?).await,
            (Endpoint::UserSessions, _) => endpoint::end_sessions_of(self, user, client).await,
            (_, &Method::PATCH) => {
                let payload = self.take_in(endpoint, &parts.headers, body).await?;
                endpoint::change_user(self, user, payload, client).await
            }
            (_, &Method::DELETE) => endpoint::delete_user(self, user, client).await,
            _ => endpoint::user(self, user).await,
        }
    }
}
