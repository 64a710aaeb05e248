//! A file record by record, however long it or one of its records is.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek as _},
    mem,
};

use auth_core::FieldError;
use zeroize::Zeroizing;

use crate::{cli::Format, error::Error};

/// In bytes. An account has at most some 3,000; what else stands in its record is not read.
const LONGEST: usize = 64 * 1024;

/// The records of CSV are those of RFC 4180 to the letter: a reader that is lenient about quotation marks or line ends would
/// take text of a field for a row, and with it roles and a password that somebody chose for himself.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    format: Format,
    /// Of the line that is read next.
    number: u64,
    is_first_byte: bool,
    /// What the first record of CSV ends in.
    end: Option<End>,
    line: Zeroizing<Vec<u8>>,
}

/// A record with the number of the line that it begins in, from 1, or why it cannot be read.
pub(super) type Line<'a> = (u64, Result<&'a str, FieldError>);

/// Where in a record of CSV the reader stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    FieldStart,
    Bare,
    Quoted,
    /// After a quotation mark that closes the field, unless another one follows.
    Closed,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Lf,
    CrLf,
    Cr,
}

impl Lines {
    pub(super) fn new(input: Box<dyn BufRead>, format: Format) -> Self {
        let line = Zeroizing::new(Vec::with_capacity(LONGEST.saturating_add(1)));
        Self { input, format, number: 1, is_first_byte: true, end: None, line }
    }

    /// A file is looked at to its end before the first record is handed out, so that nothing is written of one that is no
    /// CSV. What comes through a pipe is read once.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(super) fn of_file(mut file: File, format: Format) -> Result<Self, Error> {
        if format == Format::Csv && file.metadata().is_ok_and(|about| about.is_file()) {
            let again = file.try_clone().map_err(cannot_read)?;
            let mut lines = Self::new(Box::new(BufReader::new(again)), format);
            while lines.next()?.is_some() {}
            file.rewind().map_err(cannot_read)?;
        }
        Ok(Self::new(Box::new(BufReader::new(file)), format))
    }

    /// The next one that is not blank, without its end.
    ///
    /// # Errors
    /// [`Error::System`]; [`Error::Usage`] when it cannot be told any more what is a record.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        if mem::take(&mut self.is_first_byte) {
            self.skip_mark()?;
        }
        loop {
            self.line.clear();
            let number = self.number;
            let is_there = match self.format {
                Format::Jsonl => self.read_line()?,
                Format::Csv => self.read_record()?,
            };
            if !is_there {
                return Ok(None);
            }
            if self.line.len() > LONGEST {
                return Ok(Some((number, Err(refused("is longer than 64 KiB")))));
            }
            // A spreadsheet leaves rows of nothing but commas.
            let empty: &[u8] = if self.format == Format::Csv { b",\"" } else { b"" };
            let is_blank = |byte: &u8| byte.is_ascii_whitespace() || empty.contains(byte);
            if !self.line.iter().all(is_blank) {
                let text =
                    std::str::from_utf8(self.line.trim_ascii()).map_err(|_| refused("is not in UTF-8"));
                return Ok(Some((number, text)));
            }
        }
    }

    /// A byte order mark, as spreadsheets write it.
    fn skip_mark(&mut self) -> Result<(), Error> {
        let head = self.input.fill_buf().map_err(cannot_read)?;
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            return Err(Error::Usage("users import: the file is in UTF-16; save it in UTF-8".to_owned()));
        }
        let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        self.input.consume(mark);
        Ok(())
    }

    /// Whether there is one. JSON has no line break inside.
    fn read_line(&mut self) -> Result<bool, Error> {
        let mut is_there = false;
        while let Some(byte) = self.byte()? {
            is_there = true;
            if byte == b'\n' {
                self.number = self.number.saturating_add(1);
                break;
            }
            self.keep(byte);
        }
        Ok(is_there)
    }

    /// Whether there is one, with its quotation marks.
    fn read_record(&mut self) -> Result<bool, Error> {
        let begun = self.number;
        let mut at = At::FieldStart;
        let mut is_there = false;
        while let Some(byte) = self.byte()? {
            is_there = true;
            let break_ = self.line_break(byte)?;
            at = match (at, byte) {
                (At::Quoted, b'"') => At::Closed,
                (At::FieldStart | At::Closed, b'"') | (At::Quoted, _) => At::Quoted,
                (_, b'\r' | b'\n') => {
                    self.agree(break_)?;
                    return Ok(true);
                }
                (_, b',') => At::FieldStart,
                (At::Closed, _) => {
                    return Err(Self::broken(
                        self.number,
                        "goes on behind a quotation mark that closes a field",
                    ));
                }
                (_, b'"') => {
                    return Err(Self::broken(
                        self.number,
                        "has a quotation mark inside a field that does not begin with one",
                    ));
                }
                (_, 0) => {
                    return Err(Self::broken(self.number, "has a byte of zero: it is no text in UTF-8"));
                }
                (At::FieldStart | At::Bare, _) => At::Bare,
            };
            self.keep(byte);
            if break_ == Some(End::CrLf) {
                self.keep(b'\n');
            }
        }
        if at == At::Quoted {
            return Err(Self::broken(begun, "has a quotation mark that is never closed"));
        }
        Ok(is_there)
    }

    /// Which kind of line break this byte begins; of two bytes, the second is taken.
    fn line_break(&mut self, byte: u8) -> Result<Option<End>, Error> {
        let end = match byte {
            b'\n' => End::Lf,
            b'\r' if self.peek()? == Some(b'\n') => {
                self.input.consume(1);
                End::CrLf
            }
            b'\r' => End::Cr,
            _ => return Ok(None),
        };
        self.number = self.number.saturating_add(1);
        Ok(Some(end))
    }

    /// What writes its own rows with another end than this may have left a line break in a field unquoted.
    fn agree(&mut self, end: Option<End>) -> Result<(), Error> {
        let Some(end) = end else { return Ok(()) };
        let first = *self.end.get_or_insert(end);
        if first == end || (end == End::CrLf && first == End::Lf) {
            return Ok(());
        }
        let number = self.number.saturating_sub(1);
        Err(Self::broken(
            number,
            "ends in another way than the first (LF, CRLF or CR): it may be part of a field",
        ))
    }

    fn peek(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(cannot_read(error)),
            }
        }
    }

    fn byte(&mut self) -> Result<Option<u8>, Error> {
        let byte = self.peek()?;
        self.input.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// One more than the longest is enough to tell that it is longer.
    fn keep(&mut self, byte: u8) {
        if self.line.len() <= LONGEST {
            self.line.push(byte);
        }
    }

    fn broken(number: u64, problem: &str) -> Error {
        let done = "; where a row ends cannot be told from there on. Write the file as in RFC 4180, and try it with --dry-run";
        Error::Usage(format!("users import: line {number} {problem}{done}"))
    }
}

pub(super) fn cannot_read(source: io::Error) -> Error {
    Error::System { what: "the file cannot be read", source }
}

pub(super) fn refused(problem: &str) -> FieldError {
    FieldError::new("line", "invalid_line", format!("the line {problem}"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};
    use proptest::prelude::*;

    use super::*;

    /// The records with their numbers, or the number of the line where it goes wrong.
    fn read(text: &[u8], format: Format) -> Result<Vec<(u64, String)>, String> {
        let mut lines = Lines::new(Box::new(Cursor::new(text.to_owned())), format);
        let mut found = Vec::new();
        loop {
            match lines.next() {
                Ok(Some((number, line))) => {
                    found.push((number, line.map_or_else(|error| error.detail, str::to_owned)));
                }
                Ok(None) => return Ok(found),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn a_record_ends_where_rfc_4180_ends_it() {
        for (text, expected) in [
            ("a,b\n1,2\n", &[(1, "a,b"), (2, "1,2")][..]),
            ("a,b\r\n1,2", &[(1, "a,b"), (2, "1,2")]),
            ("a\r1\r2\r", &[(1, "a"), (2, "1"), (3, "2")]),
            ("a\n1\r\n2\n", &[(1, "a"), (2, "1"), (3, "2")]),
            ("\u{feff}\"a\",b\n", &[(1, "\"a\",b")]),
            ("a\n\"1\n2\r\n3\r4\"\n5", &[(1, "a"), (2, "\"1\n2\r\n3\r4\""), (6, "5")]),
            ("a,b\n\"\"\"\",\"x\"\"\ny\"\n3\n", &[(1, "a,b"), (2, "\"\"\"\",\"x\"\"\ny\""), (4, "3")]),
            ("\n,,\na\n,\n\"\",\n \n1", &[(3, "a"), (7, "1")]),
            ("", &[]),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|(number, line)| (*number, (*line).to_owned())).collect();
            assert_eq!(read(text.as_bytes(), Format::Csv), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_other_readers_would_read_otherwise_is_no_record_at_all() {
        for (text, expected) in [
            ("a\n1,\"open\n2\n", "line 2 has a quotation mark that is never closed"),
            ("a\n1\n2,\"x\"y\n", "line 3 goes on behind"),
            ("a\n\"x\ny\"z\n", "line 3 goes on behind"),
            ("a\n1,say \"hi\nm@x.io,admin\nbye\"\n", "line 2 has a quotation mark inside"),
            ("a\n1, \"x\"\n", "line 2 has a quotation mark inside"),
            ("a\r\nb\rc\r\n", "line 2 ends in another way"),
            ("a\nb\rc\n", "line 2 ends in another way"),
            ("a\r\nb\nc\r\n", "line 2 ends in another way"),
            ("a\rb\nc\r", "line 2 ends in another way"),
            ("a\nb\0\n", "line 2 has a byte of zero"),
            ("e\0m\0\n\0", "line 1 has a byte of zero"),
        ] {
            let problem = read(text.as_bytes(), Format::Csv).unwrap_err();
            assert!(problem.contains(expected), "{text:?}: {problem}");
        }
        for head in [&b"\xff\xfee\0"[..], b"\xfe\xff\0e"] {
            for format in [Format::Csv, Format::Jsonl] {
                assert!(read(head, format).unwrap_err().contains("UTF-16"));
            }
        }
    }

    #[test]
    fn a_line_of_json_has_no_breaks_and_no_other_end() {
        let found = read(b"{\"a\r\"}\r\n\n{},\n", Format::Jsonl).unwrap();
        assert_eq!(found, [(1, "{\"a\r\"}".to_owned()), (3, "{},".to_owned())]);
    }

    proptest! {
        #[test]
        fn no_text_of_a_field_is_ever_a_row(
            rows in prop::collection::vec(prop::collection::vec("[a\"\r\n,;é]{0,8}", 3), 1..6), end in 0..3_usize
        ) {
            let terminator = [Terminator::Any(b'\n'), Terminator::CRLF, Terminator::Any(b'\r')][end];
            // The last field keeps rows from being blank.
            let rows: Vec<Vec<String>> = rows.into_iter().map(|mut row| { row.push("end".to_owned()); row }).collect();
            let mut writer = WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let records = read(&writer.into_inner().unwrap(), Format::Csv).unwrap();
            let fields = records.iter().map(|(_, record)| {
                let mut fields = StringRecord::new();
                ReaderBuilder::new().has_headers(false).from_reader(record.as_bytes()).read_record(&mut fields).unwrap();
                fields.iter().map(str::to_owned).collect::<Vec<_>>()
            });
            // White space around a record is no part of it.
            let trimmed = |row: &Vec<String>| row.iter().map(|field| field.trim().to_owned()).collect::<Vec<_>>();
            prop_assert_eq!(fields.map(|row| trimmed(&row)).collect::<Vec<_>>(), rows.iter().map(trimmed).collect::<Vec<_>>());
        }

        #[test]
        fn no_file_stops_the_reader(text in "[a\"\r\n, \0]{0,40}") {
            let _ = read(text.as_bytes(), Format::Csv);
            let _ = read(text.as_bytes(), Format::Jsonl);
        }
    }
}
