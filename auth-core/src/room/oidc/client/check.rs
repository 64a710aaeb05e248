//! Whether the identity providers can be had.

use std::sync::Arc;

use super::SetUp;
use crate::{Clock, Error, Finding, kernel::Kernel};

/// Asks each for what it publishes, all at once; one that publishes nothing is not asked.
pub(crate) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    let Some(set_up) = kernel.set_up::<SetUp>() else { return Ok(Vec::new()) };
    let mut asked = tokio::task::JoinSet::new();
    for place in 0..set_up.all.len() {
        let set_up = Arc::clone(&set_up);
        let clock = Arc::clone(&kernel.clock);
        asked.spawn(async move { unreachable(&set_up, place, clock.as_ref()).await });
    }
    Ok(asked.join_all().await.into_iter().flatten().collect())
}

async fn unreachable(set_up: &SetUp, place: usize, clock: &dyn Clock) -> Option<Finding> {
    let connected = set_up.all.get(place)?;
    let trouble = connected.in_time(connected.known(clock)).await.err()?;
    Some(Finding::warning(
        "provider_unreachable",
        format!(
            "nobody can sign in at the identity provider {}: {}",
            connected.provider.name(),
            trouble.detail
        ),
        "see that its issuer is right to the letter, and that it can be reached from here",
    ))
}
