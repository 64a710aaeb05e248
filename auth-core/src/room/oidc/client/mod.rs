//! Signing in with an account at a provider: Google, GitHub, any OpenID Connect issuer.
//!
//! [`Oidc::start`] gives an address at the provider for the browser to go to, and a value for a cookie of that browser;
//! [`Oidc::finish`] takes what the provider sends it back with. The manual's page on
//! [oidc](crate::manual::oidc) has the rules.
//!
//! ```no_run
//! # async fn run(db: sea_orm::DatabaseConnection, keys: auth_core::Keys) -> Result<(), Box<dyn std::error::Error>> {
//! use auth_core::{Auth, SignIn, oidc::{Callback, Config, Outcome, Provider, Start}};
//!
//! let providers = Config::new("https://app.example.com/oauth") // callbacks at /oauth/{provider}/callback
//!     .provider(Provider::google("client id", "client secret"))
//!     .provider(Provider::oidc("keycloak", "https://id.example.com/realms/main", "client id", "secret"));
//! let auth = Auth::builder(db, keys).oidc(providers).build()?;
//! let oidc = auth.oidc().ok_or("no provider")?;
//!
//! let authorization = oidc.start(Start::new("google").redirect_to("/welcome")).await?;
//! // Set a cookie of `authorization.browser`, HttpOnly, Secure, SameSite=Lax, and redirect to `authorization.url`.
//! # let (query, cookie) = ("", None);
//!
//! // GET /oauth/google/callback?{query}
//! let finished = oidc.finish(Callback::new("google", query).browser(cookie)).await?;
//! if let Outcome::SignedIn(SignIn::Granted(tokens)) = finished.outcome {
//!     // The refresh token into its cookie, and redirect to `finished.redirect_to`.
//! }
//! # Ok(())
//! # }
//! ```

mod callback;
mod check;
mod config;
mod discovery;
mod exchange;
mod failure;
mod finish;
mod http;
mod id_token;
mod identities;
mod person;
mod provider;
mod redirect;
mod settle;
mod start;
mod throttle;
mod tokens;
mod transaction;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use uuid::Uuid;

pub use self::{
    callback::Callback,
    config::Config,
    exchange::ProviderTokens,
    failure::{Failure, IDENTITY_NOT_FOUND, PROVIDER_NOT_FOUND},
    finish::{Finished, Outcome, Refused},
    person::TrustEmail,
    provider::Provider,
    start::{Authorization, Start},
};
pub(crate) use self::{check::check, identities::count_ways_in};
use self::{exchange::Connected, http::Trouble, redirect::Targets};
use super::identity::identities;
use crate::{
    Auth, AuthBuilder, ClientInfo, Error, Identity, Password, Principal, UserId, kernel::Kernel,
    task::detached, throttle::Buckets,
};

/// What the host set the room up with.
pub(crate) struct SetUp {
    all: Vec<Connected>,
    targets: Targets,
    known_identities_only: bool,
    /// Sign-ins of each network. Apart from passwords: these are asked for by addresses, which a page elsewhere can make a browser
    /// open, and it must not keep a right password out.
    buckets: OnceLock<Buckets>,
}

impl SetUp {
    fn named(&self, name: &str) -> Option<&Connected> {
        self.all.iter().find(|connected| connected.provider.name() == name)
    }
}

/// Sign-in at providers, from [`Auth::oidc`]. Cheap to clone.
#[derive(Clone)]
pub struct Oidc {
    kernel: Arc<Kernel>,
    set_up: Arc<SetUp>,
}

impl AuthBuilder {
    /// Lets people sign in at these providers, with [`Auth::oidc`]. Default: none.
    pub fn oidc(self, providers: Config) -> Self {
        self.set_up(|_| Ok(Arc::new(providers.build()?)))
    }
}

/// Sign-in at identity providers.
impl Auth {
    /// Sign-in at providers, if there is any ([`AuthBuilder::oidc`]).
    pub fn oidc(&self) -> Option<Oidc> {
        let set_up = self.kernel.set_up()?;
        Some(Oidc { kernel: Arc::clone(&self.kernel), set_up })
    }
}

impl Oidc {
    /// The providers' names, in the order in which they were configured.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.set_up.all.iter().map(|connected| connected.provider.name())
    }

    /// Begins a sign-in. It has ten minutes to come back.
    ///
    /// # Errors
    /// [`PROVIDER_NOT_FOUND`](crate::oidc::PROVIDER_NOT_FOUND); [`Error::Validation`] on `redirect_to`; [`Failure`](crate::oidc::Failure) when the provider cannot be had;
    /// [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn start(&self, start: Start) -> Result<Authorization, Error> {
        let oidc = self.clone();
        detached(async move { oidc.begin(start, None).await }).await
    }

    /// Begins to link an identity to the caller's account, so that it can sign in from then on. The password is asked for
    /// again; without one the sign-in has to be of the last five minutes (ASVS 7.5.1), at the provider too, if it was there
    /// ([`Start::max_age`]).
    /// Where mails reach their recipients, the address of the account has to be proved.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED); [`Error::Validation`] on `password`; [`Error::SessionOver`]; [`Error::Overloaded`].
    pub async fn start_link(
        &self,
        caller: &Principal,
        password: Option<Password>,
        start: Start,
    ) -> Result<Authorization, Error> {
        let (oidc, caller) = (self.clone(), caller.clone());
        oidc.look_at(&start)?;
        let user = Arc::clone(&oidc.kernel).confirm(&caller, password, "password", &start.client).await?;
        oidc.kernel.needs_proved_address(user.email_verified)?;
        detached(async move { oidc.begin(start, Some(&caller)).await }).await
    }

    /// Ends what [`start`](Self::start) or [`start_link`](Self::start_link) began: checks everything, and signs in.
    ///
    /// # Errors
    /// [`Refused`] tells why, and where to send the browser.
    pub async fn finish(&self, callback: Callback) -> Result<Finished, Refused> {
        let oidc = self.clone();
        let default = self.set_up.targets.default.clone();
        let finished = detached(async move { Ok(oidc.end(callback).await) }).await;
        finished.unwrap_or_else(|error| Err(self.refused(error, &default)))
    }

    /// Where to send a browser whose wish could not be fulfilled: to the page that it wanted, with `?error=` and the error's
    /// code. A page that is none of the allowed ones is not sent to.
    pub fn error_page(&self, redirect_to: Option<&str>, error: &Error) -> String {
        let targets = &self.set_up.targets;
        let place = redirect_to.and_then(|place| targets.allowed(place));
        targets.with_error(place.as_ref().unwrap_or(&targets.default), error.code())
    }

    /// The identities with which the caller can sign in, the oldest first.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn identities(&self, caller: &Principal) -> Result<Vec<Identity>, Error> {
        let user = self.kernel.current_user(caller).await?;
        identities(&self.kernel, user.id).await
    }

    /// Takes an identity away from the caller's account. Sessions that it began go on. The password is asked for again, as by
    /// [`start_link`](Self::start_link).
    ///
    /// # Errors
    /// [`Error::Validation`] on `password`; [`IDENTITY_NOT_FOUND`](crate::oidc::IDENTITY_NOT_FOUND) when it is not one of theirs; [`LAST_WAY_IN`](crate::refusal::LAST_WAY_IN) when the caller could not sign in any more;
    /// [`Error::StepUpRequired`]; [`Error::SessionOver`]; [`Error::Throttled`]; [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn unlink(
        &self,
        caller: &Principal,
        identity: Uuid,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let oidc = self.clone();
        let user = Arc::clone(&oidc.kernel).confirm(caller, password, "password", &client).await?;
        detached(async move { oidc.remove(&user, identity, &client).await }).await
    }

    /// The provider's tokens of a user's identity, if it was asked to [keep](Provider::keep_tokens) them: those of the last
    /// sign-in.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn provider_tokens(
        &self,
        user: UserId,
        identity: Uuid,
    ) -> Result<Option<ProviderTokens>, Error> {
        tokens::provider_tokens(&self.kernel, user, identity).await
    }

    fn refused(&self, error: Error, place: &str) -> Refused {
        Refused { redirect_to: self.set_up.targets.with_error(place, error.code()), error }
    }
}

/// Tells the log what the page is not told.
fn log(provider: &str, trouble: &Trouble, client: &ClientInfo) {
    let (code, request_id) = (trouble.failure.code(), client.request_id.as_deref());
    tracing::warn!(provider, code, request_id, detail = trouble.detail, "a provider's answer is of no use");
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.providers()).finish()
    }
}
