use std::collections::BTreeMap;

use proptest::{collection::btree_map, prelude::*};
use tempfile::{NamedTempFile, TempDir, tempdir};

use super::*;

/// SHA-1 of "password".
const PASSWORD: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

/// All range files that are looked at, and the one of "password".
fn folder(extension: &str, line: &str) -> TempDir {
    let folder = tempdir().unwrap();
    for name in ["00000", "3FFFF", "7FFFF", "BFFFF", "FFFFF"] {
        fs::write(folder.path().join(format!("{name}{extension}")), format!("{}:3\r\n", "0".repeat(35)))
            .unwrap();
    }
    fs::write(folder.path().join(format!("5BAA6{extension}")), line).unwrap();
    folder
}

fn knows(list: &BreachList, password: &str) -> bool {
    list.is_breached(&password.into()).unwrap()
}

#[test]
fn a_breached_password_is_found_in_one_file() {
    let other = "0".repeat(40);
    for text in [
        format!("{other}:1\r\n{PASSWORD}:9545824\r\n"),
        format!("{other}:1\n{PASSWORD}:9545824"),
        format!("{}:1\n", PASSWORD.to_lowercase()),
    ] {
        let file = file(&text);
        let list = BreachList::open(file.path()).unwrap();
        assert!(knows(&list, "password"), "{text}");
        assert!(!knows(&list, "Password") && !knows(&list, "password "), "{text}");
    }
}

#[test]
fn a_breached_password_is_found_in_range_files() {
    let (_, rest) = PASSWORD.split_at(5);
    for extension in ["", ".txt"] {
        let folder = folder(extension, &format!("{}:1\r\n{rest}:9545824\r\n", "0".repeat(35)));
        let list = BreachList::open(folder.path()).unwrap();
        assert!(knows(&list, "password"));
        // Its range file is not there: the list cannot tell.
        assert!(list.is_breached(&"another".into()).is_err());
    }
}

#[test]
fn padding_of_the_range_service_is_no_breach() {
    let (_, rest) = PASSWORD.split_at(5);
    let folder = folder("", &format!("{rest}:0\r\n"));
    assert!(!knows(&BreachList::open(folder.path()).unwrap(), "password"));
    let file = file(&format!("{PASSWORD}:0\n"));
    assert!(!knows(&BreachList::open(file.path()).unwrap(), "password"));
}

#[test]
fn a_list_that_was_replaced_is_looked_up_as_it_is_now_and_one_that_is_gone_is_an_error() {
    let file = file(&format!("{PASSWORD}:1\n"));
    let list = BreachList::open(file.path()).unwrap();
    fs::write(file.path(), format!("{}:1\n", "0".repeat(40))).unwrap();
    assert!(!knows(&list, "password"));
    fs::remove_file(file.path()).unwrap();
    assert!(list.is_breached(&"password".into()).is_err());
}

fn problem(path: &Path) -> String {
    let error = BreachList::open(path).unwrap_err();
    assert_eq!(error.setting(), "breach list");
    error.problem().to_owned()
}

#[test]
fn what_is_no_list_is_refused_with_the_reason() {
    let many = |line: &dyn Fn(u32) -> String| (0..5000).map(line).collect::<Vec<_>>().concat();
    let ntlm = many(&|n| format!("{n:032X}:1\r\n"));
    let by_count = many(&|n| format!("{:08X}{}:1\r\n", n.wrapping_mul(2_654_435_761), "0".repeat(32)));
    let plain = many(&|n| format!("password{n}\n"));
    for (text, expected) in [
        ("", "is no list of lines HASH:COUNT"),
        ("password\n", "is no list of lines HASH:COUNT"),
        (&ntlm, "is no list of lines HASH:COUNT"),
        (&plain, "is no list of lines HASH:COUNT"),
        (&"x".repeat(1_000_000), "is no list of lines HASH:COUNT"),
        (&by_count, "is not sorted by hash"),
        (&format!("{PASSWORD}:1\n{}:1\n", "0".repeat(40)), "is not sorted by hash"),
    ] {
        let problem = problem(file(text).path());
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert!(problem(Path::new("/nowhere/at/all")).starts_with("cannot be read: entity not found"));
    assert!(problem(tempdir().unwrap().path()).starts_with("is a folder without the range file 00000.txt"));
    let cut_off = folder("", "");
    fs::remove_file(cut_off.path().join("FFFFF")).unwrap();
    assert!(problem(cut_off.path()).starts_with("has no readable range file FFFFF"));
    let whole_hashes = folder(".txt", "");
    fs::write(whole_hashes.path().join("7FFFF.txt"), format!("{PASSWORD}:1\n")).unwrap();
    assert!(problem(whole_hashes.path()).starts_with("has a range file 7FFFF without lines of 35 digits"));
}

/// A sorted file and what is in it.
fn lists() -> impl Strategy<Value = (BTreeMap<[u8; 20], u64>, bool, bool)> {
    // Few leading bytes, so that many hashes are alike for long.
    let hash = (prop::array::uniform20(any::<u8>()), 0_u8..4).prop_map(|(mut hash, first)| {
        hash[0] = first;
        hash
    });
    (btree_map(hash, 1..u64::MAX, 1..2000), any::<bool>(), any::<bool>())
}

fn upper(hash: &[u8; 20]) -> String {
    hex(hash).to_uppercase()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_search_finds_exactly_what_is_in_the_file((entries, carriage_return, ends_with_break) in lists(), absent in prop::array::uniform20(any::<u8>())) {
        let end = if carriage_return { "\r\n" } else { "\n" };
        let lines: Vec<_> = entries.iter().map(|(hash, count)| format!("{}:{count}{end}", upper(hash))).collect();
        let mut text = lines.concat();
        if !ends_with_break {
            text.truncate(text.len() - end.len());
        }
        let file = file(&text);
        BreachList::open(file.path()).unwrap();
        for hash in entries.keys() {
            prop_assert!(sorted_file::contains(file.path(), &upper(hash)).unwrap());
            // The neighbours.
            let mut other = *hash;
            other[19] = other[19].wrapping_add(1);
            prop_assert_eq!(sorted_file::contains(file.path(), &upper(&other)).unwrap(), entries.contains_key(&other));
        }
        for other in [absent, [0; 20], [0xff; 20]] {
            prop_assert_eq!(sorted_file::contains(file.path(), &upper(&other)).unwrap(), entries.contains_key(&other));
        }
    }
}
