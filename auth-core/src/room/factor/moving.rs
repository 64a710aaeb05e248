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

/// In base32, of the users from one id to another.
async fn read(kernel: &Kernel, first: UserId, last: UserId) -> Result<HashMap<UserId, Password>, Error> {
    let mut secrets = HashMap::new();
    for (user, sealed) in find_totps(kernel.store.db(), first, last).await? {
        if let Some((secret, _)) = totp::open(kernel, user, &sealed) {
            secrets.insert(user, Password::from(totp::base32(&secret).as_str()));
        }
    }
    Ok(secrets)
}
