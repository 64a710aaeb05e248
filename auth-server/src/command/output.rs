//! What commands print.

use std::io::{self, Write as _};

use crate::error::Error;

/// On standard output.
pub(crate) fn print(lines: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(|source| Error::System { what: "standard output", source })?;
    }
    Ok(())
}

/// On standard output, as it is.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Error> {
    io::stdout().write_all(bytes).map_err(|source| Error::System { what: "standard output", source })
}

/// One line on standard error.
pub(crate) fn complain(problem: &str) {
    let line: Vec<&str> = problem.split_whitespace().collect();
    let _ = writeln!(io::stderr(), "auth-server: {}", line.join(" "));
}
