//! bcrypt, plain and over a digest of the password.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use password_hash::phc::ParamsString;
use zeroize::Zeroizing;

use super::{UnusableHash, number};
use crate::{
    Password,
    password::{HashError, hex},
};

/// The highest cost that is computed: about a second. What frameworks make is 10 to 12.
const MAX_COST: u32 = 14;
/// The lowest that there is.
const MIN_COST: u32 = 4;
/// Of the salt, in bcrypt's own Base64.
const SALT_DIGITS: usize = 22;

/// What is done to a password first, as bcrypt looks at 72 bytes only.
#[derive(Clone, Copy)]
pub(super) enum Prepare {
    /// passlib, PHP, Ruby (Devise), Node. The rehash that follows a sign-in takes all of the password.
    Nothing,
    /// Django's `bcrypt_sha256`.
    HexSha256,
    /// passlib's `bcrypt_sha256`, version 1 (before 1.7.3).
    Base64Sha256,
    /// Version 2: the key is the salt, as it is written.
    Base64HmacSha256,
}

pub(in crate::password) struct Bcrypt {
    prepare: Prepare,
    /// In the plain spelling, known to be well-formed.
    plain: String,
}

impl Bcrypt {
    /// `digits` are those of salt and hash.
    pub(super) fn new(prepare: Prepare, cost: &str, digits: &str) -> Result<Self, UnusableHash> {
        let cost = number(cost)?;
        if cost > MAX_COST {
            return Err(UnusableHash::TooCostly);
        }
        // `2a` and `2y` differ from it in nothing that an implementation without their old bugs does.
        let plain = format!("$2b${cost:02}${digits}");
        if cost < MIN_COST || plain.parse::<bcrypt::HashParts>().is_err() {
            return Err(UnusableHash::Damaged);
        }
        Ok(Self { prepare, plain })
    }

    /// Version 2 writes `v=2,t=2b,r=12`, version 1 `2b,12`.
    pub(super) fn of_passlib(params: &str, salt: &str, digest: &str) -> Result<Self, UnusableHash> {
        if salt.len() != SALT_DIGITS {
            return Err(UnusableHash::Damaged);
        }
        let digits = format!("{salt}{digest}");
        if let Some(cost) = params.strip_prefix("2b,").or_else(|| params.strip_prefix("2a,")) {
            return Self::new(Prepare::Base64Sha256, cost, &digits);
        }
        let params: ParamsString = params.parse().map_err(|_| UnusableHash::Damaged)?;
        if params.get_decimal("v") != Some(2) || !matches!(params.get_str("t"), Some("2a" | "2b")) {
            return Err(UnusableHash::UnknownFormat);
        }
        let cost = params.get_str("r").ok_or(UnusableHash::Damaged)?;
        Self::new(Prepare::Base64HmacSha256, cost, &digits)
    }

    pub(super) fn prepared(&self, password: &str) -> Zeroizing<String> {
        let bytes = password.as_bytes();
        let base64 = |digest: &[u8]| Zeroizing::new(STANDARD.encode(digest));
        match self.prepare {
            Prepare::Nothing => Zeroizing::new(password.to_owned()),
            Prepare::HexSha256 => hex(digest(&SHA256, bytes).as_ref()),
            Prepare::Base64Sha256 => base64(digest(&SHA256, bytes).as_ref()),
            Prepare::Base64HmacSha256 => {
                let salt: String = self.plain.chars().skip("$2b$00$".len()).take(SALT_DIGITS).collect();
                base64(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()), bytes).as_ref())
            }
        }
    }
}

impl Bcrypt {
    /// Compares in constant time.
    pub(in crate::password) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        let checked = bcrypt::verify(self.prepared(password.expose()).as_str(), &self.plain);
        checked.map_err(|error| HashError::Failed(error.to_string()))
    }
}
