//! What a sign-in or refresh hands out.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use crate::{
    AccessToken, BrowserSession, Challenge, DeviceToken, RefreshToken, SessionId, UserId,
    token::device::KNOWN_FOR,
};

/// The outcome of a sign-in.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignIn {
    /// Signed in.
    Granted(Tokens),
    /// The first factor was right, and another one is asked for before there are tokens: [`Factors::answer`](crate::factor::Factors::answer)
    /// takes it.
    Challenge(Challenge),
}

/// The two tokens of a session.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tokens {
    /// Whose they are.
    pub user_id: UserId,
    /// The session they belong to.
    pub session_id: SessionId,
    /// For the `Authorization` header of requests.
    pub access: AccessToken,
    /// How long the access token is good for.
    pub access_expires_in: Duration,
    /// For [`Auth::refresh`](crate::Auth::refresh); keep it in an `HttpOnly` cookie.
    pub refresh: RefreshToken,
    /// How long the refresh token is good for if it is not used: the cookie's `Max-Age`.
    pub refresh_expires_in: Duration,
    /// For [`Auth::verify_browser`](crate::Auth::verify_browser), where applications behind a proxy are kept by a cookie. The same for as long as
    /// the session lives.
    pub browser: BrowserSession,
    /// How long the session lives at most: the `Max-Age` of that cookie.
    pub session_expires_in: Duration,
    /// At a sign-in with a password: for [`ClientInfo::device`](crate::ClientInfo::device) of further ones. Keep it in an
    /// `HttpOnly` cookie, also after a logout.
    pub device: Option<DeviceToken>,
}

impl Tokens {
    /// How long a device token is good for: its cookie's `Max-Age`.
    pub const DEVICE_EXPIRES_IN: Duration = KNOWN_FOR;
}

/// Why a session was ended before its time. Kept with the session, and told in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// It was signed out with its own refresh token.
    SignedOut,
    /// A sign-in that carried its refresh token took its place.
    Replaced,
    /// It was ended by its id: from its owner's list of sessions, with an access token, or by the host.
    Revoked,
    /// It was the oldest of too many.
    TooMany,
    /// A refresh token of it came back after its successor had been used.
    Reused,
}

impl EndReason {
    /// A stable name for logs, metrics and the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
            Self::TooMany => "too_many",
            Self::Reused => "reused",
        }
    }
}

/// A live session, for its owner to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// For [`Auth::end_session`](crate::Auth::end_session).
    pub id: SessionId,
    /// When the user signed in.
    pub created_at: SystemTime,
    /// The last rotation, or the sign-in: exact to the refresh grace. Where only the [browser door](crate::manual::browser_door) is used, to an
    /// hour.
    pub last_used_at: SystemTime,
    /// When it ends if it is not used any more.
    pub expires_at: SystemTime,
    /// Of the client that signed in.
    pub user_agent: Option<String>,
    /// Of the client that signed in.
    pub ip: Option<IpAddr>,
    /// How the user signed in (RFC 8176).
    pub methods: Vec<String>,
}
