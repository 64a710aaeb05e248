//! Accounts at identity providers with which a user can sign in.

use std::time::SystemTime;

use uuid::Uuid;

use super::store::{ListedIdentity, list_identities};
use crate::{Error, UserId, clock::from_millis, kernel::Kernel};

/// An account at an identity provider, for its owner to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// For `Oidc::unlink`.
    pub id: Uuid,
    /// What the provider was called here when the identity was added.
    pub provider: String,
    /// Who vouches for it.
    pub issuer: String,
    /// The address that the provider told last, verified or not. It need not be that of the account.
    pub email: Option<String>,
    /// When it was added.
    pub created_at: SystemTime,
    /// The last sign-in after that.
    pub last_used_at: Option<SystemTime>,
}

impl From<ListedIdentity> for Identity {
    fn from(row: ListedIdentity) -> Self {
        Self {
            id: row.id,
            provider: row.provider,
            issuer: row.issuer,
            email: row.email,
            created_at: from_millis(row.created_at),
            last_used_at: row.last_used_at.map(from_millis),
        }
    }
}

pub(super) async fn identities(kernel: &Kernel, user: UserId) -> Result<Vec<Identity>, Error> {
    let rows = list_identities(kernel.store.db(), user).await?;
    Ok(rows.into_iter().map(Identity::from).collect())
}
