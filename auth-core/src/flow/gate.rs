//! The gate before the one door: asked once for every way of signing in, after the first factor was right and before there is
//! a session.

use std::sync::Arc;

use crate::{
    Challenge, ClientInfo, EmailVerification, Error, SessionId, SignInFailure,
    kernel::Kernel,
    mail::MailKind,
    store::{SessionRow, UserRow},
    throttle::Attempt,
};

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
        let mut gates = self.rooms.iter().filter_map(|room| room.gate);
        match gates.find_map(|gate| (gate.at_sign_in)(self, arrival)) {
            Some(challenge) => Ok(Passage::Challenge(challenge.await?)),
            None => Ok(Passage::Open),
        }
    }

    /// The same of a session that was begun under other circumstances.
    pub(super) async fn ask_gate_again(&self, session: &SessionRow) -> Result<(), Error> {
        let mut gates = self.rooms.iter().filter_map(|room| room.gate?.at_refresh);
        match gates.find_map(|gate| gate(self, session)) {
            Some(objection) => objection.await,
            None => Ok(()),
        }
    }
}
