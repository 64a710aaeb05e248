//! How often somebody may begin, and come back: in a bucket of its own for each network.

use super::{Failure, Oidc};
use crate::{
    Class, ClientInfo, Error,
    event::{EventKind, ThrottleReason},
    throttle::Buckets,
};

impl Oidc {
    /// Counts a start or a return until its outcome is known, or refuses it.
    pub(super) fn count(&self, client: &ClientInfo) -> Result<(), Error> {
        let kernel = &self.kernel;
        let Some(network) = kernel.throttle.network(client) else { return Ok(()) };
        self.buckets().take(network, kernel.now()).map_err(|retry_after| {
            let reason = ThrottleReason::Network;
            kernel.emit(client, EventKind::Throttled { user: None, reason });
            Error::Throttled { retry_after }
        })
    }

    /// Takes so many of them back.
    pub(super) fn give_back(&self, client: &ClientInfo, how_many: usize) {
        let kernel = &self.kernel;
        if let Some(network) = kernel.throttle.network(client) {
            (0..how_many).for_each(|_| self.buckets().give_back(network, kernel.now()));
        }
    }

    fn buckets(&self) -> &Buckets {
        self.set_up.buckets.get_or_init(|| Buckets::new(&self.kernel.config.throttle))
    }
}

/// Whether nothing that came with the request is to blame: it is our fault, or the provider's.
pub(super) fn is_no_fault_of_theirs(error: &Error) -> bool {
    Failure::of(error).is_some_and(Failure::is_the_providers)
        || matches!(
            error.class(),
            Class::Overloaded | Class::Unavailable | Class::BadGateway | Class::Internal
        )
}
