//! The feed: the audit for other programs, in an order in which nobody who reads on misses a row.
//!
//! Neither ids nor times are the order in which transactions commit: a reader that goes by them skips what commits late. So rows are
//! written without a place, and one instance at a time gives the places of what it sees committed, one after the other. The lease
//! only keeps several from trying; that each place is given once is decided by a conditional UPDATE.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, sleep};
use uuid::Uuid;

use super::{AuditEvent, known_codes};
use crate::{
    Error,
    clock::duration_millis,
    kernel::Kernel,
    refusal::CURSOR_TOO_OLD,
    store::{Placed, events_after, find_unplaced, first_place, last_place, place, take_places},
    task::{detached, until_won},
};

/// How many places are given in one transaction.
const BATCH: u64 = 200;
/// The most events of one page.
const PAGE_MAX: u64 = 1000;
/// The longest that a reader is kept waiting.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// How often somebody who waits looks for what other instances have placed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What to read of the [feed](crate::Auth::events_after).
#[derive(Debug, Clone)]
pub struct FeedQuery {
    after: Option<i64>,
    limit: u64,
    types: Vec<String>,
    wait: Duration,
}

impl FeedQuery {
    /// What comes after a place: the `next` of the page before.
    pub fn after(seq: i64) -> Self {
        Self { after: Some(seq), ..Self::from_now() }
    }

    /// Nothing but the place from which to read on: for a reader that begins, and reads the users after this.
    pub fn from_now() -> Self {
        Self { after: None, limit: 100, types: Vec::new(), wait: Duration::ZERO }
    }

    /// At most so many: 1 to 1000, 100 where it is not given.
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit.clamp(1, PAGE_MAX);
        self
    }

    /// Only events with these [codes](AuditEvent::codes). With none, all.
    pub fn types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// How long to wait while there is nothing: at most a minute.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait.min(WAIT_MAX);
        self
    }
}

/// Some events of the feed, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedPage {
    /// What happened.
    pub events: Vec<FeedEvent>,
    /// From where to read on. It moves on over what was not asked for.
    pub next: i64,
}

/// An event at its place in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedEvent {
    /// From 1 on, without a hole.
    pub seq: i64,
    /// What happened.
    pub event: AuditEvent,
}

impl From<Placed> for FeedEvent {
    fn from(placed: Placed) -> Self {
        Self { seq: placed.seq, event: placed.event.into() }
    }
}

impl Kernel {
    pub(crate) async fn read_feed(&self, query: FeedQuery) -> Result<FeedPage, Error> {
        known_codes(&query.types)?;
        let Some(after) = query.after else {
            return Ok(FeedPage {
                events: Vec::new(),
                next: last_place(self.store.db()).await?.unwrap_or(0),
            });
        };
        let mut over = pin!(sleep(query.wait));
        loop {
            // Before the look, so that nothing comes in between.
            let mut placed = self.placed.subscribe();
            let page = self.feed_page(after, &query).await?;
            if !page.events.is_empty() || query.wait.is_zero() {
                return Ok(page);
            }
            tokio::select! {
                _ = placed.changed() => {}
                () = sleep(LOOK_EVERY) => {}
                () = &mut over => return Ok(page),
            }
        }
    }

    async fn feed_page(&self, after: i64, query: &FeedQuery) -> Result<FeedPage, Error> {
        let db = self.store.db();
        let last = last_place(db).await?.unwrap_or(0);
        let events = events_after(db, after, &query.types, query.limit).await?;
        // Only now: what is swept before the look at the events is missing in it.
        let first = first_place(db).await?.unwrap_or(last.saturating_add(1));
        if after > last.max(events.last().map_or(0, |event| event.seq)) || after.saturating_add(1) < first {
            return Err(CURSOR_TOO_OLD.into());
        }
        let is_full = events.len() as u64 == query.limit;
        let seen = if is_full { None } else { Some(last) };
        let next = seen.max(events.last().map(|event| event.seq)).unwrap_or(after);
        Ok(FeedPage { events: events.into_iter().map(FeedEvent::from).collect(), next })
    }

    /// Gives each event that is committed its place; tells how many were given. To be called [detached].
    pub(crate) async fn place_events(&self) -> Result<u64, Error> {
        let mut given: u64 = 0;
        loop {
            let placed = until_won(|| async {
                let txn = self.store.begin().await?;
                let last = last_place(&txn).await?;
                let ids: Vec<Uuid> = find_unplaced(&txn, BATCH).await?;
                let count = ids.len() as u64;
                if count == 0 {
                    return Ok(Some(0));
                }
                let from = last.unwrap_or(0);
                let to = from.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
                if !take_places(&txn, last, to).await? {
                    return Ok(None);
                }
                place(&txn, &ids, from).await?;
                txn.commit().await?;
                Ok(Some(count))
            });
            // Somebody else is at it.
            let Some(placed) = placed.await? else { break };
            given = given.saturating_add(placed);
            if placed > 0 {
                self.placed.send_replace(());
            }
            if placed < BATCH {
                break;
            }
        }
        metrics::counter!("auth_feed_events_total").increment(given);
        Ok(given)
    }

    /// The same if there are any and it is this instance's turn.
    async fn place_events_in_turn(&self, turn: Duration) -> Result<(), Error> {
        if find_unplaced(self.store.db(), 1).await?.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let until = now.saturating_add(duration_millis(turn));
        if self.take_turn("events", until).await? {
            self.place_events().await?;
        }
        Ok(())
    }

    /// Every so often, and at once when this instance has written one.
    pub(crate) async fn keep_placing_events(self: Arc<Self>, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.unplaced.notified() => {}
            }
            let kernel = Arc::clone(&self);
            let placed = detached(async move { kernel.place_events_in_turn(every.saturating_mul(3)).await });
            match (placed.await, failing) {
                (Ok(()), true) => tracing::info!("events go into the feed again"),
                (Err(error), false) => {
                    tracing::warn!(code = error.code(), "no events go into the feed: {}", error.with_cause());
                }
                (Ok(()), false) | (Err(_), true) => continue,
            }
            failing = !failing;
        }
    }
}
