//! Which address is which endpoint, and what it takes.

use http::Method;
use uuid::Uuid;

/// An endpoint of [`AuthService`](crate::AuthService).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /register`
    Register,
    /// `POST /login`
    Login,
    /// `POST /refresh-token`
    RefreshToken,
    /// `POST /logout`
    Logout,
    /// `GET` and `DELETE /users/me`
    Me,
    /// `POST /users/me/password`
    ChangePassword,
    /// `POST /users/me/email`; needs a mailer
    ChangeEmail,
    /// `GET /users/me/export`
    Export,
    /// `GET /users/me/events`
    Events,
    /// `POST /request-verify-token`; needs a mailer
    RequestVerifyToken,
    /// `POST /verify-email`, and the built-in page by `GET`; needs a mailer
    VerifyEmail,
    /// `POST /forgot-password`; needs a mailer
    ForgotPassword,
    /// `POST /reset-password`, and the built-in page by `GET`; needs a mailer
    ResetPassword,
    /// `GET` and `DELETE /users/me/sessions`
    Sessions,
    /// `DELETE /users/me/sessions/{id}`
    Session,
    /// `GET /users`, for administrators
    Users,
    /// `GET`, `PATCH` and `DELETE /users/{id}`, for administrators
    User,
    /// `DELETE /users/{id}/sessions`, for administrators
    UserSessions,
    /// `GET /users/{id}/events`, for administrators
    UserEvents,
    /// `GET /oauth/{provider}/authorize?redirect_to=`; needs the feature `oidc` and a provider
    OauthAuthorize,
    /// `GET /oauth/{provider}/callback`; needs the same
    OauthCallback,
    /// `GET` and `POST /users/me/identities`; needs the same
    Identities,
    /// `DELETE /users/me/identities/{id}`; needs the same
    Identity,
    /// `GET /verify`
    Verify,
    /// `GET /.well-known/jwks.json`
    Jwks,
    /// `GET /openapi.json`: the description of what is mounted
    OpenApi,
}

impl Endpoint {
    /// Those for administrators only.
    pub(crate) const ADMINISTRATION: [Self; 4] =
        [Self::Users, Self::User, Self::UserSessions, Self::UserEvents];

    /// All of them, in the order in which they are looked for: what is written out before what has a place for anything.
    pub(crate) const ALL: [Self; 26] = [
        Self::Register,
        Self::Login,
        Self::RefreshToken,
        Self::Logout,
        Self::Me,
        Self::ChangePassword,
        Self::ChangeEmail,
        Self::Export,
        Self::Events,
        Self::Sessions,
        Self::Session,
        Self::Identities,
        Self::Identity,
        Self::RequestVerifyToken,
        Self::VerifyEmail,
        Self::ForgotPassword,
        Self::ResetPassword,
        Self::OauthAuthorize,
        Self::OauthCallback,
        Self::Users,
        Self::User,
        Self::UserSessions,
        Self::UserEvents,
        Self::Verify,
        Self::Jwks,
        Self::OpenApi,
    ];

    /// The path, with names in braces where something stands that differs: an id is a UUID, the name of a provider anything
    /// without a slash. For a metric or a span this is the name to use: it holds no id and is one of few.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Register => "/register",
            Self::Login => "/login",
            Self::RefreshToken => "/refresh-token",
            Self::Logout => "/logout",
            Self::Me => "/users/me",
            Self::ChangePassword => "/users/me/password",
            Self::ChangeEmail => "/users/me/email",
            Self::Export => "/users/me/export",
            Self::Events => "/users/me/events",
            Self::RequestVerifyToken => "/request-verify-token",
            Self::VerifyEmail => "/verify-email",
            Self::ForgotPassword => "/forgot-password",
            Self::ResetPassword => "/reset-password",
            Self::Sessions => "/users/me/sessions",
            Self::Session => "/users/me/sessions/{id}",
            Self::Users => "/users",
            Self::User => "/users/{id}",
            Self::UserSessions => "/users/{id}/sessions",
            Self::UserEvents => "/users/{id}/events",
            Self::OauthAuthorize => "/oauth/{provider}/authorize",
            Self::OauthCallback => "/oauth/{provider}/callback",
            Self::Identities => "/users/me/identities",
            Self::Identity => "/users/me/identities/{id}",
            Self::Verify => "/verify",
            Self::Jwks => "/.well-known/jwks.json",
            Self::OpenApi => "/openapi.json",
        }
    }

    /// The endpoint at a path. Paths are compared to the letter: `/login/` is another address.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| is_at(endpoint.path(), path))
    }

    /// The methods, as for the header `Allow`.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Register
            | Self::Login
            | Self::RefreshToken
            | Self::Logout
            | Self::ChangePassword
            | Self::ChangeEmail
            | Self::RequestVerifyToken
            | Self::ForgotPassword => "POST",
            Self::VerifyEmail | Self::ResetPassword | Self::Identities => "GET, HEAD, POST",
            Self::Verify
            | Self::Jwks
            | Self::OpenApi
            | Self::Export
            | Self::Events
            | Self::Users
            | Self::UserEvents
            | Self::OauthAuthorize
            | Self::OauthCallback => "GET, HEAD",
            Self::Me | Self::Sessions => "GET, HEAD, DELETE",
            Self::User => "GET, HEAD, PATCH, DELETE",
            Self::Session | Self::UserSessions | Self::Identity => "DELETE",
        }
    }

    pub(crate) fn allows(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Whether there is nothing to do here where no mail is sent.
    pub(crate) fn needs_mail(self) -> bool {
        matches!(
            self,
            Self::ChangeEmail
                | Self::RequestVerifyToken
                | Self::VerifyEmail
                | Self::ForgotPassword
                | Self::ResetPassword
        )
    }

    /// Whether there is nothing to do here where nobody signs in at a provider.
    pub(crate) fn needs_provider(self) -> bool {
        matches!(self, Self::OauthAuthorize | Self::OauthCallback | Self::Identities | Self::Identity)
    }

    /// Whether OAuth 2 clients use this door, so that errors carry the members of RFC 6749.
    pub(crate) fn speaks_oauth(self) -> bool {
        matches!(self, Self::Login | Self::RefreshToken)
    }

    /// Whether a form is understood beside JSON.
    pub(crate) fn takes_form(self) -> bool {
        matches!(self, Self::Login)
    }
}

/// Whether a path is one of the form of `template`.
fn is_at(template: &str, path: &str) -> bool {
    let mut given = path.split('/');
    let all = template.split('/').all(|part| {
        given.next().is_some_and(|segment| match part {
            "{id}" => segment.parse::<Uuid>().is_ok(),
            "{provider}" => !segment.is_empty(),
            _ => segment == part,
        })
    });
    all && given.next().is_none()
}

/// What stands in a path in the place of `{id}` or `{provider}`.
pub(crate) fn parameter(endpoint: Endpoint, path: &str) -> Option<&str> {
    let mut parts = endpoint.path().split('/').zip(path.split('/'));
    parts.find_map(|(part, segment)| part.starts_with('{').then_some(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198c5d2-0000-7000-8000-000000000001";

    fn of(endpoint: Endpoint) -> String {
        endpoint.path().replace("{id}", ID).replace("{provider}", "google")
    }

    #[test]
    fn each_endpoint_is_found_at_its_path_and_nowhere_near() {
        for endpoint in Endpoint::ALL {
            let path = of(endpoint);
            assert_eq!(Endpoint::at(&path), Some(endpoint), "{path}");
            for near in [format!("{path}/"), format!("/{path}"), path.to_uppercase(), format!("{path}/x")] {
                assert_eq!(Endpoint::at(&near), None, "{near}");
            }
        }
    }

    #[test]
    fn an_id_of_another_shape_is_another_address() {
        for path in ["/users/x", "/users/", "/users//sessions", "/users/me/sessions/1", "/oauth//callback"] {
            assert_eq!(Endpoint::at(path), None, "{path}");
        }
    }

    #[test]
    fn what_differs_in_a_path_is_found_in_its_place() {
        assert_eq!(parameter(Endpoint::UserSessions, &of(Endpoint::UserSessions)), Some(ID));
        assert_eq!(parameter(Endpoint::OauthCallback, "/oauth/github/callback"), Some("github"));
        assert_eq!(parameter(Endpoint::Me, "/users/me"), None);
    }
}
