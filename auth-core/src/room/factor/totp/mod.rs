//! Codes of an authenticator app.

mod code;
mod text;

use zeroize::Zeroizing;

#[cfg(feature = "test-util")]
pub(super) use self::text::from_base32;
pub(super) use self::text::{base32, stored};
use super::{
    TOTP_EXISTS,
    enrol::needs_proved_address,
    store::{TotpRow, put_pending},
};
use crate::{
    Error, Password, UserId,
    clock::duration_millis,
    kernel::Kernel,
    random,
    store::{Insert, UserRow},
    task::until_won,
};

/// Encrypts the secrets at rest.
pub(super) const SECRETS: &str = "totp secret";

/// RFC 4226 section 4 recommends 160 bits.
const SECRET_BYTES: usize = 20;

/// A secret has to be confirmed within so long.
const PENDING_FOR: std::time::Duration = std::time::Duration::from_hours(1);

/// What an authenticator app is given. It stands from the first code on that is shown of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct TotpSetup {
    /// The secret in base32, for who types it.
    pub secret: Password,
    /// An `otpauth://` address with all of it, for a QR code.
    pub uri: Password,
}

impl std::fmt::Debug for TotpSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpSetup").finish_non_exhaustive()
    }
}

/// Draws a secret, which waits to be confirmed.
pub(super) async fn begin(kernel: &Kernel, user: &UserRow) -> Result<TotpSetup, Error> {
    needs_proved_address(kernel, user).await?;
    let secret = Zeroizing::new(random::bytes::<SECRET_BYTES>(kernel.random.as_ref())?);
    let sealed = seal(kernel, user.id, secret.as_ref())?;
    let now = kernel.now();
    let until = now.saturating_add(duration_millis(PENDING_FOR));
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        if put_pending(&txn, user.id, &sealed, now, until).await? == Insert::Taken {
            return Err(TOTP_EXISTS.into());
        }
        Ok(txn.commit().await?)
    })
    .await?;
    let secret = base32(secret.as_ref());
    let config = &kernel.config;
    let issuer = config.factors.totp_issuer.as_deref().unwrap_or(&config.mail.service_name);
    let uri = text::uri(issuer, &user.email, &secret);
    Ok(TotpSetup { secret: Password::from(secret.as_str()), uri: Password::from(uri.as_str()) })
}

pub(super) fn seal(kernel: &Kernel, user: UserId, secret: &[u8]) -> Result<Vec<u8>, Error> {
    let nonce = random::bytes(kernel.random.as_ref())?;
    let keys = kernel.keys.get();
    let newest = keys.sealers(SECRETS).first();
    let sealed = newest.map(|key| key.seal(secret, user.as_uuid().as_bytes(), &nonce)).transpose();
    let sealed = sealed.map_err(Error::internal)?;
    sealed.ok_or_else(|| Error::Internal("there is no key to encrypt with".into()))
}

/// The secret, and whether it is sealed with the newest key. `None`: under a secret key that is gone.
pub(super) fn open(kernel: &Kernel, user: UserId, sealed: &[u8]) -> Option<(Zeroizing<Vec<u8>>, bool)> {
    let keys = kernel.keys.get();
    let mut all = keys.sealers(SECRETS).iter().enumerate();
    let opened =
        all.find_map(|(place, key)| Some((key.open(sealed, user.as_uuid().as_bytes())?, place == 0)));
    if opened.is_none() {
        tracing::error!(%user, "the secret of an authenticator app is encrypted under a SECRET_KEY that is not known any more");
    }
    opened
}

/// The last step of which a code is taken at this moment.
pub(super) fn newest_step(now: i64) -> i64 {
    code::step_at(now).saturating_add(code::AROUND)
}

/// A code that was right, as it is to be spent.
pub(super) struct Step {
    pub(super) number: i64,
    /// The secret as it was read.
    pub(super) secret: Vec<u8>,
    /// The same, sealed with the newest key.
    pub(super) anew: Vec<u8>,
}

/// Whether this is a code of now that was not used yet. Changes nothing.
pub(super) fn check(
    kernel: &Kernel,
    user: UserId,
    row: TotpRow,
    typed: &Password,
) -> Result<Option<Step>, Error> {
    let Some((secret, is_newest)) = open(kernel, user, &row.secret) else { return Ok(None) };
    // People type a space in the middle, as apps show it.
    let typed: Zeroizing<Vec<u8>> =
        Zeroizing::new(typed.expose().bytes().filter(|byte| !byte.is_ascii_whitespace()).take(16).collect());
    let found = code::step_of(&secret, &typed, kernel.now()).filter(|step| *step > row.last_step);
    let Some(number) = found else { return Ok(None) };
    let anew = if is_newest { row.secret.clone() } else { seal(kernel, user, &secret)? };
    Ok(Some(Step { number, secret: row.secret, anew }))
}

/// The code that an app shows at this moment, for a test.
#[cfg(feature = "test-util")]
pub(super) fn code_at(secret: &[u8], now: i64) -> String {
    code::code(secret, code::step_at(now)).iter().map(|digit| char::from(*digit)).collect()
}
