use std::{fmt, net::IpAddr};

use auth_core::{Auth, ClientInfo, Principal, TokenVerifier, machine::is_key};
use http::{HeaderValue, Request};

use super::future::Verifying;
#[cfg(feature = "jwks")]
use crate::RemoteJwks;
use crate::{ClientAddr, headers::given_request_id, problem::Problem};

/// What an [`AuthLayer`](super::AuthLayer) checks tokens with. Made by `into()`, from a [`TokenVerifier`], or from a
/// `RemoteJwks` (feature `jwks`).
#[derive(Clone)]
pub struct TokenVerification {
    keys: Keys,
    strict: Option<Auth>,
    machines: Machines,
}

/// Whether callers without a session get through to the doors inside.
#[derive(Clone)]
enum Machines {
    Refused,
    /// With the token of a service account.
    ByToken,
    /// And by an API key, which is looked up here.
    ByKey(Auth),
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
        Self { keys, strict: None, machines: Machines::Refused }
    }

    pub(super) fn strict(self, auth: Auth) -> Self {
        Self { strict: Some(auth), ..self }
    }

    pub(super) fn any_caller(self) -> Self {
        Self { machines: Machines::ByToken, ..self }
    }

    pub(super) fn api_keys(self, auth: Auth) -> Self {
        Self { machines: Machines::ByKey(auth), ..self }
    }

    /// `request` is the one that the token came with.
    pub(super) fn verify<B>(&self, token: &str, request: &Request<B>) -> Verdict {
        let request_id = given_request_id(request.headers()).cloned();
        let verdict = if is_key(token) {
            let Machines::ByKey(auth) = &self.machines else {
                return Verdict::Now(Err(Problem::session_required()));
            };
            let address = request.extensions().get().map(|ClientAddr(ip)| *ip);
            Verdict::Later(Box::pin(look_up(auth.clone(), token.to_owned(), address, request_id.clone())))
        } else {
            self.keys.verify(token, !matches!(self.machines, Machines::Refused))
        };
        let Some(auth) = self.strict.clone() else { return verdict };
        Verdict::Later(match verdict {
            Verdict::Now(Err(problem)) => return Verdict::Now(Err(problem)),
            Verdict::Now(Ok(principal)) => Box::pin(read_again(auth, principal, request_id)),
            Verdict::Later(verifying) => {
                Box::pin(async move { read_again(auth, verifying.await?, request_id).await })
            }
        })
    }
}

impl Keys {
    /// `any`: also callers without a session.
    fn verify(&self, token: &str, any: bool) -> Verdict {
        match self {
            Self::Here(verifier) => {
                let caller = if any { verifier.verify_any(token) } else { verifier.verify(token) };
                Verdict::Now(caller.map_err(Problem::from))
            }
            #[cfg(feature = "jwks")]
            Self::Elsewhere(remote) => remote.verify_now(token, any).map_or_else(
                || {
                    let (remote, token) = (remote.clone(), token.to_owned());
                    Verdict::Later(Box::pin(async move {
                        if any { remote.verify_any(&token).await } else { remote.verify(&token).await }
                    }))
                },
                Verdict::Now,
            ),
        }
    }
}

async fn look_up(
    auth: Auth,
    key: String,
    address: Option<IpAddr>,
    request_id: Option<HeaderValue>,
) -> Result<Principal, Problem> {
    let machines = auth.machines().ok_or_else(Problem::session_required)?;
    let client = address.map_or_else(ClientInfo::default, |ip| ClientInfo::default().ip(ip));
    let verified = machines.verify(&key, &client).await;
    verified.map_err(|error| Problem::of_rule(error, request_id.as_ref()))
}

/// As the database has the caller.
async fn read_again(
    auth: Auth,
    principal: Principal,
    request_id: Option<HeaderValue>,
) -> Result<Principal, Problem> {
    let read = if principal.session_id().is_some() {
        auth.verify_session(&principal).await
    } else {
        let machines = auth.machines().ok_or_else(Problem::session_required)?;
        machines.current(&principal).await
    };
    read.map_err(|error| Problem::of_rule(error, request_id.as_ref()))
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
            .finish_non_exhaustive()
    }
}
