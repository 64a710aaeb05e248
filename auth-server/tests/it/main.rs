//! The program from outside: real processes, real sockets, real databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod connections;
mod crash;
mod faults;
mod floods;
mod framing;
mod health;
mod instances;
mod keys;
mod logs;
mod migrate;
mod nginx;
mod schedules;
mod settings;
mod shutdown;
mod start_errors;
mod support;
mod throttle;
mod zero_config;
