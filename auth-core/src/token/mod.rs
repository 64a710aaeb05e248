//! Tokens: what they are made with, made of, and checked by.

mod aead;
mod algorithm;
pub(crate) mod api_key;
pub(crate) mod browser;
pub(crate) mod claims;
pub(crate) mod current;
pub(crate) mod device;
pub(crate) mod jwks;
mod keys;
pub(crate) mod mac;
pub(crate) mod one_time;
mod opaque;
pub(crate) mod pem;
mod private_key;
mod public_key;
pub(crate) mod refresh;
pub(crate) mod rotation;
mod signing;
mod verifier;

pub(crate) use aead::{NonceBytes, Sealer};
pub use algorithm::Algorithm;
pub use keys::Keys;
pub(crate) use keys::derive;
pub(crate) use one_time::{OneTimeKeys, Purpose};
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub(crate) use refresh::RefreshKeys;
pub(crate) use signing::{Signer, SigningKey};
pub use verifier::TokenVerifier;
pub(crate) use verifier::VerifyingKey;
pub(crate) use verifier::{choose_crypto_provider, signature_only};
