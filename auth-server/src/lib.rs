//! auth-server: the endpoints of `auth-tower` as a program of its own, on hyper.
//!
//! ```sh
//! cargo run -p auth-server    # http://localhost:8000, with a SQLite file and a key of its own in the working directory
//! ```
//!
//! | command | what it does |
//! | --- | --- |
//! | `auth-server` | brings the schema up to date and answers requests |
//! | `auth-server config`, `check` | show the settings in force, and what is wrong with them and around them |
//! | `auth-server users` | accounts, and the first administrator: [administration](auth_core::manual::administration) |
//! | `auth-server services`, `api-keys` | accounts of programs, and keys: [machines](auth_core::manual::machines) |
//! | `auth-server keys` | the keys that sign: [keys](auth_core::manual::keys) |
//! | `auth-server migrate` | looks after the schema: [upgrades](auth_core::manual::operating#upgrades) |
//! | `auth-server health` | asks the server whether it is ready: for the check of a container |
//! | `auth-server completions`, `man` | print what shells and `man` want to know |
//!
//! `-h` is the short help, `--help` has the settings that a command looks at. The manual has every
//! [setting](auth_core::manual::settings), each [code of `check`](auth_core::manual::check), [setting it up](auth_core::manual::program),
//! [running it](auth_core::manual::operating) and [recipes](auth_core::manual::recipes) for containers, systemd and proxies.
//!
//! The program knows no rules: it reads settings, opens sockets, and puts request id, trace, panic guard and timeout around
//! [`AuthService`](auth_tower::AuthService), beside `/health/live` and `/health/ready`. What a client may take is
//! [bounded](auth_core::manual::operating#what-a-client-may-take).
//!
//! The log of `serve` goes to standard output, as one stream for whoever runs it to route; commands that print something write
//! theirs to standard error. What stops the program is one line on standard error, with exit status 2 for a setting and 1 for the world
//! around (database away, port taken); only `check` has a meaning of its own.

mod cli;
mod command;
mod config;
mod error;
mod handle;
mod hash_budget;
mod http;
mod key_file;
mod logging;
mod operator;
mod reload;
mod signals;
mod start;
#[cfg_attr(not(unix), path = "systemd_elsewhere.rs")]
mod systemd;
mod welcome;

pub use command::run;
/// For a fuzzer: `.ci/fuzz`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::{command::fuzz_import as import, http::proxy_protocol::fuzz as proxy_protocol};
}
