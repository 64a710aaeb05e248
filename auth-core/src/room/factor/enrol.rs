//! Setting a factor up. Of an authenticator app the first code that is shown of a secret makes it stand.

use super::{
    INVALID_CODE, TOTP, guess,
    recovery::{self, Set},
    store::{confirm_totp, find_totp, put_codes},
    totp,
};
use crate::{
    ClientInfo, Error, Password, UserId,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    store::{DatabaseTransaction, UserRow},
};

/// Only who is signed in, or gave the right password, gets here: a link that was lost is sent again.
pub(super) async fn needs_proved_address(kernel: &Kernel, user: &UserRow) -> Result<(), Error> {
    let proved = kernel.needs_proved_address(user.email_verified_at.is_some());
    if proved.is_err() {
        kernel.post(kernel.store.db(), MailKind::VerifyEmail, &user.email, Some(user.id), None).await?;
        kernel.mail_waits();
    }
    proved
}

/// A code that was right of a secret that waits, and the recovery codes that go with it.
pub(super) struct Confirmed {
    step: totp::Step,
    pub(super) codes: Set,
}

/// Counted like any other code: who is signed in need not be who was told the secret.
pub(super) async fn look(
    kernel: &Kernel,
    user: UserId,
    code: &Password,
    client: &ClientInfo,
) -> Result<Confirmed, Error> {
    let guess = guess::reserve(kernel, user, client).await?;
    let step = match look_at(kernel, user, code).await {
        // Nobody is told of a wrong one: it is the first code of who sets up an app, more often than not.
        Ok(step) => step.ok_or(INVALID_CODE)?,
        Err(error) => {
            guess.not_checked(kernel).await;
            return Err(error);
        }
    };
    guess.right(kernel.store.db()).await?;
    Ok(Confirmed { step, codes: recovery::draw(kernel, client).await? })
}

async fn look_at(kernel: &Kernel, user: UserId, code: &Password) -> Result<Option<totp::Step>, Error> {
    let now = kernel.now();
    let waits = find_totp(kernel.store.db(), user).await?;
    let waits = waits.filter(|row| row.pending_until.is_some_and(|until| now < until));
    Ok(waits.map(|row| totp::check(kernel, user, row, code)).transpose()?.flatten())
}

/// Makes it stand, in a transaction.
pub(super) async fn stand(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    user: &UserRow,
    confirmed: &Confirmed,
    client: &ClientInfo,
) -> Result<EventKind, Error> {
    let (now, step) = (kernel.now(), &confirmed.step);
    if !confirm_totp(txn, user.id, &step.secret, step.number, now).await? {
        // Another one was begun or confirmed meanwhile.
        return Err(INVALID_CODE.into());
    }
    put_codes(txn, user.id, &confirmed.codes.rows, now).await?;
    kernel.spare_nobody(txn, user.id).await?;
    let kind = EventKind::FactorAdded { user: user.id, factor: TOTP };
    kernel.post(txn, MailKind::FactorAdded, &user.email, Some(user.id), None).await?;
    kernel.record(txn, client, &kind).await?;
    Ok(kind)
}
