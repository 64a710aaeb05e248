//! The gate before the one door: asked once for every way of signing in, after the first factor was right and before there is
//! a session.

use std::sync::Arc;

use crate::{
    EmailVerification, Error, SignInFailure,
    kernel::{Arrival, Kernel, Passage},
    mail::MailKind,
    store::SessionRow,
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
        if let Err(error) = self.before_sign_in(arrival).await {
            return Ok(Passage::Stopped(error));
        }
        let mut remembered = None;
        for gate in self.rooms.iter().filter_map(|room| room.gate) {
            let Some(objection) = (gate.at_sign_in)(self, arrival) else { continue };
            match objection.await? {
                Passage::Open(device) => remembered = remembered.or(device),
                closed => return Ok(closed),
            }
        }
        Ok(Passage::Open(remembered))
    }

    /// The same of a session that was begun under other circumstances.
    pub(crate) async fn ask_gate_again(&self, session: &SessionRow) -> Result<(), Error> {
        let mut gates = self.rooms.iter().filter_map(|room| room.gate?.at_refresh);
        match gates.find_map(|gate| gate(self, session)) {
            Some(objection) => objection.await,
            None => Ok(()),
        }
    }
}
