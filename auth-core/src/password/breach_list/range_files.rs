//! A folder with a file for each of the first five digits.

use std::{fs, io, path::Path};

use super::{HASH_DIGITS, entry, invalid};

/// Digits in the name of a range file.
const PREFIX: usize = 5;
/// Far more than any range file has: a wrong file is not read to its end.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The first, the last and some between: if these are there, the download was not cut off.
const SAMPLES: [&str; 5] = ["00000", "3FFFF", "7FFFF", "BFFFF", "FFFFF"];

/// What the range files have behind their names.
pub(super) fn look_at(folder: &Path) -> Result<&'static str, String> {
    let [first, ..] = SAMPLES;
    let extensions = [".txt", ""].into_iter();
    let mut found = extensions.filter(|extension| folder.join(format!("{first}{extension}")).is_file());
    let extension = found.next().ok_or(
        "is a folder without the range file 00000.txt or 00000; name the one that the downloader has filled",
    )?;
    for sample in SAMPLES {
        let lines = read(folder, extension, sample).map_err(|error| {
            format!("has no readable range file {sample}: {error}; download the list again")
        })?;
        let is_entry = |line: &[u8]| entry(line, HASH_DIGITS - PREFIX).is_some();
        if !lines.split(|byte| *byte == b'\n').next().is_some_and(is_entry) {
            return Err(format!(
                "has a range file {sample} without lines of 35 digits, a colon and a count; download it with SHA-1, not NTLM"
            ));
        }
    }
    Ok(extension)
}

pub(super) fn contains(folder: &Path, extension: &str, hash: &str) -> io::Result<bool> {
    let (prefix, rest) = hash.split_at_checked(PREFIX).ok_or(io::ErrorKind::InvalidInput)?;
    let lines = read(folder, extension, prefix)?;
    let mut entries = lines.split(|byte| *byte == b'\n').filter_map(|line| entry(line, HASH_DIGITS - PREFIX));
    Ok(entries.any(|entry| !entry.is_padding && entry.hash.eq_ignore_ascii_case(rest.as_bytes())))
}

fn read(folder: &Path, extension: &str, prefix: &str) -> io::Result<Vec<u8>> {
    let path = folder.join(format!("{prefix}{extension}"));
    if fs::metadata(&path)?.len() > MAX_BYTES {
        return Err(invalid("is too large for a range file"));
    }
    fs::read(path)
}
