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
                // 65537 and the few that are in use before it; no larger one.
                if !MODULUS_BYTES.contains(&n.len()) || n.first() == Some(&0) || e.len() > 4 {
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
}
