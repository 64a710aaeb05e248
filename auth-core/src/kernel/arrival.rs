//! Who stands before the gate, and what it may say: every way in makes an [`Arrival`].

use super::Attempt;
use crate::{Challenge, ClientInfo, SessionId, SignInFailure, store::UserRow};

/// Somebody whose first factor was right.
pub(crate) struct Arrival {
    pub(crate) user: UserRow,
    /// How many live sessions there are already.
    pub(crate) live_sessions: u64,
    /// How it was shown who they are, as `amr` values (RFC 8176).
    pub(crate) methods: Vec<&'static str>,
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
    #[cfg_attr(
        not(feature = "test-util"),
        expect(dead_code, reason = "no room of this version has a factor")
    )]
    Challenge(Challenge),
    Refused(SignInFailure),
}
