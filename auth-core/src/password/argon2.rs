//! Argon2id (RFC 9106), with memory that is used again.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt},
};

use super::{
    HashError, PasswordHasher, Verdict,
    stored::{Argon2Hash, MAX_LANES, MAX_MEMORY_KIB, MAX_PASSES, StoredHash},
};
use crate::Password;

/// Output length in bytes.
const OUTPUT_BYTES: usize = 32;

/// glibc gives memory back to the system at once when it comes in pieces of more than 32 MiB. Smaller ones it may
/// keep for good after a few rounds: 19 MiB for every thread that ever hashed. What is not touched takes no memory.
const GIVEN_BACK_KIB: usize = 33 * 1024;

/// The working memory of a slot: made when it first hashes, used again from hash to hash, given back to the system
/// when the slot has had no work for a while. [`Argon2Hasher`] uses it; another hasher passes it on to that one, or
/// leaves it alone.
///
/// It is not wiped after each hash, which would cost a tenth of the hash. What is left could serve to guess that
/// one password faster, for whoever can read the memory of the process; the next hash writes over it.
#[derive(Default)]
pub struct Scratch(Vec<Block>);

impl Scratch {
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], HashError> {
        if self.0.len() != count {
            self.0 = Vec::new();
            self.0
                .try_reserve_exact(count.max(GIVEN_BACK_KIB))
                .map_err(|_| HashError::Failed("there is not enough memory".to_owned()))?;
            self.0.resize(count, Block::new());
        }
        Ok(&mut self.0)
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("kib", &self.0.len()).finish()
    }
}

/// The default hasher: Argon2id with 19 MiB, 2 passes, 1 lane (OWASP's recommendation). Also checks the
/// older formats of the manual's page on [passwords](crate::manual::passwords), and says so by [`Verdict::RightButOutdated`].
#[derive(Debug)]
pub struct Argon2Hasher {
    params: Params,
}

impl Default for Argon2Hasher {
    fn default() -> Self {
        Self { params: Params::DEFAULT }
    }
}

impl Argon2Hasher {
    /// Other costs: memory in KiB, passes, lanes.
    ///
    /// # Errors
    /// [`ConfigError`](crate::ConfigError) for less than 7 MiB or one pass (the least that OWASP lists), or
    /// more than the ceilings for stored hashes (256 MiB, 16 passes, 16 lanes).
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, crate::ConfigError> {
        let refuse = |problem| crate::ConfigError::new("argon2 parameters", problem);
        if !(7 * 1024..=MAX_MEMORY_KIB).contains(&memory_kib) {
            return Err(refuse("need 7168 to 262144 KiB of memory"));
        }
        if passes > MAX_PASSES || lanes > MAX_LANES {
            return Err(refuse("may have at most 16 passes and 16 lanes"));
        }
        let params = Params::new(memory_kib, passes, lanes, Some(OUTPUT_BYTES))
            .map_err(|_| refuse("do not fit each other"))?;
        Ok(Self { params })
    }

    /// The working memory of one hash, in KiB: times `hashing.slots` it is the budget.
    pub fn memory_kib(&self) -> u32 {
        self.params.m_cost()
    }

    /// Computes into `out`. What a row with another cost needs is made for it alone.
    fn compute(
        &self,
        argon2: &Argon2<'_>,
        password: &Password,
        salt: &[u8],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<(), HashError> {
        let blocks = argon2.params().block_count();
        let mut other = Scratch::default();
        let own_cost = blocks == self.params.block_count();
        let memory = if own_cost { scratch } else { &mut other }.blocks(blocks)?;
        argon2
            .hash_password_into_with_memory(password.expose().as_bytes(), salt, out, memory)
            .map_err(|error| HashError::Failed(error.to_string()))
    }

    /// The PHC string of an output under the own parameters.
    fn phc(&self, salt: &[u8], output: Output) -> Result<String, HashError> {
        let failed = |_| HashError::Failed("the hash cannot be written down".to_owned());
        let hash = PasswordHash {
            algorithm: Ident::new(Algorithm::Argon2id.as_str()).map_err(failed)?,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params)
                .map_err(|_| HashError::Failed("the parameters cannot be written down".to_owned()))?,
            salt: Some(Salt::new(salt).map_err(failed)?),
            hash: Some(output),
        };
        Ok(hash.to_string())
    }

    fn verify_argon2(
        &self,
        password: &Password,
        stored: &Argon2Hash,
        scratch: &mut Scratch,
    ) -> Result<Verdict, HashError> {
        let Argon2Hash { algorithm, version, params, salt, expected } = stored;
        let mut out = vec![0; expected.len()];
        let argon2 = Argon2::new(*algorithm, *version, params.clone());
        self.compute(&argon2, password, salt.as_ref(), &mut out, scratch)?;
        // `Output` compares in constant time.
        if Output::new(&out).map_err(|_| HashError::Unusable)? != *expected {
            return Ok(Verdict::Wrong);
        }
        let current = *algorithm == Algorithm::Argon2id
            && *version == Version::V0x13
            && (params.m_cost(), params.t_cost(), params.p_cost(), expected.len())
                == (self.params.m_cost(), self.params.t_cost(), self.params.p_cost(), OUTPUT_BYTES);
        Ok(if current { Verdict::Right } else { Verdict::RightButOutdated })
    }
}

impl PasswordHasher for Argon2Hasher {
    fn hash(&self, password: &Password, salt: &[u8; 16], scratch: &mut Scratch) -> Result<String, HashError> {
        let mut out = [0; OUTPUT_BYTES];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        self.compute(&argon2, password, salt, &mut out, scratch)?;
        let output = Output::new(&out).map_err(|error| HashError::Failed(error.to_string()))?;
        self.phc(salt, output)
    }

    fn verify(&self, password: &Password, stored: &str, scratch: &mut Scratch) -> Result<Verdict, HashError> {
        let (_, stored) = StoredHash::read(stored)?;
        let matches = match stored {
            StoredHash::Argon2(stored) => return self.verify_argon2(password, &stored, scratch),
            StoredHash::Bcrypt(stored) => stored.matches(password)?,
            StoredHash::Pbkdf2(stored) => stored.matches(password),
            StoredHash::Scrypt(stored) => stored.matches(password)?,
        };
        Ok(if matches { Verdict::RightButOutdated } else { Verdict::Wrong })
    }

    fn slots(&self, stored: &str) -> usize {
        let Ok((_, stored)) = StoredHash::read(stored) else { return 1 };
        usize::try_from(stored.memory_kib().div_ceil(self.params.m_cost())).unwrap_or(usize::MAX).max(1)
    }

    fn decoy(&self) -> String {
        // An all-zero output: finding its preimage is as hard as finding any.
        Output::new(&[0; OUTPUT_BYTES])
            .map_err(|error| HashError::Failed(error.to_string()))
            .and_then(|output| self.phc(b"a decoy's salt..", output))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Argon2Hasher {
        Argon2Hasher { params: Params::new(8, 1, 1, Some(32)).unwrap() }
    }

    #[test]
    fn the_default_is_argon2id_with_19_mib_and_two_passes() {
        let stored =
            Argon2Hasher::default().hash(&"correct horse".into(), &[7; 16], &mut Scratch::default()).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let salt = PasswordHash::new(&stored).unwrap().salt.unwrap();
        assert_eq!(salt.as_ref(), [7; 16]);
    }

    #[test]
    fn a_hash_is_the_one_that_the_argon2_crate_makes_itself() {
        use argon2::PasswordVerifier;
        let stored = small().hash(&"correct horse".into(), &[7; 16], &mut Scratch::default()).unwrap();
        assert!(
            Argon2::default().verify_password(b"correct horse", &PasswordHash::new(&stored).unwrap()).is_ok()
        );
    }

    #[test]
    fn only_the_password_matches_and_reused_memory_changes_nothing() {
        let (hasher, mut scratch) = (small(), Scratch::default());
        let stored = hasher.hash(&"correct horse".into(), &[7; 16], &mut scratch).unwrap();
        let memory = scratch.0.as_ptr();
        let other = Argon2Hasher { params: Params::new(64, 1, 1, Some(32)).unwrap() };
        let foreign = other.hash(&"correct horse".into(), &[7; 16], &mut Scratch::default()).unwrap();
        for _ in 0..3 {
            assert_eq!(hasher.verify(&"correct horse".into(), &stored, &mut scratch), Ok(Verdict::Right));
            assert_eq!(hasher.verify(&"correct horsf".into(), &stored, &mut scratch), Ok(Verdict::Wrong));
            let outdated = hasher.verify(&"correct horse".into(), &foreign, &mut scratch);
            assert_eq!(outdated, Ok(Verdict::RightButOutdated));
        }
        assert_eq!((scratch.0.len(), scratch.0.as_ptr()), (8, memory), "the same memory all the time");
    }

    #[test]
    fn nothing_matches_the_decoy_and_it_has_the_current_cost() {
        let hasher = small();
        let decoy = hasher.decoy();
        assert_eq!(hasher.verify(&"".into(), &decoy, &mut Scratch::default()), Ok(Verdict::Wrong));
        let real = hasher.hash(&"x".into(), &[7; 16], &mut Scratch::default()).unwrap();
        let cost = |stored: &str| stored.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(&decoy), cost(&real));
    }

    #[test]
    fn older_parameters_still_verify_and_ask_for_a_rehash() {
        let old = small().hash(&"correct horse".into(), &[7; 16], &mut Scratch::default()).unwrap();
        let new = Argon2Hasher { params: Params::new(16, 2, 1, Some(32)).unwrap() };
        assert_eq!(
            new.verify(&"correct horse".into(), &old, &mut Scratch::default()),
            Ok(Verdict::RightButOutdated)
        );
    }

    #[test]
    fn a_hash_from_before_versions_were_written_verifies() {
        // From the tests of the reference implementation (phc-winner-argon2, test.c, version 0x10).
        let stored = "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";
        assert_eq!(
            small().verify(&"password".into(), stored, &mut Scratch::default()),
            Ok(Verdict::RightButOutdated)
        );
        assert_eq!(small().verify(&"passwore".into(), stored, &mut Scratch::default()), Ok(Verdict::Wrong));
    }

    #[test]
    fn a_hostile_cost_is_refused_and_not_computed() {
        for stored in [
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ",
            "$argon2id$v=19$m=8,t=4294967295,p=1$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ",
            "$argon2id$v=19$m=1048576,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ",
            "$argon2id$v=19$m=262144,t=5,p=1$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ",
            "$argon2id$v=19$m=80,t=1,p=17$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ",
            "$argon2id$",
            "$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ",
            "",
            "plain text",
        ] {
            assert_eq!(
                small().verify(&"x".into(), stored, &mut Scratch::default()),
                Err(HashError::Unusable),
                "{stored}"
            );
        }
    }

    #[test]
    fn costs_outside_the_bounds_are_refused_as_a_setting() {
        assert!(Argon2Hasher::new(1024, 2, 1).is_err());
        assert!(Argon2Hasher::new(512 * 1024, 2, 1).is_err());
        assert!(Argon2Hasher::new(19_456, 0, 1).is_err());
        assert!(Argon2Hasher::new(19_456, 2, 1).is_ok());
    }
}
