//! Sign-in at identity providers. The client is compiled by the feature `oidc`; the table is there without it.

#[cfg(feature = "oidc")]
mod client;
mod entity;
#[cfg(feature = "oidc")]
mod identity;
#[cfg(feature = "oidc")]
mod store;

#[cfg(feature = "oidc")]
pub use self::{client::*, identity::Identity};
use crate::{
    kernel::{Room, WaysIn},
    store::{ColumnKind, Exported, Table},
};

#[cfg(feature = "oidc")]
crate::secret::secret_text! {
    /// What only the browser has in which a sign-in at a provider began: belongs in a short-lived `HttpOnly` cookie.
    BrowserToken
}

pub(crate) const ROOM: Room = Room {
    tables: &[Table::of::<entity::Entity>("auth_identity")],
    sealers: &[PROVIDER_TOKENS],
    export: &[Exported {
        member: "identities",
        table: "auth_identity",
        user: "user_id",
        columns: &[
            ("id", ColumnKind::Id),
            ("provider", ColumnKind::Text),
            ("issuer", ColumnKind::Text),
            ("email", ColumnKind::Text),
            ("created_at", ColumnKind::Time),
            ("last_used_at", ColumnKind::Time),
        ],
    }],
    ways_in: Some(WaysIn {
        table: "auth_identity",
        user: "user_id",
        called: "sign-in with",
        named: Some("provider"),
        count,
    }),
    #[cfg(feature = "oidc")]
    findings: Some(|kernel| Box::pin(client::check(kernel))),
    ..Room::EMPTY
};

/// Encrypts the tokens of providers that a host asked to keep.
const PROVIDER_TOKENS: &str = "provider tokens";

#[cfg(feature = "oidc")]
use client::count_ways_in as count;

/// Without the feature no identity signs anybody in.
#[cfg(not(feature = "oidc"))]
fn count<'a>(
    _: &'a crate::kernel::Kernel,
    _: &'a crate::store::DatabaseTransaction,
    _: crate::UserId,
) -> crate::task::BoxFuture<'a, Result<u64, crate::Error>> {
    Box::pin(std::future::ready(Ok(0)))
}
