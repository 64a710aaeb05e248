//! Argon2 as PHC strings (the reference implementation, passlib, argon2-cffi), which Django puts a prefix before.

use argon2::{
    Algorithm, Params, Version,
    password_hash::phc::{Output, PasswordHash, Salt},
};

use super::UnusableHash;

/// One check may not cost more than this, whatever a row says.
pub(in crate::password) const MAX_MEMORY_KIB: u32 = 256 * 1024;
pub(in crate::password) const MAX_PASSES: u32 = 16;
pub(in crate::password) const MAX_LANES: u32 = 16;
/// Memory in KiB times passes: about a second on one core.
const MAX_WORK: u32 = 4 * MAX_MEMORY_KIB;

/// What is needed to compute it again.
pub(in crate::password) struct Argon2Hash {
    pub(in crate::password) algorithm: Algorithm,
    pub(in crate::password) version: Version,
    pub(in crate::password) params: Params,
    pub(in crate::password) salt: Salt,
    pub(in crate::password) expected: Output,
}

impl Argon2Hash {
    pub(super) fn read(text: &str) -> Result<Self, UnusableHash> {
        let damaged = |_| UnusableHash::Damaged;
        let hash = PasswordHash::new(text).map_err(damaged)?;
        let algorithm = Algorithm::new(hash.algorithm.as_str()).map_err(|_| UnusableHash::UnknownFormat)?;
        let version = match hash.version {
            // The reference implementation did not write the version before there was a second one.
            None => Version::V0x10,
            Some(version) => Version::try_from(version).map_err(|_| UnusableHash::UnknownFormat)?,
        };
        let params = Params::try_from(&hash).map_err(|_| UnusableHash::Damaged)?;
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Err(UnusableHash::Damaged) };
        let work = params.m_cost().saturating_mul(params.t_cost());
        if params.m_cost() > MAX_MEMORY_KIB
            || params.t_cost() > MAX_PASSES
            || params.p_cost() > MAX_LANES
            || work > MAX_WORK
        {
            return Err(UnusableHash::TooCostly);
        }
        Ok(Self { algorithm, version, params, salt, expected })
    }
}
