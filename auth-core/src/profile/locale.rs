//! Tags of languages (BCP 47): whether one is well formed (RFC 5646 section 2.2.9), in the case that the RFC writes it in.

use oxilangtag::LanguageTag;

use crate::FieldError;

/// What RFC 5646 section 4.4.1 counts on.
const MAX_BYTES: usize = 35;

pub(super) fn parse(text: &str) -> Result<String, FieldError> {
    let tag = text.trim();
    let parsed = LanguageTag::parse_and_normalize(tag).ok().filter(|_| tag.len() <= MAX_BYTES);
    parsed.map(LanguageTag::into_inner).ok_or_else(|| {
        let rule = "the locale is no tag of a language, like de or pt-BR (BCP 47)";
        FieldError::new("locale", "invalid_locale", rule)
    })
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
