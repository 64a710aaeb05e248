//! What the words of the command line do, a file each; `run` is the way in.

mod accounts;
mod check;
mod health;
mod keys;
mod machines;
mod migrate;
mod output;
mod progress;
mod run;
mod serve;
mod users;

pub(crate) use progress::Progress;
pub use run::run;
#[cfg(fuzzing)]
pub use users::fuzz_import;
