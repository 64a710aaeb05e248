//! One file, sorted by hash: a binary search over its bytes, each step of which reads the line after a place.

use std::{
    cmp::Ordering,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use super::{HASH_DIGITS, entry, invalid};

/// More than any line has: 40 digits, a colon, 20 digits of a count, a line break.
const LINE: u64 = 64;
/// Where so many bytes are left, they are read at once.
const BLOCK: u64 = 4096;
/// A file up to this length is looked at as a whole, to see that it is sorted; of a longer one so many places.
const WHOLE: u64 = 16 * BLOCK;
const SAMPLES: u64 = 64;

const NO_LIST: &str =
    "is no list of lines HASH:COUNT with SHA-1 in hexadecimal digits; download it with SHA-1, not NTLM";
const NOT_SORTED: &str = "is not sorted by hash; take the list that is ordered by hash, or sort it";

pub(super) fn contains(path: &Path, hash: &str) -> io::Result<bool> {
    let mut file = File::open(path)?;
    // The line, if there is one, begins in `low..high`; both are where lines begin, or the end.
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high - low > BLOCK {
        let (start, line) = line_after(&mut file, low.midpoint(high))?;
        match compare(&line, hash)? {
            Ordering::Greater => high = start,
            Ordering::Less | Ordering::Equal => low = start,
        }
    }
    let block = read(&mut file, low, high - low)?;
    let mut entries = block.split(|byte| *byte == b'\n').filter_map(|line| entry(line, HASH_DIGITS));
    Ok(entries.any(|entry| !entry.is_padding && entry.hash.eq_ignore_ascii_case(hash.as_bytes())))
}

pub(super) fn look_at(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let sampled = if length <= WHOLE {
        let all = read(&mut file, 0, length)?;
        let lines = all.strip_suffix(b"\n").unwrap_or(&all).split(|byte| *byte == b'\n');
        lines.map(digits).collect::<io::Result<Vec<_>>>()?
    } else {
        let first = read(&mut file, 0, LINE)?;
        let first = digits(first.split(|byte| *byte == b'\n').next().unwrap_or_default());
        // Behind the last place begins the last line, or the one before it.
        let places = (1..SAMPLES).map(|sample| length / SAMPLES * sample).chain([length - 2 * LINE]);
        let others = places.map(|place| line_after(&mut file, place).and_then(|(_, line)| digits(&line)));
        [first].into_iter().chain(others).collect::<io::Result<Vec<_>>>()?
    };
    if sampled.is_sorted() { Ok(()) } else { Err(invalid(NOT_SORTED)) }
}

/// The first line that begins after a place, and where.
fn line_after(file: &mut File, place: u64) -> io::Result<(u64, Vec<u8>)> {
    let bytes = read(file, place, 2 * LINE)?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (cut, line) = (lines.next().unwrap_or_default(), lines.next().ok_or_else(|| invalid(NO_LIST))?);
    let start = place.saturating_add(cut.len() as u64).saturating_add(1);
    Ok((start, line.to_vec()))
}

fn compare(line: &[u8], hash: &str) -> io::Result<Ordering> {
    Ok(digits(line)?.as_slice().cmp(hash.as_bytes()))
}

/// In upper case.
fn digits(line: &[u8]) -> io::Result<Vec<u8>> {
    entry(line, HASH_DIGITS).map(|entry| entry.hash.to_ascii_uppercase()).ok_or_else(|| invalid(NO_LIST))
}

fn read(file: &mut File, from: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
