//! The text of an API key: `<prefix>_<30 random><6 check>`, base62. Scanners for secrets know it by the prefix, and a slip of the
//! pen is found out without a database.

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    ApiKeySecret,
    config::is_prefix,
    random::{self, Random, RandomUnavailable},
};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 178 bits.
const RANDOM: usize = 30;
/// Room for the 32 bits of a CRC.
const CHECK: usize = 6;
/// How much of it is kept for its owner to know it by.
const HINT: usize = 8;

/// What is stored of a key, and found by.
pub(crate) type Digest = [u8; 32];

/// A new key.
pub(crate) fn make(prefix: &str, random: &dyn Random) -> Result<ApiKeySecret, RandomUnavailable> {
    let mut text = format!("{prefix}_");
    while text.len() < prefix.len() + 1 + RANDOM {
        // Ten digits of each 128 bits: then none is likelier than another by more than one in 2^68.
        let drawn = u128::from_le_bytes(random::bytes(random)?);
        push_base62(&mut text, drawn, 10);
    }
    let check = crc32fast::hash(text.as_bytes());
    push_base62(&mut text, check.into(), CHECK);
    Ok(ApiKeySecret::new(text))
}

/// Whether this is a key that somebody may have: by its form and its check digits alone.
pub(crate) fn is_key(text: &str) -> bool {
    let Some((prefix, body)) = text.rsplit_once('_') else { return false };
    if !is_prefix(prefix)
        || body.len() != RANDOM + CHECK
        || !body.bytes().all(|byte| ALPHABET.contains(&byte))
    {
        return false;
    }
    let (rest, check) = text.split_at(text.len() - CHECK);
    let mut expected = String::new();
    push_base62(&mut expected, crc32fast::hash(rest.as_bytes()).into(), CHECK);
    expected == check
}

/// By which a key is found. It has too many bits for anybody to try them out, so it need not be slow.
pub(crate) fn digest_of(text: &str) -> Digest {
    let mut bytes = Digest::default();
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

/// How a key begins.
pub(crate) fn hint(text: &str) -> String {
    text.chars().take(HINT).collect()
}

/// So many digits, the most significant first.
fn push_base62(text: &mut String, mut number: u128, digits: usize) {
    let mut reversed: Vec<u8> = Vec::with_capacity(digits);
    for _ in 0..digits {
        let digit = usize::try_from(number % 62).unwrap_or_default();
        reversed.extend(ALPHABET.get(digit));
        number /= 62;
    }
    text.extend(reversed.into_iter().rev().map(char::from));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SystemRandom;

    #[test]
    fn the_check_digits_are_the_crc_32_of_what_stands_before_them() {
        // CRC-32 (IEEE) of "123456789" is cbf43926.
        let mut text = String::new();
        push_base62(&mut text, 0xcbf4_3926, CHECK);
        assert_eq!((crc32fast::hash(b"123456789"), text.as_str()), (0xcbf4_3926, "3jZRME"));
        let mut text = String::new();
        push_base62(&mut text, 61, CHECK);
        assert_eq!(text, "00000z");
    }

    #[test]
    fn a_key_that_was_made_is_one_and_no_two_are_the_same() {
        for prefix in ["a", "ak", "acme_live", "a234567890123456"] {
            let (one, other) = (make(prefix, &SystemRandom).unwrap(), make(prefix, &SystemRandom).unwrap());
            assert_eq!(one.expose().len(), prefix.len() + 1 + RANDOM + CHECK);
            assert!(one.expose().starts_with(prefix) && is_key(one.expose()));
            assert_ne!(one.expose(), other.expose());
            assert_ne!(digest_of(one.expose()), digest_of(other.expose()));
        }
    }

    #[test]
    fn no_key_differs_from_another_by_one_letter_one_less_or_two_that_changed_places() {
        let key = make("ak", &SystemRandom).unwrap();
        let key = key.expose();
        for place in 0..key.len() {
            for other in (0..128_u8).map(char::from).filter(|other| !key[place..].starts_with(*other)) {
                let typo = format!("{}{other}{}", &key[..place], &key[place + 1..]);
                assert!(!is_key(&typo), "{typo}");
            }
            assert!(!is_key(&format!("{}{}", &key[..place], &key[place + 1..])));
            let mut swapped: Vec<char> = key.chars().collect();
            if place > 0 && swapped[place] != swapped[place - 1] {
                swapped.swap(place, place - 1);
                assert!(!is_key(&swapped.into_iter().collect::<String>()));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,60}") {
            prop_assert!(!is_key(&text));
        }
    }
}
