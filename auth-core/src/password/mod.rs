//! Passwords: hashing, the budget for it, older formats, and the rules for new ones.

mod argon2;
mod breach;
mod breach_list;
mod check;
mod common;
mod context;
mod policy;
mod pool;
mod queue;
mod stored;

use std::fmt::Write as _;

use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

pub use self::{
    argon2::{Argon2Hasher, Scratch},
    breach::BreachChecker,
    breach_list::BreachList,
    pool::HashPoolStats,
    stored::{UnusableHash, validate_stored_hash},
};
pub(crate) use self::{
    policy::PasswordPolicy,
    pool::{Checked, HashPool},
};
use crate::Password;

/// Makes and checks password hashes. Called on threads for nothing else, never on an async one, and never more than
/// [`hashing.slots`](crate::HashConfig::slots) at once. A panic is an internal error of that one operation.
pub trait PasswordHasher: Send + Sync + 'static {
    /// Hashes into a self-describing string of at most 512 bytes (a PHC string).
    ///
    /// # Errors
    /// [`HashError::Failed`], for example when there is no memory.
    fn hash(&self, password: &Password, salt: &[u8; 16], scratch: &mut Scratch) -> Result<String, HashError>;

    /// Checks a password against a stored string, in constant time.
    ///
    /// # Errors
    /// [`HashError::Unusable`] for a format it does not know or a cost above its ceiling.
    fn verify(&self, password: &Password, stored: &str, scratch: &mut Scratch) -> Result<Verdict, HashError>;

    /// How many slots the memory takes that it needs to check this: a stored string of another cost may need that of several
    /// hashes made now. It then has as many of the pool's slots to itself, at most all of them.
    fn slots(&self, _stored: &str) -> usize {
        1
    }

    /// A well-formed string that no password matches, and that costs [`verify`](Self::verify) exactly as much
    /// as one made now: what an unknown user's password is checked against.
    fn decoy(&self) -> String;
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another password.
    Wrong,
    /// The password.
    Right,
    /// The password; the stored string is of an older format or cost and should be replaced.
    RightButOutdated,
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The stored string is in no known format or asks for more work than the ceiling allows.
    #[error("the stored hash cannot be used")]
    Unusable,
    /// The computation failed.
    #[error("hashing failed: {0}")]
    Failed(String),
}

/// Canonical composition (NFC) and nothing else, at both ends (NIST SP 800-63B-4 section 3.1.1.2): the same
/// password typed on another system is the same password, and no two that look different are.
pub(crate) fn normalize(password: &Password) -> Password {
    if is_nfc(password.expose()) {
        return password.clone();
    }
    Password::new(password.expose().nfc().collect::<String>())
}

/// In lower case. Of a digest of a password, which is as good as the password for some.
fn hex(bytes: &[u8]) -> Zeroizing<String> {
    // Room for all, so that no copy is left behind by growing.
    let mut hex = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
