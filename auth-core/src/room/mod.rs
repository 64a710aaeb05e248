//! The rooms: each a feature in a folder of its own, entered in one list. A room stands on the kernel and never on another room;
//! the manual's page on [rooms](crate::manual::rooms) tells how to add one.

pub(crate) mod admin;
pub mod factor;
pub(crate) mod import;
#[cfg_attr(
    not(feature = "oidc"),
    expect(unreachable_pub, reason = "given away by the root with the feature")
)]
pub mod oidc;
pub(crate) mod reset_password;
pub(crate) mod verify_email;

use sea_orm::DatabaseConnection;

use crate::{Auth, AuthBuilder, Keys, kernel::Room};

/// Every room. One that is not in here is not swept, exported, checked, or thought of at a takeover.
pub(crate) const ROOMS: &[Room] =
    &[admin::ROOM, factor::ROOM, import::ROOM, oidc::ROOM, reset_password::ROOM, verify_email::ROOM];

impl Auth {
    /// Starts from a connection (the host's own, or one from [`connect`](crate::connect)) and the keys.
    ///
    /// The schema must be there: run `auth_migration::up` first.
    pub fn builder(db: DatabaseConnection, keys: Keys) -> AuthBuilder {
        AuthBuilder::new(db, keys, ROOMS)
    }
}
