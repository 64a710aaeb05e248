//! Makes access tokens.

use std::time::Duration;

use super::Ring;
use crate::{
    AccessToken, Assurance, Claims, Config, ConfigError, Error, Keys, SessionId, UserId,
    clock::duration_millis,
    random::{self, Random},
    token::{Signer, claims::AccessClaims},
};

/// Signs access tokens; the other half, [`TokenVerifier`](crate::TokenVerifier), is a type of its own.
pub(crate) struct TokenIssuer {
    signs: Signs,
    issuer: String,
    audience: String,
    ttl_millis: i64,
}

enum Signs {
    /// The secret or the private key.
    One(Box<Signer>),
    /// The key whose turn it is.
    Ring(Ring),
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
    /// What the host wants to be told besides; none of the names that stand above.
    pub(crate) claims: &'a Claims,
}

impl TokenIssuer {
    pub(crate) fn new(keys: &Keys, ring: &Ring, config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            signs: keys
                .signer()?
                .map_or_else(|| Signs::Ring(ring.clone()), |signer| Signs::One(Box::new(signer))),
            issuer: config.tokens.issuer.clone(),
            audience: config.tokens.audience.clone(),
            ttl_millis: duration_millis(config.tokens.access_ttl),
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
            acr: Some(Assurance::of_methods(grant.methods).name().to_owned()),
        };
        let mut claims = serde_json::to_vec(&claims).map_err(Error::internal)?;
        if !grant.claims.is_empty() {
            let more = serde_json::to_vec(grant.claims).map_err(Error::internal)?;
            // The members of one object behind those of the other.
            claims.pop();
            claims.push(b',');
            claims.extend(more.into_iter().skip(1));
        }
        let token = self.signer(now)?.sign(&claims).map_err(Error::internal)?;
        let lifetime = Duration::from_secs(u64::try_from(exp - iat).unwrap_or(0));
        Ok((token, lifetime))
    }

    /// Signs claims as a token of another kind, by its header `typ`.
    pub(crate) fn sign(&self, typ: &str, claims: &[u8], now: i64) -> Result<String, Error> {
        self.signer(now)?.sign_as(typ, claims).map_err(Error::internal)
    }

    fn signer(&self, now: i64) -> Result<&Signer, Error> {
        match &self.signs {
            Signs::One(signer) => Ok(signer),
            Signs::Ring(ring) => ring.signer(now).ok_or(Error::NoSigningKey),
        }
    }
}
