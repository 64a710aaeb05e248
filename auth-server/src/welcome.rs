//! What whoever starts the program on a terminal reads first, in the place of the log's lines about the start.

use std::fmt::Write as _;

use crate::{config::Config, key_file};

/// A few lines: where it is, and what to do next.
pub(crate) fn block(config: &Config, place: &str, url: &str) -> String {
    // As it was called, to be called again.
    let program = std::env::args().next().unwrap_or_else(|| "auth-server".to_owned());
    let mut rows = Vec::new();
    if config.http.docs {
        rows.push(("Try it", format!("{url}/docs")));
    }
    let administrator = format!("{program} users create YOU@EXAMPLE.COM --role admin --print-link");
    rows.push(("First admin", administrator));
    rows.push(match &config.mail.smtp_url {
        Some(_) => ("Mail", "leaves by the server of SMTP_URL".to_owned()),
        None => ("Mail", "is written to this log; SMTP_URL names a mail server".to_owned()),
    });
    let key_is_given = config.keys.secret.is_some();
    rows.push(match config.database.url.sqlite_file() {
        Some(file) if key_is_given => ("Accounts", format!("are in {}", file.display())),
        Some(file) => {
            let key = key_file::path(file);
            let key = key.strip_prefix(".").unwrap_or(&key).display();
            ("Accounts", format!("are in {}, the key in {key}: back up both", file.display()))
        }
        None => ("Accounts", "are in the database of DATABASE_URL".to_owned()),
    });
    if let Some(address) = config.metrics {
        rows.push(("Metrics", format!("http://{address}/metrics")));
    }
    rows.push(("Settings", format!("{program} --help, {program} check")));
    let mut text = format!("\nauth-server {}, listening on {place}\n\n", env!("CARGO_PKG_VERSION"));
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:12} {value}");
    }
    text.push_str("\nCtrl-C ends it. The log follows.\n\n");
    text
}
