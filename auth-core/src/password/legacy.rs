//! Formats that are checked for people who move in, and never made.

use super::{HashError, Verdict};
use crate::Password;

/// The highest bcrypt cost that is computed: about 2 s on a slow core. What frameworks make is 10 to 12.
const BCRYPT_MAX_COST: u32 = 14;

/// Checks a hash that is not Argon2.
pub(super) fn verify(password: &Password, stored: &str) -> Result<Verdict, HashError> {
    if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| stored.starts_with(prefix)) {
        return bcrypt(password, stored);
    }
    Err(HashError::Unusable)
}

/// bcrypt as passlib, PHP, Ruby and Node write it. It looks at the first 72 bytes of a password only, and so
/// do we here: the rehash that follows takes all of it.
fn bcrypt(password: &Password, stored: &str) -> Result<Verdict, HashError> {
    let parts: bcrypt::HashParts = stored.parse().map_err(|_| HashError::Unusable)?;
    if parts.get_cost() > BCRYPT_MAX_COST {
        return Err(HashError::Unusable);
    }
    match bcrypt::verify(password.expose(), stored) {
        Ok(true) => Ok(Verdict::RightButOutdated),
        Ok(false) => Ok(Verdict::Wrong),
        Err(_) => Err(HashError::Unusable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's bcrypt 5.0.0 (`bcrypt.hashpw`, cost 4), the `$2a$` and `$2y$` ones by renaming.
    const HASH: &str = "$2b$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS";

    #[test]
    fn the_three_spellings_of_bcrypt_verify() {
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let stored = HASH.replacen("$2b$", prefix, 1);
            assert_eq!(verify(&"correct horse".into(), &stored), Ok(Verdict::RightButOutdated), "{prefix}");
            assert_eq!(verify(&"correct horsf".into(), &stored), Ok(Verdict::Wrong), "{prefix}");
        }
    }

    #[test]
    fn a_hostile_cost_and_a_damaged_row_are_refused_and_not_computed() {
        let damaged = &HASH[..40];
        for stored in [
            &HASH.replacen("$04$", "$31$", 1),
            &HASH.replacen("$04$", "$15$", 1),
            damaged,
            "$2b$",
            "$2b$xx$",
            "$2x$04$",
        ] {
            assert_eq!(verify(&"correct horse".into(), stored), Err(HashError::Unusable), "{stored}");
        }
    }
}
