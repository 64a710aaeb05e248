//! Who is told of events, for administrators.

pub(super) mod webhook;
pub(super) mod webhooks;
