//! Words that stand for the place a password is for: the service, its host, the person's own address. Everybody who
//! guesses tries them first.

/// In characters, as compared. A shorter word is in every other password by chance.
const MIN_WORD: usize = 3;

/// A word as it is compared: lower case, without ASCII punctuation and spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word(String);

impl Word {
    /// `None` if it is too short to mean anything.
    pub(super) fn new(text: &str) -> Option<Self> {
        let folded = fold(text);
        (folded.chars().count() >= MIN_WORD).then_some(Self(folded))
    }

    /// Whether a password is this word and nothing else: once or repeated, in any case, with digits and ASCII punctuation
    /// anywhere between. A password that has more in it than that is not this word (NIST SP 800-63B-4 section 3.1.1.2
    /// compares the whole password). Of a word of digits it has to be all of the digits.
    pub(super) fn is_all_of(&self, password: &str) -> bool {
        let Self(word) = self;
        let digits_may_be_left = !word.chars().all(char::is_numeric);
        let password = fold(password);
        let is_left_out = |c: char| digits_may_be_left && c.is_numeric();
        password.contains(word) && password.split(word.as_str()).all(|rest| rest.chars().all(is_left_out))
    }
}

fn fold(text: &str) -> String {
    let kept = |c: &char| !c.is_ascii_punctuation() && !c.is_whitespace();
    text.chars().filter(kept).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_all_of(word: &str, password: &str) -> bool {
        Word::new(word).unwrap().is_all_of(password)
    }

    #[test]
    fn a_context_word_alone_decorated_or_repeated_is_the_whole_password() {
        for password in [
            "acmecloud",
            "AcmeCloud",
            "ACME-Cloud 2026!",
            "123acmecloud456",
            "acmecloudacmecloud",
            "acmecloud:acmecloud#1",
            "a.c.m.e.c.l.o.u.d",
        ] {
            assert!(is_all_of("Acme Cloud", password), "{password}");
        }
        assert!(is_all_of("ada.lovelace", "AdaLovelace1815"));
        assert!(is_all_of("Ähre", "ÄHREÄHRE1"));
        assert!(is_all_of("12345", "12345-12345"));
    }

    #[test]
    fn a_context_word_inside_of_more_is_no_matter() {
        for password in ["acmecloud rocks", "my acmecloud", "acmeclouds", "acme", "correct horse battery", ""]
        {
            assert!(!is_all_of("acmecloud", password), "{password}");
        }
        assert!(!is_all_of("acmecloud", "acmecloud🦀🦀🦀🦀"));
        assert!(!is_all_of("12345", "8495712345938475620"), "a long number is no context word");
    }

    #[test]
    fn what_has_fewer_than_three_letters_or_digits_is_no_word() {
        for text in ["", "io", "a-b", "...", "  "] {
            assert_eq!(Word::new(text), None, "{text:?}");
        }
    }
}
