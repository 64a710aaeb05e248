//! How a secret is written for people and their apps.

use std::fmt::Write as _;

use zeroize::Zeroizing;

/// RFC 4648 section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base32 without padding.
pub(in crate::room::factor) fn base32(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 8 / 5 + 1));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

fn letter(bits: u32) -> char {
    ALPHABET.get((bits & 31) as usize).map_or('A', |letter| char::from(*letter))
}

/// A secret as other systems store it: base32, hex in lower case, or the address that apps are given. `None`: none of these, or one
/// that the codes of which are made in another way.
pub(in crate::room::factor) fn stored(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let secret = match text.strip_prefix("otpauth://totp/") {
        Some(address) => of_address(address)?,
        // No base32 that was drawn looks so: it has letters of the other half of the alphabet.
        None => from_hex(text).or_else(|| from_base32(text))?,
    };
    STORED_BYTES.contains(&secret.len()).then_some(secret)
}

/// RFC 4226 section 4 wants 128 bits; some have drawn 80.
const STORED_BYTES: std::ops::RangeInclusive<usize> = 10..=128;

fn of_address(address: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, query) = address.split_once('?')?;
    let mut secret = None;
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let is_usual = match name {
            "secret" => {
                secret = from_base32(value);
                secret.is_some()
            }
            "algorithm" => value.eq_ignore_ascii_case("SHA1"),
            "digits" => value == "6",
            "period" => value == "30",
            _ => true,
        };
        if !is_usual {
            return None;
        }
    }
    secret
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.as_bytes().chunks(2) {
        let [high, low] = pair else { return None };
        bytes.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
    }
    Some(bytes)
}

/// Reads base32, in either case, with spaces and padding. `None`: it is none.
pub(in crate::room::factor) fn from_base32(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 5 / 8 + 1));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes().filter(|byte| !b" -=".contains(byte)) {
        let value = ALPHABET.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// What an authenticator app reads from the picture. Algorithm, digits and period are those that every app takes for granted.
pub(super) fn uri(issuer: &str, account: &str, secret: &str) -> Zeroizing<String> {
    // A colon would end the issuer in the label.
    let issuer = escape(&issuer.replace(':', " "));
    let account = escape(account);
    Zeroizing::new(format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}"))
}

/// RFC 3986 section 2.1: all but the unreserved.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 section 10, without padding.
    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(*base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_secret_is_read_as_other_systems_store_it_and_nothing_else_is() {
        let secret = b"Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef";
        for text in [
            "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp",
            "JBSWY3DP-EHPK3PXP-JBSWY3DP-EHPK3PXP======",
            "48656c6c6f21deadbeef48656c6c6f21deadbeef",
            "otpauth://totp/Tea:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "otpauth://totp/a?issuer=Tea&algorithm=SHA1&digits=6&period=30&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        ] {
            assert_eq!(stored(text).unwrap().as_slice(), secret, "{text}");
        }
        for text in [
            "",
            "48656C6C6F21DEADBEEF48656C6C6F21DEADBEEF",
            "48656c6c6f21deadbeef48656c6c6f21deadbee",
            "JBSWY3DP",
            "JBSWY3DPEHPK3PX1",
            "MFZWIZTHNBVGW3DBONSGM\u{e9}",
            "otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP&counter=1",
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=8",
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&period=60",
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&algorithm=SHA256",
            "otpauth://totp/a?issuer=JBSWY3DPEHPK3PXP",
        ] {
            assert!(stored(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_address_for_apps_escapes_what_could_end_a_part_of_it() {
        let uri = uri("Tea & Co: é", "ada+x@example.com", "MZXW6");
        assert_eq!(
            *uri,
            "otpauth://totp/Tea%20%26%20Co%20%20%C3%A9:ada%2Bx%40example.com?secret=MZXW6\
             &issuer=Tea%20%26%20Co%20%20%C3%A9"
        );
    }
}
