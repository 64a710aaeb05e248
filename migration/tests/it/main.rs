//! The migrations on every database that they are for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

mod embedded;
mod guest;
mod harness;
mod newer;
mod plan;
mod schema;
mod support;
mod together;
mod up_and_down;
