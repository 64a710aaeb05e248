use std::fmt;

use auth_core::{Auth, Principal, TokenVerifier};
use http::{HeaderMap, HeaderValue};

use super::future::Verifying;
#[cfg(feature = "jwks")]
use crate::RemoteJwks;
use crate::{headers::given_request_id, problem::Problem};

/// What an [`AuthLayer`](super::AuthLayer) checks tokens with. Made by `into()`, from a [`TokenVerifier`], or from a
/// `RemoteJwks` (feature `jwks`).
#[derive(Clone)]
pub struct TokenVerification {
    keys: Keys,
    strict: Option<Auth>,
}

#[derive(Clone)]
enum Keys {
    Here(TokenVerifier),
    #[cfg(feature = "jwks")]
    Elsewhere(RemoteJwks),
}

/// What comes of it.
pub(super) enum Verdict {
    Now(Result<Principal, Problem>),
    Later(Verifying),
}

impl TokenVerification {
    fn new(keys: Keys) -> Self {
        Self { keys, strict: None }
    }

    pub(super) fn strict(self, auth: Auth) -> Self {
        Self { strict: Some(auth), ..self }
    }

    /// `headers` are those that the token came with.
    pub(super) fn verify(&self, token: &str, headers: &HeaderMap) -> Verdict {
        let verdict = self.keys.verify(token);
        let Some(auth) = &self.strict else { return verdict };
        let (auth, request_id) = (auth.clone(), given_request_id(headers).cloned());
        Verdict::Later(match verdict {
            Verdict::Now(Err(problem)) => return Verdict::Now(Err(problem)),
            Verdict::Now(Ok(principal)) => Box::pin(read_session(auth, principal, request_id)),
            Verdict::Later(verifying) => {
                Box::pin(async move { read_session(auth, verifying.await?, request_id).await })
            }
        })
    }
}

impl Keys {
    fn verify(&self, token: &str) -> Verdict {
        match self {
            Self::Here(verifier) => Verdict::Now(verifier.verify(token).map_err(Problem::from)),
            #[cfg(feature = "jwks")]
            Self::Elsewhere(remote) => remote.verify_now(token).map_or_else(
                || {
                    let (remote, token) = (remote.clone(), token.to_owned());
                    Verdict::Later(Box::pin(async move { remote.verify(&token).await }))
                },
                Verdict::Now,
            ),
        }
    }
}

async fn read_session(
    auth: Auth,
    principal: Principal,
    request_id: Option<HeaderValue>,
) -> Result<Principal, Problem> {
    let session = auth.verify_session(&principal).await;
    session.map_err(|error| Problem::of_rule(error, request_id.as_ref()))
}

impl From<TokenVerifier> for TokenVerification {
    fn from(verifier: TokenVerifier) -> Self {
        Self::new(Keys::Here(verifier))
    }
}

#[cfg(feature = "jwks")]
impl From<RemoteJwks> for TokenVerification {
    fn from(remote: RemoteJwks) -> Self {
        Self::new(Keys::Elsewhere(remote))
    }
}

impl fmt::Debug for TokenVerification {
    #[cfg_attr(
        not(feature = "jwks"),
        expect(clippy::infallible_destructuring_match, reason = "there is a second one with the feature")
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: &dyn fmt::Debug = match &self.keys {
            Keys::Here(verifier) => verifier,
            #[cfg(feature = "jwks")]
            Keys::Elsewhere(remote) => remote,
        };
        f.debug_struct("TokenVerification")
            .field("keys", keys)
            .field("strict", &self.strict.is_some())
            .finish()
    }
}
