//! What somebody who is signed in does with their factors.

use std::time::{Duration, SystemTime};

use super::{
    FACTOR_NOT_FOUND, FACTOR_REQUIRED, INVALID_CODE, TOTP,
    enrol::{self, Confirmed},
    passkey::{Passkey, list_passkeys},
    recovery,
    store::{count_codes, find_totp, forget_tries, is_locked, put_codes, remove_codes, remove_totp},
};
use crate::{
    AccessToken, ClientInfo, Error, FieldError, Password, Principal,
    assurance::with_second,
    clock::from_millis,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    store::{UserRow, prove_session},
    task::until_won,
};

/// The factors of an account, for its owner to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactorList {
    /// Whether the account has to have a second factor.
    pub is_required: bool,
    /// Since when there is an authenticator app.
    pub totp: Option<SystemTime>,
    /// Whether so much was guessed that no code is taken until a passkey or an administrator opens it.
    pub is_locked: bool,
    /// How many recovery codes were not used yet.
    pub recovery_codes_left: u64,
    /// The oldest first.
    pub passkeys: Vec<Passkey>,
}

/// A factor stands from now on.
#[derive(Debug)]
#[non_exhaustive]
pub struct FactorAdded {
    /// Of the same session, which has shown two factors now. The refresh token stays.
    pub access: AccessToken,
    /// How long it is good for.
    pub access_expires_in: Duration,
    /// To be shown once, and written down.
    pub recovery_codes: Vec<Password>,
}

pub(super) async fn list(kernel: &Kernel, caller: &Principal) -> Result<FactorList, Error> {
    list_of(kernel, &kernel.live_session(caller).await?.user).await
}

/// The same of anybody.
pub(super) async fn list_of(kernel: &Kernel, user: &UserRow) -> Result<FactorList, Error> {
    let db = kernel.store.db();
    let stands = find_totp(db, user.id).await?.filter(|row| row.pending_until.is_none());
    Ok(FactorList {
        is_required: kernel.config.factors.policy.requires(&user.roles),
        is_locked: is_locked(db, user.id).await?,
        totp: stands.map(|row| from_millis(row.created_at)),
        recovery_codes_left: count_codes(db, user.id).await?,
        passkeys: list_passkeys(db, user.id).await?.into_iter().map(Passkey::from).collect(),
    })
}

/// To be called [detached](crate::task::detached), as all that follow.
pub(super) async fn confirm_totp(
    kernel: &Kernel,
    caller: &Principal,
    code: &Password,
    client: &ClientInfo,
) -> Result<FactorAdded, Error> {
    let session = kernel.live_session(caller).await?;
    let user = &session.user;
    // It lifts the session, so that has to have shown what there is already: a passkey may have come since the secret was drawn.
    kernel.has_shown_all(&session, kernel.factors_of(kernel.store.db(), user.id).await?)?;
    let confirmed = match enrol::look(kernel, user.id, code, client).await {
        Err(Error::Refused(INVALID_CODE)) => return Err(wrong_code()),
        looked => looked?,
    };
    let (now, methods) = (kernel.now(), with_second(&session.methods, "otp"));
    let claims = kernel.claims_of(&session, &methods, now).await?;
    let kind = until_won(|| async {
        let txn = kernel.store.begin().await?;
        kernel.hold_session(&txn, user.id, session.id).await?;
        let kind = enrol::stand(kernel, &txn, user, &confirmed, client).await?;
        if !prove_session(&txn, session.id, &methods, now).await? {
            return Err(Error::SessionOver);
        }
        txn.commit().await?;
        Ok(kind)
    });
    let kind = match kind.await {
        Err(Error::Refused(INVALID_CODE)) => return Err(wrong_code()),
        stands => stands?,
    };
    kernel.changed_here();
    kernel.mail_waits();
    kernel.emit(client, kind);
    let (access, access_expires_in) = kernel.access_token(&session, &methods, &claims, now)?;
    let Confirmed { codes, .. } = confirmed;
    Ok(FactorAdded { access, access_expires_in, recovery_codes: codes.codes })
}

/// 422 rather than 401, which would send clients to refresh their tokens.
pub(super) fn wrong_code() -> Error {
    Error::Validation(vec![FieldError::new("code", "invalid_code", "the code is wrong, or was used already")])
}

pub(super) async fn remove(kernel: &Kernel, caller: &Principal, client: &ClientInfo) -> Result<(), Error> {
    let user = kernel.recent_proof(caller).await?;
    let kind = until_won(|| async {
        let txn = kernel.store.begin().await?;
        kernel.hold_session(&txn, user.id, caller.session()?).await?;
        let row = find_totp(&txn, user.id).await?.ok_or(FACTOR_NOT_FOUND)?;
        let stood = row.pending_until.is_none();
        remove_totp(&txn, user.id).await?;
        let is_last = stood && kernel.factors_of(&txn, user.id).await?.is_none();
        if is_last && kernel.config.factors.policy.requires(&user.roles) {
            return Err(FACTOR_REQUIRED.into());
        }
        let kind = EventKind::FactorRemoved { user: user.id, factor: TOTP };
        if is_last {
            // Of no use without a factor, and not to come back with the next one.
            remove_codes(&txn, user.id).await?;
            forget_tries(&txn, user.id, None).await?;
        }
        if stood {
            kernel.spare_nobody(&txn, user.id).await?;
            kernel.post(&txn, MailKind::FactorRemoved, &user.email, Some(user.id), None).await?;
            kernel.record(&txn, client, &kind).await?;
        }
        txn.commit().await?;
        Ok(stood.then_some(kind))
    })
    .await?;
    kernel.mail_waits();
    if let Some(kind) = kind {
        kernel.emit(client, kind);
    }
    Ok(())
}

pub(super) async fn new_recovery_codes(
    kernel: &Kernel,
    caller: &Principal,
    client: &ClientInfo,
) -> Result<Vec<Password>, Error> {
    let user = kernel.recent_proof(caller).await?;
    if kernel.factors_of(kernel.store.db(), user.id).await?.is_none() {
        return Err(FACTOR_NOT_FOUND.into());
    }
    let set = recovery::draw(kernel, client).await?;
    let kind = EventKind::RecoveryCodesMade { user: user.id };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        // Ten hashes take their time.
        kernel.hold_session(&txn, user.id, caller.session()?).await?;
        if kernel.factors_of(&txn, user.id).await?.is_none() {
            return Err(FACTOR_NOT_FOUND.into());
        }
        put_codes(&txn, user.id, &set.rows, kernel.now()).await?;
        kernel.post(&txn, MailKind::RecoveryCodesMade, &user.email, Some(user.id), None).await?;
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.mail_waits();
    kernel.emit(client, kind);
    Ok(set.codes)
}
