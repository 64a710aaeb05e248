//! A file line by line, however long it or one of its lines is.

use std::io::{self, BufRead, Read as _};

use auth_core::FieldError;
use zeroize::Zeroizing;

/// In bytes. An account has at most some 3,000; what else stands in its line is not read.
const LONGEST: usize = 64 * 1024;

pub(super) struct Lines {
    input: Box<dyn BufRead>,
    number: u64,
    line: Zeroizing<Vec<u8>>,
}

/// A line with its number, from 1, or why it cannot be read.
pub(super) type Line<'a> = (u64, Result<&'a str, FieldError>);

impl Lines {
    pub(super) fn new(input: Box<dyn BufRead>) -> Self {
        Self { input, number: 0, line: Zeroizing::new(Vec::with_capacity(LONGEST.saturating_add(1))) }
    }

    /// The next one that is not blank, without its end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
            if self.input.by_ref().take(most).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number = self.number.saturating_add(1);
            if self.line.len() > LONGEST {
                if !self.line.ends_with(b"\n") {
                    self.skip_rest()?;
                }
                return Ok(Some((self.number, Err(refused("is longer than 64 KiB")))));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let line = if self.number == 1 {
            // A byte order mark, as spreadsheets write it.
            self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line)
        } else {
            &self.line
        };
        let text = std::str::from_utf8(line.trim_ascii()).map_err(|_| refused("is not in UTF-8"));
        Ok(Some((self.number, text)))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        self.input.skip_until(b'\n').map(drop)
    }
}

pub(super) fn refused(problem: &str) -> FieldError {
    FieldError::new("line", "invalid_line", format!("the line {problem}"))
}
