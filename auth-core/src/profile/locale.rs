//! Tags of languages (BCP 47): whether one is well formed (RFC 5646 section 2.2.9), in the case that the RFC writes it in.

use crate::FieldError;

/// What RFC 5646 section 4.4.1 counts on.
const MAX_BYTES: usize = 35;

pub(super) fn parse(text: &str) -> Result<String, FieldError> {
    let refused = || {
        let rule = "the locale is no tag of a language, like de or pt-BR (BCP 47)";
        FieldError::new("locale", "invalid_locale", rule)
    };
    let tag = text.trim();
    let parts: Vec<&str> = tag.split('-').collect();
    if tag.len() > MAX_BYTES || !is_well_formed(&parts) {
        return Err(refused());
    }
    let mut written = Vec::with_capacity(parts.len());
    let mut after_single = false;
    for (place, part) in parts.iter().enumerate() {
        let lower = part.to_ascii_lowercase();
        written.push(match part.len() {
            2 if place > 0 && !after_single => lower.to_ascii_uppercase(),
            4 if place > 0 && !after_single && is_letters(part) => {
                lower.get(..1).unwrap_or_default().to_ascii_uppercase() + lower.get(1..).unwrap_or_default()
            }
            _ => lower,
        });
        after_single |= part.len() == 1;
    }
    Ok(written.join("-"))
}

/// A language, then script, region and variants, then extensions, each by a single letter or digit with something behind it.
fn is_well_formed(parts: &[&str]) -> bool {
    let Some((language, mut rest)) = parts.split_first() else { return false };
    if !(2..=8).contains(&language.len()) || !is_letters(language) {
        return false;
    }
    let mut skip = |fits: fn(&str) -> bool, most: usize| {
        for _ in 0..most {
            let Some((first, others)) = rest.split_first().filter(|(first, _)| fits(first)) else { break };
            let _ = first;
            rest = others;
        }
    };
    if language.len() <= 3 {
        skip(|part| part.len() == 3 && is_letters(part), 3);
    }
    skip(|part| part.len() == 4 && is_letters(part), 1);
    skip(|part| (part.len() == 2 && is_letters(part)) || (part.len() == 3 && is_digits(part)), 1);
    skip(is_variant, usize::MAX);
    let mut wants_more = false;
    let mut is_private = false;
    let mut in_extension = false;
    for part in rest {
        let fits = (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let begins = part.len() == 1 && !is_private;
        if !fits || (begins && wants_more) || (!begins && !in_extension) {
            return false;
        }
        wants_more = begins;
        in_extension = true;
        is_private |= begins && part.eq_ignore_ascii_case("x");
    }
    !wants_more
}

fn is_variant(part: &str) -> bool {
    let is_alphanumeric = part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let begins_with_digit = part.starts_with(|first: char| first.is_ascii_digit());
    is_alphanumeric && ((5..=8).contains(&part.len()) || (part.len() == 4 && begins_with_digit))
}

fn is_letters(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_digits(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_well_formed_tag_is_written_as_the_rfc_writes_it() {
        for (given, written) in [
            ("de", "de"),
            ("DE-at", "de-AT"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("sl-rozaj-biske-1994", "sl-rozaj-biske-1994"),
            ("es-419", "es-419"),
            ("zh-cmn-Hans-CN", "zh-cmn-Hans-CN"),
            ("DE-U-CO-PHONEBK", "de-u-co-phonebk"),
            ("en-x-Twain", "en-x-twain"),
            ("de-1996", "de-1996"),
            (" fr ", "fr"),
        ] {
            assert_eq!(parse(given).ok().as_deref(), Some(written), "{given}");
        }
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for text in [
            "",
            "d",
            "de-",
            "-de",
            "de--AT",
            "de_AT",
            "d1",
            "de-AT-AT",
            "de-u",
            "de-a-b-c",
            "x",
            "1de",
            "de-äö",
            "languages-too-long",
            "de\0",
            "de, en;q=0.8",
            "de-Latn-Latn",
            "en-x",
            &"de-u-".repeat(10),
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader_and_what_is_written_stays_so(text in any::<String>(), near in "[a-z]{2,3}(-[a-zA-Z0-9]{1,8}){0,5}") {
            for text in [text, near] {
                if let Ok(written) = parse(&text) {
                    prop_assert_eq!(parse(&written).ok(), Some(written));
                }
            }
        }
    }
}
