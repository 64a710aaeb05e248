//! The file `.env` of the working directory.
//!
//! Other programs read the file too, each a little otherwise. So a line of another program's is passed over, whatever it
//! is; and one of ours that they might read otherwise is refused, with its name and number.

use std::{collections::HashMap, env, io, path::Path};

use auth_core::Finding;

use super::{
    oidc::{FIELDS, PREFIX},
    setting::Setting,
    settings::{self, SETTINGS},
};
use crate::error::SettingError;

/// More than any sensible file; a wrong file is not read to its end.
const MAX_BYTES: u64 = 1024 * 1024;

const PLAIN: &str = "is not NAME=value; put a value with spaces or special characters into single quotes";
const OPEN: &str = "has a quote that is not closed; close it, or put the value into the other quotes";
const DOLLAR: &str = "has a $ that would be replaced: put the value into single quotes";
const REFERENCE: &str = "has a reference that is none of ${NAME}, ${NAME-default} and ${NAME:-default}; put a $ that means itself \
                         into single quotes";
const NOT_UTF8: &str = "is not in UTF-8; write it in UTF-8";

/// What `.env` says, and what looks wrong in it. Holds secrets: no `Debug`.
#[derive(Default)]
pub(crate) struct DotEnv {
    pub(crate) values: HashMap<String, String>,
    pub(crate) warnings: Vec<Finding>,
}

/// The value of a variable of the environment.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl DotEnv {
    /// Reads the file; none is as good as an empty one.
    ///
    /// # Errors
    /// A file that cannot be read, or the first setting that cannot be understood.
    pub(crate) fn read(path: &Path) -> Result<Self, SettingError> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Ok(about) if about.len() > MAX_BYTES => {
                return Err(SettingError::new(".env", "has more than 1 MiB: it is no list of settings"));
            }
            _ => {}
        }
        let bytes = std::fs::read(path).map_err(|error| {
            SettingError::new(
                ".env",
                format!("cannot be read: {}; make it a readable text file", error.kind()),
            )
        })?;
        // A name in UTF-16 would be none of ours.
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0) {
            return Err(SettingError::new(".env", "is no text in UTF-8; save it in UTF-8"));
        }
        // A comment may be in the letters of another age; a setting of ours that has such is refused.
        Self::parse(&String::from_utf8_lossy(&bytes), &variable)
    }

    fn parse(text: &str, environment: Environment<'_>) -> Result<Self, SettingError> {
        // Editors on Windows put a byte order mark in front; it is no part of the first name.
        let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut found = Self::default();
        let mut line = 1;
        while !rest.is_empty() {
            let taken = found.entry(rest, line, environment)?;
            let (entry, next) = rest.split_at(taken);
            line += breaks(entry);
            rest = next;
        }
        Ok(found)
    }

    /// Reads what begins here, and tells its length.
    fn entry(
        &mut self,
        text: &str,
        line: usize,
        environment: Environment<'_>,
    ) -> Result<usize, SettingError> {
        let end = end_of_line(text);
        let first = text.get(..end).unwrap_or_default();
        let content = first.trim_start();
        if content.is_empty() || content.starts_with('#') {
            return Ok(through_break(text, end));
        }
        let content =
            content.strip_prefix("export").filter(|rest| rest.starts_with(blank)).unwrap_or(content);
        let content = content.trim_start();
        let name_end = content.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
        let (name, behind) = content.split_at(name_end.unwrap_or(content.len()));
        let refuse =
            |name: &str, problem: &str| SettingError::new(name, problem).from(format!(".env, line {line}"));
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            // `REGISTRATION: closed` is meant for us, and must not leave it open.
            if let Some(name) = named(content).filter(|name| is_ours(name)) {
                return Err(refuse(name, PLAIN));
            }
            return Ok(through_break(text, end));
        };
        // The value may go on behind this line.
        let start = first.len() - value.len();
        let value = text.get(start..).unwrap_or_default();
        let scope = Scope { environment, earlier: &self.values };
        let read = read_value(value, &scope);
        if !is_ours(name) {
            let taken = if let Ok(read) = read {
                self.values.insert(name.to_owned(), read.value);
                read.taken
            } else {
                // As it is no value for us, it is no value for a reference either.
                self.values.remove(name);
                extent(value)
            };
            if let Some(meant) = settings::near_miss(name) {
                self.warnings.push(Finding::warning(
                    "setting_misspelt",
                    format!(".env, line {line}: {name} is no setting"),
                    format!("is {meant} meant?"),
                ));
            }
            return Ok(through_break(text, start + taken));
        }
        let read = read.map_err(|problem| refuse(name, &problem))?;
        if read.value.contains('\u{fffd}') {
            return Err(refuse(name, NOT_UTF8));
        }
        // A later line wins over an earlier one, as in Python's readers of this format.
        self.values.insert(name.to_owned(), read.value);
        Ok(through_break(text, start + read.taken))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a reference may name any variable, and clap reads those of settings"
)]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// What a reference may name.
struct Scope<'a> {
    environment: Environment<'a>,
    earlier: &'a HashMap<String, String>,
}

impl Scope<'_> {
    /// The environment wins, as it does for settings.
    fn value(&self, name: &str) -> Option<String> {
        (self.environment)(name).or_else(|| self.earlier.get(name).cloned())
    }

    /// What stands for the reference that begins here, behind its `$`, and the length of it. A variable that is not there is
    /// no empty text: a switch would fall back to its default, and a key become a shorter one.
    fn resolve(&self, text: &str) -> Result<(String, usize), String> {
        let inner = text.strip_prefix('{').ok_or(DOLLAR)?;
        let (body, _) = inner.split_once('}').ok_or(REFERENCE)?;
        let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(body.len());
        let (name, default) = body.split_at(end);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || default.contains(['$', '\\', '"', '\'', '\r', '\n'])
        {
            return Err(REFERENCE.to_owned());
        }
        let value = self.value(name);
        let given = value.clone().filter(|value| !value.is_empty());
        let value = match (default.strip_prefix(":-"), default.strip_prefix('-')) {
            (Some(default), _) => given.unwrap_or_else(|| default.to_owned()),
            (None, Some(default)) => value.unwrap_or_else(|| default.to_owned()),
            (None, None) if default.is_empty() => given.ok_or(
                "refers to a variable that is not set; set it, or write ${NAME:-default} with what holds without it",
            )?,
            (None, None) => return Err(REFERENCE.to_owned()),
        };
        Ok((value, body.len() + "{}".len()))
    }
}

struct Read {
    value: String,
    /// Bytes, to the end of the line that the value ends in.
    taken: usize,
}

/// What stands behind the `=`.
fn read_value(text: &str, scope: &Scope<'_>) -> Result<Read, String> {
    let rest = text.trim_start_matches(blank);
    let quote = rest.chars().next().filter(|c| ['\'', '"'].contains(c));
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(usize::from(quote.is_some()));
    let mut end = None;
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some(quote), c) if c == quote => {
                end = Some(at + 1);
                break;
            }
            (Some('\''), c) => value.push(c),
            (_, '\\') => match characters.next() {
                Some((_, c @ ('\\' | '\'' | '"' | '$' | ' '))) => value.push(c),
                Some((_, 'n')) => value.push('\n'),
                _ => return Err(PLAIN.to_owned()),
            },
            (_, '$') => {
                let (stands_for, length) = scope.resolve(rest.get(at + 1..).unwrap_or_default())?;
                value.push_str(&stands_for);
                // Of ASCII but for the default.
                while characters.clone().next().is_some_and(|(next, _)| next <= at + length) {
                    characters.next();
                }
            }
            (None, ' ' | '\t' | '\r' | '\n') => {
                end = Some(at);
                break;
            }
            (None, '\'' | '"') => return Err(PLAIN.to_owned()),
            // Behind a blank it is a comment to some.
            (None, '#') if at == 0 && rest.len() < text.len() => return Err(PLAIN.to_owned()),
            (_, c) => value.push(c),
        }
    }
    let end = match (end, quote) {
        (Some(end), _) => end,
        (None, None) => rest.len(),
        (None, Some(_)) => return Err(OPEN.to_owned()),
    };
    let behind = clean_end(rest.get(end..).unwrap_or_default()).ok_or(PLAIN)?;
    Ok(Read { value, taken: text.len() - rest.len() + end + behind })
}

/// The rest of the line, if there is nothing on it but a comment.
fn clean_end(text: &str) -> Option<usize> {
    let line = text.get(..end_of_line(text))?;
    let is_clean = line.trim().is_empty() || (line.starts_with(blank) && line.trim_start().starts_with('#'));
    is_clean.then_some(line.len())
}

/// The length of a value that is none for us. In quotes it may have more lines, and none of them is ours.
fn extent(text: &str) -> usize {
    let rest = text.trim_start_matches(blank);
    let start = text.len() - rest.len();
    let mut escaped = false;
    let is_close = |(at, c): &(usize, char)| {
        let is_close = *at > 0 && rest.starts_with(*c) && !escaped;
        escaped = *c == '\\' && !escaped && rest.starts_with('"');
        is_close
    };
    let close = if rest.starts_with(['\'', '"']) { rest.char_indices().find(is_close) } else { None };
    let quoted = close.and_then(|(at, _)| Some(at + 1 + clean_end(rest.get(at + 1..)?)?));
    start + quoted.unwrap_or_else(|| end_of_line(rest))
}

/// The name that a line of another form is about: `export NAME`, `NAME: value`, `set NAME value`.
fn named(line: &str) -> Option<&str> {
    const WORDS: [&str; 6] = ["export", "set", "setenv", "env", "declare", "x"];
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c));
    words.map(|word| word.trim_start_matches('-')).find(|word| !word.is_empty() && !WORDS.contains(word))
}

/// Whether this program has a setting of that name.
fn is_ours(name: &str) -> bool {
    let is_setting = |setting: &Setting| {
        name.strip_prefix(setting.name)
            .is_some_and(|rest| rest.is_empty() || (setting.secret && rest == "_FILE"))
    };
    SETTINGS.iter().any(is_setting)
        || name.strip_prefix(PREFIX).is_some_and(|rest| FIELDS.iter().any(|field| rest.ends_with(field)))
}

fn blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn end_of_line(text: &str) -> usize {
    text.find(['\r', '\n']).unwrap_or(text.len())
}

fn through_break(text: &str, end: usize) -> usize {
    match text.as_bytes().get(end..) {
        Some([b'\r', b'\n', ..]) => end + 2,
        Some([_, ..]) => end + 1,
        _ => end,
    }
}

fn breaks(text: &str) -> usize {
    text.matches(['\r', '\n']).count() - text.matches("\r\n").count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<DotEnv, SettingError> {
        let environment = |name: &str| match name {
            "FROM_OUTSIDE" => Some("outside".to_owned()),
            "NOTHING" => Some(String::new()),
            _ => None,
        };
        DotEnv::parse(text, &environment)
    }

    fn value(text: &str, name: &str) -> Option<String> {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).values.remove(name)
    }

    fn refused(text: &str) -> String {
        parse(text).err().unwrap_or_else(|| panic!("{text}")).to_string()
    }

    #[test]
    fn the_usual_forms_are_read() {
        let text = "\u{feff}# comment\n\nPORT=1\r\nexport HOST=\"::1\" # why\nISSUER='a b$c'\nPORT=2\nEMPTY=\nA=\"x\ny\"\n";
        assert_eq!(value(text, "PORT").as_deref(), Some("2"), "the last line wins");
        assert_eq!(value(text, "HOST").as_deref(), Some("::1"));
        assert_eq!(value(text, "ISSUER").as_deref(), Some("a b$c"));
        assert_eq!(value(text, "EMPTY").as_deref(), Some(""));
        assert_eq!(value(text, "A").as_deref(), Some("x\ny"));
        for (text, expected) in [
            ("ISSUER = a ", "a"),
            ("ISSUER=a#b", "a#b"),
            ("ISSUER=#b", "#b"),
            ("ISSUER=a\t# b", "a"),
            ("ISSUER=\"a\\n\\\"b\\\\\\$c\\'\"", "a\n\"b\\$c'"),
            ("ISSUER=a\\ b", "a b"),
            ("ISSUER='a\\nb'", "a\\nb"),
            ("ISSUER=é", "é"),
            ("A=1\rISSUER=a\rB=2", "a"),
        ] {
            assert_eq!(value(text, "ISSUER").as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn a_setting_that_is_not_understood_is_named_with_its_line_and_not_repeated() {
        for (text, name, line) in [
            ("SECRET_KEY=hush hush\n", "SECRET_KEY", 1),
            ("A=1\nHOST='hush\nC=2\n", "HOST", 2),
            ("A=\"x\ny\"\nPORT=\\hush\n", "PORT", 3),
            ("A=1\r\rHOST=\"hush", "HOST", 3),
            ("PORT=\"1\"hush", "PORT", 1),
            ("PORT=hush\"1\"", "PORT", 1),
            ("PORT= #hush", "PORT", 1),
            ("SECRET_KEY", "SECRET_KEY", 1),
            ("export SECRET_KEY_FILE hush", "SECRET_KEY_FILE", 1),
            ("A=1\nREGISTRATION: hush", "REGISTRATION", 2),
            ("- REGISTRATION=hush", "REGISTRATION", 1),
            ("declare -x REGISTRATION=hush", "REGISTRATION", 1),
            ("OAUTH_X_CLIENT_ID=hush hush", "OAUTH_X_CLIENT_ID", 1),
            ("ISSUER=hush\u{fffd}", "ISSUER", 1),
        ] {
            let message = refused(text);
            assert!(message.starts_with(&format!("{name} (.env, line {line}) ")), "{text:?}: {message}");
            assert!(!message.contains("hush"));
        }
    }

    #[test]
    fn lines_of_other_programs_are_passed_over() {
        for line in [
            "PROJECT_NAME=FastAPI Project",
            "MOTD=it's fine",
            "MOTD='open",
            "MOTD=\"open \\q",
            "MOTD=\"a\"b",
            "MOTD=\"costs $5\nPORT=2\n\"",
            "MOTD='two\nPORT=2\nlines' # of text",
            "MOTD=\"a \\\" b\nPORT=2\"",
            "PATTERN=^\\d+$",
            "PASSWORD=pa$word",
            "HOSTNAME=my machine",
            "PORTAL=a b",
            "OAUTH_CALLBACK=a b",
            "nonsense",
            "=x",
            "[section]",
            "source ./other.env",
            "MY-NAME=a b",
            "NAME=${MISSING} x",
            "CORS=[\"http://a\", \"http://b\"]",
            "// a \u{fffd} comment",
        ] {
            let text = format!("HOST=a\n{line}\nISSUER=b\n");
            assert_eq!(value(&text, "HOST").as_deref(), Some("a"), "{line:?}");
            assert_eq!(value(&text, "ISSUER").as_deref(), Some("b"), "{line:?}");
            assert_eq!(value(&text, "PORT"), None, "{line:?}");
        }
    }

    #[test]
    fn a_reference_is_resolved_or_refused_and_never_silently_nothing() {
        for (text, expected) in [
            ("PORT=${APP_PORT:-9000}", "9000"),
            ("PORT=${APP_PORT-9000}", "9000"),
            ("PORT=\"${APP_PORT:-9000}\"", "9000"),
            ("APP_PORT=1\nPORT=${APP_PORT}", "1"),
            ("APP_PORT=1\nPORT=${APP_PORT:-9000}2", "12"),
            ("APP_PORT=\nPORT=${APP_PORT:-9000}", "9000"),
            ("APP_PORT=\nPORT=${APP_PORT-9000}", ""),
            ("PORT=${NOTHING:-9000}", "9000"),
            ("PORT=${MISSING:-}", ""),
            ("PORT=x${MISSING:-ü}y", "xüy"),
            ("PORT=${FROM_OUTSIDE}", "outside"),
            ("FROM_OUTSIDE=inside\nPORT=${FROM_OUTSIDE}", "outside"),
            ("PORT='${MISSING}'", "${MISSING}"),
            ("PORT=\\${MISSING}", "${MISSING}"),
            ("A_1=x\nPORT=${A_1}y # $z", "xy"),
        ] {
            assert_eq!(value(text, "PORT").as_deref(), Some(expected), "{text:?}");
        }
        for text in [
            "ISSUER=${MISSING}",
            "ISSUER=\"a ${MISSING}\"",
            "ISSUER=${NOTHING}",
            "SECRET_KEY=${MISSING}abcdefghijklmnopqrstuvwxyz0123456789ABCDEF",
            "SECRET_KEY=hu$sh",
            "DATABASE_URL=\"postgres://u:hu$sh@h/d\"",
            "A=1\nSECRET_KEY=$A",
            "SECRET_KEY=hu$",
            "SECRET_KEY=${",
            "SECRET_KEY=${}",
            "SECRET_KEY=${1}",
            "SECRET_KEY=${MISSING:?hush}",
            "SECRET_KEY=${FROM_OUTSIDE:+hush}",
            "SECRET_KEY=${MISSING:-${ALSO}}",
            "SECRET_KEY=${FROM OUTSIDE}",
            "A=${MISSING}\nISSUER=${A}",
            "A=x\nA=pa$word\nISSUER=${A}",
        ] {
            let message = refused(text);
            assert!(message.contains("(.env, line "), "{text:?}: {message}");
            assert!(!message.contains("hush") && !message.contains("abcdef"), "{message}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_warned_of() {
        let found = parse("A=1\nSECERT_KEY=x\n").unwrap();
        let told: Vec<_> = found.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told, [".env, line 2: SECERT_KEY is no setting; is SECRET_KEY meant?"]);
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for bytes in [&b"\xff\xfeP\0O\0"[..], b"\xfe\xff\0P", b"P\0O\0R\0T\0"] {
            std::fs::write(file.path(), bytes).unwrap();
            assert!(DotEnv::read(file.path()).is_err_and(|error| error.to_string().contains("UTF-8")));
        }
        std::fs::write(file.path(), b"# M\xfcller\nPORT=1\n").unwrap();
        assert_eq!(DotEnv::read(file.path()).unwrap().values["PORT"], "1");
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "(PORT|A|export|=|#|'|\"|\\$|\\{|\\}|-|:|é|\\\\|\r|\n| ){0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_quoted_is_read_as_it_is(value in "[^\u{0}']{0,30}") {
            prop_assume!(!value.contains('\u{fffd}'));
            let found = parse(&format!("ISSUER='{value}'\nPORT=1\n")).unwrap();
            prop_assert_eq!(&found.values["ISSUER"], &value);
            prop_assert_eq!(&found.values["PORT"], "1");
        }
    }
}
