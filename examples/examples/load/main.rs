//! Measures `auth-server` against the limits of the machine, both in the same run, and prints a table of ratios.
//!
//! ```text
//! cargo run --release --example load                   # five rounds, some six minutes
//! cargo run --release --example load -- --rounds 1     # a first look
//! cargo run --release --example load -- --soak 180     # whether memory stays flat, over so many seconds
//! LOAD_SERVER=path/to/auth-server cargo run ...        # another build than that of this folder
//! cargo run --example load -- --self-check             # that it works, on SQLite; its numbers mean nothing
//! ```
//!
//! Where there are two processors and `taskset`, the server and whatever it is compared with run on the first, and the
//! load and PostgreSQL (`AUTH_TEST_POSTGRES_URL`, with or without `?sslmode=disable`) on the second. Every figure is the median of the rounds. The limits:
//! Argon2id with memory that is used again, one `hyper` connection handler that answers a constant, one conditional
//! `UPDATE` through `sqlx`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]
#![expect(clippy::cast_precision_loss, reason = "counts and times far below 2^52")]

mod client;
mod limits;
mod measures;
mod process;
mod soak;
mod table;

use std::{error::Error, time::Duration};

use auth_migration::test_util::TestDatabase;

/// Anything that ends the run.
type Failure = Box<dyn Error + Send + Sync>;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Plan {
    rounds: usize,
    /// Of one measure in one round.
    time: Duration,
    storm: Duration,
    clients: usize,
    storm_clients: usize,
}

const FULL: Plan = Plan {
    rounds: 5,
    time: Duration::from_secs(4),
    storm: Duration::from_secs(10),
    clients: 32,
    storm_clients: 256,
};

const SELF_CHECK: Plan = Plan {
    rounds: 1,
    time: Duration::from_millis(300),
    storm: Duration::from_secs(1),
    clients: 4,
    storm_clients: 16,
};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--soak", seconds] = words.as_slice() {
        return soak(Duration::from_secs(seconds.parse()?));
    }
    let (plan, self_check) = match words.as_slice() {
        ["limit", name, rest @ ..] => return limits::run(name, rest),
        [] => (FULL, false),
        ["--self-check"] => (SELF_CHECK, true),
        ["--rounds", rounds] => (Plan { rounds: rounds.parse()?, ..FULL }, false),
        _ => return Err("usage: load [--rounds N | --soak SECONDS | --self-check]".into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pinned = process::pin_self()?;
    runtime.block_on(async {
        let database = if self_check { TestDatabase::sqlite().await } else { TestDatabase::postgres().await };
        let unpinned = if pinned && !self_check { process::pin_postgres() } else { Vec::new() };
        let measured = measures::all(&plan, &database).await;
        process::unpin(&unpinned);
        database.drop_database().await;
        let table = table::write(&plan, pinned, &measured?);
        println!("{table}");
        if self_check {
            println!("all is well");
        }
        Ok(())
    })
}

fn soak(time: Duration) -> Result<(), Failure> {
    process::build_server()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    process::pin_self()?;
    runtime.block_on(async {
        let database = TestDatabase::postgres().await;
        let told = soak::run(&database, time).await;
        database.drop_database().await;
        println!("{}", told?);
        Ok(())
    })
}
