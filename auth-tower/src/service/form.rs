//! Forms, read strictly: each name once, real UTF-8, decoded once.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;

/// Reads `application/x-www-form-urlencoded`. `None` if a name is repeated (RFC 6749 section 3.2) or something
/// is not UTF-8. A field without a value counts as not sent, as the same section has it, but not for the
/// repetition.
pub(crate) fn parse(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => (pair.get(..equals)?, pair.get(equals + 1..)?),
            None => (pair, &[][..]),
        };
        if fields.insert(decode(name)?, decode(value)?).is_some() {
            return None;
        }
    }
    fields.retain(|_, value| !value.is_empty());
    Some(fields)
}

fn decode(text: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(body: &[u8], name: &str) -> Option<String> {
        parse(body).unwrap().remove(name)
    }

    #[test]
    fn values_are_decoded_once() {
        assert_eq!(field(b"password=%2541", "password").unwrap(), "%41");
        assert_eq!(field(b"password=a+b%2B%20c", "password").unwrap(), "a b+ c");
        assert_eq!(field(b"pass%77ord=x", "password").unwrap(), "x");
        assert_eq!(field(b"password=a=b==", "password").unwrap(), "a=b==");
        assert_eq!(field(b"password=caf%C3%A9", "password").unwrap(), "café");
        // What is no escape stands for itself (URL standard).
        assert_eq!(field(b"password=100%&x=1", "password").unwrap(), "100%");
    }

    #[test]
    fn a_field_without_a_value_was_not_sent() {
        assert_eq!(field(b"scope=&username=a", "scope"), None);
        assert_eq!(field(b"scope&&username=a&", "scope"), None);
        assert_eq!(parse(b"").unwrap().len(), 0);
    }

    #[test]
    fn a_repeated_name_is_refused_however_it_is_written() {
        for body in ["a=1&a=2", "a=1&a=1", "a=1&%61=1", "a=&a=1", "a&a", "=1&=2"] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused_and_not_replaced() {
        for body in [&b"a=%FF"[..], b"a=%C3", b"%ED%A0%80=1", b"a=\xff", b"a=%C0%80"] {
            assert_eq!(parse(body), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body: Vec<u8>) {
            parse(&body);
        }

        #[test]
        fn whatever_is_encoded_comes_back(value in "\\PC+") {
            let encoded: String = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC)
                .collect();
            prop_assert_eq!(field(format!("a={encoded}").as_bytes(), "a"), Some(value));
        }
    }
}
