//! Tokens of service accounts (RFC 6749 section 4.4, RFC 9068).

use std::{sync::Arc, time::Duration};

use super::{INVALID_SCOPE, UNAUTHORIZED_CLIENT, verify};
use crate::{
    AccessToken, Caller, ClientInfo, Error, UserId, clock::to_millis, kernel::Kernel, key_ring::ServiceGrant,
};

/// The token of a service account.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceToken {
    /// For the `Authorization` header of requests, to any service that knows the public keys.
    pub access: AccessToken,
    /// How long it is good for.
    pub expires_in: Duration,
    /// What it is limited to.
    pub scopes: Vec<String>,
}

pub(super) async fn issue(
    kernel: &Arc<Kernel>,
    key: &str,
    account: Option<UserId>,
    scope: Option<&str>,
    client: &ClientInfo,
) -> Result<ServiceToken, Error> {
    let caller = verify::verify(kernel, key, client).await?;
    if account.is_some_and(|account| account != caller.user_id) {
        return Err(Error::InvalidToken);
    }
    let (Caller::Service, Some(key)) = (caller.caller, caller.key_id()) else {
        return Err(UNAUTHORIZED_CLIENT.into());
    };
    let scopes = match scope {
        None => caller.scopes.clone(),
        Some(wanted) => {
            let mut scopes: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
            scopes.sort_unstable();
            scopes.dedup();
            if !scopes.iter().all(|scope| caller.has_scope(scope)) {
                return Err(INVALID_SCOPE.into());
            }
            scopes
        }
    };
    let mut roles = caller.roles;
    if !scopes.iter().any(|scope| scope == super::ADMIN_SCOPE) {
        roles.retain(|role| role != crate::ADMIN_ROLE);
    }
    let grant = ServiceGrant {
        account: caller.user_id,
        key,
        scopes: &scopes,
        roles: &roles,
        version: caller.roles_version,
        key_expires_at: to_millis(caller.expires_at),
    };
    let (access, expires_in) =
        kernel.keys.get().issuer.issue_to_service(&grant, kernel.now(), kernel.random.as_ref())?;
    metrics::counter!("auth_service_tokens_total").increment(1);
    Ok(ServiceToken { access, expires_in, scopes })
}
