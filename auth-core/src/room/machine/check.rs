//! What a look at machines finds.

use super::store::count_endless_keys;
use crate::{Error, Finding, kernel::Kernel};

pub(super) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    if !kernel.config.api_keys.enabled {
        return Ok(Vec::new());
    }
    let endless = count_endless_keys(kernel.store.db()).await?;
    Ok(Vec::from_iter((endless > 0).then(|| {
        Finding::warning(
            "api_key_never_expires",
            format!("{endless} API keys never expire: one that is stolen is good until somebody notices"),
            "rotate them, and set `api_keys.max_days` (API_KEY_MAX_DAYS) so that there are no more",
        )
    })))
}
