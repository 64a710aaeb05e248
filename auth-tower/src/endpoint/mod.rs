//! What there is at the doors, a file or a folder for each room: parse, call the rule of the same name, write the answer. A
//! room's routes and their description stand beside its handlers; nothing outside a room names them.

mod account;
mod admin;
mod answer;
mod asked;
mod browser;
mod change_email;
mod document;
mod email_code;
mod events;
mod factor;
mod fields;
mod keys;
mod machine;
#[cfg(feature = "webhooks")]
mod news;
#[cfg(feature = "oidc")]
mod oidc;
mod openapi;
mod passkey;
mod profile;
mod reset_password;
mod sessions;
mod sign_in;
mod signed_in;
mod step_up;
mod verify;
mod verify_email;

use auth_core::Auth;
use serde_json::Value;

#[cfg(all(feature = "oidc", feature = "pages"))]
pub(crate) use self::oidc::begin_link;
#[cfg(feature = "pages")]
pub(crate) use self::{
    account::export::exported,
    answer::lacks_browser_cookie,
    email_code::email_codes,
    factor::picture,
    sign_in::{SignedUp, held, registration_closed, sign_in, sign_out, sign_up},
    verify_email::verify,
};
pub use self::{admin::AccountDocument, browser::BrowserDoor};
pub(crate) use self::{
    answer::{clear_session_cookies, redirect, token_cookies},
    browser::Door,
    document::schemas,
    signed_in::answer as answer_sign_in,
};
use crate::{
    openapi::{Code, Tag},
    route::Endpoint,
    service::Inner,
};

/// Every room with a door.
pub(crate) const DOORS: &[Doors] = &[
    sign_in::DOORS,
    account::DOORS,
    profile::DOORS,
    step_up::DOORS,
    factor::DOORS,
    factor::LIST_DOORS,
    passkey::DOORS,
    email_code::DOORS,
    change_email::DOORS,
    sessions::DOORS,
    verify_email::DOORS,
    reset_password::DOORS,
    #[cfg(feature = "oidc")]
    oidc::DOORS,
    machine::OWN,
    admin::DOORS,
    machine::ADMINISTRATION,
    machine::OAUTH,
    events::DOORS,
    machine::METADATA,
    #[cfg(feature = "webhooks")]
    news::DOORS,
    verify::DOORS,
    browser::DOORS,
    keys::DOORS,
    openapi::DOORS,
];

/// What one room has at the doors.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) endpoints: &'static [Endpoint],
    /// Whether there is anything to do here: not without a mailer, if all of it is done by mail.
    pub(crate) open: fn(&Auth) -> bool,
    /// Under which heading they are described.
    pub(crate) tag: Tag,
    /// The bodies that only this room has, by name.
    pub(crate) schemas: fn(&Inner) -> Vec<(&'static str, Value)>,
    /// The codes of problem documents that only this room has.
    pub(crate) codes: &'static [Code],
}

impl Doors {
    /// Always open, with nothing there.
    const fn tagged(tag: Tag) -> Self {
        Self { endpoints: &[], open: |_| true, tag, schemas: |_| Vec::new(), codes: &[] }
    }
}

/// Every endpoint, whether it is mounted or not.
pub(crate) fn all() -> impl Iterator<Item = Endpoint> {
    DOORS.iter().flat_map(|doors| doors.endpoints).copied()
}
