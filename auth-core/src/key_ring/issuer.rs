//! Makes access tokens.

use std::time::Duration;

use super::Ring;
use crate::{
    AccessToken, ApiKeyId, Assurance, Claims, Config, ConfigError, Error, Keys, SessionId, UserId,
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

/// What a token of a service account says. Times are unix milliseconds.
pub(crate) struct ServiceGrant<'a> {
    pub(crate) account: UserId,
    pub(crate) key: ApiKeyId,
    pub(crate) scopes: &'a [String],
    pub(crate) roles: &'a [String],
    /// Of the account.
    pub(crate) version: i64,
    /// Beyond which no token that it was shown for may live.
    pub(crate) key_expires_at: i64,
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
            sid: Some(grant.session_id.as_uuid()),
            auth_time: Some(grant.authenticated_at.div_euclid(1000)),
            amr: Some(grant.methods.split_whitespace().map(str::to_owned).collect()),
            acr: Some(Assurance::of_methods(grant.methods).name().to_owned()),
            ..self.claims(grant.user_id, grant.roles, grant.roles_version, (iat, exp), random)?
        };
        Ok((self.sign_access(&claims, grant.claims, now)?, lifetime(iat, exp)))
    }

    /// The same of a service account.
    pub(crate) fn issue_to_service(
        &self,
        grant: &ServiceGrant<'_>,
        now: i64,
        random: &dyn Random,
    ) -> Result<(AccessToken, Duration), Error> {
        let iat = now.div_euclid(1000);
        let end = now.saturating_add(self.ttl_millis).min(grant.key_expires_at);
        let exp = end.div_euclid(1000);
        let claims = AccessClaims {
            client_id: Some(grant.account.as_uuid()),
            key_id: Some(grant.key.as_uuid()),
            scope: (!grant.scopes.is_empty()).then(|| grant.scopes.join(" ")),
            ..self.claims(grant.account, grant.roles, grant.version, (iat, exp), random)?
        };
        Ok((self.sign_access(&claims, &Claims::new(), now)?, lifetime(iat, exp)))
    }

    /// What both have.
    fn claims(
        &self,
        account: UserId,
        roles: &[String],
        roles_version: i64,
        (iat, exp): (i64, i64),
        random: &dyn Random,
    ) -> Result<AccessClaims, Error> {
        Ok(AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: account.as_uuid(),
            sid: None,
            client_id: None,
            key_id: None,
            scope: None,
            jti: random::uuid(random)?,
            iat,
            exp,
            nbf: None,
            auth_time: None,
            roles: roles.to_vec(),
            roles_version,
            amr: None,
            acr: None,
        })
    }

    /// `more` are of the host's.
    fn sign_access(&self, claims: &AccessClaims, more: &Claims, now: i64) -> Result<AccessToken, Error> {
        let mut claims = serde_json::to_vec(claims).map_err(Error::internal)?;
        if !more.is_empty() {
            let more = serde_json::to_vec(more).map_err(Error::internal)?;
            // The members of one object behind those of the other.
            claims.pop();
            claims.push(b',');
            claims.extend(more.into_iter().skip(1));
        }
        self.signer(now)?.sign(&claims).map_err(Error::internal)
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

fn lifetime(iat: i64, exp: i64) -> Duration {
    Duration::from_secs(u64::try_from(exp.saturating_sub(iat)).unwrap_or(0))
}
