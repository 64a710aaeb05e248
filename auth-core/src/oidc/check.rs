//! Whether the identity providers can be had.

use std::sync::Arc;

use super::Room;
use crate::{auth::Inner, check::Finding};

impl Inner {
    /// Asks each for what it publishes, all at once; one that publishes nothing is not asked.
    pub(crate) async fn check_providers(&self) -> Vec<Finding> {
        let Some(room) = &self.oidc else { return Vec::new() };
        let now = self.now();
        let mut asked = tokio::task::JoinSet::new();
        for place in 0..room.providers.len() {
            let room = Arc::clone(room);
            asked.spawn(async move { unreachable(&room, place, now).await });
        }
        asked.join_all().await.into_iter().flatten().collect()
    }
}

async fn unreachable(room: &Room, place: usize, now: i64) -> Option<Finding> {
    let connected = room.providers.get(place)?;
    let trouble = connected.in_time(connected.known(now)).await.err()?;
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
