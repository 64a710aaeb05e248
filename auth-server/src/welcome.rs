//! What whoever starts the program on a terminal reads first, in the place of the log's lines about the start.

use std::{ffi::OsString, fmt::Write as _};

use crate::{
    cli,
    config::{Config, Given, Origin},
    key_file,
    start::Started,
};

/// A few lines: where it is, and what to do next.
pub(crate) fn block(config: &Config, given: &[Given], started: &Started) -> String {
    let program = called(std::env::args_os().next());
    let mut rows = Vec::new();
    if let Some(url) = started.url.as_ref().filter(|_| started.pages.is_some()) {
        rows.push(("Open", format!("{url}/")));
    }
    if let Some(url) = started.url.as_ref().filter(|_| config.http.docs) {
        rows.push(("Try it", format!("{url}/docs")));
    }
    let flags = flags(config, given, &["users"]);
    let administrator = format!("{program} users create YOU@EXAMPLE.COM --role admin --print-link{flags}");
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
    if let Some(address) = started.metrics {
        rows.push(("Metrics", format!("http://{address}/metrics")));
    }
    let flags = self::flags(config, given, &["check"]);
    rows.push(("Settings", format!("{program} --help, {program} check{flags}")));
    let place = started.listener.place();
    let mut text = format!("\nauth-server {}, listening on {place}\n\n", env!("CARGO_PKG_VERSION"));
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:12} {value}");
    }
    text.push_str("\nCtrl-C ends it. The log follows.\n\n");
    text
}

/// As it was called, to be called again. What is no text is shown as well as it goes.
fn called(first: Option<OsString>) -> String {
    first.map_or_else(|| "auth-server".to_owned(), |name| quoted(&name.to_string_lossy()))
}

/// The flags of this start that another command needs too, to be about the same service. A secret is not shown again.
fn flags(config: &Config, given: &[Given], words: &[&str]) -> String {
    let given = given.iter().filter(|one| one.origin == Origin::Flag && cli::looks_at(words, &one.name));
    let flag = |one: &Given| {
        let name = one.name.to_ascii_lowercase().replace('_', "-");
        let value = one.value.to_string_lossy();
        let value = if config.keeps_secret(&one.name) { "SECRET".to_owned() } else { quoted(&value) };
        format!(" --{name} {value}")
    };
    given.map(flag).collect()
}

/// As a shell reads it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_\u{fffd}".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_is_shown_as_it_was_written() {
        for (text, shown) in [
            ("sqlite:///app.db", "sqlite:///app.db"),
            ("My Shop", "'My Shop'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), shown);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_is_shown_all_the_same() {
        use std::os::unix::ffi::OsStringExt as _;
        assert_eq!(called(Some(OsString::from_vec(b"./auth-\xff".to_vec()))), "./auth-\u{fffd}");
        assert_eq!(called(None), "auth-server");
    }
}
