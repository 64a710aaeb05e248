//! Time, injected. This file is the only place that asks the system for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the time comes from. Tests turn the hands of a `ManualClock` (feature `test-util`).
pub trait Clock: Send + Sync + 'static {
    /// The current wall-clock time.
    fn now(&self) -> SystemTime;
}

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Unix milliseconds, the form in which times are stored. Saturates instead of wrapping (ASVS 1.4.2).
pub(crate) fn to_millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    }
}

/// The inverse of [`to_millis`]; a stored time that no `SystemTime` can hold becomes the epoch.
pub(crate) fn from_millis(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

/// Whole milliseconds of a duration, saturating.
pub(crate) fn duration_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_through_milliseconds() {
        for millis in [0, 1, -1, 1_700_000_000_123, -62_000_000_000_000] {
            assert_eq!(to_millis(from_millis(millis)), millis);
        }
    }

    #[test]
    fn extreme_times_saturate_and_do_not_panic() {
        from_millis(i64::MAX);
        from_millis(i64::MIN);
        assert_eq!(duration_millis(Duration::MAX), i64::MAX);
    }
}
