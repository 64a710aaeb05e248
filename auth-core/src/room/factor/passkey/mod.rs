//! Passkeys (WebAuthn Level 3).

mod verify;
