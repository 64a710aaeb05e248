//! Who may vouch for users.

use std::fmt;

use url::Url;

use super::TrustEmail;
use crate::{ConfigError, Password, email::normalize_domain, http_client::is_loopback};

const SETTING: &str = "oidc provider";
pub(super) const GOOGLE: &str = "https://accounts.google.com";
const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";

/// An identity provider, and this service's registration with it.
#[derive(Clone)]
pub struct Provider {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) client_id: String,
    /// Held like a password: no `Debug` prints it.
    pub(super) client_secret: Password,
    pub(super) scopes: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) root_certificates: Vec<Vec<u8>>,
    pub(super) insecure_http: bool,
    pub(super) keeps_tokens: bool,
    pub(super) audiences: Vec<String>,
    pub(super) trust_email: TrustEmail,
    pub(super) trusts_amr: bool,
    /// Normalised, once they were checked.
    pub(super) domains: Vec<String>,
}

/// How a provider is spoken to.
#[derive(Clone)]
pub(super) enum Kind {
    /// OpenID Connect: everything else is in the document that the issuer publishes.
    Oidc { issuer: String },
    /// OAuth 2 and an API of GitHub's own.
    GitHub { base: String, api: String },
}

impl Provider {
    /// Google, under the name `google`. The callback is `{callback_url}/google/callback`.
    pub fn google(client_id: impl Into<String>, client_secret: impl Into<Password>) -> Self {
        let provider = Self::oidc("google", GOOGLE, client_id, client_secret);
        ["oauth2.googleapis.com", "www.googleapis.com", "openidconnect.googleapis.com"]
            .into_iter()
            .fold(provider, Self::host)
    }

    /// GitHub, under the name `github`: an OAuth app, not a GitHub app. Only its primary address counts, if it is verified.
    pub fn github(client_id: impl Into<String>, client_secret: impl Into<Password>) -> Self {
        let kind = Kind::GitHub { base: GITHUB.to_owned(), api: GITHUB_API.to_owned() };
        Self::new("github", kind, client_id, client_secret).scope("user:email")
    }

    /// Any OpenID Connect issuer: Keycloak, Entra, Authentik, Okta, ... `name` is `[a-z0-9_-]`, at most 32 of them, and
    /// part of the callback's address, `{callback_url}/{name}/callback`. `issuer` is to the letter what the issuer calls itself.
    ///
    /// Its word counts: an address that it calls verified signs in to the account that has proved the same address here.
    /// Take only issuers that you would let reset your users' passwords.
    pub fn oidc(
        name: impl Into<String>,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<Password>,
    ) -> Self {
        let kind = Kind::Oidc { issuer: issuer.into() };
        Self::new(name, kind, client_id, client_secret).scope("openid").scope("email")
    }

    fn new(
        name: impl Into<String>,
        kind: Kind,
        client_id: impl Into<String>,
        client_secret: impl Into<Password>,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            scopes: Vec::new(),
            hosts: Vec::new(),
            root_certificates: Vec::new(),
            insecure_http: false,
            keeps_tokens: false,
            audiences: Vec::new(),
            trust_email: TrustEmail::default(),
            trusts_amr: false,
            domains: Vec::new(),
        }
    }

    /// Takes other addresses for GitHub and its API, without a slash at the end: those of a GitHub Enterprise server,
    /// `https://github.example.com` and `https://github.example.com/api/v3`. Of no use to other providers.
    pub fn github_at(mut self, base: impl Into<String>, api: impl Into<String>) -> Self {
        if let Kind::GitHub { .. } = self.kind {
            self.kind = Kind::GitHub { base: base.into(), api: api.into() };
        }
        self
    }

    /// Asks for one more scope. Default: `openid email`, for GitHub `user:email`; nothing else is needed.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        let scope = scope.into();
        if !self.scopes.contains(&scope) {
            self.scopes.push(scope);
        }
        self
    }

    /// Contacts one more host, `host` or `host:port`, if the issuer's document names it. Default: the issuer's own host only,
    /// so that the document cannot send requests of this service anywhere else (ASVS 1.3.6, 13.2.4).
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Trusts these certification authorities, in PEM, and no others: for a provider whose certificate is of a private one.
    /// May be called again for more. Default: those of Mozilla's list, which are compiled in.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Speaks plain http with hosts that are not this machine. Whoever is on the way can then sign in as any user.
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Keeps the provider's access token, and its refresh token if it gave one, for
    /// [`Oidc::provider_tokens`](super::Oidc::provider_tokens): encrypted. Default: they are forgotten at once.
    pub fn keep_tokens(mut self) -> Self {
        self.keeps_tokens = true;
        self
    }

    /// Takes ID tokens that are for this audience too, beside the client id: Zitadel's project and the other clients of it. They
    /// have to say that they were given to this client (`azp`). May be called again for more. Default: for this client only.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Which of its addresses count. Default: [`TrustEmail::Verified`].
    pub fn trust_email(mut self, trust: TrustEmail) -> Self {
        self.trust_email = trust;
        self
    }

    /// Takes its word that somebody showed two factors there: `mfa` among the `amr` of its ID token (RFC 8176) counts as a second
    /// factor here, and none is asked for. Default: a sign-in there is one factor, whatever it was. Of no use with GitHub, which has
    /// no ID tokens: it is refused.
    pub fn trust_amr(mut self) -> Self {
        self.trusts_amr = true;
        self
    }

    /// Lets addresses of this domain sign up, or join an account, through this provider, and no others: `example.com`, without
    /// those below it. May be called again for more. Default: of any domain.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domains.push(domain.into());
        self
    }

    /// What the provider is called in addresses, lists and logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first half of an identity's key.
    pub(super) fn issuer(&self) -> &str {
        match &self.kind {
            Kind::Oidc { issuer } => issuer,
            Kind::GitHub { base, .. } => base,
        }
    }

    pub(super) fn validate(&mut self) -> Result<(), ConfigError> {
        self.validate_trust()?;
        let refuse = |problem: &str| Err(ConfigError::new(SETTING, format!("`{}` {problem}", self.name)));
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if !(1..=32).contains(&self.name.len()) || !self.name.bytes().all(is_name) {
            return Err(ConfigError::new(SETTING, "has a name that is not 1 to 32 of [a-z0-9_-]"));
        }
        if self.client_id.is_empty() || self.client_secret.expose().is_empty() {
            return refuse("needs a client id and a client secret");
        }
        let is_scope = |scope: &String| {
            !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
        };
        if !self.scopes.iter().all(is_scope) {
            return refuse(
                "has a scope with a space or another character that no scope has (RFC 6749 section 3.3)",
            );
        }
        if self.issuer().len() > 255 {
            return refuse("has an issuer of more than 255 characters");
        }
        let addresses = match &self.kind {
            Kind::Oidc { issuer } => vec![issuer],
            Kind::GitHub { base, api } => vec![base, api],
        };
        for address in addresses {
            match Url::parse(address) {
                Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                    return refuse("has an address with a query or a fragment");
                }
                Ok(url) if self.may_speak_with(&url) => {}
                _ => {
                    return refuse(
                        "needs a whole https address, as https://id.example.com; http is for this machine only",
                    );
                }
            }
        }
        Ok(())
    }

    fn validate_trust(&mut self) -> Result<(), ConfigError> {
        let refuse = |problem: &str| Err(ConfigError::new(SETTING, format!("`{}` {problem}", self.name)));
        let domains =
            self.domains.iter().map(|domain| normalize_domain(domain)).collect::<Result<Vec<_>, _>>();
        let Ok(domains) = domains else { return refuse("has a domain that is none, as example.com") };
        if self.audiences.iter().any(String::is_empty) {
            return refuse("has an empty audience");
        }
        if self.trusts_amr && matches!(self.kind, Kind::GitHub { .. }) {
            return refuse("has no ID tokens that could tell of a second factor");
        }
        if self.trust_email == TrustEmail::Always {
            if domains.is_empty() {
                return refuse(
                    "is trusted with each of its addresses: name the domains that are yours to vouch for",
                );
            }
            if is_of_many_tenants(self.issuer()) {
                return refuse(
                    "has users of other tenants, whose addresses nobody can vouch for; take the tenant's own issuer",
                );
            }
        }
        self.domains = domains;
        Ok(())
    }

    /// Whether an address is one that this service may send requests to.
    pub(super) fn may_contact(&self, url: &Url) -> bool {
        let own = match &self.kind {
            Kind::Oidc { issuer } => [issuer, issuer],
            Kind::GitHub { base, api } => [base, api],
        };
        let mut own = own.into_iter().filter_map(|address| Url::parse(address).ok());
        let host = authority(url);
        self.may_speak_with(url) && (own.any(|own| authority(&own) == host) || self.hosts.contains(&host))
    }

    /// Whether the way there is safe.
    pub(super) fn may_speak_with(&self, url: &Url) -> bool {
        let is_plain = url.username().is_empty() && url.password().is_none() && url.host_str().is_some();
        is_plain
            && (url.scheme() == "https" || url.scheme() == "http" && (self.insecure_http || is_here(url)))
    }
}

/// `host`, or `host:port` where the port is not that of the scheme.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Entra's issuers of everybody: each may have an account there with any address that nobody checked. The number is the tenant
/// of personal accounts.
fn is_of_many_tenants(issuer: &str) -> bool {
    const EVERYBODY: [&str; 4] =
        ["common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"];
    let Ok(url) = Url::parse(issuer) else { return false };
    let tenant = url.path_segments().and_then(|mut segments| segments.find(|segment| !segment.is_empty()));
    tenant.is_some_and(|tenant| EVERYBODY.iter().any(|name| tenant.eq_ignore_ascii_case(name)))
}

fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback)
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.name)
            .field("issuer", &self.issuer())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
