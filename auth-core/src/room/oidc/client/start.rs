//! Sends a browser to a provider.

use super::{
    Failure, Oidc, PROVIDER_NOT_FOUND, Trouble,
    discovery::Known,
    exchange::{Connected, below},
    provider::{GOOGLE, Kind},
    throttle::is_no_fault_of_theirs,
    transaction::{self, About, Transaction, VALID_FOR},
};
use crate::{BrowserToken, ClientInfo, Error, FieldError, Principal, RefreshToken, SessionId};
use std::time::Duration;
use url::Url;

/// How a sign-in at a provider begins.
#[derive(Debug, Clone)]
pub struct Start {
    provider: String,
    redirect_to: Option<String>,
    replacing: Option<RefreshToken>,
    max_age: Option<Duration>,
    pub(super) client: ClientInfo,
}

impl Start {
    /// At this provider, by its name.
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            redirect_to: None,
            replacing: None,
            max_age: None,
            client: ClientInfo::default(),
        }
    }

    /// The page to come back to: a path of this origin, or an address of an allowed one. Default: the configured page.
    pub fn redirect_to(mut self, page: impl Into<String>) -> Self {
        self.redirect_to = Some(page.into());
        self
    }

    /// The refresh token that the browser holds already: its session ends when the sign-in succeeds. It is asked for here
    /// because a browser that comes back from another site does not send it along.
    pub fn replacing(mut self, token: RefreshToken) -> Self {
        self.replacing = Some(token);
        self
    }

    /// Wants a sign-in at the provider that is not older than this: with zero the person has to sign in there again, for what
    /// wants a recent one here. A provider that does not tell when it was (GitHub among them) is none for it:
    /// [`Failure::SignInNotRecent`](super::Failure::SignInNotRecent). Default: an older one will do.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Who asks.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }
}

/// What a browser needs to go on at the provider.
#[derive(Debug)]
#[non_exhaustive]
pub struct Authorization {
    /// Where to send it.
    pub url: String,
    /// A name for its cookie, `[0-9a-f]{32}`: each sign-in has its own, so that several can be under way in one browser, and
    /// names are in the order of time.
    pub cookie_name: String,
    /// The value of its cookie: `HttpOnly`, `Secure`, and `SameSite=Lax`, as the way back leads through another site.
    pub browser: BrowserToken,
    /// The cookie's lifetime.
    pub expires_in: Duration,
}

impl Oidc {
    /// What can be said without asking anybody: the provider, and the page to come back to.
    pub(super) fn look_at(&self, start: &Start) -> Result<(&Connected, String), Error> {
        let connected = self.set_up.named(&start.provider).ok_or(Error::Refused(PROVIDER_NOT_FOUND))?;
        let targets = &self.set_up.targets;
        let redirect_to = match &start.redirect_to {
            None => targets.default.clone(),
            Some(page) => targets.allowed(page).ok_or_else(|| {
                let rule = "must be a path of this service, or an address of an origin that is allowed";
                Error::Validation(vec![FieldError::new("redirect_to", "not_allowed", rule)])
            })?,
        };
        Ok((connected, redirect_to))
    }

    /// To be called [detached](crate::task::detached).
    pub(super) async fn begin(
        &self,
        start: Start,
        links: Option<&Principal>,
    ) -> Result<Authorization, Error> {
        let (connected, redirect_to) = self.look_at(&start)?;
        // It writes a row and asks a provider; who has signed in gets it back.
        self.count(&start.client)?;
        let client = start.client.clone();
        let begun = self.go(connected, redirect_to, start, links).await;
        if begun.as_ref().is_err_and(is_no_fault_of_theirs) {
            self.give_back(&client, 1);
        }
        begun
    }

    async fn go(
        &self,
        connected: &Connected,
        redirect_to: String,
        start: Start,
        links: Option<&Principal>,
    ) -> Result<Authorization, Error> {
        if start.max_age.is_some() && connected.openid_issuer().is_none() {
            return Err(Failure::SignInNotRecent.into());
        }
        let known = connected.in_time(connected.known(self.kernel.clock.as_ref())).await;
        let known = known.map_err(|trouble| {
            super::log(&start.provider, &trouble, &start.client);
            Error::from(trouble.failure)
        })?;
        let replaces = match &start.replacing {
            Some(token) => self.kernel.genuine(token).await?.map(|session| session.id.as_uuid()),
            None => None,
        };
        let about = About {
            provider: start.provider,
            redirect_to,
            replaces,
            links_in: links.and_then(Principal::session_id).map(SessionId::as_uuid),
            device: self.kernel.device_shown(&start.client),
            max_age: start.max_age.map(|age| age.as_secs()),
        };
        let begun = transaction::begin(&self.kernel, links.map(Principal::user_id), about).await?;
        let url = authorization_url(connected, known.as_deref(), &begun);
        let url = url.map_err(|trouble| Error::Internal(trouble.detail.into()))?;
        Ok(Authorization {
            url: url.into(),
            cookie_name: begun.id.simple().to_string(),
            browser: begun.browser_token(),
            expires_in: VALID_FOR,
        })
    }
}

/// RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core section 3.1.2.1.
fn authorization_url(
    connected: &Connected,
    known: Option<&Known>,
    begun: &Transaction,
) -> Result<Url, Trouble> {
    let provider = &connected.provider;
    let mut url = match (&provider.kind, known) {
        (Kind::GitHub { base, .. }, _) => below(base, "/login/oauth/authorize")?,
        (Kind::Oidc { .. }, Some(known)) => known.authorization_endpoint.clone(),
        (Kind::Oidc { .. }, None) => return Err(Trouble::bad("the issuer is not known")),
    };
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", connected.callback.as_str())
        .append_pair("scope", &provider.scopes.join(" "))
        .append_pair("state", &begun.state)
        .append_pair("code_challenge", &begun.challenge())
        .append_pair("code_challenge_method", "S256");
    let Some(known) = known else { return Ok(url) };
    url.query_pairs_mut().append_pair("nonce", &begun.nonce);
    if let Some(age) = begun.about.max_age {
        url.query_pairs_mut().append_pair("max_age", &age.to_string());
        // Zero is nothing to some, who go on with the sign-in that they have. Google refuses whoever asks it to prompt for one.
        let takes_it = known
            .prompts
            .as_ref()
            .map_or(provider.issuer() != GOOGLE, |all| all.iter().any(|prompt| prompt == "login"));
        if age == 0 && takes_it {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
    }
    Ok(url)
}
