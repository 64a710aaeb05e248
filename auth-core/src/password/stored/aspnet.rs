//! PBKDF2 as ASP.NET Core Identity writes it (`PasswordHasher`): Base64 of a format marker and what it says follows.

use super::{
    UnusableHash, base64,
    pbkdf2::{Pbkdf2, Prf},
};

/// In bytes. What is shorter Identity itself refuses.
const MIN_SALT: usize = 16;

/// With the name of its format.
pub(super) fn read(text: &str) -> Result<(&'static str, Pbkdf2), UnusableHash> {
    // Any other text without a `$` is of no format at all.
    let bytes = base64(text).map_err(|_| UnusableHash::UnknownFormat)?;
    match bytes.split_first() {
        Some((0, rest)) => Ok(("aspnet-identity-v2", version_2(rest)?)),
        Some((1, rest)) => Ok(("aspnet-identity-v3", version_3(rest)?)),
        _ => Err(UnusableHash::UnknownFormat),
    }
}

/// 16 bytes of salt, 32 of hash; SHA-1, 1000 iterations.
fn version_2(bytes: &[u8]) -> Result<Pbkdf2, UnusableHash> {
    match bytes.split_at_checked(MIN_SALT) {
        Some((salt, hash)) if hash.len() == 32 => Pbkdf2::new(Prf::Sha1, 1000, salt.to_vec(), hash.to_vec()),
        _ => Err(UnusableHash::Damaged),
    }
}

/// Three numbers (function, iterations, bytes of salt), salt, hash.
fn version_3(bytes: &[u8]) -> Result<Pbkdf2, UnusableHash> {
    let (prf, rest) = number(bytes)?;
    let (iterations, rest) = number(rest)?;
    let (salt_length, rest) = number(rest)?;
    let prf = match prf {
        0 => Prf::Sha1,
        1 => Prf::Sha256,
        2 => Prf::Sha512,
        _ => return Err(UnusableHash::UnknownFormat),
    };
    let salt_length = usize::try_from(salt_length).map_err(|_| UnusableHash::Damaged)?;
    match rest.split_at_checked(salt_length) {
        Some((salt, hash)) if salt.len() >= MIN_SALT => {
            Pbkdf2::new(prf, iterations, salt.to_vec(), hash.to_vec())
        }
        _ => Err(UnusableHash::Damaged),
    }
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), UnusableHash> {
    let (number, rest) = bytes.split_first_chunk().ok_or(UnusableHash::Damaged)?;
    Ok((u32::from_be_bytes(*number), rest))
}
