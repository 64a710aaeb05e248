//! The tests of auth-core as a host uses it, one file per flow or promise. Those that touch the store run on
//! SQLite, PostgreSQL and MariaDB/MySQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails by panicking; clippy's exemption does not reach helper functions"
)]

mod account;
mod architecture;
mod cancellation;
mod connect;
mod ends;
mod hashing;
mod key_ring;
mod login;
mod logout;
mod passwords;
mod refresh;
mod register;
mod revocation;
mod rotation;
mod secrecy;
mod sessions;
mod statements;
mod support;
mod sweep;
mod throttle;
mod token;
mod wycheproof;
