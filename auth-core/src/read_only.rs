//! A server that takes no writes any more. After a switchover its connections stay open and are of use to nobody: they are
//! closed, and those that take their place find the new primary, by name or through a proxy.
//!
//! For pools that [`connect`](crate::connect) made; a host's own pool closes its connections when it likes.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use sea_orm::DbErr;
use tokio::time::Instant;

use crate::db_code::{Meaning, meaning, sqlx_error};

/// Where new connections lead to the same server, they are not closed again for so long.
const REST: Duration = Duration::from_secs(1);

/// Of all pools of this process: to connect anew does no harm.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// Milliseconds from then, and one; 0: never.
static SEEN: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    u64::try_from(BEGIN.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// Looks whether an error says so. Each that reaches a caller comes by here: a write fails within a transaction as well.
pub(crate) fn notice(error: &DbErr) {
    let Some(sqlx::Error::Database(error)) = sqlx_error(error) else { return };
    if meaning(error.as_ref()) == Some(Meaning::ReadOnly) {
        let seen = SEEN.load(Relaxed);
        if seen == 0 || Duration::from_millis(now().saturating_sub(seen)) > REST {
            SEEN.store(now(), Relaxed);
            tracing::warn!("the database takes no writes; connections that `connect` made are replaced");
        }
    }
}

/// Whether a connection of this age was there when that was seen.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn was_there(age: Duration) -> bool {
    match SEEN.load(Relaxed) {
        0 => false,
        seen => age >= Duration::from_millis(now().saturating_sub(seen)),
    }
}
