//! Second factors: the second step of a sign-in, recent proof, and setting an app up.

pub(super) mod authenticator;
pub(super) mod challenge;
pub(super) mod confirm;
pub(super) mod device;
mod enrol;
pub(super) mod passkey;
