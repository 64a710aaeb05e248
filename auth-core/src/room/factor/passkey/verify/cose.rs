//! Public keys in COSE (RFC 9053), of three kinds and in the one form that CTAP 2.1 section 6.5.6 gives each. What is written
//! otherwise, or has more in it, is refused.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents,
};

use super::cbor::{self, Value};

/// Their numbers at IANA, as they are offered at a registration: the first that an authenticator knows is taken.
pub(crate) const ALGORITHMS: [i32; 3] = [-7, -8, -257];

/// 2048 bits, as NIST SP 800-131A asks for, to 4096: nobody is to choose how long it takes us to check.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

static RSA: &RsaParameters = &RSA_PKCS1_2048_8192_SHA256;

/// A key that can be checked with.
#[derive(Debug)]
pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// `None`: it is of another algorithm, or is no key.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let Value::Map(entries) = cbor::whole(bytes)? else { return None };
        let entries: Vec<(i128, &Value<'_>)> =
            entries.iter().map(|(key, value)| Some((key.int()?, value))).collect::<Option<_>>()?;
        let parsed = match entries.as_slice() {
            // ES256
            [(1, Value::Int(2)), (3, Value::Int(-7)), (-1, Value::Int(1)), (-2, x), (-3, y)] => {
                let (x, y): (&[u8; 32], &[u8; 32]) =
                    (x.bytes()?.try_into().ok()?, y.bytes()?.try_into().ok()?);
                let point = [&[4][..], x, y].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            }
            // EdDSA with Ed25519
            [(1, Value::Int(1)), (3, Value::Int(-8)), (-1, Value::Int(6)), (-2, x)] => {
                let x: &[u8; 32] = x.bytes()?.try_into().ok()?;
                ParsedPublicKey::new(&ED25519, x)
            }
            // RS256
            [(1, Value::Int(3)), (3, Value::Int(-257)), (-1, n), (-2, e)] => {
                let (n, e) = (n.bytes()?, e.bytes()?);
                // An exponent is as long as 65537 at most, which all but every key has: it is work for us, too.
                let is_exponent = e.len() <= 3 && e != [1] && e.last().is_some_and(|last| last % 2 == 1);
                if !MODULUS_BYTES.contains(&n.len()) || !is_exponent {
                    return None;
                }
                if n.first() == Some(&0) || e.first() == Some(&0) {
                    return None;
                }
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(RSA)
            }
            _ => return None,
        };
        parsed.ok().map(Self)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn es256(change: impl FnOnce(&mut Vec<u8>)) -> bool {
        // The base point of the curve.
        let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
        let y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        let hex = format!("a5010203262001215820{x}225820{y}");
        let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let mut bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        change(&mut bytes);
        PublicKey::read(&bytes).is_some()
    }

    #[test]
    fn a_key_is_taken_in_its_one_form_and_as_a_point_of_its_curve() {
        assert!(es256(|_| {}));
        assert!(!es256(|bytes| bytes[2] = 1), "another kind of key");
        assert!(!es256(|bytes| bytes[4] = 0x27), "another algorithm");
        assert!(!es256(|bytes| bytes[6] = 2), "another curve");
        assert!(!es256(|bytes| bytes[76] ^= 1), "no point of the curve");
        assert!(!es256(|bytes| bytes.truncate(76)), "too short");
        assert!(!es256(|bytes| bytes.push(0)), "something after it");
    }

    fn rs256(modulus: usize, exponent: &[u8]) -> bool {
        let mut bytes = vec![0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59];
        bytes.extend(u16::try_from(modulus).unwrap().to_be_bytes());
        bytes.extend(vec![0xff; modulus]);
        bytes.extend([0x21, 0x40 | u8::try_from(exponent.len()).unwrap()]);
        bytes.extend(exponent);
        PublicKey::read(&bytes).is_some()
    }

    #[test]
    fn an_rsa_key_has_2048_to_4096_bits_and_no_exponent_that_is_longer_than_65537() {
        for modulus in [256, 384, 512] {
            assert!(rs256(modulus, &[1, 0, 1]), "{modulus} bytes");
        }
        assert!(rs256(256, &[3]));
        assert!(!rs256(255, &[1, 0, 1]), "too short");
        assert!(!rs256(513, &[1, 0, 1]), "too long");
        assert!(!rs256(256, &[1, 0, 0, 1]), "a longer exponent");
        assert!(!rs256(256, &[0, 1, 1]), "not in the shortest form");
        assert!(!rs256(256, &[]), "none");
        assert!(!rs256(256, &[1]), "one that anybody can sign for");
        assert!(!rs256(256, &[1, 0, 0]), "an even one");
    }
}
