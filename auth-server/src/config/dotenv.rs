//! The file `.env` of the working directory.

use std::{cell::Cell, collections::HashMap, io, path::Path, rc::Rc};

use auth_core::Finding;

use super::{
    providers::PREFIX,
    settings::{self, SETTINGS},
};
use crate::error::SettingError;

/// More than any sensible file; a wrong file is not read to its end.
const MAX_BYTES: u64 = 1024 * 1024;

/// What `.env` says, and what looks wrong in it. Holds secrets: no `Debug`.
#[derive(Default)]
pub(crate) struct DotEnv {
    pub(crate) values: HashMap<String, String>,
    pub(crate) warnings: Vec<Finding>,
}

impl DotEnv {
    /// Reads the file; none is as good as an empty one.
    ///
    /// # Errors
    /// A file that cannot be read, or the number of its first malformed line.
    pub(crate) fn read(path: &Path) -> Result<Self, SettingError> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Ok(about) if about.len() > MAX_BYTES => {
                return Err(SettingError::new(".env", "has more than 1 MiB: it is no list of settings"));
            }
            _ => {}
        }
        let text = std::fs::read_to_string(path).map_err(|error| {
            SettingError::new(
                ".env",
                format!("cannot be read: {}; make it a readable text file", error.kind()),
            )
        })?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, SettingError> {
        // Editors on Windows put a byte order mark in front; it is no part of the first name.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let handed_out = Rc::new(Cell::new(0));
        let lines = Lines { rest: text.as_bytes(), handed_out: Rc::clone(&handed_out) };
        let mut found = Self::default();
        let mut last_line = 0;
        for pair in dotenvy::from_read_iter(lines) {
            let (name, value) = pair.map_err(|error| malformed(&error, handed_out.get()))?;
            if SETTINGS.iter().any(|setting| name.starts_with(setting.name)) || name.starts_with(PREFIX) {
                let source = text.lines().skip(last_line).take(handed_out.get() - last_line);
                if source.last().is_some_and(has_bare_dollar) {
                    let problem = "has a $ that would be replaced: put the value into single quotes";
                    return Err(
                        SettingError::new(name, problem).from(format!(".env, line {}", handed_out.get()))
                    );
                }
            }
            last_line = handed_out.get();
            if let Some(meant) = settings::near_miss(&name) {
                let line = handed_out.get();
                found.warnings.push(Finding::warning(
                    "setting_misspelt",
                    format!(".env, line {line}: {name} is no setting"),
                    format!("is {meant} meant?"),
                ));
            }
            // A later line wins over an earlier one, as in Python's readers of this format.
            found.values.insert(name, value);
        }
        Ok(found)
    }
}

/// The message leaves the text of the line out: it may hold a secret.
fn malformed(error: &dotenvy::Error, line: usize) -> SettingError {
    let lines = match error {
        // An unclosed quote is noticed at the end of the file only, but the text begins where it was opened.
        dotenvy::Error::LineParse(text, _) => text.lines().count().max(1),
        _ => 1,
    };
    let first = (line + 1).saturating_sub(lines).max(1);
    let problem = "is not NAME=value; put a value with spaces or special characters into single quotes";
    SettingError::new(format!(".env, line {first}"), problem)
}

/// Whether a `$` in this line would begin a substitution other than `${NAME}`. The parser reads `$A_B` as `$A`
/// followed by `_B`, and replaces what is not set by nothing: a password would silently become another one.
fn has_bare_dollar(line: &str) -> bool {
    let mut single_quoted = false;
    let mut before = ' ';
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\'' => single_quoted = !single_quoted,
            _ if single_quoted => {}
            '#' if before.is_whitespace() => return false,
            '\\' => {
                characters.next();
            }
            '$' if characters.peek() != Some(&'{') => return true,
            _ => {}
        }
        before = c;
    }
    false
}

/// Hands out at most one line at each read and counts: the parser's own errors carry no line number.
struct Lines<'a> {
    rest: &'a [u8],
    handed_out: Rc<Cell<usize>>,
}

impl io::Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |end| end + 1);
        let read = io::Read::read(&mut self.rest.get(..line).unwrap_or_default(), buffer)?;
        self.rest = self.rest.get(read..).unwrap_or_default();
        if read == line && line > 0 {
            self.handed_out.set(self.handed_out.get() + 1);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &str) -> Option<String> {
        DotEnv::parse(text).unwrap().values.remove(name)
    }

    #[test]
    fn the_usual_forms_are_read() {
        let text = "\u{feff}# comment\n\nPORT=1\r\nexport HOST=\"::1\" # why\nISSUER='a b$c'\nPORT=2\nEMPTY=\nA=\"x\ny\"\n";
        assert_eq!(value(text, "PORT").as_deref(), Some("2"), "the last line wins");
        assert_eq!(value(text, "HOST").as_deref(), Some("::1"));
        assert_eq!(value(text, "ISSUER").as_deref(), Some("a b$c"));
        assert_eq!(value(text, "EMPTY").as_deref(), Some(""));
        assert_eq!(value(text, "A").as_deref(), Some("x\ny"));
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number_and_not_repeated() {
        let cases = [
            ("PORT=1\n\n# x\nnonsense\n", 4),
            ("SECRET_KEY=hush hush\n", 1),
            ("A=1\nB='open\nC=2\n", 2),
            ("A=1\n\n=x", 3),
            ("A=\"x\ny\"\nB=\\q\n", 3),
        ];
        for (text, line) in cases {
            let message = DotEnv::parse(text).err().unwrap().to_string();
            assert!(message.starts_with(&format!(".env, line {line} is not")), "{text:?}: {message}");
            assert!(!message.contains("hush"));
        }
    }

    #[test]
    fn a_dollar_that_the_parser_would_replace_is_refused_and_a_quoted_one_kept() {
        for text in ["SECRET_KEY=pa$word", "DATABASE_URL=\"postgres://u:p$x@h/d\"", "A=1\nSECRET_KEY=$A_B"] {
            let message = DotEnv::parse(text).err().unwrap().to_string();
            assert!(message.contains("single quotes"), "{message}");
        }
        assert_eq!(value("SECRET_KEY='pa$word'", "SECRET_KEY").as_deref(), Some("pa$word"));
        assert_eq!(value("SECRET_KEY=pa\\$word", "SECRET_KEY").as_deref(), Some("pa$word"));
        assert_eq!(value("A_1=x\nHOST=${A_1}y # $z", "HOST").as_deref(), Some("xy"));
        assert_eq!(value("OTHER=pa$word", "OTHER").as_deref(), Some("pa"), "not ours to judge");
    }

    #[test]
    fn a_misspelt_setting_is_warned_of() {
        let found = DotEnv::parse("A=1\nSECERT_KEY=x\n").unwrap();
        let told: Vec<_> = found.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told, [".env, line 2: SECERT_KEY is no setting; is SECRET_KEY meant?"]);
    }
}
