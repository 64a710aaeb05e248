//! Whether a password hash costs a guesser enough.

use super::stored::StoredHash;
use crate::Finding;

/// Memory in KiB times passes: the least of what OWASP lists for Argon2id (7 MiB in 5 passes; 19 MiB in 2 are more).
const LEAST_WORK: u32 = 7 * 1024 * 5;

/// Told by the decoy, which costs what a hash made now does. Of a hasher that makes another format nothing is known.
pub(super) fn weakness(decoy: &str) -> Option<Finding> {
    let Ok((_, StoredHash::Argon2(hash))) = StoredHash::read(decoy) else { return None };
    let (memory, passes) = (hash.params.m_cost(), hash.params.t_cost());
    (memory.saturating_mul(passes) < LEAST_WORK).then(|| {
        Finding::warning(
            "hash_weak",
            format!("a password hash of {memory} KiB in {passes} passes is cheaper to guess than any that OWASP lists"),
            "use `Argon2Hasher::default()`; old hashes are replaced as people sign in",
        )
    })
}
