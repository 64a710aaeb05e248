//! From the code of a callback to a person: OpenID Connect Core sections 3.1.3 and 5.3.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::{
    Failure, Provider,
    discovery::{Cache, Issuer, Known, printable},
    http::{Asker, Caller, Trouble},
    id_token::{Expected, Unverified},
    person::Person,
    provider::Kind,
};
use crate::{AccessToken, Clock, ConfigError, RefreshToken, clock::to_millis};

/// For all that a provider is asked on one occasion.
const PATIENCE: Duration = Duration::from_secs(12);

/// A provider, with a way to ask it.
pub(super) struct Connected {
    pub(super) provider: Provider,
    pub(super) callback: Url,
    pub(super) http: Asker,
    cache: Cache,
}

/// The two secrets of a transaction that a provider gets to see, and the code that it gave.
pub(super) struct Proof<'a> {
    pub(super) code: &'a str,
    pub(super) verifier: &'a str,
    pub(super) nonce: &'a str,
}

/// Somebody whom a provider has vouched for.
pub(super) struct Vouched {
    pub(super) person: Person,
    pub(super) tokens: ProviderTokens,
}

/// What a provider gave for use at its own doors. Kept only if the host asks for it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProviderTokens {
    /// For the provider's API.
    pub access_token: AccessToken,
    /// For a new one, if the provider gives that.
    pub refresh_token: Option<RefreshToken>,
    /// How long the access token was good for when it was given, in seconds, if the provider said so.
    pub expires_in: Option<u64>,
}

/// RFC 6749 section 5.1, and `id_token`. A failure has `error` instead, at GitHub with the status 200.
#[derive(Deserialize)]
struct TokenResponse {
    error: Option<String>,
    access_token: Option<Zeroizing<String>>,
    refresh_token: Option<Zeroizing<String>>,
    id_token: Option<Zeroizing<String>>,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    email: Option<Value>,
    email_verified: Option<Value>,
}

impl Connected {
    pub(super) fn new(mut provider: Provider, callbacks: &Url) -> Result<Self, ConfigError> {
        provider.validate()?;
        let http = Asker::new(&provider)?;
        let mut callback = callbacks.clone();
        if let Ok(mut path) = callback.path_segments_mut() {
            path.pop_if_empty().extend([provider.name.as_str(), "callback"]);
        }
        Ok(Self { provider, callback, http, cache: Cache::default() })
    }

    /// What the issuer publishes; `None` for a provider that publishes nothing.
    pub(super) async fn known(&self, clock: &dyn Clock) -> Result<Option<Arc<Known>>, Trouble> {
        match &self.provider.kind {
            Kind::Oidc { issuer } => self.cache.get(&self.issuer(issuer, clock)).await.map(Some),
            Kind::GitHub { .. } => Ok(None),
        }
    }

    /// Several requests may be needed, and others may be waited for: all of it has an end before the person's patience has.
    pub(super) async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let answer = tokio::time::timeout(PATIENCE, asking).await;
        answer.unwrap_or_else(|_| {
            let detail = format!("{} needs longer than {PATIENCE:?}", self.provider.name);
            Err(Trouble { failure: Failure::ProviderUnavailable, detail })
        })
    }

    /// The issuer to the letter, where there is one that could be named in an answer.
    pub(super) fn openid_issuer(&self) -> Option<&str> {
        match &self.provider.kind {
            Kind::Oidc { issuer } => Some(issuer),
            Kind::GitHub { .. } => None,
        }
    }

    fn issuer<'a>(&'a self, name: &'a str, clock: &'a dyn Clock) -> Issuer<'a> {
        Issuer { provider: &self.provider, name, http: &self.http, clock }
    }

    pub(super) async fn vouch(
        &self,
        known: Option<Arc<Known>>,
        proof: &Proof<'_>,
        clock: &dyn Clock,
    ) -> Result<Vouched, Trouble> {
        match (&self.provider.kind, known) {
            (Kind::Oidc { issuer }, Some(known)) => self.vouch_by_id_token(issuer, known, proof, clock).await,
            (Kind::GitHub { base, api }, _) => self.vouch_by_github(base, api, proof).await,
            (Kind::Oidc { .. }, None) => Err(Failure::ProviderUnavailable.into()),
        }
    }

    async fn vouch_by_id_token(
        &self,
        issuer: &str,
        known: Arc<Known>,
        proof: &Proof<'_>,
        clock: &dyn Clock,
    ) -> Result<Vouched, Trouble> {
        let response = self.exchange(&known.token_endpoint, proof, known.secret_in_body).await?;
        let id_token = response.id_token.as_ref().ok_or(Failure::IdTokenMissing)?;
        let expected = Expected {
            issuer,
            client_id: &self.provider.client_id,
            audiences: &self.provider.audiences,
            nonce: proof.nonce,
            access_token: response.access_token.as_ref().map(|token| token.as_str()),
            now: to_millis(clock.now()),
        };
        let unverified = Unverified::parse(id_token, &known)?;
        let (mut person, known) = match unverified.verify(&known, &expected) {
            // Signed by a key that is newer than what is known, unless the key is known by its name.
            Err(Failure::IdTokenKey | Failure::IdTokenSignature) if !unverified.names_key_of(&known) => {
                let newer = self.cache.newer(&known, &self.issuer(issuer, clock)).await?;
                (unverified.verify(&newer, &expected)?, newer)
            }
            verified => (verified?, known),
        };
        let Some(access_token) = &response.access_token else {
            return Err(Trouble::bad("the token endpoint gave no access token"));
        };
        if person.is_incomplete()
            && let Some(endpoint) = &known.userinfo_endpoint
        {
            match self.user_info(endpoint, access_token).await {
                // Section 5.3.2: or an access token that was swapped would bring in somebody else's address.
                Ok(info) if info.sub != person.subject => return Err(Failure::UserInfoSubject.into()),
                Ok(info) => person.complete(info.email.as_ref(), info.email_verified.as_ref()),
                // Nothing is lost that was there without it: the address is not verified. But where the operator vouches for
                // the address, a "no" may have been missed.
                Err(trouble) if person.email.is_some() && !self.provider.trusts_unasked() => {
                    tracing::debug!(
                        provider = self.provider.name,
                        "without the user info: {}",
                        trouble.detail
                    );
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(Vouched { person, tokens: tokens(&response, access_token) })
    }

    async fn user_info(&self, endpoint: &Url, access_token: &str) -> Result<UserInfo, Trouble> {
        self.http.get(endpoint, Caller::Bearer(access_token)).await?.ok_json("the user info")
    }

    async fn exchange(
        &self,
        endpoint: &Url,
        proof: &Proof<'_>,
        secret_in_body: bool,
    ) -> Result<TokenResponse, Trouble> {
        let (id, secret) = (self.provider.client_id.as_str(), self.provider.client_secret.expose());
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", proof.code),
            ("redirect_uri", self.callback.as_str()),
            ("code_verifier", proof.verifier),
        ];
        let caller = if secret_in_body {
            fields.extend([("client_id", id), ("client_secret", secret)]);
            Caller::Nobody
        } else {
            Caller::Basic { id, secret }
        };
        let answer = self.http.post_form(endpoint, caller, &fields).await?;
        if answer.is_passing() {
            return Err(answer.unexpected("the exchange of the code"));
        }
        let response: Result<TokenResponse, Trouble> = answer.json("the answer of the token endpoint");
        match response {
            Ok(TokenResponse { error: Some(error), .. }) => {
                let detail = format!("the token endpoint says `{}`", printable(&error));
                Err(Trouble { failure: Failure::ProviderRefused, detail })
            }
            Ok(response) if answer.status == http::StatusCode::OK => Ok(response),
            Err(trouble) if answer.status == http::StatusCode::OK => Err(trouble),
            _ => Err(answer.unexpected("the exchange of the code")),
        }
    }

    /// GitHub speaks OAuth 2 without ID tokens: who it is, its API tells.
    async fn vouch_by_github(&self, base: &str, api: &str, proof: &Proof<'_>) -> Result<Vouched, Trouble> {
        #[derive(Deserialize)]
        struct User {
            id: u64,
        }
        #[derive(Deserialize)]
        struct Address {
            email: String,
            primary: bool,
            verified: bool,
        }
        let response = self.exchange(&below(base, "/login/oauth/access_token")?, proof, true).await?;
        let access_token = response.access_token.as_ref();
        let access_token =
            access_token.ok_or_else(|| Trouble::bad("the token endpoint gave no access token"))?;
        let user: User = self.of_api(api, "/user", access_token).await?;
        let addresses: Vec<Address> = self.of_api(api, "/user/emails", access_token).await?;
        let primary = addresses.into_iter().find(|address| address.primary);
        let email_verified = primary.as_ref().map(|address| address.verified);
        let person = Person {
            subject: user.id.to_string(),
            email: primary.map(|address| address.email),
            email_verified,
            // GitHub never tells when somebody signed in there.
            authenticated_at: None,
            has_shown_several: false,
        };
        Ok(Vouched { person, tokens: tokens(&response, access_token) })
    }

    async fn of_api<T: DeserializeOwned>(&self, api: &str, path: &str, token: &str) -> Result<T, Trouble> {
        self.http.get(&below(api, path)?, Caller::Bearer(token)).await?.ok_json(path)
    }
}

/// An address under one that was checked when the provider was configured.
pub(super) fn below(base: &str, path: &str) -> Result<Url, Trouble> {
    Url::parse(&format!("{}{path}", base.trim_end_matches('/')))
        .map_err(|_| Trouble::bad("the base is no address"))
}

fn tokens(response: &TokenResponse, access_token: &str) -> ProviderTokens {
    ProviderTokens {
        access_token: AccessToken::new(access_token),
        refresh_token: response.refresh_token.as_ref().map(|token| RefreshToken::new(token.as_str())),
        expires_in: response.expires_in.as_ref().and_then(Value::as_u64),
    }
}
