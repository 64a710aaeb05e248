//! Sign-in by a proof of the host's own: a directory, another kind of provider, the end of a registration.

use std::sync::Arc;

use crate::{
    ClientInfo, Error, FieldError, SignIn, SignInFailure, UserId,
    event::EventKind,
    flow::NotSignedIn,
    kernel::{Arrival, Attempt, Kernel},
    refusal,
    store::{LoginRow, find_user_with_sessions},
};

/// With what the gate adds to it, it has to fit the column.
const MAX_LENGTH: usize = 32;

/// What only the gate says of a sign-in, once it has seen a second factor.
const OF_THE_GATE: [&str; 5] = ["otp", "rc", "pop", "user", "mfa"];

impl Kernel {
    /// To be called [detached](super::detached).
    pub(crate) async fn sign_in_vouched(
        self: Arc<Self>,
        user: UserId,
        method: String,
        client: ClientInfo,
    ) -> Result<SignIn, Error> {
        validate(&method)?;
        let found = find_user_with_sessions(self.store.db(), user, self.now(), self.standing()).await?;
        let LoginRow { user: found, sessions, factors, .. } = found.ok_or(refusal::USER_NOT_FOUND)?;
        let arrival = Arrival {
            user: found,
            live_sessions: sessions,
            factors,
            methods: method,
            authenticated_at: None,
            device: self.device_shown(&client),
            token_id: None,
            client: client.clone(),
            replaces: None,
            attempt: Attempt::counted_elsewhere(),
        };
        match self.sign_in(arrival).await {
            Ok(signed_in) => Ok(signed_in),
            Err(NotSignedIn::Failed(error)) => Err(error),
            Err(NotSignedIn::Refused(reason, attempt)) => {
                attempt.stays_counted();
                self.note(&client, EventKind::SignInFailed { user: Some(user), reason }).await;
                Err(match reason {
                    SignInFailure::Unverified => refusal::VERIFICATION_NEEDED.into(),
                    _ => Error::InvalidCredentials,
                })
            }
        }
    }
}

fn validate(method: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let is_name = (1..=MAX_LENGTH).contains(&method.len()) && method.bytes().all(allowed);
    if is_name && !OF_THE_GATE.contains(&method) {
        return Ok(());
    }
    let rule = "a method is 1 to 32 of a-z, 0-9, _ and -, and none of otp, rc, pop, user and mfa, which only a second factor gives";
    Err(Error::Validation(vec![FieldError::new("method", "invalid_method", rule)]))
}
