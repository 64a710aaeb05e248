//! What there is to say of the keys, without making one.

use std::time::Duration;

use crate::{
    Error, Finding, PublicKey,
    clock::duration_millis,
    kernel::Kernel,
    key_ring::{Ring, schedule},
    store::read_keys,
};

/// NIST SP 800-57 part 1 section 5.3.6: a private signature key is used for one to three years.
const OLD: Duration = Duration::from_hours(365 * 24);

impl Kernel {
    pub(crate) async fn check_keys(&self) -> Result<Vec<Finding>, Error> {
        let rows = read_keys(self.store.db()).await?;
        let (keys, now) = (self.key_source().keys.clone(), self.now());
        let mut found = Vec::new();
        let others = keys.others();
        if others > 0 {
            found.push(Finding::note(
                "other_keys",
                format!("tokens of {others} further keys or algorithms are accepted"),
                "take a former secret out after session_ttl, a former key or algorithm after access_ttl",
            ));
        }
        let short = keys.public().filter_map(PublicKey::short_rsa_bits).min();
        if let Some(bits) = short {
            found.push(Finding::warning(
                "rsa_key_short",
                format!("an RSA key has {bits} bits, which is less than the 128 bits of strength that are asked for today"),
                "make a new one of 3072: `auth-server keys generate`; accept the former until access_ttl after",
            ));
        }
        let read = Ring::empty().read(rows.clone(), &keys, self.keep_keys_millis(), now);
        let problem = read.map_or_else(Some, |(_, problem)| problem);
        if let Some(problem) = problem {
            found.push(Finding::error(
                "key_ring_locked",
                problem.to_string(),
                "SECRET_KEY_PREVIOUS and `auth-server keys revoke`, or `Keys::previous` and `KeyRing::revoke`, do that",
            ));
        }
        if keys.ring_algorithm().is_none() {
            return Ok(found);
        }
        let schedule = schedule(&rows, self.keep_keys_millis());
        let is_old = |created_at: i64| now.saturating_sub(created_at) > duration_millis(OLD);
        let has_next = || schedule.accepted(now).any(|(term, _)| now < term.active_at);
        match schedule.signing(now) {
            None if rows.is_empty() => found.push(Finding::note(
                "key_ring_empty",
                "the key ring is to sign and has no key yet",
                "nothing is to be done: the first start makes one",
            )),
            None => found.push(Finding::warning(
                "key_ring_no_signer",
                "the key ring is to sign, and all its keys that could were revoked",
                "start an instance, which makes one; if one runs, see in its log why it does not",
            )),
            Some(term) if is_old(term.key.created_at) && !has_next() => found.push(Finding::warning(
                "signing_key_old",
                "the key that signs is more than a year old, and none is to follow it",
                "`auth-server keys rotate`, `KeyRing::rotate`",
            )),
            Some(_) => {}
        }
        Ok(found)
    }
}
