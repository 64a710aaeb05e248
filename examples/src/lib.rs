//! What the examples share: how they are called, a key for the moment, and the client of their self checks.
//!
//! The examples themselves are in `examples/examples`, one file each: `cargo run --example axum`.

mod issuer;
mod provider;
mod visitor;

use std::{error::Error, net::SocketAddr};

use auth_core::{Keys, Random as _, SecretKey, SystemRandom};

pub use issuer::Issuer;
pub use provider::Provider;
pub use visitor::Visitor;

/// The Rust blocks of the README compile, and those that are programs run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The same for the recipes of the manual.
#[cfg(doctest)]
#[doc = include_str!("../../auth-core/src/manual/recipes.md")]
struct Recipes;

/// How an example that serves was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arguments {
    /// Where to listen: port 3000 unless one was given, a free one for a self check.
    pub address: SocketAddr,
    /// Whether to call every door once and end.
    pub self_check: bool,
}

impl Arguments {
    /// Reads `[PORT]` or `--self-check`.
    ///
    /// # Errors
    /// A sentence about an argument that is neither.
    pub fn read() -> Result<Self, Box<dyn Error>> {
        let (port, self_check) = match std::env::args().nth(1).as_deref() {
            None => (3000, false),
            Some("--self-check") => (0, true),
            Some(port) => (port.parse().map_err(|_| "give a port, or --self-check, or nothing")?, false),
        };
        Ok(Self { address: SocketAddr::from(([127, 0, 0, 1], port)), self_check })
    }
}

/// A key that is forgotten at the end, as the examples keep their accounts in memory. A real service reads
/// the same key at every start, or everyone has to sign in again.
///
/// # Errors
/// The system gives no random bytes.
pub fn keys_for_this_run() -> Result<Keys, Box<dyn Error>> {
    let mut secret = [0; 32];
    SystemRandom.fill(&mut secret)?;
    Ok(Keys::new(SecretKey::new(secret)?))
}
