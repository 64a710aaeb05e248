//! The page of the example `browser` in a real browser: what its cookies are, who else can use them, that tabs, reloads and
//! lost answers sign nobody out, and passkeys.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "everything here is test code: what fails must stop the test"
)]

#[path = "../../examples/browser/app.rs"]
mod app;
#[path = "../../../auth-server/tests/it/support/browser.rs"]
mod browser;
mod cookies;
mod foreign;
mod host;
mod lost;
mod page;
mod passkey;
mod tabs;
mod world;

use std::time::Duration;

/// Generous: a busy machine must not fail a test that waits for what will happen.
const PATIENCE: Duration = Duration::from_mins(1);
