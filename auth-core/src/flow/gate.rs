//! The gate before the one door: asked once for every way of signing in, after the first factor was right and before there is
//! a session.

use std::sync::Arc;

use crate::{
    EmailVerification, Error, SignInFailure,
    kernel::{Arrival, Kernel, Passage},
    mail::MailKind,
};

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
