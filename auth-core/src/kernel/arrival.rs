//! Who stands before the gate, and what it may say: every way in makes an [`Arrival`].

use uuid::Uuid;

use super::Attempt;
use crate::{
    Challenge, ClientInfo, Error, SessionId, SignInFailure, UserId,
    store::{DatabaseTransaction, Factors, UserRow},
    task::BoxFuture,
};

/// Somebody whose first factor was right.
pub(crate) struct Arrival {
    pub(crate) user: UserRow,
    /// How many live sessions there are already.
    pub(crate) live_sessions: u64,
    pub(crate) factors: Factors,
    /// How it was shown who they are, as `amr` values (RFC 8176) with spaces between them.
    pub(crate) methods: String,
    /// When, in unix milliseconds, if somebody else saw it; 0 if they do not tell. `None`: just now, here.
    pub(crate) authenticated_at: Option<i64>,
    pub(crate) client: ClientInfo,
    /// The session that the client holds: it ends.
    pub(crate) replaces: Option<Replaced>,
    /// The device that its token names, whose ever it is.
    pub(crate) device: Option<Uuid>,
    /// What the token that it gets is to name it by. `None`: anything.
    pub(crate) token_id: Option<Uuid>,
    /// As which it was counted so far.
    pub(crate) attempt: Attempt,
}

/// A session in whose place another one comes. It may be one of another account.
#[derive(Clone, Copy)]
pub(crate) struct Replaced {
    pub(crate) session: SessionId,
    /// Whose it is, where that was read.
    pub(crate) owner: Option<UserId>,
}

/// What the gate says.
pub(crate) enum Passage {
    Open(Option<Remembered>),
    /// Another factor is due.
    Challenge(Challenge),
    Refused(SignInFailure),
    /// By the host itself, or the host does not answer.
    Stopped(Error),
}

/// The remembered device that somebody comes from.
#[derive(Clone, Copy)]
pub(crate) struct Remembered {
    pub(crate) device: Uuid,
    /// What its token named it by so far.
    pub(crate) shown: Uuid,
    /// And is to name it by from now on.
    pub(crate) token_id: Uuid,
    /// Whether another factor would be asked for without it.
    pub(crate) spares: bool,
    /// Gives it the new name, in the transaction that makes the session: a sign-in that fails leaves the token as it was.
    pub(crate) rename: Rename,
}

/// `false`: somebody else has come with the same token.
pub(crate) type Rename =
    for<'a> fn(&'a DatabaseTransaction, &'a Remembered, i64) -> BoxFuture<'a, Result<bool, Error>>;
