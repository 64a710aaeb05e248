//! What somebody who is signed in does with their passkeys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{
    PASSKEY, PASSKEY_NOT_FOUND, Passkey,
    register::named,
    store::{list_passkeys, remove_passkey, rename_passkey},
};
use crate::{
    ClientInfo, Error, Principal,
    event::EventKind,
    kernel::{Kernel, count_ways_in},
    mail::MailKind,
    refusal::LAST_WAY_IN,
    room::factor::{
        FACTOR_REQUIRED,
        store::{forget_tries, remove_codes},
    },
    task::until_won,
};

/// What a browser is told after a passkey was taken away, so that it offers it no longer: for
/// `PublicKeyCredential.signalAllAcceptedCredentials` (WebAuthn Level 3 section 5.1.10).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasskeySignal {
    /// The site.
    pub rp_id: String,
    /// The user handle, in base64url.
    pub user_id: String,
    /// The credentials that are left, in base64url.
    pub all_accepted_credential_ids: Vec<String>,
}

pub(super) async fn list(kernel: &Kernel, caller: &Principal) -> Result<Vec<Passkey>, Error> {
    let user = kernel.live_session(caller).await?.user;
    let rows = list_passkeys(kernel.store.db(), user.id).await?;
    Ok(rows.into_iter().map(Passkey::from).collect())
}

/// To be called [detached](crate::task::detached), as all that follow.
pub(super) async fn rename(
    kernel: &Kernel,
    caller: &Principal,
    id: Uuid,
    name: String,
) -> Result<Passkey, Error> {
    let name = named(&name)?;
    let user = kernel.live_session(caller).await?.user.id;
    let db = kernel.store.db();
    rename_passkey(db, user, id, &name).await?;
    let renamed = list_passkeys(db, user).await?.into_iter().find(|row| row.id == id);
    Ok(renamed.ok_or(PASSKEY_NOT_FOUND)?.into())
}

pub(super) async fn remove(
    kernel: &Kernel,
    caller: &Principal,
    id: Uuid,
    client: &ClientInfo,
) -> Result<PasskeySignal, Error> {
    let user = kernel.recent_proof(caller).await?;
    let kind = EventKind::FactorRemoved { user: user.id, factor: PASSKEY };
    let left = until_won(|| async {
        let txn = kernel.store.begin().await?;
        // The row is held, so that of two who take the last two away one is refused.
        kernel.hold_session(&txn, user.id, caller.session()?).await?;
        if !remove_passkey(&txn, user.id, id).await? {
            return Err(PASSKEY_NOT_FOUND.into());
        }
        if count_ways_in(kernel, &txn, user.id).await? == 0 {
            return Err(LAST_WAY_IN.into());
        }
        let left = list_passkeys(&txn, user.id).await?;
        if kernel.factors_of(&txn, user.id).await?.is_none() {
            if kernel.config.factors.policy.requires(&user.roles) {
                return Err(FACTOR_REQUIRED.into());
            }
            // Of no use without a factor, and not to come back with the next one.
            remove_codes(&txn, user.id).await?;
            forget_tries(&txn, user.id, None).await?;
        }
        kernel.spare_nobody(&txn, user.id).await?;
        kernel.post(&txn, MailKind::PasskeyRemoved, &user.email, Some(user.id), None).await?;
        kernel.record(&txn, client, &kind).await?;
        txn.commit().await?;
        Ok(left)
    })
    .await?;
    kernel.mail_waits();
    kernel.emit(client, kind);
    let site = kernel.config.passkeys.site().unwrap_or_default();
    let accepted = left.iter().filter(|row| row.rp_id == site);
    Ok(PasskeySignal {
        rp_id: site.to_owned(),
        user_id: URL_SAFE_NO_PAD.encode(user.id.as_uuid().as_bytes()),
        all_accepted_credential_ids: accepted.map(|row| URL_SAFE_NO_PAD.encode(&row.credential_id)).collect(),
    })
}
