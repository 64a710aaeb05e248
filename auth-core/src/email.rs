//! One rule for addresses, used at every door: what is accepted, and when two of them are the same.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::FieldError;

/// An acceptable address: as typed (trimmed), and the form by which addresses are compared.
#[derive(Clone)]
pub(crate) struct Email {
    typed: String,
    normalized: String,
}

/// The most bytes of an address, typed or normalised: what fits an SMTP path (RFC 5321 section 4.5.3.1).
const MAX_BYTES: usize = 254;
/// The most bytes of the part before the `@` (RFC 5321).
const LOCAL_MAX_BYTES: usize = 64;

impl Email {
    pub(crate) fn parse(text: &str) -> Result<Self, FieldError> {
        let typed = text.trim();
        if typed.is_empty() {
            return Err(invalid("is empty"));
        }
        if typed.len() > MAX_BYTES {
            return Err(invalid("is longer than 254 bytes"));
        }
        let Some((local, domain)) = typed.split_once('@') else {
            return Err(invalid("has no @"));
        };
        if domain.contains('@') {
            return Err(invalid("has more than one @"));
        }
        let local = normalize_local(local)?;
        let domain = normalize_domain(domain)?;
        let normalized = format!("{local}@{domain}");
        if normalized.len() > MAX_BYTES {
            return Err(invalid("is longer than 254 bytes"));
        }
        Ok(Self { typed: typed.to_owned(), normalized })
    }

    pub(crate) fn typed(&self) -> &str {
        &self.typed
    }

    /// NFC, lower case, domain in IDNA ASCII form.
    pub(crate) fn normalized(&self) -> &str {
        &self.normalized
    }
}

fn invalid(problem: &str) -> FieldError {
    FieldError::new("email", "invalid_email", format!("the address {problem}"))
}

/// RFC 5322 dot-atom, widened by the letters, digits and marks of every script (RFC 6531). That leaves out
/// quotes, spaces, controls, bidirectional and zero-width characters, and look-alikes of `@`.
fn normalize_local(local: &str) -> Result<String, FieldError> {
    if local.is_empty() || local.len() > LOCAL_MAX_BYTES {
        return Err(invalid("needs 1 to 64 bytes before the @"));
    }
    if local.split('.').any(str::is_empty) {
        return Err(invalid("has a dot at the start, at the end or twice in a row before the @"));
    }
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || ".!#$%&'*+-/=?^_`{|}~".contains(c)
            || (!c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)) && !is_invisible(c))
    };
    if !local.chars().all(allowed) {
        return Err(invalid("has a character before the @ that is not allowed"));
    }
    // The final sigma is the same letter; Unicode's case folding says so too.
    let lower: String =
        local.nfc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect();
    let normalized: String = lower.nfc().collect();
    if normalized.len() > LOCAL_MAX_BYTES {
        return Err(invalid("needs 1 to 64 bytes before the @"));
    }
    Ok(normalized)
}

/// Letters and marks that show as nothing (Unicode's `Default_Ignorable_Code_Point`): with one of them an address
/// looks like somebody else's.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
    ) || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

/// At least two letter-digit-hyphen labels after IDNA (UTS 46, non-transitional).
pub(crate) fn normalize_domain(domain: &str) -> Result<String, FieldError> {
    if domain.chars().any(is_invisible) {
        return Err(invalid("has a character in the domain that shows as nothing"));
    }
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map_err(|_| invalid("has a domain that is not a valid host name"))?;
    let Some((_, last)) = ascii.rsplit_once('.') else {
        return Err(invalid("needs a domain with a dot"));
    };
    // No top-level domain is a number: this is an IPv4 address in disguise.
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("has a number for a domain"));
    }
    Ok(ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalized(text: &str) -> Option<String> {
        Email::parse(text).ok().map(|email| email.normalized().to_owned())
    }

    #[test]
    fn addresses_that_differ_only_in_writing_are_one() {
        for text in ["Ada@Example.com", " ada@EXAMPLE.COM\t", "ada@example。com"] {
            assert_eq!(normalized(text).as_deref(), Some("ada@example.com"), "{text:?}");
        }
        assert_eq!(normalized("jose\u{301}@x.io"), normalized("JOS\u{c9}@x.io"));
        assert_eq!(normalized("οδος@x.io"), normalized("ΟΔΟΣ@x.io"));
        assert_eq!(normalized("a@bücher.example").as_deref(), Some("a@xn--bcher-kva.example"));
    }

    #[test]
    fn an_accent_makes_another_address() {
        assert_ne!(normalized("jose@x.io"), normalized("josé@x.io"));
    }

    #[test]
    fn unusual_but_sound_addresses_are_accepted() {
        for text in
            ["o'hara+tag@x.io", "a@b.c.d.example", "用户@例子.广告", "!#$%&'*+-/=?^_`{|}~@x.io", "a@x-y.io"]
        {
            assert!(normalized(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn unsound_addresses_are_refused() {
        let long_local = format!("{}@x.io", "a".repeat(65));
        let long = format!("a@{}.io", "a.".repeat(130));
        for text in [
            "",
            "a",
            "@x.io",
            "a@",
            "a@b",
            "a@@x.io",
            "a@x@y.io",
            "a b@x.io",
            "\"a\"@x.io",
            ".a@x.io",
            "a.@x.io",
            "a..b@x.io",
            "a@x.io.",
            "a@.x.io",
            "a@x..io",
            "a@-x.io",
            "a@x-.io",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@x_y.io",
            "a\u{ff20}x.io",
            "a\u{fe6b}x.io",
            "a\u{ff20}b@x.io",
            "a@b\u{ff20}c.io",
            "a\0@x.io",
            "a@x\0.io",
            "a\r\nBcc: b@x.io",
            "\u{202e}a@x.io",
            "a\u{200b}@x.io",
            "a@ex\u{ad}ample.com",
            "a@ex\u{200b}ample.com",
            "a\u{3164}@x.io",
            "a\u{fe0f}@x.io",
            "a\u{34f}@x.io",
            "a\u{e0100}@x.io",
            "a@x.io,b@x.io",
            "a;b@x.io",
            "<a@x.io>",
            "a@x.io?x=y",
            "a@x.io/..",
            &long_local,
            &long,
        ] {
            assert!(normalized(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn no_error_repeats_the_input() {
        let error = Email::parse("canary-address").err().map(|error| format!("{error:?}"));
        assert!(error.is_some_and(|text| !text.contains("canary")));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = Email::parse(&text);
        }

        #[test]
        fn the_normalised_form_is_an_address_and_its_own_normalised_form(
            local in "[a-zA-ZÀ-ÿİΣßſΑ-Ω0-9._+-]{1,20}", domain in "[a-zA-ZÀ-ÿİß0-9-]{1,10}\\.[a-zA-Zé]{2,5}"
        ) {
            if let Some(once) = normalized(&format!("{local}@{domain}")) {
                prop_assert_eq!(normalized(&once), Some(once));
            }
        }
    }
}
