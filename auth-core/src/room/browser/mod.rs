//! The browser door: who is signed in, for an application behind a proxy that knows nothing of users. A token of the session's own, in a
//! cookie that a browser also sends to whoever comes by a link, says so and opens nothing else. It has no rows; the manual's page on
//! the [browser door](crate::manual::browser_door) has the rest.

mod known;
mod verify;

use std::{sync::Arc, time::SystemTime};

pub(crate) use self::known::KnownSessions;
use crate::{Assurance, Auth, BrowserSession, ClientInfo, Error, UserId, kernel::Room};

pub(crate) const ROOM: Room = Room::EMPTY;

/// Who is signed in, as an application is told that a proxy asks for. It is no [`Principal`](crate::Principal): nothing of an account can
/// be changed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrowserCaller {
    /// Stays the same for the life of the account.
    pub user_id: UserId,
    /// The address, if somebody proved to read mail there.
    pub email: Option<String>,
    /// What to call the person. Anybody may call themselves anything: it tells nobody apart.
    pub name: Option<String>,
    /// `user`, which every account has, then the granted ones.
    pub roles: Vec<String>,
    /// How surely it is known who it is.
    pub assurance: Assurance,
    /// When they last showed who they are.
    pub authenticated_at: SystemTime,
}

/// The browser door.
impl Auth {
    /// Whose session a token of the browser door is of ([`Tokens::browser`](crate::Tokens::browser)). The session is asked as at a
    /// refresh, its gate too, and is read no more than once in the time of a poll
    /// ([`BackgroundConfig::poll`](crate::BackgroundConfig::poll)): so long a session that has ended elsewhere may still be good here. That
    /// it was used is noted at most once an hour.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the token is not ours; [`Error::SessionOver`]; [`Error::SecondFactorRequired`] and
    /// [`Error::Refused`] where a second factor is due by now; [`Error::Unavailable`].
    pub async fn verify_browser(&self, token: &BrowserSession) -> Result<BrowserCaller, Error> {
        verify::verify(&self.kernel, token).await
    }

    /// Ends the session of a token of the browser door, as [`logout`](Self::logout) does that of a refresh token.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the session may still be alive.
    pub async fn logout_browser(&self, token: &BrowserSession, client: ClientInfo) -> Result<(), Error> {
        verify::logout(Arc::clone(&self.kernel), token, client).await
    }
}
