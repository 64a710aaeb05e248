//! Tokens of providers, kept encrypted for hosts that asked for them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{ProviderTokens, settle::Arrived};
use crate::{
    AccessToken, Error, RefreshToken, UserId,
    kernel::Kernel,
    random,
    room::oidc::{PROVIDER_TOKENS, store::find_identity_tokens},
};

#[derive(Serialize, Deserialize)]
struct Plain {
    access_token: Zeroizing<String>,
    refresh_token: Option<Zeroizing<String>>,
    expires_in: Option<u64>,
}

/// What to store with an identity: nothing unless the host asked for it.
pub(super) fn sealed(
    kernel: &Kernel,
    arrived: &Arrived<'_>,
    identity: Uuid,
) -> Result<Option<Vec<u8>>, Error> {
    if !arrived.provider.keeps_tokens {
        return Ok(None);
    }
    let tokens = arrived.tokens;
    let copy = |text: &str| Zeroizing::new(text.to_owned());
    let plain = Plain {
        access_token: copy(tokens.access_token.expose()),
        refresh_token: tokens.refresh_token.as_ref().map(|token| copy(token.expose())),
        expires_in: tokens.expires_in,
    };
    let plain = Zeroizing::new(serde_json::to_vec(&plain).map_err(Error::internal)?);
    let nonce = random::bytes(kernel.random.as_ref())?;
    let keys = kernel.keys.get();
    let newest = keys.sealers(PROVIDER_TOKENS).first();
    let sealed = newest.map(|newest| newest.seal(&plain, identity.as_bytes(), &nonce)).transpose();
    sealed.map_err(Error::internal)
}

pub(super) async fn provider_tokens(
    kernel: &Kernel,
    user: UserId,
    identity: Uuid,
) -> Result<Option<ProviderTokens>, Error> {
    let Some(sealed) = find_identity_tokens(kernel.store.db(), user, identity).await? else {
        return Ok(None);
    };
    let keys = kernel.keys.get();
    let plain = keys.sealers(PROVIDER_TOKENS).iter().find_map(|key| key.open(&sealed, identity.as_bytes()));
    // Sealed under a secret that is gone: as good as not there.
    let Some(plain) = plain else { return Ok(None) };
    let plain: Plain = serde_json::from_slice(&plain).map_err(Error::internal)?;
    Ok(Some(ProviderTokens {
        access_token: AccessToken::new(plain.access_token.as_str()),
        refresh_token: plain.refresh_token.map(|token| RefreshToken::new(token.as_str())),
        expires_in: plain.expires_in,
    }))
}
