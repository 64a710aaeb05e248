//! Makes access tokens.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Header;

use crate::{
    AccessToken, Config, ConfigError, Error, SessionId, UserId,
    clock::duration_millis,
    random::{self, Random},
    token::{
        claims::{ACCESS_TYP, AccessClaims},
        keys::Keys,
        signing::SigningKey,
    },
};

/// Signs access tokens; the other half, [`TokenVerifier`](crate::TokenVerifier), is a type of its own.
pub(crate) struct TokenIssuer {
    /// Encoded, as it is the same for every token.
    header: String,
    key: SigningKey,
    issuer: String,
    audience: String,
    ttl_millis: i64,
}

/// What an access token says. Times are unix milliseconds.
pub(crate) struct Grant<'a> {
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) roles: &'a [String],
    pub(crate) roles_version: i64,
    pub(crate) methods: &'a str,
    pub(crate) authenticated_at: i64,
    /// The end of the session, beyond which no token of it may live.
    pub(crate) session_expires_at: i64,
}

impl TokenIssuer {
    pub(crate) fn new(keys: &Keys, config: &Config) -> Result<Self, ConfigError> {
        let (algorithm, key_id, key) = keys.signing()?;
        let mut header = Header::new(algorithm.jwt());
        header.typ = Some(ACCESS_TYP.to_owned());
        header.kid = Some(key_id);
        let header = serde_json::to_vec(&header)
            .map_err(|_| ConfigError::new("algorithm", "cannot be written into a header"))?;
        Ok(Self {
            header: URL_SAFE_NO_PAD.encode(header),
            key,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            ttl_millis: duration_millis(config.access_ttl),
        })
    }

    /// Signs a token for `now` (unix milliseconds); also returns how long it is good for, in whole seconds.
    pub(crate) fn issue(
        &self,
        grant: &Grant<'_>,
        now: i64,
        random: &dyn Random,
    ) -> Result<(AccessToken, Duration), Error> {
        let iat = now.div_euclid(1000);
        let end = now.saturating_add(self.ttl_millis).min(grant.session_expires_at);
        let exp = end.div_euclid(1000);
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: grant.user_id.as_uuid(),
            sid: grant.session_id.as_uuid(),
            jti: random::uuid(random)?,
            iat,
            exp,
            nbf: None,
            auth_time: grant.authenticated_at.div_euclid(1000),
            roles: grant.roles.to_vec(),
            roles_version: grant.roles_version,
            amr: grant.methods.split_whitespace().map(str::to_owned).collect(),
        };
        let claims = serde_json::to_vec(&claims).map_err(Error::internal)?;
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(token.as_bytes()).map_err(Error::internal)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        let lifetime = Duration::from_secs(u64::try_from(exp - iat).unwrap_or(0));
        Ok((AccessToken::new(token), lifetime))
    }
}
