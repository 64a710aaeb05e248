use std::time::Duration;

use crate::{
    AuthBuilder, Challenge,
    kernel::{Arrival, Gate, Kernel, Objection, Passage, Room},
    random,
    room::factor::ROOM,
    secret::AuthSession,
};

/// Who holds this role is asked for a second factor by [`AuthBuilder::second_factor_due`].
pub const CHALLENGED_ROLE: &str = "challenged";

/// A door at which no second factor is asked for, with [`AuthBuilder::insecure_hole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// The sign-in with a password.
    Password,
    /// The sign-in at a provider.
    Provider,
    /// The sign-in by a code or a link in a mail.
    EmailCode,
    /// The refresh of a session from before.
    Refresh,
}

/// What the room says, but not to those who came by this way.
fn all_but<'a>(way: &str, kernel: &'a Kernel, arrival: &'a Arrival) -> Objection<'a, Passage> {
    let gate = ROOM.gate.filter(|_| arrival.methods != way)?;
    (gate.at_sign_in)(kernel, arrival)
}

impl AuthBuilder {
    /// Takes the gate out of one door, for a test that has to find the hole.
    pub fn insecure_hole(self, hole: Hole) -> Self {
        self.change_rooms(|room| {
            if let Some(gate) = &mut room.gate {
                match hole {
                    Hole::Password => gate.at_sign_in = |kernel, arrival| all_but("pwd", kernel, arrival),
                    Hole::Provider => gate.at_sign_in = |kernel, arrival| all_but("fed", kernel, arrival),
                    Hole::EmailCode => gate.at_sign_in = |kernel, arrival| all_but("email", kernel, arrival),
                    Hole::Refresh => gate.at_refresh = None,
                }
            }
        })
    }

    /// A second factor is due for everybody with the role [`CHALLENGED_ROLE`], whatever the way in: for a test of how a door
    /// answers. The challenge cannot be answered.
    pub fn second_factor_due(self) -> Self {
        self.room(&Room {
            gate: Some(Gate {
                standing: None,
                beside: None,
                at_sign_in: |kernel, arrival| {
                    let is_due = arrival.user.roles.iter().any(|role| role == CHALLENGED_ROLE);
                    let token = random::uuid(kernel.random.as_ref()).ok().filter(|_| is_due)?;
                    let challenge = Challenge {
                        auth_session: AuthSession::new(token.simple().to_string()),
                        methods: vec!["totp", "recovery_code"],
                        enrol: false,
                        passkey_options: None,
                        expires_at: kernel.clock.now() + Duration::from_mins(5),
                    };
                    Some(Box::pin(std::future::ready(Ok(Passage::Challenge(challenge)))))
                },
                at_refresh: None,
            }),
            ..Room::EMPTY
        })
    }
}
