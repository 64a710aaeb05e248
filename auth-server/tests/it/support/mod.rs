//! Starts the program as its users do, and talks to it.

mod browser;
mod client;
mod connection;
mod database_server;
mod npm;
mod server;
mod smtp;

use std::time::Duration;

pub(crate) use browser::Browser;
pub(crate) use client::{Answer, Client, Session};
pub(crate) use connection::Connection;
pub(crate) use database_server::DatabaseServer;
pub(crate) use npm::installed;
pub(crate) use server::{Ended, Program, Server};
pub(crate) use smtp::SmtpServer;

/// Generous: a busy machine must not fail a test that waits for what will happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A key for tests with a database that is no SQLite file.
pub(crate) const KEY: &str = "kT0wYx8mZr3QvN5uLb7JcHf2GdSaPe9i-RqWtXnMoKlVzBhC4";

/// A password that the rules accept.
pub(crate) const PASSWORD: &str = "wilted-orchid-paddles-north";
