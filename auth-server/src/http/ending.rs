//! Whether the program was told to end and still answers, so that whoever distributes requests notices first.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending(Arc<AtomicBool>);

impl Ending {
    /// `false`: it had begun already.
    pub(crate) fn begin(&self) -> bool {
        !self.0.swap(true, Relaxed)
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Relaxed)
    }
}
