//! scrypt (RFC 7914), as PHC strings (passlib, the crate `scrypt`) and as Django writes it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use password_hash::phc::ParamsString;
use scrypt::Params;

use super::{UnusableHash, base64, number};
use crate::{Password, password::HashError};

/// N times r times p, blocks of 128 bytes: about a second. Bounds the memory too (N times r), by 256 MiB; Django and passlib
/// make hashes of 16 and 64 MiB.
const MAX_WORK: u64 = 1 << 21;
/// Everybody has 8. With large ones other memory than N times r would count.
const MAX_BLOCK_SIZE: u32 = 64;
/// Of the hash, in bytes. A shorter one is guessed by chance.
const MIN_HASH: usize = 16;
const MAX_HASH: usize = 64;

pub(in crate::password) struct Scrypt {
    params: Params,
    memory: usize,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

impl Scrypt {
    fn new(log_n: u32, r: u32, p: u32, salt: Vec<u8>, expected: Vec<u8>) -> Result<Self, UnusableHash> {
        if log_n == 0 || r == 0 || p == 0 || !(MIN_HASH..=MAX_HASH).contains(&expected.len()) {
            return Err(UnusableHash::Damaged);
        }
        let n = 1_u64.checked_shl(log_n).unwrap_or(u64::MAX);
        let work = n.saturating_mul(r.into()).saturating_mul(p.into());
        if work > MAX_WORK || r > MAX_BLOCK_SIZE {
            return Err(UnusableHash::TooCostly);
        }
        let log_n = u8::try_from(log_n).map_err(|_| UnusableHash::TooCostly)?;
        let params = Params::new(log_n, r, p).map_err(|_| UnusableHash::Damaged)?;
        let memory = usize::try_from(n.saturating_mul(r.into()).saturating_mul(128));
        let memory = memory.map_err(|_| UnusableHash::TooCostly)?;
        Ok(Self { params, memory, salt, expected })
    }

    pub(super) fn of_phc(params: &str, salt: &str, hash: &str) -> Result<Self, UnusableHash> {
        let params: ParamsString = params.parse().map_err(|_| UnusableHash::Damaged)?;
        let value = |name| params.get_str(name).ok_or(UnusableHash::Damaged).and_then(number);
        Self::new(value("ln")?, value("r")?, value("p")?, base64(salt)?, base64(hash)?)
    }

    pub(super) fn of_django(n: &str, salt: &str, r: &str, p: &str, hash: &str) -> Result<Self, UnusableHash> {
        Self::of_numbers(n, r, p, salt, base64(hash)?)
    }

    /// N is written as it is, and the salt is text and used as such.
    pub(super) fn of_numbers(
        n: &str,
        r: &str,
        p: &str,
        salt: &str,
        hash: Vec<u8>,
    ) -> Result<Self, UnusableHash> {
        let n = number(n)?;
        if !n.is_power_of_two() {
            return Err(UnusableHash::Damaged);
        }
        Self::new(n.ilog2(), number(r)?, number(p)?, salt.as_bytes().to_vec(), hash)
    }
}

impl Scrypt {
    pub(super) fn memory_kib(&self) -> u32 {
        u32::try_from(self.memory.div_ceil(1024)).unwrap_or(u32::MAX)
    }

    /// Compares in constant time.
    pub(in crate::password) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        // The library allocates as one that cannot fail: a machine without memory would end the process.
        Vec::<u8>::new()
            .try_reserve_exact(self.memory)
            .map_err(|_| HashError::Failed("there is not enough memory".to_owned()))?;
        let mut out = vec![0; self.expected.len()];
        scrypt::scrypt(password.expose().as_bytes(), &self.salt, &self.params, &mut out)
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(verify_slices_are_equal(&out, &self.expected).is_ok())
    }
}
