//! What a look at machines finds.

use super::{
    EVENTS_SCOPE,
    store::{count_endless_keys, count_keys_for},
};
use crate::{Error, Finding, kernel::Kernel};

pub(super) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    if !kernel.config.api_keys.enabled {
        return Ok(Vec::new());
    }
    let db = kernel.store.db();
    let endless = count_endless_keys(db).await?;
    let readers = match kernel.config.audit_retention {
        Some(_) => 0,
        None => count_keys_for(db, EVENTS_SCOPE, kernel.now()).await?,
    };
    let endless = (endless > 0).then(|| {
        Finding::warning(
            "api_key_never_expires",
            format!("{endless} API keys never expire: one that is stolen is good until somebody notices"),
            "rotate them, and set `api_keys.max_days` (API_KEY_MAX_DAYS) so that there are no more",
        )
    });
    let readers = (readers > 0).then(|| {
        Finding::error(
            "feed_off",
            format!("{readers} API keys are for the events, and none are written: whoever reads them is told that there is no such page"),
            "set audit_retention (AUDIT_RETENTION_DAYS), or end these keys",
        )
    });
    Ok([endless, readers].into_iter().flatten().collect())
}
