//! Lines of CSV or JSON as accounts.

use std::{collections::BTreeSet, mem};

use auth_core::{FieldError, UserRecord};
use csv::{ReaderBuilder, StringRecord};

use super::{document::Document, lines::refused, spreadsheet};
use crate::cli::Format;

/// The columns, in the order of an export.
pub(super) const COLUMNS: [&str; 13] = [
    "id",
    "email",
    "email_verified",
    "disabled",
    "roles",
    "created_at",
    "name",
    "username",
    "locale",
    "data",
    "app_data",
    "hash",
    "totp_secret",
];
/// The last of them are secret.
pub(super) const SECRET_COLUMNS: usize = 2;

/// More names than this are not told.
const UNKNOWN_MAX: usize = 20;

/// Reads one kind of file.
pub(super) struct Rows {
    kind: Kind,
    ignore_ids: bool,
    unknown: BTreeSet<String>,
}

enum Kind {
    /// Which field each column is; `None` for one that is not taken over.
    Csv(Vec<Option<&'static str>>),
    Json,
}

impl Rows {
    /// `header` is the first line, of a CSV file.
    ///
    /// # Errors
    /// What is wrong with it. Never repeats it: where it is missing, the line is an account.
    pub(super) fn new(format: Format, header: &str, ignore_ids: bool) -> Result<Self, String> {
        let mut rows = Self { kind: Kind::Json, ignore_ids, unknown: BTreeSet::new() };
        if format == Format::Jsonl {
            return Ok(rows);
        }
        let names = fields(header).map_err(|error| error.detail)?;
        let names: Vec<String> = names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let known = |name: &String| COLUMNS.into_iter().find(|column| column == name);
        let columns: Vec<Option<&'static str>> = names.iter().map(known).collect();
        if !columns.contains(&Some("email")) {
            let parted = [';', '\t', '|'].into_iter().any(|mark| {
                names.iter().any(|name| name.split(mark).any(|part| part.trim_matches([' ', '"']) == "email"))
            });
            let but = if parted { "; columns are separated by commas" } else { "" };
            return Err(format!("has no column `email`; the columns are {}{but}", COLUMNS.join(", ")));
        }
        let mut once = BTreeSet::new();
        if let Some(twice) = columns.iter().flatten().find(|column| !once.insert(**column)) {
            return Err(format!("has the column `{twice}` twice"));
        }
        for (name, _) in names.iter().zip(&columns).filter(|(_, column)| column.is_none()) {
            rows.note_unknown(name);
        }
        rows.kind = Kind::Csv(columns);
        Ok(rows)
    }

    /// # Errors
    /// Why this line is no account. Never repeats it.
    pub(super) fn record(&mut self, line: &str) -> Result<UserRecord, FieldError> {
        let mut document = match &self.kind {
            Kind::Csv(columns) => from_csv(columns, line)?,
            // Its own errors quote values.
            Kind::Json => serde_json::from_str::<Document>(line).map_err(|error| {
                refused(&format!("is no JSON object with these fields (column {})", error.column()))
            })?,
        };
        for name in mem::take(&mut document.unknown).keys() {
            self.note_unknown(name);
        }
        document.record(self.ignore_ids)
    }

    fn note_unknown(&mut self, name: &str) {
        let is_name =
            name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(&b));
        if self.unknown.len() < UNKNOWN_MAX {
            self.unknown.insert(if is_name { name.to_owned() } else { "(no name)".to_owned() });
        }
    }

    /// Names of columns or fields that are not taken over.
    pub(super) fn unknown(&self) -> &BTreeSet<String> {
        &self.unknown
    }
}

fn from_csv(columns: &[Option<&'static str>], line: &str) -> Result<Document, FieldError> {
    let values = fields(line)?;
    if values.len() != columns.len() {
        return Err(refused(&format!("has {} fields, and the header has {}", values.len(), columns.len())));
    }
    let mut document = Document::default();
    for (column, value) in columns.iter().zip(&values) {
        let value = spreadsheet::restored(value.trim());
        match *column {
            Some("id") => document.id = Some(value.to_owned()),
            Some("email") => value.clone_into(&mut document.email),
            Some(name @ "email_verified") => document.email_verified = Some(truth(name, value)?),
            Some(name @ "disabled") => document.disabled = Some(truth(name, value)?),
            Some("roles") => {
                let names = value.split([' ', ',', ';']).filter(|name| !name.is_empty());
                document.roles = Some(names.map(str::to_owned).collect());
            }
            Some("created_at") => document.created_at = Some(value.to_owned()),
            Some("name") => document.name = Some(value.to_owned()),
            Some("username") => document.username = Some(value.to_owned()),
            Some("locale") => document.locale = Some(value.to_owned()),
            Some("data") => document.data = Some(value.into()),
            Some("app_data") => document.app_data = Some(value.into()),
            Some("hash") => document.hash = Some(value.to_owned()),
            Some("totp_secret") => document.totp_secret = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(document)
}

/// The fields of one record (RFC 4180), whose quotation marks [`Lines`](super::lines::Lines) has looked at.
fn fields(line: &str) -> Result<StringRecord, FieldError> {
    let mut fields = StringRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
    reader.read_record(&mut fields).map_err(|_| refused("is no CSV"))?;
    if reader.read_record(&mut StringRecord::new()).unwrap_or(true) {
        return Err(refused("is more than one row"));
    }
    Ok(fields)
}

/// As PostgreSQL, MySQL and SQLite write it.
pub(super) fn truth(field: &'static str, value: &str) -> Result<bool, FieldError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" | "" => Ok(false),
        _ => Err(FieldError::new(field, "invalid_bool", format!("{field} is neither true nor false"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn csv(header: &str, line: &str) -> Result<UserRecord, FieldError> {
        Rows::new(Format::Csv, header, false).unwrap().record(line)
    }

    fn json(line: &str) -> Result<UserRecord, FieldError> {
        Rows::new(Format::Jsonl, "", false).unwrap().record(line)
    }

    const ID: &str = "018f0000-0000-7000-8000-000000000001";

    #[test]
    fn a_line_of_either_kind_is_the_same_account() {
        let line = format!(r#"a@x.io,t,"admin, editor",2024-05-06T09:08:09.5+02:00,0,{ID},ignored,$2b$x"#);
        let one = csv("Email, email_verified,roles,created_at,disabled,id,bio,hash", &line).unwrap();
        let two = json(&format!(
            r#"{{"id":"{ID}","email":"a@x.io","email_verified":true,"roles":["admin","editor"],"disabled":null,
                "created_at":"2024-05-06T07:08:09.500Z","hash":"$2b$x","bio":{{"x":[1]}}}}"#
        ))
        .unwrap();
        for record in [&one, &two] {
            assert_eq!(record.id.map(|id| id.to_string()).as_deref(), Some(ID));
            assert_eq!((record.email.expose(), record.hash.as_ref().unwrap().expose()), ("a@x.io", "$2b$x"));
            assert_eq!((record.email_verified, record.disabled), (true, false));
            assert_eq!(record.roles, ["admin", "editor"]);
            assert_eq!(Document::of(record.clone()).created_at.as_deref(), Some("2024-05-06T07:08:09.5Z"));
        }
    }

    #[test]
    fn what_is_left_out_or_empty_is_not_there() {
        let header = "email,id,roles,created_at,hash,email_verified,disabled";
        for record in [csv(header, "a@x.io,,,,,,"), json(r#"{"email":"a@x.io","hash":"","roles":null}"#)] {
            let record = record.unwrap();
            assert!(record.id.is_none() && record.created_at.is_none() && record.hash.is_none());
            assert!(record.roles.is_empty() && !record.email_verified && !record.disabled);
        }
    }

    #[test]
    fn a_line_that_is_no_account_tells_why_and_repeats_nothing() {
        for (header, line, code) in [
            ("email,id", "canary@x.io,7", "invalid_id"),
            ("email,created_at", "canary@x.io,canary", "invalid_time"),
            ("email,disabled", "canary@x.io,canary", "invalid_bool"),
            ("email,id", "canary@x.io", "invalid_line"),
            ("email,id", "canary@x.io,\ncanary@x.io,", "invalid_line"),
        ] {
            let error = csv(header, line).unwrap_err();
            assert_eq!(error.code, code, "{line}");
            assert!(!format!("{error:?}").contains("canary"));
        }
        for line in [r#"{"email":"canary","roles":"canary"}"#, r#"["canary"]"#, r#"{"email":1}"#, r#"{"id":"#]
        {
            let error = json(line).unwrap_err();
            assert!(error.code == "invalid_line" && !format!("{error:?}").contains("canary"), "{line}");
        }
        assert!(json(r#"{"email":"a@x.io","email":"b@x.io"}"#).is_err(), "one of two is a guess");
    }

    #[test]
    fn a_truth_value_may_be_a_number_or_text_in_json_too() {
        for (value, expected) in [
            ("1", true),
            ("0", false),
            ("true", true),
            ("null", false),
            (r#""t""#, true),
            (r#""FALSE""#, false),
            (r#""""#, false),
        ] {
            let line = format!(r#"{{"email":"a@x.io","email_verified":{value},"disabled":{value}}}"#);
            let record = json(&line).unwrap();
            assert_eq!((record.email_verified, record.disabled), (expected, expected), "{value}");
        }
        for value in ["2", "-1", "0.5", r#""yes, canary""#, "[true]", "{}"] {
            let error = json(&format!(r#"{{"email":"a@x.io","email_verified":{value}}}"#)).unwrap_err();
            assert!(error.code == "invalid_line" && !format!("{error:?}").contains("canary"), "{value}");
        }
    }

    #[test]
    fn times_are_taken_as_databases_write_them_and_one_without_a_zone_is_told() {
        let created = |time: &str| {
            let record = csv("email,created_at", &format!("a@x.io,{time}"));
            record.map(|record| Document::of(record).created_at.unwrap())
        };
        for time in [
            "2023-04-05 06:07:08+00",
            "2023-04-05 11:37:08+0530",
            "2023-04-05 11:37:08 +05:30",
            "2023-04-05 02:37:08-03:30",
            "2023-04-04 22:07:08-08",
            "2023-04-05 06:07:08 UTC",
            "2023-04-05T06:07:08.000000+00",
            "2023-04-05t06:07:08z",
        ] {
            assert_eq!(created(time).unwrap(), "2023-04-05T06:07:08Z", "{time}");
        }
        for time in ["2023-04-05 06:07:08", "2023-04-05T06:07:08.5"] {
            assert!(created(time).unwrap_err().detail.contains("no zone"), "{time}");
        }
        for time in
            ["2023-04-05", "1680674828", "2023-04-05 06:07:08+0", "2023-04-05 06:07:08+é1", "-", "UTC"]
        {
            assert_eq!(created(time).unwrap_err().code, "invalid_time", "{time}");
        }
    }

    #[test]
    fn columns_that_are_parted_by_something_else_are_told() {
        for header in ["email;hash", "id\temail\thash", "id|email"] {
            let problem = Rows::new(Format::Csv, header, false).err().unwrap();
            assert!(problem.ends_with("columns are separated by commas"), "{problem}");
        }
    }

    #[test]
    fn a_header_that_is_missing_is_told_without_the_account_in_its_place() {
        let problem = Rows::new(Format::Csv, "canary@x.io,$2b$canary", false).err().unwrap();
        assert!(problem.contains("no column `email`") && !problem.contains("canary"));
        assert!(Rows::new(Format::Csv, "email,EMAIL", false).is_err());
        let rows = Rows::new(Format::Csv, "email,bio,$2b$x", false).unwrap();
        assert_eq!(rows.unknown().iter().collect::<Vec<_>>(), ["(no name)", "bio"]);
    }

    #[test]
    fn ids_of_another_kind_can_be_left_out() {
        let mut rows = Rows::new(Format::Csv, "email,id", true).unwrap();
        assert!(rows.record("a@x.io,7").unwrap().id.is_none());
    }

    proptest! {
        #[test]
        fn no_line_stops_the_reader(header in "(email)?[ -~é\"]{0,20}(,(id|hash|roles|created_at|disabled))*", line in any::<String>()) {
            for format in [Format::Csv, Format::Jsonl] {
                if let Ok(mut rows) = Rows::new(format, &header, false) {
                    let _ = rows.record(&line);
                }
            }
        }

        #[test]
        fn no_line_that_is_nearly_one_stops_the_reader(line in r#"[a-z@."\{\}\[\]:,$0-9TZ+-]{0,60}"#, time in "[0-9:TZ.+-]{0,30}") {
            let _ = csv("email,id,created_at,hash", &line);
            let _ = csv("email,created_at", &format!("a@x.io,{time}"));
            let _ = json(&format!(r#"{{"email":"a@x.io","created_at":"{time}"}}"#));
            let _ = json(&line);
        }
    }
}
