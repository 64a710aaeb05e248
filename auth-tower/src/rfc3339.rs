//! Times as text, the same wherever they are written.

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// UTC in whole seconds (RFC 3339). A time that no calendar has, from a broken row, becomes the epoch.
pub fn rfc3339(time: SystemTime) -> String {
    write(Duration::from_secs(since_epoch(time).as_secs()))
}

/// The same to the millisecond, as times are stored.
pub fn rfc3339_millis(time: SystemTime) -> String {
    write(Duration::from_millis(u64::try_from(since_epoch(time).as_millis()).unwrap_or_default()))
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn write(since: Duration) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(i128::try_from(since.as_nanos()).unwrap_or_default());
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn times_are_utc_in_whole_seconds() {
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(1_795_341_600_999)), "2026-11-22T10:00:00Z");
    }

    #[test]
    fn what_is_stored_is_written_to_the_millisecond() {
        let time = UNIX_EPOCH + Duration::from_micros(1_795_341_600_250_999);
        assert_eq!(rfc3339_millis(time), "2026-11-22T10:00:00.25Z");
        assert_eq!(rfc3339_millis(UNIX_EPOCH + Duration::from_secs(1)), "1970-01-01T00:00:01Z");
    }

    #[test]
    fn a_time_beyond_any_calendar_is_no_panic() {
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(1 << 50)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339_millis(UNIX_EPOCH + Duration::from_secs(1 << 60)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }
}
