//! Checks access tokens. Needs no database and no private key.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, Validation};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    Algorithm, Assurance, Caller, Clock, ConfigError, Error, Principal, PublicKey, Revocations, SystemClock,
    Verified,
    clock::{duration_millis, from_millis, to_millis},
    principal::{Payload, Shown},
    token::{
        api_key,
        claims::{ACCESS_TYP, AccessClaims},
        current::Current,
        jwks,
        keys::{Keys, key_id},
        private_key,
    },
};

/// A longer token is refused unread.
const MAX_BYTES: usize = 8 * 1024;
/// How far ahead of our clock the issuer's may run.
const ISSUED_AHEAD_MILLIS: i64 = 60_000;

/// Turns the text of an access token into a [`Principal`], or refuses it.
///
/// Stricter than its parts: algorithm and key come from the own key set by `kid`, never from the token
/// (RFC 8725 section 3.1); `typ` must be `at+jwt` (RFC 9068); a `crit` header is refused (RFC 7515 section
/// 4.1.11); issuer and audience are compared as single strings; there is no leeway after `exp` unless set;
/// `iat` may be at most 60 s ahead.
///
/// Clones share their keys: when [`Auth::set_keys`](crate::Auth::set_keys) or [`set_jwks`](Self::set_jwks) replaces
/// them, every clone that was handed out verifies with the new ones.
#[derive(Clone)]
pub struct TokenVerifier {
    kernel: Arc<Kernel>,
}

#[derive(Clone)]
struct Kernel {
    keys: Arc<Current<Vec<VerifyingKey>>>,
    issuer: String,
    audience: String,
    leeway_millis: i64,
    revocations: Option<Revocations>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
pub(crate) struct VerifyingKey {
    id: String,
    key: DecodingKey,
    validation: Validation,
    /// When it is over, in unix milliseconds.
    end: Option<i64>,
}

/// The members of a header that decide; a repeated one is an error of serde's.
#[derive(Deserialize)]
struct Header {
    typ: String,
    kid: String,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

impl Header {
    /// `None` for what cannot be an access token.
    fn of(token: &str) -> Option<Self> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
        let header: Self = serde_json::from_slice(&header).ok()?;
        (header.crit.is_none() && header.typ == ACCESS_TYP).then_some(header)
    }
}

/// `Some` for any value, also for `null`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}

impl VerifyingKey {
    /// `ring`: the keys of the key ring, each with the time from which it no longer verifies.
    pub(crate) fn all<'a>(
        keys: &Keys,
        ring: impl Iterator<Item = (&'a PublicKey, Option<i64>)>,
    ) -> Result<Vec<Self>, ConfigError> {
        keys.validate()?;
        let mut all: Vec<_> = keys.public().map(|key| Self::public(key.id().to_owned(), key)).collect();
        all.extend(ring.map(|(key, end)| Self { end, ..Self::public(key.id().to_owned(), key) }));
        for algorithm in keys.hmac_algorithms() {
            // A previous secret that is too short for this algorithm never signed with it; refresh tokens may still
            // hang on it.
            for secret in keys.all().filter(|secret| algorithm.may_use(secret)) {
                let key = DecodingKey::from_secret(secret.expose());
                all.push(Self::new(key_id(secret, algorithm)?, algorithm, key));
            }
        }
        Ok(all)
    }

    fn published(json: &str) -> Result<Vec<Self>, ConfigError> {
        Ok(jwks::read(json)?.into_iter().map(|(id, key)| Self::public(id, &key)).collect())
    }

    fn new(id: String, algorithm: Algorithm, key: DecodingKey) -> Self {
        Self { id, key, validation: signature_only(algorithm.jwt()), end: None }
    }

    fn public(id: String, key: &PublicKey) -> Self {
        Self::new(id, key.algorithm(), key.decoding())
    }
}

impl TokenVerifier {
    /// A verifier for another service that shares the keys. One that should not be able to make tokens gets
    /// the public keys instead: [`from_jwks`](Self::from_jwks).
    ///
    /// # Errors
    /// [`ConfigError`] when a secret is too short for the algorithm, or the private key is missing, of another kind,
    /// or in the key ring, which only the issuer reads.
    pub fn new(
        keys: &Keys,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        if keys.ring_algorithm().is_some() {
            let problem = "is in the key ring; verify with the JWK set that the issuer publishes";
            return Err(ConfigError::new(private_key::SETTING, problem));
        }
        Ok(Self::with(VerifyingKey::all(keys, std::iter::empty())?, issuer, audience))
    }

    /// A verifier for another service, from the text of the issuer's JWK set (RFC 7517): what
    /// `GET /.well-known/jwks.json` answers, or [`Auth::jwks`](crate::Auth::jwks) returns. Keys that are not
    /// meant for verifying RS256, ES256 or EdDSA tokens, by their `kty`, `crv`, `alg`, `use` or `key_ops`,
    /// and those without `kid`, are passed over.
    ///
    /// ```no_run
    /// # fn fetch(_: &str) -> String { String::new() }
    /// use auth_core::TokenVerifier;
    ///
    /// let set = fetch("https://auth.example.com/.well-known/jwks.json");
    /// let verifier = TokenVerifier::from_jwks(&set, "https://auth.example.com", "https://api.example.com")?;
    /// # Ok::<(), auth_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when the text is no JWK set or longer than 64 KiB; when it has two keys of one `kid`, a
    /// symmetric or private key, a key whose numbers are wrong, an RSA key of fewer than 3072 bits; and when
    /// no key is left.
    pub fn from_jwks(
        json: &str,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        Ok(Self::with(VerifyingKey::published(json)?, issuer, audience))
    }

    pub(crate) fn with(
        keys: Vec<VerifyingKey>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Self {
        choose_crypto_provider();
        Self {
            kernel: Arc::new(Kernel {
                keys: Arc::new(Current::new(keys)),
                issuer: issuer.into(),
                audience: audience.into(),
                leeway_millis: 0,
                revocations: None,
                clock: Arc::new(SystemClock),
            }),
        }
    }

    /// Replaces the keys of this verifier and of all its clones, at once, by those of another JWK set: the issuer
    /// has changed its keys.
    ///
    /// # Errors
    /// As [`from_jwks`](Self::from_jwks); the keys from before then stay.
    pub fn set_jwks(&self, json: &str) -> Result<(), ConfigError> {
        self.kernel.keys.set(VerifyingKey::published(json)?);
        Ok(())
    }

    pub(crate) fn set_keys(&self, keys: Vec<VerifyingKey>) {
        self.kernel.keys.set(keys);
    }

    /// Whether this is the form of an access token, and its key is none of ours: the issuer may have a newer one
    /// since, and only then is there a point in asking for it. Says nothing of whether the token is genuine.
    pub fn lacks_key_of(&self, token: &str) -> bool {
        let keys = self.kernel.keys.get();
        Header::of(token).is_some_and(|header| !keys.iter().any(|key| key.id == header.kid))
    }

    /// Replaces the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        Arc::make_mut(&mut self.kernel).clock = clock;
        self
    }

    /// Accepts a token for so long after its end, for services whose clocks differ. Default: zero.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        Arc::make_mut(&mut self.kernel).leeway_millis = duration_millis(leeway);
        self
    }

    /// Also refuses what is known to have ended: sessions that were signed out or revoked, and roles that have
    /// changed. Without it a token is good until it expires; with it until the next poll
    /// ([`Auth::run_background`](crate::Auth::run_background)). No request reads the database for it.
    pub fn bounded(mut self, revocations: Revocations) -> Self {
        Arc::make_mut(&mut self.kernel).revocations = Some(revocations);
        self
    }

    /// Verifies a token of somebody who is signed in: signature first (ASVS 9.1.1), then every claim.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], whatever the reason; [`Error::SessionRequired`] for the good token of a service, and for what has
    /// the form of an API key, which is not looked at here; [`Error::RevocationsStale`] of a good token, from a
    /// [bounded](Self::bounded) verifier that was told how old its knowledge may be.
    pub fn verify(&self, token: &str) -> Result<Principal, Error> {
        if api_key::is_key(token) {
            return Err(Error::SessionRequired);
        }
        let caller = self.verify_any(token)?;
        caller.session()?;
        Ok(caller)
    }

    /// The same, and takes tokens that a service account got for its key as well: look at [`Principal::caller`], and at
    /// [`Principal::has_scope`].
    ///
    /// # Errors
    /// As [`verify`](Self::verify), but for [`Error::SessionRequired`].
    pub fn verify_any(&self, token: &str) -> Result<Principal, Error> {
        let caller = self.principal_of(token).ok_or(Error::InvalidToken)?;
        match &self.kernel.revocations {
            Some(revocations) if revocations.refuses(&caller) => Err(Error::InvalidToken),
            Some(revocations) if revocations.is_stale() => Err(Error::RevocationsStale),
            _ => Ok(caller),
        }
    }

    fn principal_of(&self, token: &str) -> Option<Principal> {
        let kernel = &*self.kernel;
        let header = Header::of(token)?;
        let keys = kernel.keys.get();
        let now = to_millis(kernel.clock.now());
        let key = keys.iter().find(|key| key.id == header.kid && key.end.is_none_or(|end| now < end))?;
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &key.key, &key.validation).ok()?.claims;

        let millis = |seconds: i64| seconds.saturating_mul(1000);
        let good = claims.iss == kernel.issuer
            && claims.aud == kernel.audience
            && now < millis(claims.exp).saturating_add(kernel.leeway_millis)
            && millis(claims.iat) <= now.saturating_add(ISSUED_AHEAD_MILLIS)
            && claims.nbf.is_none_or(|nbf| millis(nbf) <= now.saturating_add(kernel.leeway_millis));
        let scope = claims.scope.unwrap_or_default();
        let (caller, shown, auth_time, methods, scopes) =
            match (claims.sid, claims.auth_time, claims.amr, claims.client_id, claims.key_id) {
                (Some(session), Some(auth_time), Some(methods), None, None) => {
                    (Caller::Person, Shown::Session(session.into()), auth_time, methods, Vec::new())
                }
                // Nobody is present, so nobody has shown who they are.
                (None, None, None, Some(client), Some(key)) if client == claims.sub => {
                    let scopes = scope.split_whitespace().map(str::to_owned).collect();
                    (Caller::Service, Shown::Token(key.into(), claims.jti), 0, Vec::new(), scopes)
                }
                _ => return None,
            };
        good.then(|| Principal {
            user_id: claims.sub.into(),
            caller,
            shown,
            scopes,
            roles: claims.roles,
            roles_version: claims.roles_version,
            methods,
            assurance: claims.acr.as_deref().and_then(Assurance::named).unwrap_or_default(),
            authenticated_at: from_millis(millis(auth_time)),
            issued_at: from_millis(millis(claims.iat)),
            expires_at: from_millis(millis(claims.exp)),
            payload: Payload(token.split('.').nth(1).unwrap_or_default().into()),
            verified: if kernel.revocations.is_some() { Verified::Bounded } else { Verified::Stateless },
        })
    }
}

/// Only the signature, by this one algorithm: the claims are checked above, by the injected clock and with
/// rules that the library's own validation does not have (it accepts a missing `aud`, for one).
pub(crate) fn signature_only(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

/// A host that uses jsonwebtoken with another back end would leave it with two, and then it panics at its
/// first use unless one was chosen. If the host chose already, its choice stands.
pub(crate) fn choose_crypto_provider() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier")
            .field("issuer", &self.kernel.issuer)
            .field("audience", &self.kernel.audience)
            .finish_non_exhaustive()
    }
}
