//! Ending a token by whoever has it (RFC 7009).

use std::sync::Arc;

use super::{
    key,
    store::{end_token, find_key_by_digest},
};
use crate::{
    ClientInfo, Error, RefreshToken, kernel::Kernel, principal::Shown, store::Insert, token::api_key,
};

/// To be called [detached](crate::task::detached).
pub(super) async fn revoke(kernel: &Arc<Kernel>, token: &str, client: ClientInfo) -> Result<(), Error> {
    if api_key::is_key(token) {
        return revoke_key(kernel, token, &client).await;
    }
    match kernel.verifier.verify_any(token) {
        Ok(caller) => match caller.shown {
            Shown::Session(session) => kernel.logout_session(session, client).await,
            Shown::Token(_, id) => {
                let now = kernel.now();
                if end_token(kernel.store.db(), id, now).await? == Insert::Done {
                    kernel.ended_here(id);
                }
                Ok(())
            }
            Shown::ApiKey(_) => Ok(()),
        },
        Err(_) => kernel.logout(&RefreshToken::new(token), client).await,
    }
}

async fn revoke_key(kernel: &Arc<Kernel>, text: &str, client: &ClientInfo) -> Result<(), Error> {
    let network = kernel.try_key(client)?;
    let found = find_key_by_digest(kernel.store.db(), api_key::digest_of(text)).await;
    if let (Some(network), Ok(Some(_)) | Err(_)) = (network, &found) {
        kernel.key_was_known(network);
    }
    match found? {
        Some(row) => match key::end(kernel, row.id, None, client).await {
            // It was over already.
            Err(Error::Refused(super::API_KEY_NOT_FOUND)) => Ok(()),
            ended => ended,
        },
        None => Ok(()),
    }
}
