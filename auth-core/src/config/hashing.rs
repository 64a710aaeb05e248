use std::time::Duration;

use crate::ConfigError;

/// What hashing may take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashConfig {
    /// How many passwords are hashed at once; each takes 19 MiB with the default hasher, and a thread. Default: one
    /// per core that this process may use (affinity and CPU quota of a container count).
    pub slots: usize,
    /// How many hashes may wait for a slot, over all; beyond that [`Error::Overloaded`](crate::Error) at
    /// once, for a network that has its share of the queue. At most 1,000,000. Default: 64 per slot.
    pub queue: usize,
    /// How long a hash may wait for a slot before [`Error::Overloaded`](crate::Error). Default 2 s.
    pub wait: Duration,
}

impl Default for HashConfig {
    fn default() -> Self {
        let slots = std::thread::available_parallelism().map_or(1, usize::from);
        Self { slots, queue: slots.saturating_mul(64), wait: Duration::from_secs(2) }
    }
}

impl HashConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |setting, problem: &str| Err(ConfigError::new(setting, problem));
        if !(1..=1024).contains(&self.slots) {
            return refuse("hashing.slots", "is outside 1 to 1024");
        }
        if self.queue > 1_000_000 {
            return refuse("hashing.queue", "is more than 1000000; nobody waits that long");
        }
        if self.wait.is_zero() || self.wait > Duration::from_mins(1) {
            return refuse("hashing.wait", "is outside 1 ms to 60 s");
        }
        Ok(())
    }
}
