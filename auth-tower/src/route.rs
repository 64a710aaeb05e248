//! Which address is which endpoint, and what it takes.

use auth_core::{SessionId, UserId};
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
}

impl Endpoint {
    /// Those for administrators only.
    pub(crate) const ADMINISTRATION: [Self; 4] =
        [Self::Users, Self::User, Self::UserSessions, Self::UserEvents];

    /// The endpoint at a path. Paths are compared to the letter: `/login/` is another address.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/register" => Some(Self::Register),
            "/login" => Some(Self::Login),
            "/refresh-token" => Some(Self::RefreshToken),
            "/logout" => Some(Self::Logout),
            "/users/me" => Some(Self::Me),
            "/users/me/password" => Some(Self::ChangePassword),
            "/users/me/email" => Some(Self::ChangeEmail),
            "/users/me/export" => Some(Self::Export),
            "/users/me/events" => Some(Self::Events),
            "/request-verify-token" => Some(Self::RequestVerifyToken),
            "/verify-email" => Some(Self::VerifyEmail),
            "/forgot-password" => Some(Self::ForgotPassword),
            "/reset-password" => Some(Self::ResetPassword),
            "/verify" => Some(Self::Verify),
            "/.well-known/jwks.json" => Some(Self::Jwks),
            "/users/me/sessions" => Some(Self::Sessions),
            "/users/me/identities" => Some(Self::Identities),
            "/users" => Some(Self::Users),
            _ if session_id(path).is_some() => Some(Self::Session),
            _ if identity_id(path).is_some() => Some(Self::Identity),
            _ => at_provider(path).or_else(|| of_user(path).map(|(_, endpoint)| endpoint)),
        }
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

/// The id in the path of [`Endpoint::Session`]. Another shape is another address.
pub(crate) fn session_id(path: &str) -> Option<SessionId> {
    path.strip_prefix("/users/me/sessions/")?.parse().ok()
}

/// The id in the path of [`Endpoint::Identity`]. Another shape is another address.
pub(crate) fn identity_id(path: &str) -> Option<Uuid> {
    path.strip_prefix("/users/me/identities/")?.parse().ok()
}

/// The name of a provider in a path below `/oauth`, whether there is one of that name or not.
pub(crate) fn provider(path: &str) -> Option<&str> {
    let (name, _) = path.strip_prefix("/oauth/")?.split_once('/')?;
    (!name.is_empty()).then_some(name)
}

fn at_provider(path: &str) -> Option<Endpoint> {
    match path.strip_prefix("/oauth/")?.strip_prefix(provider(path)?)? {
        "/authorize" => Some(Endpoint::OauthAuthorize),
        "/callback" => Some(Endpoint::OauthCallback),
        _ => None,
    }
}

/// The id in a path of administration, and which endpoint it is. Another shape is another address.
pub(crate) fn of_user(path: &str) -> Option<(UserId, Endpoint)> {
    let rest = path.strip_prefix("/users/")?;
    let (id, below) = rest.split_once('/').unwrap_or((rest, ""));
    let endpoint = match below {
        "" if !rest.ends_with('/') => Endpoint::User,
        "sessions" => Endpoint::UserSessions,
        "events" => Endpoint::UserEvents,
        _ => return None,
    };
    Some((id.parse().ok()?, endpoint))
}
