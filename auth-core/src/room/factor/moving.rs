//! Secrets of authenticator apps move in and out with their accounts, so that nobody has to set an app up anew.

use std::collections::HashMap;

use super::{
    store::{find_totps, insert_totps},
    totp,
};
use crate::{
    Error, FieldError, Password, UserId,
    kernel::{Kernel, Moves},
    store::DatabaseTransaction,
};

pub(super) const MOVES: Moves = Moves {
    validate,
    write: |kernel, txn, secrets| Box::pin(write(kernel, txn, secrets)),
    read: |kernel, first, last| Box::pin(read(kernel, first, last)),
};

fn validate(secret: &Password) -> Result<(), FieldError> {
    let rule = "the TOTP secret is neither base32, nor hex in lower case, of 10 to 128 bytes, nor an otpauth:// address of \
                SHA-1, six digits and thirty seconds";
    totp::stored(secret.expose())
        .map(drop)
        .ok_or_else(|| FieldError::new("totp_secret", "unusable_secret", rule))
}

/// They stand at once. No code of now is taken: it may have been used where they come from.
async fn write(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    secrets: Vec<(UserId, &Password)>,
) -> Result<(), Error> {
    let mut rows = Vec::with_capacity(secrets.len());
    for (user, secret) in secrets {
        if let Some(secret) = totp::stored(secret.expose()) {
            rows.push((user, totp::seal(kernel, user, &secret)?));
        }
    }
    let now = kernel.now();
    Ok(insert_totps(txn, rows, totp::newest_step(now), now).await?)
}

/// In base32, of the users from one id to another. One that cannot be opened is told rather than left out: who moves would find
/// out when nobody with an app gets in any more.
async fn read(kernel: &Kernel, first: UserId, last: UserId) -> Result<HashMap<UserId, Password>, Error> {
    let (mut secrets, mut unopened) = (HashMap::new(), Vec::new());
    for (user, sealed) in find_totps(kernel.store.db(), first, last).await? {
        match totp::open(kernel, user, &sealed) {
            Some((secret, _)) => {
                secrets.insert(user, Password::from(totp::base32(&secret).as_str()));
            }
            None => unopened.push(user.to_string()),
        }
    }
    if unopened.is_empty() {
        return Ok(secrets);
    }
    let problem = format!(
        "the secrets of the authenticator apps of these accounts are encrypted under a SECRET_KEY that is not known any more: {}; \
         name it in SECRET_KEY_PREVIOUS, or reset their factors",
        unopened.join(", ")
    );
    Err(Error::Internal(problem.into()))
}
