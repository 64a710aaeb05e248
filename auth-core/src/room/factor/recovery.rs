//! Codes for who has lost everything else: shown once, each good for one use.

use zeroize::Zeroizing;

use super::{
    store::{NewCodes, find_codes},
    totp::base32,
};
use crate::{
    ClientInfo, Error, Password, UserId,
    kernel::Kernel,
    password::{Checked, Verdict},
    random,
};

const CODES: usize = 10;

/// Ten letters of base32 are 50 bits; the rest of the bytes is left out.
const CODE_BYTES: usize = 7;
const CODE_LETTERS: usize = 10;

/// A set for its owner to write down, and the rows of it.
pub(super) struct Set {
    pub(super) codes: Vec<Password>,
    pub(super) rows: NewCodes,
}

/// Draws and hashes a set: ten hashes, so not in a transaction.
pub(super) async fn draw(kernel: &Kernel, client: &ClientInfo) -> Result<Set, Error> {
    let salt = random::bytes(kernel.random.as_ref())?;
    let (mut codes, mut hashes) = (Vec::with_capacity(CODES), Vec::with_capacity(CODES));
    for _ in 0..CODES {
        let bytes = Zeroizing::new(random::bytes::<CODE_BYTES>(kernel.random.as_ref())?);
        let letters = base32(bytes.as_ref());
        let letters = letters.get(..CODE_LETTERS).unwrap_or_default();
        let hash = kernel.passwords.hash_with(client, Password::from(letters), salt).await?;
        hashes.push((random::ordered_uuid(kernel.random.as_ref(), kernel.now())?, hash));
        let (front, back) = letters.split_at(letters.len() / 2);
        codes.push(Password::new(format!("{front}-{back}")));
    }
    Ok(Set { codes, rows: NewCodes { salt, hashes } })
}

/// The hash of the row that this is the code of, as far as it still is there. One hash, as all codes of a set have one salt.
pub(super) async fn check(
    kernel: &Kernel,
    user: UserId,
    typed: &Password,
    client: &ClientInfo,
) -> Result<Option<String>, Error> {
    let stored = find_codes(kernel.store.db(), user).await?;
    let salt = stored.first().and_then(|(salt, _)| <[u8; 16]>::try_from(salt.as_slice()).ok());
    let typed = normalize(typed);
    // The same work where there is none left.
    let hash = kernel.passwords.hash_with(client, typed.clone(), salt.unwrap_or_default()).await?;
    if stored.iter().any(|(_, known)| *known == hash) {
        return Ok(Some(hash));
    }
    // What hashes has changed since the set was made: then each is looked at by itself.
    for (_, known) in stored.into_iter().filter(|(_, known)| settings(known) != settings(&hash)) {
        let checked = kernel.passwords.verify(client, typed.clone(), Some(known.clone())).await?;
        if let Checked::Verdict(Verdict::Right | Verdict::RightButOutdated) = checked {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// All but the last part of a PHC string: how it was hashed.
fn settings(hash: &str) -> &str {
    hash.rsplit_once('$').map_or("", |(settings, _)| settings)
}

/// In whatever case and groups it was typed.
fn normalize(typed: &Password) -> Password {
    let letters = typed.expose().chars().filter(char::is_ascii_alphanumeric).take(64);
    Password::new(letters.map(|letter| letter.to_ascii_uppercase()).collect::<String>())
}
