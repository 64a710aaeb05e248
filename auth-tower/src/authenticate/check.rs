use std::fmt;

use auth_core::{Principal, TokenVerifier};

use super::future::Check;
#[cfg(feature = "jwks")]
use crate::RemoteJwks;
use crate::problem::Problem;

/// What an [`AuthLayer`](super::AuthLayer) checks tokens with. Made by `into()`, from one of these:
///
/// | from | what it needs | a revocation takes effect |
/// | --- | --- | --- |
/// | [`TokenVerifier`] of [`Auth::verifier`](auth_core::Auth::verifier) | the keys, here | when the token expires |
/// | the same, [bounded](TokenVerifier::bounded) | and a task that polls the database | after the next poll |
/// | `RemoteJwks` (feature `jwks`) | the address of the issuer's public keys | when the token expires |
#[derive(Clone)]
pub struct TokenCheck(Kind);

#[derive(Clone)]
enum Kind {
    Verifier(TokenVerifier),
    #[cfg(feature = "jwks")]
    Remote(RemoteJwks),
}

/// What comes of a check.
pub(super) enum Verdict {
    Now(Result<Principal, Problem>),
    #[cfg_attr(
        not(feature = "jwks"),
        expect(dead_code, reason = "only keys that are fetched are waited for")
    )]
    Later(Check),
}

impl TokenCheck {
    pub(super) fn verify(&self, token: &str) -> Verdict {
        match &self.0 {
            Kind::Verifier(verifier) => Verdict::Now(verifier.verify(token).map_err(Problem::from)),
            #[cfg(feature = "jwks")]
            Kind::Remote(remote) => remote.verify_now(token).map_or_else(
                || {
                    let (remote, token) = (remote.clone(), token.to_owned());
                    Verdict::Later(Box::pin(async move { remote.verify(&token).await }))
                },
                Verdict::Now,
            ),
        }
    }
}

impl From<TokenVerifier> for TokenCheck {
    fn from(verifier: TokenVerifier) -> Self {
        Self(Kind::Verifier(verifier))
    }
}

#[cfg(feature = "jwks")]
impl From<RemoteJwks> for TokenCheck {
    fn from(remote: RemoteJwks) -> Self {
        Self(Kind::Remote(remote))
    }
}

impl fmt::Debug for TokenCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Verifier(verifier) => verifier.fmt(f),
            #[cfg(feature = "jwks")]
            Kind::Remote(remote) => remote.fmt(f),
        }
    }
}
