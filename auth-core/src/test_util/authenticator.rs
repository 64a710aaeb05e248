use std::time::Duration;

use super::ManualClock;
use crate::{
    Clock, Password,
    clock::to_millis,
    factor::{TotpSetup, code_of},
};

/// An authenticator app, which has the time of a test.
#[derive(Debug, Clone)]
pub struct Authenticator {
    secret: Password,
    clock: ManualClock,
}

impl Authenticator {
    /// One that was given this secret.
    pub fn new(setup: &TotpSetup, clock: &ManualClock) -> Self {
        Self::of_secret(setup.secret.clone(), clock)
    }

    /// One that was given this secret in base32, as it is in the answer of `POST /users/me/totp`.
    pub fn of_secret(secret: impl Into<Password>, clock: &ManualClock) -> Self {
        Self { secret: secret.into(), clock: clock.clone() }
    }

    /// What it shows at this moment. Each code is taken once.
    pub fn code(&self) -> String {
        code_of(self.secret.expose(), to_millis(self.clock.now()))
    }

    /// Half a minute later, when it shows another.
    pub fn next_code(&self) -> String {
        self.clock.advance(Duration::from_secs(30));
        self.code()
    }
}
