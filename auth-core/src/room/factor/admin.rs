//! The ways back for who has lost everything: an administrator, or the command line.

use super::{
    OWN_FACTORS,
    passkey::remove_passkeys,
    store::{forget_tries, is_locked, remove_codes, remove_totp},
};
use crate::{
    ClientInfo, Error, UserId,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    refusal::USER_NOT_FOUND,
    store::{end_all_sessions, lock_user},
    task::until_won,
};

/// Takes everything away and ends all sessions. To be called [detached](crate::task::detached).
pub(super) async fn reset(kernel: &Kernel, user: UserId, client: &ClientInfo) -> Result<(), Error> {
    if client.actor == Some(user) {
        return Err(OWN_FACTORS.into());
    }
    let kind = EventKind::FactorsReset { user };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        let owner = lock_user(&txn, user).await?.ok_or(USER_NOT_FOUND)?;
        remove_totp(&txn, user).await?;
        remove_passkeys(&txn, user).await?;
        remove_codes(&txn, user).await?;
        forget_tries(&txn, user, None).await?;
        kernel.spare_nobody(&txn, user).await?;
        // Ends what is being answered as well.
        end_all_sessions(&txn, user, kernel.now()).await?;
        kernel.post(&txn, MailKind::FactorsReset, &owner.email, Some(user), None).await?;
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.mail_waits();
    kernel.learn_what_ended().await;
    kernel.emit(client, kind);
    Ok(())
}

/// Forgets what was guessed. To be called [detached](crate::task::detached).
pub(super) async fn unlock(kernel: &Kernel, user: UserId, client: &ClientInfo) -> Result<(), Error> {
    let kind = EventKind::FactorUnlocked { user };
    let was_locked = until_won(|| async {
        let txn = kernel.store.begin().await?;
        lock_user(&txn, user).await?.ok_or(USER_NOT_FOUND)?;
        let was_locked = is_locked(&txn, user).await?;
        forget_tries(&txn, user, None).await?;
        if was_locked {
            kernel.record(&txn, client, &kind).await?;
        }
        txn.commit().await?;
        Ok(was_locked)
    });
    if was_locked.await? {
        kernel.emit(client, kind);
    }
    Ok(())
}
