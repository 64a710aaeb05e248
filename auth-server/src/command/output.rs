//! What commands print.

use std::{
    io::{self, Write as _},
    time::SystemTime,
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::error::Error;

/// On standard output.
pub(crate) fn print(lines: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(|source| Error::System { what: "standard output", source })?;
    }
    Ok(())
}

/// One line on standard error.
pub(crate) fn complain(problem: &str) {
    let line: Vec<&str> = problem.split_whitespace().collect();
    let _ = writeln!(io::stderr(), "auth-server: {}", line.join(" "));
}

/// In whole seconds (RFC 3339). A time that no calendar has, from a broken row, becomes the epoch.
pub(crate) fn utc(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
