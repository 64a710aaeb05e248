//! `auth-server users import`.

use std::{ffi::OsStr, fs::File, io, path::Path};

use auth_core::{Auth, ClientInfo, FieldError, Import, ImportOutcome, ImportRow};
use serde_json::json;

use super::{lines::Lines, rows::Rows};
use crate::{
    cli::{Format, ImportOptions},
    command::{Progress, output::print},
    error::Error,
};

/// Lines that are handed over at once: those of a transaction.
const BATCH: usize = 500;
/// Lines after which progress is told.
const TELL_EVERY: u64 = 10_000;

/// Reads the file as it goes, and the report goes to standard output as it comes: neither is ever held as a whole.
///
/// # Errors
/// [`Error::Usage`] for a file that cannot be read; [`Error::Account`] when rows were refused, or the database is away.
pub(super) async fn import(auth: &Auth, options: &ImportOptions, json: bool) -> Result<(), Error> {
    let file = &options.file;
    let format = options.format.or_else(|| by_extension(file)).ok_or_else(|| {
        let rule = "the name does not end in .csv or .jsonl: add --format csv or --format jsonl";
        Error::Usage(format!("users import: {rule}"))
    })?;
    let mut lines = if file == OsStr::new("-") {
        Lines::new(Box::new(io::stdin().lock()), format)
    } else {
        let cannot = |error: io::Error| {
            Error::Usage(format!("users import: the file cannot be read: {}", error.kind()))
        };
        Lines::of_file(File::open(file).map_err(cannot)?, format)?
    };
    let mut rows = rows(format, &mut lines, options.ignore_ids)?;
    let run = auth.import(ClientInfo::default());
    let mut run = if options.dry_run { run.dry_run() } else { run };
    let progress = Progress::begin("reading");
    let mut report = Report { json, dry_run: options.dry_run, ..Report::new(progress) };
    loop {
        let (mut sound, mut refused) = (Vec::with_capacity(BATCH), Vec::new());
        // Blocks this thread alone, on which nothing else runs.
        while sound.len() + refused.len() < BATCH {
            let Some((number, line)) = lines.next()? else { break };
            match line.and_then(|line| rows.record(line)) {
                Ok(record) => sound.push(ImportRow { number, record }),
                Err(error) => refused.push((number, error)),
            }
        }
        if sound.is_empty() && refused.is_empty() {
            break;
        }
        report.add(&mut run, sound, refused).await?;
    }
    if !rows.unknown().is_empty() {
        let names: Vec<_> = rows.unknown().iter().map(String::as_str).collect();
        tracing::warn!("not taken over: {}", names.join(", "));
    }
    report.end()
}

/// For a fuzzer: `.ci/fuzz`. A file, as both kinds.
#[cfg(fuzzing)]
pub fn fuzz(file: &[u8]) {
    for format in [Format::Csv, Format::Jsonl] {
        let mut lines = Lines::new(Box::new(io::Cursor::new(file.to_vec())), format);
        let Ok(mut rows) = rows(format, &mut lines, false) else { continue };
        while let Ok(Some((_, line))) = lines.next() {
            let _ = line.and_then(|line| rows.record(line));
        }
    }
}

fn by_extension(file: &Path) -> Option<Format> {
    match file.extension()?.to_ascii_lowercase().to_str()? {
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        _ => None,
    }
}

/// Reads the header, if there is to be one.
fn rows(format: Format, lines: &mut Lines, ignore_ids: bool) -> Result<Rows, Error> {
    let header = match format {
        Format::Jsonl => "",
        Format::Csv => match lines.next()? {
            Some((_, header)) => header.map_err(|error| in_header(&error.detail))?,
            None => "",
        },
    };
    Rows::new(format, header, ignore_ids).map_err(|problem| in_header(&problem))
}

fn in_header(problem: &str) -> Error {
    Error::Usage(format!("users import: the first line {problem}"))
}

/// What was done so far.
struct Report {
    progress: Progress,
    json: bool,
    dry_run: bool,
    rows: u64,
    inserted: u64,
    there: u64,
    refused: u64,
}

impl Report {
    fn new(progress: Progress) -> Self {
        Self { progress, json: false, dry_run: false, rows: 0, inserted: 0, there: 0, refused: 0 }
    }

    /// Writes these rows, and tells those that were refused in the order of the file.
    async fn add(
        &mut self,
        run: &mut Import,
        sound: Vec<ImportRow>,
        mut refused: Vec<(u64, FieldError)>,
    ) -> Result<(), Error> {
        let numbers: Vec<u64> = sound.iter().map(|row| row.number).collect();
        let outcomes = run.rows(sound).await.map_err(|error| match Error::of_account(&error) {
            Error::Account(problem) => {
                let rows = self.rows;
                Error::Account(format!("{problem}; {rows} rows are done, repeat the command to go on"))
            }
            other => other,
        })?;
        let before = self.rows;
        self.rows += u64::try_from(outcomes.len() + refused.len()).unwrap_or(u64::MAX);
        for (number, outcome) in numbers.into_iter().zip(outcomes) {
            match outcome {
                ImportOutcome::Inserted => self.inserted += 1,
                ImportOutcome::Refused(error) => refused.push((number, error)),
                _ => self.there += 1,
            }
        }
        self.refused += u64::try_from(refused.len()).unwrap_or(u64::MAX);
        refused.sort_by_key(|(number, _)| *number);
        let lines = refused.iter().map(|(number, error)| self.line(*number, error));
        self.progress.aside(|| print(lines))?;
        self.progress.tell(self.sum());
        if !self.progress.is_seen() && before / TELL_EVERY < self.rows / TELL_EVERY {
            tracing::info!("{}", self.sum());
        }
        Ok(())
    }

    fn line(&self, number: u64, error: &FieldError) -> String {
        let FieldError { field, code, detail, .. } = error;
        if self.json {
            return json!({ "line": number, "field": field, "code": code, "detail": detail }).to_string();
        }
        format!("line {number}: {detail}")
    }

    fn sum(&self) -> String {
        let Self { rows, inserted, there, refused, .. } = self;
        let inserted_or_would_be = if self.dry_run { "would be inserted" } else { "inserted" };
        format!("{rows} rows: {inserted} {inserted_or_would_be}, {there} already there, {refused} refused")
    }

    fn end(self) -> Result<(), Error> {
        let Self { rows, inserted, there, refused, dry_run, .. } = &self;
        let sum = json!({
            "rows": rows, "inserted": inserted, "already_there": there, "refused": refused, "dry_run": dry_run,
        });
        let line = if self.json { sum.to_string() } else { self.sum() };
        self.progress.aside(|| print([line]))?;
        if self.refused > 0 {
            return Err(Error::Account(format!("{refused} rows were refused; the report tells why")));
        }
        Ok(())
    }
}
