//! The tests of auth-core as a host uses it, one file per flow or promise. Those that touch the store run on
//! SQLite, PostgreSQL and MariaDB/MySQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails by panicking; clippy's exemption does not reach helper functions"
)]

mod account;
mod admin;
mod architecture;
mod audit;
mod background;
mod before_proof;
mod between;
mod browser;
mod cancellation;
mod check;
mod connect;
mod email_change;
mod email_code;
mod ends;
mod factor;
mod feed;
mod gate;
mod hashing;
mod hooks;
mod import;
mod isolation;
mod key_ring;
mod kit;
mod links;
mod login;
mod logout;
mod machine;
mod mail;
mod mail_pace;
mod manual;
mod oidc;
mod others;
mod passkey;
mod passwords;
mod profile;
mod refresh;
mod register;
mod reset_password;
mod revocation;
mod rotation;
mod secrecy;
mod sessions;
mod statements;
mod support;
mod sweep;
mod throttle;
mod token;
mod user;
mod verify_email;
mod vouched;
mod webhooks;
mod whole;
mod wycheproof;
