//! Randomness, injected.

/// Where random bytes come from. Replaced only in tests that need to repeat themselves.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// [`RandomUnavailable`] when the source fails; the operation in hand is then given up.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// The random source failed; nothing may be made from what is in the buffer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system's random source failed")]
pub struct RandomUnavailable;

/// The CSPRNG of aws-lc, seeded by the operating system (ASVS 11.5.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| RandomUnavailable)
    }
}

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N], RandomUnavailable> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// A random (version 4) UUID.
pub(crate) fn uuid(random: &dyn Random) -> Result<uuid::Uuid, RandomUnavailable> {
    Ok(uuid::Builder::from_random_bytes(bytes(random)?).into_uuid())
}

/// A time-ordered (version 7) UUID: new rows go to the end of the primary key.
pub(crate) fn ordered_uuid(random: &dyn Random, now_millis: i64) -> Result<uuid::Uuid, RandomUnavailable> {
    let millis = u64::try_from(now_millis).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &bytes(random)?).into_uuid())
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn what_is_drawn_side_by_side_is_never_the_same() {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                thread::spawn(|| (0..2000).map(|_| bytes::<16>(&SystemRandom).unwrap()).collect::<Vec<_>>())
            })
            .collect();
        let drawn: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 16_000);
        // No byte stays as it was: each takes on nearly all of its 256 values.
        for place in 0..16 {
            let values: HashSet<u8> = drawn.iter().map(|bytes| bytes[place]).collect();
            assert!(values.len() > 250, "byte {place} has {} values", values.len());
        }
    }
}
