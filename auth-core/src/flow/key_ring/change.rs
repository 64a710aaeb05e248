//! Adding, revoking and listing keys. A key's number decides who is first: of two who add one at once, the second is
//! refused by the unique index and looks at the ring again.

use crate::{
    Algorithm, ClientInfo, Error, FieldError, KeyState, PrivateKey, RingKey,
    clock::{duration_millis, from_millis},
    event::EventKind,
    kernel::Kernel,
    key_ring::{Schedule, Term, Wrapping, schedule},
    random, refusal,
    store::{Insert, KeyRow, insert_key, read_keys, revoke_key},
    task::until_won,
};

/// As many as a JWK set of the largest may hold: verifiers read no more than 64 KiB.
const MAX_KEYS: usize = 100;
/// Each lost race is a key that somebody else has added. More of them are a storm; the caller may try again.
const MAX_ROUNDS: usize = 8;
/// How much longer than its last token a key is accepted: the clocks of two instances may differ.
const MARGIN_MILLIS: i64 = 60_000;

impl Kernel {
    /// How long a key is accepted after another one has taken over.
    pub(crate) fn keep_keys_millis(&self) -> i64 {
        duration_millis(self.config.tokens.access_ttl).saturating_add(MARGIN_MILLIS)
    }

    pub(super) async fn list_keys(&self) -> Result<Vec<RingKey>, Error> {
        let rows = read_keys(self.store.db()).await?;
        self.describe(&rows)
    }

    pub(super) async fn rotate_key(&self, algorithm: Algorithm) -> Result<RingKey, Error> {
        if algorithm.is_hmac() {
            let rule =
                format!("{algorithm} signs with the secret key; a key ring is for RS256, ES256 and EdDSA");
            return Err(Error::Validation(vec![FieldError::new("algorithm", "invalid_algorithm", rule)]));
        }
        let key = generate(algorithm).await?;
        for _ in 0..MAX_ROUNDS {
            let mut rows = read_keys(self.store.db()).await?;
            let now = self.now();
            if schedule(&rows, self.keep_keys_millis()).accepted(now).count() >= MAX_KEYS {
                let rule = format!("the key ring holds {MAX_KEYS} keys; wait until some are over");
                return Err(Error::Validation(vec![FieldError::new("keys", "too_many_keys", rule)]));
            }
            let active_at = now.saturating_add(duration_millis(self.config.tokens.key_publish_ahead));
            let row = self.row(&key, &rows, active_at)?;
            if self.add_key(row.clone()).await? == Insert::Done {
                let id = row.id.clone();
                rows.push(row);
                // Here at once; if it fails, the next poll does it.
                let _ = self.poll_keys().await;
                let added = self.describe(&rows)?.into_iter().find(|key| key.id == id);
                return added.ok_or(Error::Refused(refusal::KEY_NOT_FOUND));
            }
        }
        Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
    }

    pub(super) async fn revoke_key(&self, id: &str) -> Result<(), Error> {
        let (nobody, kind) = (ClientInfo::default(), EventKind::KeyRevoked { key: id.to_owned() });
        let revoked = until_won(|| async {
            let txn = self.store.begin().await?;
            let revoked = revoke_key(&txn, id, self.now()).await?;
            if revoked {
                self.record(&txn, &nobody, &kind).await?;
            }
            txn.commit().await?;
            Ok(revoked)
        });
        if revoked.await? {
            self.emit(&nobody, kind);
        } else if !read_keys(self.store.db()).await?.iter().any(|row| row.id == id) {
            return Err(Error::Refused(refusal::KEY_NOT_FOUND));
        }
        match self.poll_keys().await {
            // Some other key cannot be decrypted, which is no fault of this one.
            Err(Error::Config(_)) => Ok(()),
            polled => polled,
        }
    }

    /// Reads the ring, and makes sure that there is a key to sign with, if it is the ring that signs.
    pub(crate) async fn poll_keys(&self) -> Result<(), Error> {
        let mut made = None;
        for _ in 0..MAX_ROUNDS {
            let rows = self.read_ring().await?;
            let Some(algorithm) = self.missing_key() else { return Ok(()) };
            let key = match made.take() {
                Some(key) => key,
                None => generate(algorithm).await?,
            };
            // Whoever was first, the next look finds a key.
            self.add_key(self.row(&key, &rows, self.now())?).await?;
            made = Some(key);
        }
        Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
    }

    async fn add_key(&self, row: KeyRow) -> Result<Insert, Error> {
        let (nobody, kind) = (ClientInfo::default(), EventKind::KeyAdded { key: row.id.clone() });
        let added = until_won(|| async {
            let txn = self.store.begin().await?;
            if insert_key(&txn, row.clone()).await? == Insert::Taken {
                return Ok(Insert::Taken);
            }
            self.record(&txn, &nobody, &kind).await?;
            txn.commit().await?;
            Ok(Insert::Done)
        });
        let added = added.await?;
        if added == Insert::Done {
            self.emit(&nobody, kind);
        }
        Ok(added)
    }

    /// The row of a new key, whose turn comes after that of all others.
    fn row(&self, key: &PrivateKey, rows: &[KeyRow], active_at: i64) -> Result<KeyRow, Error> {
        let wrapping = Wrapping::new(&self.newest_secret())?;
        let nonce = random::bytes(self.random.as_ref())?;
        let (number, active_at) = schedule(rows, self.keep_keys_millis()).next(active_at);
        Ok(KeyRow {
            number,
            id: key.public_key().id().to_owned(),
            algorithm: key.algorithm().name().to_owned(),
            private_key: wrapping.wrap(key, &nonce).map_err(Error::internal)?,
            wrapped_by: wrapping.id().to_owned(),
            created_at: self.now(),
            active_at,
            revoked_at: None,
        })
    }

    fn describe(&self, rows: &[KeyRow]) -> Result<Vec<RingKey>, Error> {
        let schedule = schedule(rows, self.keep_keys_millis());
        let now = self.now();
        let accepted = schedule.accepted(now).map(|(term, end)| key(term, end, state(&schedule, term, now)));
        let revoked = schedule.revoked().map(|term| key(term, None, KeyState::Revoked));
        accepted.chain(revoked).collect()
    }
}

fn state<K>(schedule: &Schedule<K>, term: &Term<K>, now: i64) -> KeyState {
    match schedule.signing(now) {
        Some(signing) if signing.number == term.number => KeyState::Active,
        _ if now < term.active_at => KeyState::Next,
        _ => KeyState::Retired,
    }
}

fn key(term: &Term<&KeyRow>, end: Option<i64>, state: KeyState) -> Result<RingKey, Error> {
    let row = term.key;
    Ok(RingKey {
        id: row.id.clone(),
        algorithm: row.algorithm.parse()?,
        state,
        created_at: from_millis(row.created_at),
        active_at: from_millis(row.active_at),
        ends_at: end.map(from_millis),
        revoked_at: row.revoked_at.map(from_millis),
    })
}

/// Off the threads that answer requests: an RSA key takes a second or so.
async fn generate(algorithm: Algorithm) -> Result<PrivateKey, Error> {
    let generated = tokio::task::spawn_blocking(move || PrivateKey::generate(algorithm)).await;
    Ok(generated.map_err(Error::internal)??)
}
