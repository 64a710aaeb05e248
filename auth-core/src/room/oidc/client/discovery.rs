//! What an issuer publishes about itself: its addresses and its keys, kept for a while.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use url::Url;

use super::{
    Failure, Provider,
    http::{Caller, HttpClient, Trouble},
};

/// How long both are kept. A key that is not among them is asked for sooner.
const KEPT: i64 = 60 * 60 * 1000;
/// How much longer they are used while the issuer cannot be had.
const KEPT_WHILE_AWAY: i64 = 24 * 60 * 60 * 1000;
/// The least time between two attempts: after one that failed, and for a key that nobody knows.
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
    /// Each answer names the issuer.
    pub(super) answers_name_issuer: bool,
    pub(super) keys: JwkSet,
}

/// Who is asked, and how.
pub(super) struct Issuer<'a> {
    pub(super) provider: &'a Provider,
    /// What it calls itself, which is its address too.
    pub(super) name: &'a str,
    pub(super) http: &'a HttpClient,
}

/// The newest that is known, and when to ask again.
#[derive(Default)]
pub(super) struct Cache {
    entry: tokio::sync::Mutex<Entry>,
}

#[derive(Default)]
struct Entry {
    known: Option<Arc<Known>>,
    fetched_at: i64,
    tried_at: Option<i64>,
}

impl Cache {
    /// What is known. Of several who ask at once one fetches, and the others wait for it; after an attempt that failed
    /// nobody tries for a moment, so that nobody waits for a dead provider behind others.
    pub(super) async fn get(&self, issuer: &Issuer<'_>, now: i64) -> Result<Arc<Known>, Trouble> {
        let mut entry = self.entry.lock().await;
        if let Some(known) = &entry.known
            && now < entry.fetched_at.saturating_add(KEPT)
        {
            return Ok(Arc::clone(known));
        }
        let fetched = if entry.rests(now) {
            let detail = "it could not be had a moment ago".to_owned();
            Err(Trouble { failure: Failure::ProviderUnavailable, detail })
        } else {
            entry.fetch(issuer, now).await
        };
        match (fetched, &entry.known) {
            (Ok(known), _) => Ok(known),
            (Err(trouble), Some(known))
                if trouble.failure.is_passing()
                    && now < entry.fetched_at.saturating_add(KEPT + KEPT_WHILE_AWAY) =>
            {
                tracing::warn!(
                    provider = issuer.provider.name,
                    "what is known of it is used on: {}",
                    trouble.detail
                );
                Ok(Arc::clone(known))
            }
            (Err(trouble), _) => Err(trouble),
        }
    }

    /// What is known after another look, for a key that is not in `seen`; the same again if there was a look just now.
    pub(super) async fn newer(
        &self,
        seen: &Arc<Known>,
        issuer: &Issuer<'_>,
        now: i64,
    ) -> Result<Arc<Known>, Trouble> {
        let mut entry = self.entry.lock().await;
        match &entry.known {
            Some(known) if !Arc::ptr_eq(known, seen) => Ok(Arc::clone(known)),
            _ if entry.rests(now) => Ok(Arc::clone(seen)),
            _ => entry.fetch(issuer, now).await,
        }
    }
}

impl Entry {
    fn rests(&self, now: i64) -> bool {
        self.tried_at.is_some_and(|tried| now.abs_diff(tried) < REST)
    }

    async fn fetch(&mut self, issuer: &Issuer<'_>, now: i64) -> Result<Arc<Known>, Trouble> {
        let fetched = fetch(issuer).await;
        // Only now: whoever leaves while it is under way keeps nobody from trying.
        self.tried_at = Some(now);
        let known = Arc::new(fetched?);
        (self.known, self.fetched_at) = (Some(Arc::clone(&known)), now);
        Ok(known)
    }
}

async fn fetch(issuer: &Issuer<'_>) -> Result<Known, Trouble> {
    let Issuer { provider, name, http } = *issuer;
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
