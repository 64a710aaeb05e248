//! How often codes may be guessed: counted for each account over all doors and instances, apart from passwords, before the code
//! is looked at. Only who has shown a first factor gets here, so others cannot lock anybody out.

use std::time::Duration;

use uuid::Uuid;

use super::{
    FACTOR_LOCKED, Method,
    store::{count_tries, forget_tries, insert_try, lock_codes, take_back_try},
};
use crate::{
    ClientInfo, Error, UserId,
    clock::duration_millis,
    event::{EventKind, ThrottleReason},
    kernel::Kernel,
    mail::MailKind,
    random,
    store::lock_user,
    task::until_won,
    throttle::{Decision, Rule},
};

/// A wrong code counts for so long, unless one from its network is right.
pub(super) const COUNTS_FOR: Duration = Duration::from_hours(30 * 24);

/// At this one the owner is told.
const TOLD_AT: i64 = 5;

/// One that is counted as wrong until its outcome is told.
#[must_use = "a guess whose outcome is not told stays counted as wrong"]
pub(super) struct Guess {
    id: Uuid,
    user: UserId,
    network: String,
    /// With this one.
    tries: i64,
    limit: i64,
}

enum Reserved {
    Guess(Guess),
    Wait(Duration),
    /// `true`: only now.
    Locked(bool),
}

/// Counts a guess, or refuses it.
pub(super) async fn reserve(kernel: &Kernel, user: UserId, client: &ClientInfo) -> Result<Guess, Error> {
    let network = network_of(client);
    let id = random::ordered_uuid(kernel.random.as_ref(), kernel.now())?;
    match until_won(|| in_turn(kernel, user, id, &network, client)).await? {
        Reserved::Guess(guess) => Ok(guess),
        Reserved::Wait(retry_after) => {
            let reason = ThrottleReason::FactorWait;
            kernel.emit(client, EventKind::Throttled { user: Some(user), reason });
            Err(Error::Throttled { retry_after })
        }
        Reserved::Locked(is_new) => {
            if is_new {
                kernel.mail_waits();
                kernel.emit(client, EventKind::FactorLocked { user });
            }
            Err(FACTOR_LOCKED.into())
        }
    }
}

/// Counts what was no answer of a passkey. That cannot be guessed, so a right one never waits and is never reserved for; but who
/// tries has shown a first factor, and its owner is told as of wrong codes. Codes that are locked stay so.
pub(super) async fn wrong_passkey(kernel: &Kernel, user: UserId, client: &ClientInfo) -> Result<(), Error> {
    let method = Method::Passkey.name();
    match reserve(kernel, user, client).await {
        Ok(guess) => guess.wrong(kernel, method, client).await,
        Err(Error::Refused(FACTOR_LOCKED)) => {
            kernel.note(client, EventKind::SecondFactorFailed { user, method }).await;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// A passkey was right.
pub(super) async fn right_passkey(kernel: &Kernel, user: UserId, client: &ClientInfo) -> Result<(), Error> {
    Ok(forget_tries(kernel.store.db(), user, Some(&network_of(client))).await?)
}

fn network_of(client: &ClientInfo) -> String {
    client.ip.map(|ip| ClientInfo::network_of(ip).to_string()).unwrap_or_default()
}

/// One after the other: whoever counts holds the user's row.
async fn in_turn(
    kernel: &Kernel,
    user: UserId,
    id: Uuid,
    network: &str,
    client: &ClientInfo,
) -> Result<Reserved, Error> {
    let txn = kernel.store.begin().await?;
    let owner = lock_user(&txn, user).await?.ok_or(Error::InvalidToken)?;
    let now = kernel.now();
    let rule = Rule::of_factor(&kernel.config);
    let seen = count_tries(&txn, user, now.saturating_sub(duration_millis(COUNTS_FOR))).await?;
    let Some(seen) = seen else { return Ok(Reserved::Locked(false)) };
    let reserved = match rule.decide(seen, now) {
        Decision::Reserve { .. } => {
            insert_try(&txn, id, user, network, now).await?;
            let tries = seen.failures.saturating_add(1);
            Reserved::Guess(Guess { id, user, network: network.to_owned(), tries, limit: rule.limit() })
        }
        Decision::Wait(wait) => {
            return Ok(Reserved::Wait(Duration::from_millis(u64::try_from(wait).unwrap_or(0))));
        }
        Decision::Closed => Reserved::Locked(lock(kernel, &txn, user, &owner.email, client).await?),
    };
    txn.commit().await?;
    Ok(reserved)
}

/// `true`: it was open.
async fn lock(
    kernel: &Kernel,
    txn: &crate::store::DatabaseTransaction,
    user: UserId,
    email: &str,
    client: &ClientInfo,
) -> Result<bool, Error> {
    let id = random::ordered_uuid(kernel.random.as_ref(), kernel.now())?;
    let is_new = lock_codes(txn, id, user).await?;
    if is_new {
        kernel.post(txn, MailKind::FactorLocked, email, Some(user), None).await?;
        kernel.record(txn, client, &EventKind::FactorLocked { user }).await?;
    }
    Ok(is_new)
}

impl Guess {
    /// It was right: those of its network are forgotten. Whoever guesses elsewhere is not.
    pub(super) async fn right(self, db: &impl crate::store::ConnectionTrait) -> Result<(), Error> {
        Ok(forget_tries(db, self.user, Some(&self.network)).await?)
    }

    /// It was never looked at, by no fault of who tried.
    pub(super) async fn not_checked(self, kernel: &Kernel) {
        if let Err(error) = take_back_try(kernel.store.db(), self.id).await {
            tracing::warn!(error = Error::from(error).code(), "a code that was not looked at stays counted");
        }
    }

    /// It was wrong, and is counted already. The last one locks.
    pub(super) async fn wrong(
        self,
        kernel: &Kernel,
        method: &'static str,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let (user, kind) = (self.user, EventKind::SecondFactorFailed { user: self.user, method });
        let locks = self.tries >= self.limit;
        let locked = until_won(|| async {
            let txn = kernel.store.begin().await?;
            let owner = lock_user(&txn, user).await?.ok_or(Error::InvalidToken)?;
            kernel.record(&txn, client, &kind).await?;
            if self.tries == TOLD_AT {
                kernel.post(&txn, MailKind::SecondFactorFailed, &owner.email, Some(user), None).await?;
            }
            let locked = locks && lock(kernel, &txn, user, &owner.email, client).await?;
            txn.commit().await?;
            Ok(locked)
        })
        .await?;
        kernel.mail_waits();
        kernel.emit(client, kind);
        if locked {
            kernel.emit(client, EventKind::FactorLocked { user });
        }
        Ok(())
    }
}
