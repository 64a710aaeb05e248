//! The ring as a process knows it: the rows that it read last, with the private keys that it has decrypted.

use std::sync::Arc;

use super::{Schedule, Term, Wrapping};
use crate::{
    ConfigError, Keys, PublicKey,
    store::KeyRow,
    token::{Signer, SigningKey},
};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ring {
    rows: Arc<Vec<KeyRow>>,
    schedule: Arc<Schedule<Slot>>,
    /// `false`: there are keys that could not be decrypted, and are left out.
    complete: bool,
}

#[derive(Clone)]
struct Slot {
    id: String,
    wrapped_by: String,
    /// `None`: revoked or over, and never looked at.
    opened: Option<Arc<Opened>>,
}

struct Opened {
    signer: Signer,
    public: PublicKey,
}

impl Ring {
    pub(crate) fn empty() -> Self {
        Self { rows: Arc::default(), schedule: Arc::new(Schedule::new([], 0)), complete: true }
    }

    pub(crate) fn is_of(&self, rows: &[KeyRow]) -> bool {
        *self.rows == rows
    }

    /// Whether every key that is needed could be decrypted.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The ring of these rows; keys that were open before need not be decrypted again. A key that cannot be decrypted
    /// is left out, and the first such one told: the others are no worse for it.
    pub(crate) fn read(
        &self,
        rows: Vec<KeyRow>,
        keys: &Keys,
        keep_millis: i64,
        now: i64,
    ) -> Result<(Self, Option<ConfigError>), ConfigError> {
        let wrappings: Vec<_> = keys.all().map(Wrapping::new).collect::<Result<_, _>>()?;
        let all = schedule(&rows, keep_millis);
        let mut problem = None;
        let mut slots = Vec::new();
        for (term, end) in all.turns() {
            let row = term.key;
            let needed = !term.is_revoked() && end.is_none_or(|end| now < end);
            let mut slot = Slot { id: row.id.clone(), wrapped_by: row.wrapped_by.clone(), opened: None };
            if needed {
                let known = self.opened(&row.id);
                slot.opened = if known.is_some() { known } else { open(row, &wrappings)?.map(Arc::new) };
                if slot.opened.is_none() {
                    problem.get_or_insert_with(|| cannot_open(&row.id));
                    continue;
                }
            }
            let Term { number, active_at, revoked_at, .. } = *term;
            slots.push(Term { number, active_at, revoked_at, key: slot });
        }
        let ring = Self {
            schedule: Arc::new(Schedule::new(slots, keep_millis)),
            rows: Arc::new(rows),
            complete: problem.is_none(),
        };
        Ok((ring, problem))
    }

    fn opened(&self, id: &str) -> Option<Arc<Opened>> {
        self.schedule.turns().find(|(term, _)| term.key.id == id)?.0.key.opened.clone()
    }

    /// What signs at this moment.
    pub(crate) fn signer(&self, now: i64) -> Option<&Signer> {
        self.schedule.signing(now)?.key.opened.as_ref().map(|opened| &opened.signer)
    }

    /// The keys that verify, and may be published, each with the time from which it no longer does.
    pub(crate) fn public(&self) -> impl Iterator<Item = (&PublicKey, Option<i64>)> {
        self.schedule.turns().filter_map(|(term, end)| Some((&term.key.opened.as_ref()?.public, end)))
    }

    /// Refuses secrets that would leave a key which is still needed to nobody: the process has it in memory, but the
    /// next start would not.
    pub(crate) fn check_secrets(&self, keys: &Keys, now: i64) -> Result<(), ConfigError> {
        let wrappings: Vec<_> = keys.all().map(Wrapping::new).collect::<Result<_, _>>()?;
        let known = |slot: &Slot| wrappings.iter().any(|wrapping| wrapping.id() == slot.wrapped_by);
        match self.schedule.accepted(now).find(|(term, _)| !known(&term.key)) {
            None => Ok(()),
            Some((term, _)) => Err(cannot_open(&term.key.id)),
        }
    }

    /// The ids of those whose rows may go.
    pub(crate) fn over(&self, keep_millis: i64, now: i64) -> Vec<String> {
        schedule(&self.rows, keep_millis).over(now).map(|term| term.key.id.clone()).collect()
    }
}

/// The schedule of stored rows.
pub(crate) fn schedule(rows: &[KeyRow], keep_millis: i64) -> Schedule<&KeyRow> {
    let terms = rows.iter().map(|row| {
        let KeyRow { number, active_at, revoked_at, .. } = *row;
        Term { number, active_at, revoked_at, key: row }
    });
    Schedule::new(terms, keep_millis)
}

fn open(row: &KeyRow, wrappings: &[Wrapping]) -> Result<Option<Opened>, ConfigError> {
    let wrapping = wrappings.iter().find(|wrapping| wrapping.id() == row.wrapped_by);
    let Some(key) = wrapping.and_then(|wrapping| wrapping.unwrap(&row.private_key, &row.id, &row.algorithm))
    else {
        return Ok(None);
    };
    let public = key.public_key().clone();
    let signer = Signer::new(key.algorithm(), row.id.clone(), SigningKey::Private(key))?;
    Ok(Some(Opened { signer, public }))
}

fn cannot_open(id: &str) -> ConfigError {
    let problem = format!(
        "does not decrypt the key {id} of the key ring: name the secret that it was made under among the previous ones, \
         or revoke the key"
    );
    ConfigError::new("secret key", problem)
}
