//! PBKDF2 (RFC 8018), as passlib, Django and Werkzeug write it.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

use super::{UnusableHash, base64, number};
use crate::Password;

/// Iterations times blocks of output that are computed: about a second where the processor has instructions for SHA, two
/// where it has none. Django 5.2 makes 1,000,000.
const MAX_WORK: u32 = 3_000_000;
/// SHA-512 takes more than twice as long.
const MAX_WORK_SHA512: u32 = 1_500_000;
/// In bytes, that ASP.NET takes. A shorter one is guessed by chance.
const MIN_HASH: usize = 16;
/// In bytes; longer ones are of nobody.
const MAX_HASH: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

impl Prf {
    fn output_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

pub(in crate::password) struct Pbkdf2 {
    algorithm: pbkdf2::Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

impl Pbkdf2 {
    pub(super) fn new(
        prf: Prf,
        iterations: u32,
        salt: Vec<u8>,
        expected: Vec<u8>,
    ) -> Result<Self, UnusableHash> {
        let iterations = NonZeroU32::new(iterations).ok_or(UnusableHash::Damaged)?;
        if !(MIN_HASH..=MAX_HASH).contains(&expected.len()) {
            return Err(UnusableHash::Damaged);
        }
        let blocks = u32::try_from(expected.len().div_ceil(prf.output_bytes())).unwrap_or(u32::MAX);
        let (algorithm, most) = match prf {
            Prf::Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, MAX_WORK),
            Prf::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, MAX_WORK),
            Prf::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, MAX_WORK_SHA512),
        };
        if iterations.get().saturating_mul(blocks) > most {
            return Err(UnusableHash::TooCostly);
        }
        Ok(Self { algorithm, iterations, salt, expected })
    }

    /// The salt is text and used as such.
    pub(super) fn of_django(prf: Prf, rounds: &str, salt: &str, hash: &str) -> Result<Self, UnusableHash> {
        Self::whole(prf, rounds, salt.as_bytes().to_vec(), base64(hash)?)
    }

    /// Its own Base64 has `.` where others have `+`.
    pub(super) fn of_passlib(prf: Prf, rounds: &str, salt: &str, hash: &str) -> Result<Self, UnusableHash> {
        let adapted = |text: &str| base64(&text.replace('.', "+"));
        Self::whole(prf, rounds, adapted(salt)?, adapted(hash)?)
    }

    /// With all of one block, as all of them make it.
    pub(super) fn whole(prf: Prf, rounds: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Self, UnusableHash> {
        if hash.len() != prf.output_bytes() {
            return Err(UnusableHash::Damaged);
        }
        Self::new(prf, number(rounds)?, salt, hash)
    }
}

impl Pbkdf2 {
    /// Compares in constant time.
    pub(in crate::password) fn matches(&self, password: &Password) -> bool {
        let password = password.expose().as_bytes();
        pbkdf2::verify(self.algorithm, self.iterations, &self.salt, password, &self.expected).is_ok()
    }
}
