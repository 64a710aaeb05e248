//! The passwords that lists of leaked ones put first, as a part of the digest of each: 120,000 in 376 kB, read where they lie in
//! the program. Where they are from is told in the folder `common`, with the script that makes the list.

use aws_lc_rs::digest::{SHA256, digest};

/// For each bucket of 14 bits how many are in it; then, bucket by bucket, 24 further bits of each.
static LIST: &[u8] = include_bytes!("common/list.bin");

const BUCKETS: usize = 1 << 14;

/// Whether a password in lower case and NFC is on the list. With seven in a bucket, another one has the same 24 bits by
/// chance once in more than two million.
pub(super) fn is_common(lower: &str) -> bool {
    let digest = digest(&SHA256, lower.as_bytes());
    let [first, second, a, b, c, ..] = *digest.as_ref() else { return false };
    let bucket = usize::from(u16::from_be_bytes([first, second]) >> 2);
    let (counts, rests) = LIST.split_at_checked(BUCKETS).unwrap_or_default();
    let before = counts.iter().take(bucket).map(|count| usize::from(*count)).sum();
    let count = counts.get(bucket).copied().map_or(0, usize::from);
    let (rests, _) = rests.as_chunks();
    rests.iter().skip(before).take(count).any(|rest| *rest == [a, b, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_django_ships_is_on_it() {
        let entries: Vec<_> = include_str!("common/django.txt").lines().collect();
        assert!(entries.len() > 3000, "ASVS 6.2.4 asks for the top 3000");
        for entry in entries {
            assert!(is_common(entry), "{entry}");
        }
    }

    #[test]
    fn words_that_are_cut_off_after_eight_letters_are_on_it() {
        for entry in [
            "liverpoo",
            "lifehack",
            "alexande",
            "usuckballz1",
            "freeuser",
            "swordfis",
            "wolverin",
            "spiderma",
            "freepass",
        ] {
            assert!(is_common(entry), "{entry}");
        }
    }

    #[test]
    fn it_has_a_hundred_thousand_and_refuses_at_most_one_other_in_a_million() {
        let (counts, rests) = LIST.split_at(BUCKETS);
        let entries: u32 = counts.iter().map(|count| u32::from(*count)).sum();
        assert_eq!(usize::try_from(entries).unwrap() * 3, rests.len());
        assert!(entries >= 100_000 && LIST.len() < 400_000);
        assert!(f64::from(entries) / 2_f64.powi(14 + 24) <= 1e-6);
        let found = (0..100_000).filter(|n| is_common(&format!("no person has typed {n}"))).count();
        assert_eq!(found, 0);
    }
}
