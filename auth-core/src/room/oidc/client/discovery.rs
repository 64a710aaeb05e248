//! What an issuer publishes about itself: its addresses and its keys, kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use url::Url;

use super::{
    Failure, Provider,
    http::{Asker, Caller, Trouble},
};
use crate::{Clock, clock::to_millis};

/// How long both are kept. A key that is not among them is asked for sooner.
const KEPT: i64 = 60 * 60 * 1000;
/// How much longer they are used while the issuer cannot be had.
const KEPT_WHILE_AWAY: i64 = 24 * 60 * 60 * 1000;
/// The least time from the end of one attempt to the next: after one that failed, and for a key that nobody knows.
const REST: u64 = 5 * 1000;
/// A set with more keys than any issuer has.
const MAX_KEYS: usize = 100;

/// OpenID Connect Discovery 1.0 section 3, RFC 8414, RFC 9207: what is used of it.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    userinfo_endpoint: Option<Url>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    prompt_values_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is known of an issuer.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    /// `None`: not told, so each that is accepted at all.
    pub(super) algorithms: Option<Vec<String>>,
    /// The client's secret goes into the body rather than into a header.
    pub(super) secret_in_body: bool,
    /// What it can be asked to prompt for (Initiating User Registration via OpenID Connect 1.0). `None`: not told.
    pub(super) prompts: Option<Vec<String>>,
    /// Each answer names the issuer.
    pub(super) answers_name_issuer: bool,
    pub(super) keys: JwkSet,
}

/// Who is asked, and how.
pub(super) struct Issuer<'a> {
    pub(super) provider: &'a Provider,
    /// What it calls itself, which is its address too.
    pub(super) name: &'a str,
    pub(super) http: &'a Asker,
    pub(super) clock: &'a dyn Clock,
}

impl Issuer<'_> {
    fn now(&self) -> i64 {
        to_millis(self.clock.now())
    }
}

/// The newest that is known, and when to ask again.
#[derive(Default)]
pub(super) struct Cache {
    entry: Mutex<Entry>,
    /// Held by whoever asks the issuer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct Entry {
    known: Option<Arc<Known>>,
    fetched_at: i64,
    /// When the last attempt ended, however it did.
    tried_at: Option<i64>,
    has_failed: bool,
}

impl Cache {
    /// What is known. Of several who ask at once for the first time one fetches, and the others wait for it. Once an attempt
    /// has failed nobody waits behind another: for a moment nobody tries, then one does, and whoever comes meanwhile is told
    /// at once that the provider is away, or goes on with what was known before.
    pub(super) async fn get(&self, issuer: &Issuer<'_>) -> Result<Arc<Known>, Trouble> {
        let entry = self.entry().clone();
        if let Some(known) = entry.fresh(issuer.now()) {
            return Ok(known);
        }
        let turn = if entry.has_failed || entry.stale(issuer.now()).is_some() {
            self.asking.try_lock().ok()
        } else {
            Some(self.asking.lock().await)
        };
        // Once more: another may have had its turn meanwhile.
        let (entry, now) = (self.entry().clone(), issuer.now());
        if let Some(known) = entry.fresh(now) {
            return Ok(known);
        }
        let fetched = if turn.is_none() || entry.rests(now) {
            let detail = "it could not be had a moment ago".to_owned();
            Err(Trouble { failure: Failure::ProviderUnavailable, detail })
        } else {
            self.fetch(issuer).await
        };
        match (fetched, entry.stale(now)) {
            (Err(trouble), Some(known)) if trouble.failure.is_passing() => {
                let provider = issuer.provider.name.as_str();
                tracing::warn!(provider, "what is known of it is used on: {}", trouble.detail);
                Ok(known)
            }
            (fetched, _) => fetched,
        }
    }

    /// What is known after another look, for a key that is not in `seen`; the same again if there was a look just now.
    pub(super) async fn newer(&self, seen: &Arc<Known>, issuer: &Issuer<'_>) -> Result<Arc<Known>, Trouble> {
        let _turn = self.asking.lock().await;
        let entry = self.entry().clone();
        match entry.known {
            Some(known) if !Arc::ptr_eq(&known, seen) => Ok(known),
            _ if entry.rests(issuer.now()) => Ok(Arc::clone(seen)),
            _ => self.fetch(issuer).await,
        }
    }

    /// To be called by whoever has the turn.
    async fn fetch(&self, issuer: &Issuer<'_>) -> Result<Arc<Known>, Trouble> {
        let fetched = fetch(issuer).await.map(Arc::new);
        // Only now: whoever leaves while it is under way keeps nobody from trying, and an attempt that took long is followed
        // by as long a rest as one that took no time.
        let (mut entry, now) = (self.entry(), issuer.now());
        entry.tried_at = Some(now);
        entry.has_failed = fetched.is_err();
        if let Ok(known) = &fetched {
            (entry.known, entry.fetched_at) = (Some(Arc::clone(known)), now);
        }
        fetched
    }

    /// A panic elsewhere leaves what was known, whole.
    fn entry(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn fresh(&self, now: i64) -> Option<Arc<Known>> {
        self.known.clone().filter(|_| now < self.fetched_at.saturating_add(KEPT))
    }

    /// What does while the issuer cannot be had.
    fn stale(&self, now: i64) -> Option<Arc<Known>> {
        self.known.clone().filter(|_| now < self.fetched_at.saturating_add(KEPT + KEPT_WHILE_AWAY))
    }

    fn rests(&self, now: i64) -> bool {
        self.tried_at.is_some_and(|tried| now.abs_diff(tried) < REST)
    }
}

async fn fetch(issuer: &Issuer<'_>) -> Result<Known, Trouble> {
    let Issuer { provider, name, http, .. } = *issuer;
    let address = format!("{}/.well-known/openid-configuration", name.trim_end_matches('/'));
    let address = Url::parse(&address).map_err(|_| Trouble::bad("the issuer is no address"))?;
    let document: Document = http.get(&address, Caller::Nobody).await?.ok_json("the issuer's document")?;
    // To the letter (OpenID Connect Discovery section 4.3): or an issuer could speak for another one.
    if document.issuer != name {
        return Err(Trouble::bad(format!(
            "the document is of the issuer `{}`; if that is the one you mean, configure it to the letter",
            printable(&document.issuer)
        )));
    }
    for (name, url) in [("token_endpoint", &document.token_endpoint), ("jwks_uri", &document.jwks_uri)] {
        if !provider.may_contact(url) {
            return Err(not_allowed(name, url));
        }
    }
    if !provider.may_speak_with(&document.authorization_endpoint) {
        return Err(not_allowed("authorization_endpoint", &document.authorization_endpoint));
    }
    let userinfo_endpoint = document.userinfo_endpoint.filter(|url| {
        let may = provider.may_contact(url);
        if !may {
            tracing::debug!(provider = provider.name, "{}", not_allowed("userinfo_endpoint", url).detail);
        }
        may
    });
    let keys: JwkSet = http.get(&document.jwks_uri, Caller::Nobody).await?.ok_json("the key set")?;
    if keys.keys.len() > MAX_KEYS {
        return Err(Trouble::bad(format!("the key set has more than {MAX_KEYS} keys")));
    }
    let methods = document.token_endpoint_auth_methods_supported;
    let takes =
        |method: &str| methods.as_ref().is_some_and(|methods| methods.iter().any(|own| own == method));
    Ok(Known {
        authorization_endpoint: document.authorization_endpoint,
        token_endpoint: document.token_endpoint,
        userinfo_endpoint,
        algorithms: document.id_token_signing_alg_values_supported,
        // Where nothing is said it is the header (OpenID Connect Discovery section 3).
        secret_in_body: !takes("client_secret_basic") && takes("client_secret_post"),
        prompts: document.prompt_values_supported,
        answers_name_issuer: document.authorization_response_iss_parameter_supported,
        keys,
    })
}

fn not_allowed(name: &str, url: &Url) -> Trouble {
    Trouble::bad(format!(
        "the document names `{}` as host of {name}; add it to the provider's hosts if that is right, and it must be https",
        printable(&super::provider::authority(url))
    ))
}

/// Somebody else's text, fit for a line of the log.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(100).collect()
}
