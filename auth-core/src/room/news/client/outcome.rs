//! What follows from a try: a pure function of how the webhook stood and what was answered.

use std::time::Duration;

use crate::{
    clock::duration_millis,
    room::news::store::{Standing, WebhookRow},
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// The waits after the first tries that failed, in seconds; after those that are not in here, an hour each.
const WAITS: [u64; 7] = [5, 30, 2 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 10 * HOUR];
/// One that failed for so long is switched off.
const PATIENCE: Duration = Duration::from_hours(3 * 24);

/// Why one was switched off: it said that it is gone (410), or nothing could be handed over for three days.
pub(super) const GONE: &str = "gone";
pub(super) const FAILING: &str = "failing";

/// The next try after so many that failed, in milliseconds from the last.
fn wait(tries: i64) -> i64 {
    let place = usize::try_from(tries.saturating_sub(1)).unwrap_or(0);
    duration_millis(Duration::from_secs(WAITS.get(place).copied().unwrap_or(HOUR)))
}

/// `seq` is the event that was tried at `now` (unix milliseconds), `status` what came back, if anything did.
pub(super) fn after(row: &WebhookRow, seq: i64, status: Option<u16>, now: i64) -> Standing {
    if status.is_some_and(|status| (200..300).contains(&status)) {
        return Standing { after_seq: seq, tries: 0, failing_since: None, next_try_at: 0, off: None };
    }
    let (tries, since) = (row.tries.saturating_add(1), row.failing_since.unwrap_or(now));
    let off = match status {
        Some(410) => Some((now, GONE)),
        _ if now.saturating_sub(since) >= duration_millis(PATIENCE) => Some((now, FAILING)),
        _ => None,
    };
    Standing {
        after_seq: row.after_seq,
        tries,
        failing_since: Some(since),
        next_try_at: now.saturating_add(wait(tries)),
        off,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn row() -> WebhookRow {
        WebhookRow {
            id: Uuid::nil(),
            setting: None,
            url: String::new(),
            types: String::new(),
            secret: None,
            secret_before: None,
            secret_before_until: None,
            after_seq: 7,
            tries: 0,
            failing_since: None,
            next_try_at: 0,
            off_at: None,
            off_reason: None,
            created_at: 0,
        }
    }

    #[test]
    fn tries_are_made_again_after_longer_and_longer_waits_for_three_days_and_then_no_more() {
        let (mut row, mut now, mut waited) = (row(), 0, Vec::new());
        let off = loop {
            let next = after(&row, 8, Some(500), now);
            if let Some((_, reason)) = next.off {
                break reason;
            }
            waited.push((next.next_try_at - now) / 1000);
            row = WebhookRow { tries: next.tries, failing_since: next.failing_since, ..row };
            now = next.next_try_at;
        };
        assert_eq!(waited[..7], [5, 30, 120, 900, 3600, 10_800, 36_000]);
        assert!(waited[7..].iter().all(|wait| *wait == 3600));
        assert_eq!(off, FAILING);
        let days = now / (24 * 3600 * 1000);
        assert_eq!(days, 3);
    }

    #[test]
    fn what_is_handed_over_forgets_the_failures_and_only_success_hands_over() {
        let failing = WebhookRow { tries: 4, failing_since: Some(1), ..row() };
        let handed_over = after(&failing, 8, Some(204), 5);
        assert_eq!((handed_over.after_seq, handed_over.tries, handed_over.failing_since), (8, 0, None));
        for status in [None, Some(199), Some(301), Some(302), Some(400), Some(429), Some(500)] {
            assert_eq!(after(&failing, 8, status, 5).after_seq, 7, "{status:?}");
        }
    }

    #[test]
    fn who_is_gone_is_not_asked_again() {
        assert_eq!(after(&row(), 8, Some(410), 5).off, Some((5, GONE)));
    }
}
