//! What the words of the command line do, a file each; `run` is the way in.

mod check;
mod keys;
mod machines;
mod migrate;
mod output;
mod run;
mod serve;
mod users;

pub use run::run;
