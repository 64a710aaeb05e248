//! Events to other services as they happen: webhooks and logout tokens; and a hook that is asked over HTTP. The client is compiled by the
//! feature `webhooks`; the tables are there without it.

#[cfg(feature = "webhooks")]
mod client;
mod entity;
#[cfg(feature = "webhooks")]
mod store;

use std::time::Duration;

#[cfg(feature = "webhooks")]
pub use self::client::*;
use crate::{
    kernel::{Room, Sweep},
    store::Table,
};

#[cfg(feature = "webhooks")]
crate::secret::secret_text! {
    /// What a webhook is signed with, in the form of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
    WebhookSecret
}

/// How long each try is listed.
const TRIES_KEPT: Duration = Duration::from_hours(7 * 24);

/// Encrypts the secrets of webhooks.
const SECRETS: &str = "webhook secrets";

pub(crate) const ROOM: Room = Room {
    tables: &[
        Table::of::<entity::webhook::Entity>("auth_webhook"),
        Table::of::<entity::delivery::Entity>("auth_webhook_delivery"),
    ],
    sealers: &[SECRETS],
    sweep: &[Sweep { table: "auth_webhook_delivery", id: "id", at: "at", kept: |_| Some(TRIES_KEPT) }],
    #[cfg(feature = "webhooks")]
    findings: Some(|kernel| Box::pin(client::check(kernel))),
    #[cfg(feature = "webhooks")]
    background: Some(|kernel| Box::pin(client::keep_delivering(kernel))),
    #[cfg(feature = "webhooks")]
    needs_events: Some(|kernel| Box::pin(client::needed(kernel))),
    ..Room::EMPTY
};
