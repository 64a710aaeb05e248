//! A link that an operator asks for, by mail or to hand out.

use super::LINK;
use crate::{
    ClientInfo, Error, FieldError, UserId,
    event::EventKind,
    kernel::Kernel,
    mail::{Link, MailKind},
    random::ordered_uuid,
    refusal,
    store::{About, UserRow, end_tokens_of, find_user, insert_token, lock_user},
    task::until_won,
};

pub(super) async fn send(kernel: &Kernel, user: UserId, client: &ClientInfo) -> Result<(), Error> {
    kernel.needs_mailer()?;
    let found = able_user(kernel, user).await?;
    let kind = EventKind::ResetStarted { user, handed_out: false };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        kernel.post(&txn, MailKind::ResetPassword, &found.email, Some(user), None).await?;
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.mail_waits();
    kernel.emit(client, kind);
    Ok(())
}

pub(super) async fn hand_out(kernel: &Kernel, user: UserId, client: &ClientInfo) -> Result<Link, Error> {
    able_user(kernel, user).await?;
    let id = ordered_uuid(kernel.random.as_ref(), kernel.now())?;
    let kind = EventKind::ResetStarted { user, handed_out: true };
    // It is not read in a mail, so it proves no address.
    let token = kernel.new_token(id, &LINK, user, None)?;
    until_won(|| async {
        let (txn, now) = (kernel.store.begin().await?, kernel.now());
        if lock_user(&txn, user).await?.is_none() {
            return Err(Error::Refused(refusal::USER_NOT_FOUND));
        }
        // Handed out before, perhaps to the wrong person; those that were mailed are the owner's.
        end_tokens_of(&txn, user, LINK.purpose, About::Nothing, now).await?;
        insert_token(&txn, &token, now).await?;
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.emit(client, kind);
    Ok(kernel.link_of(&LINK, &token))
}

/// A link for a disabled user would not work, and the mail would not be sent.
async fn able_user(kernel: &Kernel, user: UserId) -> Result<UserRow, Error> {
    let found = find_user(kernel.store.db(), user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
    if found.disabled_at.is_some() {
        let rule = "the account is disabled; enable it first";
        return Err(Error::Validation(vec![FieldError::new("user", "disabled", rule)]));
    }
    Ok(found)
}
