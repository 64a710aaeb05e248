//! The program from outside: real processes, real sockets, real databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod accessibility;
mod account_pages;
mod browser_door;
mod budget;
mod check;
mod connections;
mod crash;
mod development;
mod docs;
mod faults;
mod floods;
mod framing;
mod health;
mod health_command;
mod import;
mod instances;
mod key_ring;
mod key_ring_load;
mod keys;
mod localhost;
mod logs;
mod machines;
mod mail;
mod metrics;
mod migrate;
mod newer_schema;
mod nginx;
mod oidc;
mod pages;
mod passkeys;
mod proxy_protocol;
mod reload;
mod schedules;
mod second_factor;
mod settings;
mod shutdown;
mod start_errors;
mod support;
mod systemd;
mod terminal;
mod throttle;
mod tls;
mod unix_socket;
mod users;
mod zero_config;
