//! The program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    auth_server::run(std::env::args_os())
}
