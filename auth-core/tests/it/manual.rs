//! The manual says what the code does, and leaves nothing out.

use std::{collections::BTreeSet, fs, path::Path};

use auth_core::Config;

const SECURITY: &str = include_str!("../../src/manual/security.md");
const OPERATING: &str = include_str!("../../src/manual/operating.md");
const ERRORS: &str = include_str!("../../src/manual/errors.md");
const DEFAULTS: &str = include_str!("../../src/manual/defaults.md");

/// The requirements that can touch a service of this kind, chapter by chapter, by the ids of OWASP ASVS 5.0; then our numbers
/// for NIST SP 800-63B-4, and the documents of the OAuth family.
const REQUIREMENTS: &[&str] = &[
    "1.1.1, 1.2.1, 1.2.2, 1.2.4, 1.3.6, 1.3.7, 1.3.11, 1.4.2, 1.5.2, 1.5.3",
    "2.1.1, 2.1.3, 2.2.1, 2.2.2, 2.2.3, 2.3.1, 2.3.2, 2.3.3, 2.3.4, 2.4.1, 2.4.2",
    "3.2.1, 3.3.1, 3.3.2, 3.3.3, 3.3.4, 3.3.5, 3.4.1, 3.4.2, 3.4.3, 3.4.4, 3.4.5, 3.4.6, 3.4.8, 3.5.1, 3.5.2, 3.5.3, 3.5.8, 3.7.2",
    "4.1.1, 4.1.2, 4.1.3, 4.1.4, 4.2.1, 4.2.2, 4.2.3, 4.2.4, 4.2.5",
    "6.1.1, 6.1.2, 6.1.3, 6.2.1, 6.2.2, 6.2.3, 6.2.4, 6.2.5, 6.2.6, 6.2.7, 6.2.8, 6.2.9, 6.2.10, 6.2.11, 6.2.12, 6.3.1, 6.3.2, 6.3.3, 6.3.4, 6.3.5, 6.3.6, 6.3.7, 6.3.8, 6.4.1, 6.4.2, 6.4.3, 6.4.4, 6.4.6, 6.5.1, 6.5.2, 6.5.3, 6.5.4, 6.5.5, 6.5.6, 6.5.7, 6.5.8, 6.6.2, 6.6.3, 6.7.1, 6.7.2, 6.8.1, 6.8.2, 6.8.4",
    "7.1.1, 7.1.2, 7.1.3, 7.2.1, 7.2.2, 7.2.3, 7.2.4, 7.3.1, 7.3.2, 7.4.1, 7.4.2, 7.4.3, 7.4.5, 7.5.1, 7.5.2, 7.5.3, 7.6.1, 7.6.2",
    "8.1.1, 8.1.2, 8.2.1, 8.2.2, 8.2.3, 8.3.1, 8.3.2, 8.3.3, 8.4.1, 8.4.2",
    "9.1.1, 9.1.2, 9.1.3, 9.2.1, 9.2.2, 9.2.3, 9.2.4",
    "10.1.1, 10.1.2, 10.2.1, 10.2.2, 10.2.3, 10.3.1, 10.3.2, 10.3.3, 10.3.4, 10.3.5, 10.4.4, 10.4.5, 10.4.8, 10.4.9, 10.4.11, 10.5.1, 10.5.2, 10.5.3, 10.5.4, 10.5.5",
    "11.1.1, 11.1.2, 11.2.1, 11.2.2, 11.2.3, 11.2.4, 11.2.5, 11.3.1, 11.3.2, 11.3.3, 11.3.4, 11.4.1, 11.4.2, 11.5.1, 11.5.2, 11.6.1",
    "12.1.1, 12.1.2, 12.2.1, 12.3.1, 12.3.2",
    "13.1.1, 13.1.2, 13.1.3, 13.1.4, 13.2.2, 13.2.3, 13.2.4, 13.2.6, 13.3.1, 13.3.4, 13.4.2, 13.4.4, 13.4.5, 13.4.6",
    "14.1.1, 14.2.1, 14.2.2, 14.2.6, 14.2.7, 14.3.1, 14.3.2",
    "15.1.1, 15.1.2, 15.1.3, 15.2.1, 15.2.2, 15.2.3, 15.3.1, 15.3.2, 15.3.3, 15.3.4, 15.3.5, 15.3.7, 15.4.1, 15.4.2, 15.4.3, 15.4.4",
    "16.1.1, 16.2.1, 16.2.2, 16.2.4, 16.2.5, 16.3.1, 16.3.2, 16.3.3, 16.3.4, 16.4.1, 16.5.1, 16.5.2, 16.5.3, 16.5.4",
    "N1, N2, N3, N4, N5, N6, N7, N8, N9, N10, N11, N12, N13, N14, N15, N16",
    "RFC 6749 3.2, RFC 6749 4.3.2, RFC 6749 5.1, RFC 6749 5.2, RFC 6750, RFC 9700, RFC 10017, RFC 8725, 8725bis, RFC 9068, RFC 7515 4.1.11, RFC 9457, RFC 6265bis, RFC 7009, RFC 7662, RFC 8414, RFC 9207, OIDC Core, RFC 6238, WebAuthn Level 3",
];

/// The cells of each row of all tables, without heads and rulers.
fn rows(page: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The source of this crate, all files of it.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_method_of_the_handle_is_in_the_table_that_groups_them() {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    let blocks = files.iter().flat_map(|file| file.split("\nimpl Auth {\n").skip(1));
    let methods = blocks.filter_map(|block| block.split("\n}\n").next()).flat_map(str::lines);
    let methods: BTreeSet<&str> = methods
        .filter_map(|line| line.strip_prefix("    pub "))
        .filter_map(|line| line.trim_start_matches("async ").strip_prefix("fn ")?.split(['(', '<']).next())
        .collect();
    assert!(methods.len() > 50);
    let table = files.iter().find_map(|file| file.split("/// | for | |\n").nth(1)).unwrap();
    let table = table.lines().take_while(|line| line.starts_with("/// |")).flat_map(quoted);
    assert_eq!(table.collect::<BTreeSet<_>>(), methods);
}

#[test]
fn each_requirement_is_on_the_security_page_once_with_what_shows_it() {
    let mut told: Vec<&str> = Vec::new();
    for row in rows(SECURITY).filter(|row| row[0] != "id") {
        let [ids, holds, shown_by] = row[..] else { panic!("not three cells: {row:?}") };
        let has_word =
            ["**no**", "**operator**", "**not here**"].iter().any(|word| shown_by.starts_with(word));
        assert!(!holds.is_empty() && (has_word || quoted(shown_by).next().is_some()), "{ids} shows nothing");
        told.extend(ids.split(", "));
    }
    let mut required: Vec<&str> = REQUIREMENTS.iter().flat_map(|chapter| chapter.split(", ")).collect();
    assert!(required.len() > 250);
    told.sort_unstable();
    required.sort_unstable();
    assert_eq!(told, required);
}

#[test]
fn the_page_on_operating_names_every_event() {
    let rows = include_str!("../../src/event.rs").lines().filter(|line| line.starts_with("    Self::"));
    let codes: BTreeSet<&str> = rows.filter_map(|row| row.split(" = \"").nth(1)?.split('"').next()).collect();
    assert!(codes.len() > 30, "{codes:?}");
    let inventory = OPERATING.split("| event | when |").nth(1).unwrap().split("\n\n").next().unwrap();
    let first_cells = inventory.lines().filter_map(|row| row.split(" | ").next());
    let named: BTreeSet<&str> = first_cells.flat_map(quoted).collect();
    assert_eq!(named, codes);
    let not_there = ["refreshed", "throttled"];
    let audited: BTreeSet<&str> = auth_core::AuditEvent::codes().chain(not_there).collect();
    assert_eq!(audited, codes, "the audit has all but {not_there:?}");
}

#[test]
fn each_event_is_made_somewhere() {
    let source = include_str!("../../src/event.rs");
    let kinds = source.lines().filter_map(|line| line.strip_prefix("    Self::")?.split([' ', '=']).next());
    let kinds: BTreeSet<&str> = kinds.collect();
    assert!(kinds.len() > 60, "{kinds:?}");
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    for kind in kinds {
        let makes = |file: &&String| file.as_str() != source && file.contains(&format!("EventKind::{kind}"));
        assert!(files.iter().any(|file| makes(&file)), "nobody makes {kind}");
    }
}

#[test]
fn the_page_on_operating_names_every_table() {
    let migrations = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migration/src")).unwrap();
    let sources = migrations.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    let sources: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let tables: Vec<&str> = sources.split("TABLE: &str = \"").skip(1).collect();
    assert!(tables.len() > 12);
    let stored = OPERATING.split("# What is stored").nth(1).unwrap().split("\n# ").next().unwrap();
    for table in tables.into_iter().filter_map(|rest| rest.split('"').next()) {
        assert!(stored.contains(&format!("`{table}`")), "{table}");
    }
}

#[test]
fn the_page_on_errors_names_every_error_and_every_code() {
    let source = include_str!("../../src/error.rs");
    let variants = source.split("pub enum Error {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let variants = variants.lines().filter_map(|line| {
        let name =
            line.strip_prefix("    ").filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))?;
        name.split([',', '(', ' ']).next()
    });
    let codes = source.split("pub fn code").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let problems =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../auth-tower/src/problem.rs")).unwrap();
    let problems = problems.split("#[cfg(test)]").next().unwrap();
    let told: BTreeSet<&str> = quoted(ERRORS).collect();
    let codes = codes.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    let refusals = include_str!("../../src/refusal.rs");
    let refusals = refusals.split("Refusal::new(").skip(1).filter_map(|rest| rest.split('"').nth(1));
    for name in variants.chain(codes).chain(refusals) {
        assert!(told.contains(name), "{name}");
    }
    for call in problems.split("Self::new(").skip(1) {
        let second = call.split(',').nth(1).unwrap_or_default().trim();
        if let Some(code) = second.strip_prefix('"').and_then(|code| code.strip_suffix('"')) {
            assert!(told.contains(code), "{code}");
        }
    }
    let failures = include_str!("../../src/room/oidc/client/failure.rs").split(" = \"").skip(1);
    for code in failures.filter_map(|rest| rest.split('"').next()) {
        assert!(told.contains(code), "{code}");
    }
}

#[test]
fn the_page_on_defaults_tells_the_defaults() {
    let config = Config::default();
    let minutes = |time: std::time::Duration| format!("{} min", time.as_secs() / 60);
    let days = |time: std::time::Duration| format!("{} days", time.as_secs() / 86_400);
    let seconds = |time: std::time::Duration| format!("{} s", time.as_secs());
    for (setting, default) in [
        ("`tokens.issuer`, `tokens.audience`", format!("`{}`", config.tokens.issuer)),
        ("`tokens.access_ttl`", minutes(config.tokens.access_ttl)),
        ("`sessions.refresh_ttl`", days(config.sessions.refresh_ttl)),
        ("`sessions.session_ttl`", days(config.sessions.session_ttl)),
        ("`sessions.refresh_grace`", seconds(config.sessions.refresh_grace)),
        ("`tokens.key_publish_ahead`", minutes(config.tokens.key_publish_ahead)),
        ("`sessions.max_sessions`", config.sessions.max_sessions.to_string()),
        ("`passwords.min_length`", config.passwords.min_length.to_string()),
        ("`hashing.queue`", format!("{} per slot", config.hashing.queue / config.hashing.slots)),
        ("`hashing.wait`", seconds(config.hashing.wait)),
    ] {
        let row = rows(DEFAULTS).find(|row| row[0] == setting).unwrap_or_else(|| panic!("no row {setting}"));
        assert_eq!(row[1], default, "{setting}");
    }
    assert_eq!(config.tokens.audience, config.tokens.issuer);
}

/// The public fields of each type of the settings, with their types.
fn fields(files: &[String], of: &str) -> Option<Vec<(String, String)>> {
    let begin = format!("pub struct {of} {{\n");
    let body = files.iter().find_map(|file| file.split(&begin).nth(1))?.split("\n}").next()?;
    let fields =
        body.lines().filter_map(|line| line.strip_prefix("    pub ")?.strip_suffix(',')?.split_once(": "));
    Some(fields.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect())
}

#[test]
fn the_page_on_defaults_has_each_setting() {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/config")), &mut files);
    let told: BTreeSet<&str> = quoted(DEFAULTS).collect();
    let mut settings = 0;
    for (group, kind) in fields(&files, "Config").unwrap() {
        let names = fields(&files, &kind).map_or_else(
            || vec![group.clone()],
            |fields| fields.iter().map(|(name, _)| format!("{group}.{name}")).collect(),
        );
        for name in names {
            settings += 1;
            // A row of several names the group once.
            let short = name.rsplit('.').next().unwrap();
            assert!(told.contains(&*name) || told.contains(short), "{name}");
        }
    }
    assert!(settings > 50, "{settings}");
}
