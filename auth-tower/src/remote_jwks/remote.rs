use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use auth_core::Principal;
use tokio::sync::watch;

use super::{
    FetchError, Issuer, RemoteJwksBuilder,
    cache::{Advice, Cache, Keys, Limits},
    fetch::Fetcher,
};
use crate::{ConfigError, problem::Problem};

/// The public keys of an issuer elsewhere: verifies its access tokens without a database and without a secret.
///
/// The keys are what the issuer answers to `GET /.well-known/jwks.json`. They are fetched when the first token comes, or
/// by [`load`](Self::load), and kept as long as the issuer's `Cache-Control` says, but a minute at least and an hour at
/// most; five minutes if it says nothing, and from an [`AuthService`](crate::AuthService). In the last fifth of that
/// time newer ones are fetched while the old ones decide, so that with requests coming in nobody waits. A key that the
/// issuer took back is accepted for that time at most, as long as the issuer can be reached.
///
/// **A key that is not known** is asked for at once, once for all requests that wait for it. There is at most one fetch
/// in ten seconds, whatever is sent; a token of an unknown key is refused in between (401).
///
/// **While the issuer is away**, or its set is not usable, the keys at hand decide for another hour
/// ([`keep_while_away`](RemoteJwksBuilder::keep_while_away)). A token that they cannot decide is answered 503
/// `unavailable` with `Retry-After` and not 401: it may be good. Each fetch that fails is a warning in the log.
///
/// Only the configured address is asked, over `https` unless it is on loopback. Redirects are not followed, proxies not
/// used; an answer may take 5 s and have 64 KiB. What a token says of keys (`jku`, `x5u`, `jwk`) is never read.
///
/// Cheap to clone; clones share their keys. Needs a tokio runtime.
///
/// ```
/// use auth_tower::{AuthLayer, RemoteJwks, axum::CurrentUser};
/// use axum::{Router, routing::get};
///
/// fn app() -> Result<Router, auth_tower::ConfigError> {
///     let keys = RemoteJwks::new(
///         "https://auth.example.com/.well-known/jwks.json",
///         "https://auth.example.com", // `iss` of its tokens
///         "https://auth.example.com", // `aud` of its tokens
///     )?;
///     Ok(Router::new()
///         .route("/", get(async |CurrentUser(caller): CurrentUser| caller.user_id().to_string()))
///         .layer(AuthLayer::required(keys)))
/// }
/// # app().unwrap();
/// ```
#[derive(Clone)]
pub struct RemoteJwks {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: Issuer,
    fetcher: Fetcher,
    state: Mutex<State>,
}

struct State {
    cache: Cache,
    flight: Option<Flight>,
}

/// A fetch under way. Its task holds the other end and sends nothing; when it ends, in whatever way, that is closed.
type Flight = watch::Receiver<()>;

/// Why nobody has been let in, so far.
enum Held {
    Wait(Flight),
    Refused,
    Unavailable(Duration),
}

impl RemoteJwks {
    /// The keys at `url`, of the issuer that calls itself `issuer` (claim `iss`), for tokens that were made for
    /// `audience` (claim `aud`).
    ///
    /// # Errors
    /// As [`RemoteJwksBuilder::build`]: the address is none, or not `https`.
    pub fn new(url: &str, issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        Self::builder(url, issuer, audience).build()
    }

    /// The same, with settings.
    pub fn builder(url: &str, issuer: &str, audience: &str) -> RemoteJwksBuilder {
        RemoteJwksBuilder::new(url, issuer, audience)
    }

    pub(super) fn with(issuer: Issuer, fetcher: Fetcher, limits: Limits) -> Self {
        let state = Mutex::new(State { cache: Cache::new(limits), flight: None });
        Self { inner: Arc::new(Inner { issuer, fetcher, state }) }
    }

    /// Makes sure that there are keys: at the start, so that a wrong address shows then and the first request need not
    /// wait. A service that should start also while the issuer is away does not call it, or goes on after an error.
    ///
    /// # Errors
    /// [`FetchError`] when there are none.
    pub async fn load(&self) -> Result<(), FetchError> {
        let mut waited = false;
        while let Err(held) = self.ask(waited, Cache::advice) {
            let Held::Wait(flight) = held else {
                let failure = self.inner.lock().cache.failure().cloned();
                return Err(failure.unwrap_or_else(|| FetchError::new("the fetch was given up")));
            };
            landed(flight).await;
            waited = true;
        }
        Ok(())
    }

    /// Verifies a token that came in another way than a request behind an [`AuthLayer`](crate::AuthLayer). Waits only
    /// if there are no keys yet, or none that is the token's.
    ///
    /// # Errors
    /// 401 `invalid_token`, or 503 `unavailable` where only the issuer could tell, and cannot be asked.
    pub async fn verify(&self, token: &str) -> Result<Principal, Problem> {
        signed_in(self.verify_any(token).await)
    }

    /// The same, and takes the tokens of service accounts as well.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), which also refuses these with 403 `session_required`.
    pub async fn verify_any(&self, token: &str) -> Result<Principal, Problem> {
        let mut waited = false;
        loop {
            match self.verdict(token, waited) {
                Ok(result) => return result,
                Err(flight) => landed(flight).await,
            }
            waited = true;
        }
    }

    /// `None` if there is something to wait for. `any`: also callers without a session.
    pub(crate) fn verify_now(&self, token: &str, any: bool) -> Option<Result<Principal, Problem>> {
        let verdict = self.verdict(token, false).ok()?;
        Some(if any { verdict } else { signed_in(verdict) })
    }

    /// Nothing to wait for once the caller has `waited`.
    fn verdict(&self, token: &str, waited: bool) -> Result<Result<Principal, Problem>, Flight> {
        match self.look(token, waited) {
            Ok(caller) => Ok(Ok(caller)),
            Err(Held::Wait(flight)) => Err(flight),
            Err(Held::Refused) => Ok(Err(Problem::invalid_token())),
            Err(Held::Unavailable(wait)) => Ok(Err(Problem::unavailable(wait))),
        }
    }

    fn look(&self, token: &str, waited: bool) -> Result<Principal, Held> {
        let mut keys = self.ask(waited, Cache::advice)?;
        loop {
            match keys.verifier.verify_any(token) {
                Ok(caller) => return Ok(caller),
                Err(_) if !keys.verifier.lacks_key_of(token) => return Err(Held::Refused),
                Err(_) => {}
            }
            keys =
                self.ask(waited, |cache, now, may_wait| cache.advice_for_unknown_key(&keys, now, may_wait))?;
        }
    }

    /// Does as the cache advises: the keys to verify with, or what else is to be done.
    fn ask(
        &self,
        waited: bool,
        advice: impl FnOnce(&Cache, SystemTime, bool) -> Advice,
    ) -> Result<Keys, Held> {
        let mut state = self.inner.lock();
        let now = self.inner.issuer.clock.now();
        let may_wait = !waited && (state.is_in_flight() || state.cache.may_ask(now));
        match advice(&state.cache, now, may_wait) {
            Advice::Verify(keys) => Ok(keys),
            Advice::VerifyAndFetch(keys) => {
                self.flight(&mut state, now);
                Ok(keys)
            }
            Advice::Wait => Err(Held::Wait(self.flight(&mut state, now))),
            Advice::Refuse => Err(Held::Refused),
            Advice::Unavailable(wait) => Err(Held::Unavailable(wait)),
        }
    }

    /// The fetch under way, or a new one. A task of its own: a request that is given up does not end the fetch that
    /// others wait for.
    fn flight(&self, state: &mut State, now: SystemTime) -> Flight {
        if let Some(flight) = state.flight.as_ref().filter(|_| state.is_in_flight()) {
            return flight.clone();
        }
        let (landing, flight) = watch::channel(());
        state.cache.asked(now);
        state.flight = Some(flight.clone());
        let this = self.clone();
        tokio::spawn(async move {
            this.fetch(now).await;
            drop(landing);
        });
        flight
    }

    async fn fetch(&self, began: SystemTime) {
        let Inner { issuer, fetcher, .. } = &*self.inner;
        let answer = fetcher.fetch().await;
        let answer = answer.and_then(|(json, max_age)| Ok((issuer.verifier(&json)?, max_age)));
        let error = answer.as_ref().err().cloned();
        let was_away = {
            let mut state = self.inner.lock();
            let was_away = state.cache.failure().is_some();
            state.cache.answered(began, answer);
            was_away
        };
        match error {
            Some(error) => {
                tracing::warn!(issuer = issuer.name, %error, "the issuer's keys cannot be fetched");
            }
            None if was_away => {
                tracing::info!(issuer = issuer.name, "the issuer's keys can be fetched again");
            }
            None => {}
        }
    }
}

async fn landed(mut flight: Flight) {
    // Nothing is ever sent; what it waits for is the end.
    let _ = flight.changed().await;
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_in_flight(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.has_changed().is_ok())
    }
}

impl fmt::Debug for RemoteJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwks")
            .field("issuer", &self.inner.issuer.name)
            .field("audience", &self.inner.issuer.audience)
            .finish_non_exhaustive()
    }
}

fn signed_in(verified: Result<Principal, Problem>) -> Result<Principal, Problem> {
    verified.and_then(|caller| match caller.session_id() {
        Some(_) => Ok(caller),
        None => Err(Problem::session_required()),
    })
}
