//! One rule for user names, at every door: what is accepted, and when two of them are the same.

use unicode_normalization::UnicodeNormalization;

use crate::FieldError;

/// Names that a reader takes for the service's own, or a program for something else.
const RESERVED: [&str; 10] =
    ["admin", "administrator", "root", "system", "support", "api", "auth", "me", "null", "undefined"];

/// An acceptable user name: as typed (trimmed), and the form by which names are compared.
#[derive(Clone)]
pub(crate) struct Username {
    typed: String,
    normalized: String,
}

impl Username {
    /// # Errors
    /// What is no user name, or one that nobody may have.
    pub(crate) fn parse(text: &str) -> Result<Self, FieldError> {
        let refused = |code, rule: &str| FieldError::new("username", code, format!("the user name {rule}"));
        let name = Self::read(text)
            .ok_or_else(|| refused("invalid_username", "needs 3 to 32 of the characters a-z 0-9 . _ -"))?;
        if RESERVED.contains(&name.normalized()) {
            return Err(refused("reserved", "is reserved"));
        }
        Ok(name)
    }

    /// What can be one, also where it is reserved: whoever signs in with it has it, or nobody has.
    ///
    /// Only ASCII is left, so that no two of them look alike: a letter of another script that looks like one of these is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let typed: String = text.trim().nfc().take(33).collect();
        let fits = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
        let is_one = (3..=32).contains(&typed.len()) && typed.chars().all(fits);
        is_one.then(|| Self { normalized: typed.to_ascii_lowercase(), typed })
    }

    pub(crate) fn typed(&self) -> &str {
        &self.typed
    }

    pub(crate) fn normalized(&self) -> &str {
        &self.normalized
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_differ_in_case_and_form_are_one() {
        for text in ["ada.lovelace", "Ada.Lovelace", " ADA.LOVELACE\t"] {
            assert_eq!(Username::parse(text).unwrap().normalized(), "ada.lovelace", "{text:?}");
        }
        // The Kelvin sign is a K, in Unicode's own normal form.
        let kelvin = Username::parse("\u{212a}elvin").unwrap();
        assert_eq!((kelvin.typed(), kelvin.normalized()), ("Kelvin", "kelvin"));
    }

    #[test]
    fn letters_that_only_look_like_these_are_refused() {
        for text in [
            "аda", // a Cyrillic a
            "ad\u{131}",
            "admın",
            "a\u{200b}da",
            "a\u{ad}da",
            "ａｄａ",
            "ad\u{0430}",
            "ada\u{301}",
            "straße",
            "ſam",
            "ada\u{202e}",
            "𝐚𝐝𝐚",
        ] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_has_three_to_thirty_two_of_few_characters() {
        for text in ["abc", "a-1", "x_y.z-9", &"a".repeat(32)] {
            assert!(Username::parse(text).is_ok(), "{text:?}");
        }
        for text in ["", "ab", &"a".repeat(33), "a b", "a@b", "a/b", "a\0b", "a'b", "a%b", "äöü"] {
            assert_eq!(Username::parse(text).err().unwrap().code, "invalid_username", "{text:?}");
        }
        for text in ["admin", "Admin", "ROOT", "null", " undefined "] {
            assert_eq!(Username::parse(text).err().unwrap().code, "reserved", "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader_and_what_is_normal_stays_so(text in any::<String>(), near in "[ A-Za-z0-9._\u{212a}-]{0,40}") {
            for text in [text, near] {
                if let Some(name) = Username::read(&text) {
                    let again = Username::read(name.normalized()).unwrap();
                    prop_assert_eq!(again.normalized(), name.normalized());
                    prop_assert!(!name.normalized().contains('@'));
                }
            }
        }
    }
}
