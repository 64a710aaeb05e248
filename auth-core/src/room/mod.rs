//! The rooms: each a feature in a folder of its own, entered in one list. A room stands on the kernel and never on another room;
//! the manual's page on [rooms](crate::manual::rooms) tells how to add one.

pub(crate) mod admin;
pub(crate) mod browser;
pub mod email_code;
pub mod factor;
pub(crate) mod import;
pub mod machine;
pub mod news;
pub mod oidc;
pub(crate) mod profile;
pub(crate) mod reset_password;
pub(crate) mod verify_email;

use sea_orm::DatabaseConnection;

use crate::{Auth, AuthBuilder, Keys, kernel::Room};

/// Every room. One that is not in here is not swept, exported, checked, or thought of at a takeover.
pub(crate) const ROOMS: &[Room] = &[
    admin::ROOM,
    browser::ROOM,
    email_code::ROOM,
    factor::ROOM,
    import::ROOM,
    machine::ROOM,
    news::ROOM,
    oidc::ROOM,
    profile::ROOM,
    reset_password::ROOM,
    verify_email::ROOM,
];

/// Set-up.
impl Auth {
    /// Starts from a connection (the host's own, or one from [`connect`](crate::connect)) and the keys.
    ///
    /// The schema must be there: run `auth_migration::up` first.
    pub fn builder(db: DatabaseConnection, keys: Keys) -> AuthBuilder {
        AuthBuilder::new(db, keys, ROOMS)
            .set_up(|_| Ok(machine::KnownKeys::new()))
            .set_up(|_| Ok(browser::KnownSessions::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of a person's rows lets nobody in is to be said here, so that nobody forgets to ask.
    const LETS_NOBODY_IN: &[&str] = &[
        // Is answered with a factor, which goes, or with a new one by who has the password still.
        "auth_challenge",
        "auth_factor_failure",
        // Is answered by who reads mail at the address, for the account as it was.
        "auth_email_code",
        // Of programs, and nobody's.
        "auth_service_account",
        "auth_ended_token",
        // Was answered, and is of no account.
        "auth_passkey_challenge",
        // Says who somebody is, and proves nothing.
        "auth_profile",
        // Nobody's in particular.
        "auth_webhook",
        "auth_webhook_delivery",
    ];

    #[test]
    fn each_table_of_a_room_is_a_way_in_that_goes_when_somebody_else_proves_the_address() {
        for room in ROOMS {
            for table in room.tables.iter().map(|table| table.name) {
                let is_way_in = room.ways_in.is_some_and(|way| way.table == table);
                let goes_along = room.goes_along.iter().any(|(name, ..)| *name == table);
                assert!(is_way_in || goes_along || LETS_NOBODY_IN.contains(&table), "{table} is forgotten");
            }
        }
    }
}
