//! The doors of sign-in at providers.

#[cfg(feature = "oidc")]
mod open {
    use auth_core::{ClientInfo, oidc::Oidc};
    use http::{Method, Response, request::Parts};

    use crate::{
        Body, Endpoint, endpoint,
        problem::Problem,
        route::parameter,
        service::{BoxError, Inner, Refusal, query},
    };

    impl Inner {
        pub(in crate::service) fn has_providers(&self) -> bool {
            self.auth.oidc().is_some()
        }

        pub(crate) fn providers(&self) -> Vec<String> {
            let oidc = self.auth.oidc();
            oidc.iter().flat_map(Oidc::providers).map(str::to_owned).collect()
        }

        pub(in crate::service) async fn at_provider<B>(
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
            let oidc: Oidc = self.auth.oidc().ok_or_else(Problem::not_found)?;
            let headers = &parts.headers;
            // The id of an identity, or the name of a provider.
            let given = parameter(endpoint, parts.uri.path()).unwrap_or_default();
            match endpoint {
                Endpoint::Identities if parts.method == Method::POST => {
                    let payload = self.take_in(endpoint, headers, body).await?;
                    endpoint::link_identity(self, &oidc, headers, payload, client).await
                }
                Endpoint::Identities => endpoint::identities(self, &oidc, headers).await,
                Endpoint::Identity => {
                    let identity = given.parse().map_err(|_| Problem::not_found())?;
                    endpoint::unlink_identity(self, &oidc, headers, identity, client).await
                }
                Endpoint::OauthAuthorize => {
                    endpoint::authorize(self, &oidc, given, headers, query(parts)?, client).await
                }
                _ => {
                    let query = parts.uri.query().unwrap_or_default();
                    endpoint::callback(self, &oidc, given, headers, query, client).await
                }
            }
        }
    }
}

/// Without the feature there are none.
#[cfg(not(feature = "oidc"))]
#[expect(clippy::unused_self, clippy::unused_async, reason = "the same shape as with the feature")]
mod closed {
    use auth_core::ClientInfo;
    use http::{Response, request::Parts};

    use crate::{
        Body, Endpoint,
        problem::Problem,
        service::{Inner, Refusal},
    };

    impl Inner {
        pub(in crate::service) fn has_providers(&self) -> bool {
            false
        }

        pub(crate) fn providers(&self) -> Vec<String> {
            Vec::new()
        }

        pub(in crate::service) async fn at_provider<B>(
            &self,
            _: Endpoint,
            _: &Parts,
            _: B,
            _: ClientInfo,
        ) -> Result<Response<Body>, Refusal> {
            Err(Problem::not_found().into())
        }
    }
}
