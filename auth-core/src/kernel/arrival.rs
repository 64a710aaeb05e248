//! Who stands before the gate, and what it may say: every way in makes an [`Arrival`].

use super::Attempt;
use crate::{Challenge, ClientInfo, SessionId, SignInFailure, store::UserRow};

/// Somebody whose first factor was right.
pub(crate) struct Arrival {
    pub(crate) user: UserRow,
    /// How many live sessions there are already.
    pub(crate) live_sessions: u64,
    /// How many factors of theirs stand beside the first.
    pub(crate) factors: u64,
    /// How it was shown who they are, as `amr` values (RFC 8176) with spaces between them.
    pub(crate) methods: String,
    pub(crate) client: ClientInfo,
    /// The session that the client holds: it ends.
    pub(crate) replaces: Option<SessionId>,
    /// As which it was counted so far.
    pub(crate) attempt: Attempt,
}

/// What the gate says.
pub(crate) enum Passage {
    Open,
    /// Another factor is due.
    Challenge(Challenge),
    Refused(SignInFailure),
}
