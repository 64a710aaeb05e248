//! `auth-server users export`.

use std::io::{self, IsTerminal as _, Write as _};

use auth_core::{Auth, UserRecord};
use csv::Writer;
use serde_json::Value;

use super::{
    document::Document,
    rows::{COLUMNS, SECRET_COLUMNS},
    spreadsheet, told,
};
use crate::{
    cli::{ExportOptions, Format},
    command::Progress,
    error::Error,
};

/// Page by page, so that neither side holds them all.
///
/// # Errors
/// [`Error::Account`], [`Error::System`].
pub(super) async fn export(auth: &Auth, options: &ExportOptions) -> Result<(), Error> {
    let write = |page: &[u8]| {
        let written = io::stdout().lock().write_all(page);
        written.map_err(|source| Error::System { what: "standard output", source })
    };
    let secret = if options.with_hashes { 0 } else { SECRET_COLUMNS };
    let columns = COLUMNS.get(..COLUMNS.len() - secret).unwrap_or_default();
    if options.format == Format::Csv {
        write(format!("{}\n", columns.join(",")).as_bytes())?;
    }
    // The accounts themselves show on a terminal how far it is.
    let progress = (!io::stdout().is_terminal()).then(|| Progress::begin("reading"));
    let (mut after, mut count) = (None, 0);
    loop {
        let page = told(auth.export_users(after, options.with_hashes).await)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        count += page.len();
        if let Some(progress) = &progress {
            progress.tell(format!("{count} accounts"));
        }
        let text = match options.format {
            Format::Csv => csv(page, options.with_hashes),
            Format::Jsonl => jsonl(page),
        };
        write(&text.map_err(|source| Error::System { what: "a row", source })?)?;
    }
}

fn jsonl(page: Vec<UserRecord>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for record in page {
        serde_json::to_writer(&mut text, &Document::of(record))?;
        text.push(b'\n');
    }
    Ok(text)
}

fn csv(page: Vec<UserRecord>, with_hashes: bool) -> io::Result<Vec<u8>> {
    let mut text = Writer::from_writer(Vec::new());
    for record in page {
        let row = Document::of(record);
        let truth = |value: Option<bool>| value.unwrap_or_default().to_string();
        let json = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
        let fields = [
            row.id.unwrap_or_default(),
            row.email,
            truth(row.email_verified),
            truth(row.disabled),
            row.roles.unwrap_or_default().join(" "),
            row.created_at.unwrap_or_default(),
            row.name.unwrap_or_default(),
            row.username.unwrap_or_default(),
            row.locale.unwrap_or_default(),
            json(row.data),
            json(row.app_data),
        ];
        let secret = [row.hash, row.totp_secret].map(Option::unwrap_or_default);
        let secret = secret.into_iter().filter(|_| with_hashes);
        text.write_record(fields.into_iter().chain(secret).map(spreadsheet::made_safe))?;
    }
    text.into_inner().map_err(|error| io::Error::from(error.error().kind()))
}
