//! The manual: pages to read, no code to call.

#[doc = include_str!("program.md")]
pub mod program {}

#[doc = include_str!("settings.md")]
pub mod settings {}

#[doc = include_str!("administration.md")]
pub mod administration {}

#[doc = include_str!("endpoints.md")]
pub mod endpoints {}

// Its code needs crates that come after this one, so it is compiled where the examples are.
#[cfg_attr(not(doctest), doc = include_str!("recipes.md"))]
pub mod recipes {}

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("profile.md")]
pub mod profile {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("passwords.md")]
pub mod passwords {}

#[doc = include_str!("mail.md")]
pub mod mail {}

#[doc = include_str!("throttling.md")]
pub mod throttling {}

#[doc = include_str!("browser.md")]
pub mod browser {}

#[doc = include_str!("browser_door.md")]
pub mod browser_door {}

#[doc = include_str!("pages.md")]
pub mod pages {}

#[doc = include_str!("keys.md")]
pub mod keys {}

#[doc = include_str!("machines.md")]
pub mod machines {}

#[doc = include_str!("second_factor.md")]
pub mod second_factor {}

#[doc = include_str!("email_codes.md")]
pub mod email_codes {}

#[doc = include_str!("passkeys.md")]
pub mod passkeys {}

#[doc = include_str!("roles.md")]
pub mod roles {}

#[cfg(feature = "oidc")]
#[doc = include_str!("oidc.md")]
pub mod oidc {}

#[doc = include_str!("events.md")]
pub mod events {}

#[cfg(feature = "webhooks")]
#[doc = include_str!("webhooks.md")]
pub mod webhooks {}

#[doc = include_str!("hooks.md")]
pub mod hooks {}

#[doc = include_str!("metrics.md")]
pub mod metrics {}

#[doc = include_str!("speed.md")]
pub mod speed {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("rooms.md")]
pub mod rooms {}

#[doc = include_str!("check.md")]
pub mod check {}

#[doc = include_str!("moving_in.md")]
pub mod moving_in {}

#[doc = include_str!("design_faq.md")]
pub mod design_faq {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}
