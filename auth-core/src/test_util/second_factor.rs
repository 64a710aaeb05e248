use std::time::Duration;

use crate::{
    AuthBuilder, Challenge,
    kernel::{Passage, Room},
    random,
    secret::AuthSession,
};

/// Who holds this role is asked for a second factor by [`AuthBuilder::second_factor_due`].
pub const CHALLENGED_ROLE: &str = "challenged";

impl AuthBuilder {
    /// A second factor is due for everybody with the role [`CHALLENGED_ROLE`], whatever the way in: for a test of how a door
    /// answers. The challenge cannot be answered.
    pub fn second_factor_due(self) -> Self {
        self.room(Room {
            gate: Some(|kernel, arrival| {
                let is_due = arrival.user.roles.iter().any(|role| role == CHALLENGED_ROLE);
                let token = random::uuid(kernel.random.as_ref()).ok().filter(|_| is_due)?;
                Some(Passage::Challenge(Challenge {
                    auth_session: AuthSession::new(token.simple().to_string()),
                    methods: vec!["totp", "recovery_code"],
                    enrol: false,
                    expires_at: kernel.clock.now() + Duration::from_mins(5),
                }))
            }),
            ..Room::EMPTY
        })
    }
}
