//! Stored hashes of every format: which one it is and what it costs, read without computing anything. All but Argon2 are
//! checked for people who move in, and never made.

mod argon2;
mod aspnet;
mod bcrypt;
mod pbkdf2;
mod scrypt;

use base64::{Engine as _, engine::general_purpose::STANDARD_PAD_INDIFFERENT};

pub(super) use self::argon2::{Argon2Hash, MAX_LANES, MAX_MEMORY_KIB, MAX_PASSES};
use self::{
    bcrypt::{Bcrypt, Prepare},
    pbkdf2::{Pbkdf2, Prf},
    scrypt::Scrypt,
};
use super::HashError;

/// More than any format needs, and as much as the column holds: bounds what a hostile row makes us read.
const MAX_BYTES: usize = 512;

/// Why a stored hash cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableHash {
    /// None of the formats of the manual's page on [passwords](crate::manual::passwords).
    #[error("is in no known format")]
    UnknownFormat,
    /// It begins like one of them, and is cut off or changed.
    #[error("is damaged")]
    Damaged,
    /// To check it would cost more than the ceiling of its format allows.
    #[error("asks for more work than the ceiling of its format")]
    TooCostly,
}

impl From<UnusableHash> for HashError {
    fn from(_: UnusableHash) -> Self {
        Self::Unusable
    }
}

/// Tells whether sign-ins will be able to check this stored hash, and the name of its format. For whoever moves accounts
/// in: reads the text and computes nothing, whatever cost it asks for.
///
/// ```
/// use auth_core::password::{UnusableHash, validate_stored_hash};
/// let row = "$2b$12$AmnBlBy6yor3XgTdmxj04O/ieixHfhJl0v7Y955b4Ut7fW4SMKCeW";
/// assert_eq!(validate_stored_hash(row), Ok("bcrypt"));
/// assert_eq!(validate_stored_hash(&row.replace("$12$", "$31$")), Err(UnusableHash::TooCostly));
/// ```
///
/// # Errors
/// [`UnusableHash`]: a sign-in would be refused as if the password was wrong.
pub fn validate_stored_hash(stored: &str) -> Result<&'static str, UnusableHash> {
    StoredHash::read(stored).map(|(format, _)| format)
}

/// One that can be checked within the ceilings.
pub(super) enum StoredHash {
    Argon2(Argon2Hash),
    Bcrypt(Bcrypt),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
}

impl StoredHash {
    /// The working memory of a check. What is not told takes next to none.
    pub(super) fn memory_kib(&self) -> u32 {
        match self {
            Self::Argon2(hash) => hash.params.m_cost(),
            Self::Scrypt(hash) => hash.memory_kib(),
            Self::Bcrypt(_) | Self::Pbkdf2(_) => 0,
        }
    }

    /// With the name of its format.
    pub(super) fn read(text: &str) -> Result<(&'static str, Self), UnusableHash> {
        if text.len() > MAX_BYTES {
            return Err(UnusableHash::UnknownFormat);
        }
        let text = without_id(text);
        let fields: Vec<&str> = text.split('$').collect();
        // What begins with `$` is as passlib, PHP, Ruby and Node write it, the rest as Django and Werkzeug do.
        Ok(match *fields.as_slice() {
            ["", "argon2id" | "argon2i" | "argon2d", ..] => ("argon2", Self::Argon2(Argon2Hash::read(text)?)),
            ["argon2", "argon2id" | "argon2i" | "argon2d", ..] => {
                let phc = text.strip_prefix("argon2").unwrap_or_default();
                ("argon2 (Django)", Self::Argon2(Argon2Hash::read(phc)?))
            }
            ["", "2a" | "2b" | "2y", cost, digits] => {
                ("bcrypt", Self::Bcrypt(Bcrypt::new(Prepare::Nothing, cost, digits)?))
            }
            ["bcrypt", "", "2a" | "2b" | "2y", cost, digits] => {
                ("bcrypt (Django)", Self::Bcrypt(Bcrypt::new(Prepare::Nothing, cost, digits)?))
            }
            ["bcrypt_sha256", "", "2a" | "2b" | "2y", cost, digits] => {
                ("bcrypt-sha256 (Django)", Self::Bcrypt(Bcrypt::new(Prepare::HexSha256, cost, digits)?))
            }
            ["", "bcrypt-sha256", params, salt, digest] => {
                ("bcrypt-sha256", Self::Bcrypt(Bcrypt::of_passlib(params, salt, digest)?))
            }
            ["", "pbkdf2", rounds, salt, hash] => {
                ("pbkdf2-sha1", Self::Pbkdf2(Pbkdf2::of_passlib(Prf::Sha1, rounds, salt, hash)?))
            }
            ["", "pbkdf2-sha256", rounds, salt, hash] => {
                ("pbkdf2-sha256", Self::Pbkdf2(Pbkdf2::of_passlib(Prf::Sha256, rounds, salt, hash)?))
            }
            ["", "pbkdf2-sha512", rounds, salt, hash] => {
                ("pbkdf2-sha512", Self::Pbkdf2(Pbkdf2::of_passlib(Prf::Sha512, rounds, salt, hash)?))
            }
            ["pbkdf2_sha1", rounds, salt, hash] => {
                ("pbkdf2-sha1 (Django)", Self::Pbkdf2(Pbkdf2::of_django(Prf::Sha1, rounds, salt, hash)?))
            }
            ["pbkdf2_sha256", rounds, salt, hash] => {
                ("pbkdf2-sha256 (Django)", Self::Pbkdf2(Pbkdf2::of_django(Prf::Sha256, rounds, salt, hash)?))
            }
            ["", "scrypt", params, salt, hash] => {
                ("scrypt", Self::Scrypt(Scrypt::of_phc(params, salt, hash)?))
            }
            ["scrypt", n, salt, r, p, hash] => {
                ("scrypt (Django)", Self::Scrypt(Scrypt::of_django(n, salt, r, p, hash)?))
            }
            [method, salt, hash] if method.contains(':') => of_werkzeug(method, salt, hash)?,
            [blob] => aspnet::read(blob).map(|(format, hash)| (format, Self::Pbkdf2(hash)))?,
            _ => return Err(UnusableHash::UnknownFormat),
        })
    }
}

/// Spring Security and Dovecot write the kind in front, which the rest tells too: `{bcrypt}$2a$…`, `{ARGON2ID}$argon2id$…`.
fn without_id(text: &str) -> &str {
    const IDS: [&str; 8] = [
        "bcrypt",
        "argon2",
        "argon2@SpringSecurity_v5_8",
        "argon2i",
        "argon2id",
        "argon2d",
        "blf-crypt",
        "crypt",
    ];
    let split = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let known = split
        .filter(|(id, rest)| rest.starts_with('$') && IDS.iter().any(|known| known.eq_ignore_ascii_case(id)));
    known.map_or(text, |(_, rest)| rest)
}

/// Flask's: the method with its parameters, the salt as text, the hash in hexadecimal digits.
fn of_werkzeug(method: &str, salt: &str, hash: &str) -> Result<(&'static str, StoredHash), UnusableHash> {
    let hash = base16(hash)?;
    let pbkdf2 = |prf, rounds| {
        Pbkdf2::whole(prf, rounds, salt.as_bytes().to_vec(), hash.clone()).map(StoredHash::Pbkdf2)
    };
    let parts: Vec<&str> = method.split(':').collect();
    Ok(match *parts.as_slice() {
        ["scrypt", n, r, p] => {
            ("scrypt (Werkzeug)", StoredHash::Scrypt(Scrypt::of_numbers(n, r, p, salt, hash)?))
        }
        ["pbkdf2", "sha1", rounds] => ("pbkdf2-sha1 (Werkzeug)", pbkdf2(Prf::Sha1, rounds)?),
        ["pbkdf2", "sha256", rounds] => ("pbkdf2-sha256 (Werkzeug)", pbkdf2(Prf::Sha256, rounds)?),
        ["pbkdf2", "sha512", rounds] => ("pbkdf2-sha512 (Werkzeug)", pbkdf2(Prf::Sha512, rounds)?),
        _ => return Err(UnusableHash::UnknownFormat),
    })
}

fn base16(text: &str) -> Result<Vec<u8>, UnusableHash> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect::<Option<_>>().ok_or(UnusableHash::Damaged)
}

/// The alphabet of RFC 4648, padded or not.
fn base64(text: &str) -> Result<Vec<u8>, UnusableHash> {
    STANDARD_PAD_INDIFFERENT.decode(text).map_err(|_| UnusableHash::Damaged)
}

/// Digits and nothing else; what is too large for the type is too costly as well.
fn number(text: &str) -> Result<u32, UnusableHash> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UnusableHash::Damaged);
    }
    text.parse().map_err(|_| UnusableHash::TooCostly)
}

#[cfg(test)]
mod tests;
