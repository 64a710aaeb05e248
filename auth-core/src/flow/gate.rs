//! The gate before the one door: asked once for every way of signing in, after the first factor was right and before there is
//! a session.

use std::sync::Arc;

use crate::{
    Challenge, ClientInfo, EmailVerification, Error, SessionId, SignInFailure, kernel::Kernel,
    mail::MailKind, store::UserRow, throttle::Attempt,
};

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

impl Kernel {
    pub(super) async fn ask_gate(self: &Arc<Self>, arrival: &Arrival) -> Result<Passage, Error> {
        let user = &arrival.user;
        if user.disabled_at.is_some() {
            return Ok(Passage::Refused(SignInFailure::Disabled));
        }
        if self.config.email_verification == EmailVerification::Required && user.email_verified_at.is_none() {
            // Only who was right gets here: a link that was lost is sent again.
            self.post(self.store.db(), MailKind::VerifyEmail, &user.email, Some(user.id), None).await?;
            self.mail_waits();
            return Ok(Passage::Refused(SignInFailure::Unverified));
        }
        let objection = self.rooms.iter().filter_map(|room| room.gate).find_map(|gate| gate(self, arrival));
        Ok(objection.unwrap_or(Passage::Open))
    }
}
