//! Telling other services of events, and asking them.
//!
//! ```no_run
//! # async fn run(db: sea_orm::DatabaseConnection, keys: auth_core::Keys) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use auth_core::{Auth, webhooks::{Config, NewWebhook}};
//!
//! let webhooks = Config::new()
//!     .webhook("https://crm.example.com/auth-events", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
//!     .logout_url("https://app.example.com/backchannel-logout");
//! let auth = Auth::builder(db, keys)
//!     .configure(|config| config.audit_retention = Some(Duration::from_hours(90 * 24))) // events are rows of the audit
//!     .webhooks(webhooks)
//!     .build()?;
//! let background = auth.clone(); // it is what delivers
//! tokio::spawn(async move { background.run_background().await });
//!
//! let webhooks = auth.webhooks().ok_or("webhooks are off")?;
//! let made = webhooks.create(NewWebhook::new("https://billing.example.com/hook").types(["deleted"]), Default::default()).await?;
//! println!("{}", made.secret.expose()); // once
//! # Ok(())
//! # }
//! ```

mod admin;
mod check;
mod config;
mod deliver;
mod hook;
mod logout;
mod message;
mod outcome;
mod secret;

pub use self::{
    admin::{Delivery, MadeWebhook, NewWebhook, Off, Webhook, WebhookChange, Webhooks},
    config::Config,
    hook::HttpHooks,
};
pub(super) use self::{
    check::check,
    deliver::{keep_delivering, needed},
};
use super::WebhookSecret;
use crate::{Class, Refusal};

/// No such webhook.
pub const WEBHOOK_NOT_FOUND: Refusal = Refusal::not_found("There is no such webhook.");
/// A webhook that a setting names is changed there.
pub const WEBHOOK_OF_SETTING: Refusal = Refusal::new(
    Class::Conflict,
    "webhook_of_setting",
    "This webhook is named by a setting of the service, and has to be changed there.",
);
