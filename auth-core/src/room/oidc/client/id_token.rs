//! Checks ID tokens: OpenID Connect Core section 3.1.3.7, with the signature first (ASVS 9.1.1, RFC 8725).

use aws_lc_rs::digest::{self, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Number, Value};

use super::{
    Failure,
    discovery::Known,
    person::{Person, verified},
};
use crate::{
    assurance::MFA,
    token::{choose_crypto_provider, signature_only},
};

/// A longer token is refused unread.
const MAX_BYTES: usize = 32 * 1024;
/// How far ahead of our clock the issuer's may run.
const AHEAD_MILLIS: i64 = 60_000;

/// What is accepted at all, with the name in headers: no `none`, and nothing with a shared secret, which would make whoever
/// knows the client's secret an issuer.
const ACCEPTED: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// What a token has to be for.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// Others for whom it may be too.
    pub(super) audiences: &'a [String],
    pub(super) nonce: &'a str,
    pub(super) access_token: Option<&'a str>,
    /// In unix milliseconds.
    pub(super) now: i64,
}

/// The members of a header that decide; a repeated one is an error of serde's.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: Number,
    iat: Number,
    nbf: Option<Number>,
    nonce: Option<String>,
    at_hash: Option<String>,
    auth_time: Option<Value>,
    amr: Option<Value>,
    email: Option<Value>,
    email_verified: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Many(audiences) => audiences,
        }
    }

    /// For this client, and for nobody else but those who are trusted: who else would accept it could be the one who stole it.
    fn fits(&self, client_id: &str, trusted: &[String]) -> bool {
        let is_known = |audience: &String| audience == client_id || trusted.contains(audience);
        self.all().iter().any(|audience| audience == client_id) && self.all().iter().all(is_known)
    }

    fn is_shared(&self, client_id: &str) -> bool {
        self.all().iter().any(|audience| audience != client_id)
    }
}

/// A token whose header was read, and nothing believed yet.
pub(super) struct Unverified<'a> {
    token: &'a str,
    header: Header,
    algorithm: Algorithm,
}

impl<'a> Unverified<'a> {
    pub(super) fn parse(token: &'a str, known: &Known) -> Result<Self, Failure> {
        let read = || {
            let header = token.split('.').next().filter(|_| token.len() <= MAX_BYTES)?;
            serde_json::from_slice::<Header>(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
        };
        let header = read().ok_or(Failure::IdTokenMalformed)?;
        // An access token that an issuer signs with the same key says so (RFC 9068).
        let is_jwt = header.typ.as_ref().is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
        if header.crit.is_some() || !is_jwt {
            return Err(Failure::IdTokenMalformed);
        }
        let announced =
            |name: &str| known.algorithms.as_ref().is_none_or(|all| all.iter().any(|one| one == name));
        let accepted = ACCEPTED.into_iter().find(|(name, _)| *name == header.alg && announced(name));
        let (_, algorithm) = accepted.ok_or(Failure::IdTokenAlgorithm)?;
        Ok(Self { token, header, algorithm })
    }

    /// Whether its key is known, by the name that it gives.
    pub(super) fn names_key_of(&self, known: &Known) -> bool {
        self.header.kid.is_some() && known.keys.keys.iter().any(|key| key.common.key_id == self.header.kid)
    }

    /// The key that it names; where there is none of that name, those without one: then the signature decides. A key of
    /// another name is none.
    fn keys<'b>(&'b self, known: &'b Known) -> impl Iterator<Item = &'b Jwk> {
        let is_named = self.names_key_of(known);
        known.keys.keys.iter().filter(move |key| {
            let name = &key.common.key_id;
            let may_be_it = match &self.header.kid {
                Some(_) if is_named => *name == self.header.kid,
                Some(_) => name.is_none(),
                None => true,
            };
            may_be_it && is_for(key, &self.header.alg, self.algorithm)
        })
    }

    pub(super) fn verify(&self, known: &Known, expected: &Expected<'_>) -> Result<Person, Failure> {
        choose_crypto_provider();
        let validation = signature_only(self.algorithm);
        let mut outcome = Err(Failure::IdTokenKey);
        for key in self.keys(known) {
            outcome = Err(Failure::IdTokenSignature);
            let Ok(key) = DecodingKey::from_jwk(key) else { continue };
            match jsonwebtoken::decode::<Claims>(self.token, &key, &validation) {
                Ok(decoded) => outcome = Ok(decoded.claims),
                Err(error) if matches!(error.kind(), ErrorKind::Json(_)) => {
                    outcome = Err(Failure::IdTokenMalformed);
                }
                Err(_) => continue,
            }
            break;
        }
        let claims = outcome?;
        self.validate(&claims, expected)?;
        let authenticated_at = claims.auth_time.as_ref().and_then(Value::as_number).and_then(millis);
        if authenticated_at.is_some_and(|at| at > expected.now.saturating_add(AHEAD_MILLIS)) {
            return Err(Failure::IdTokenNotYetValid);
        }
        Ok(Person {
            subject: claims.sub,
            email: claims.email.as_ref().and_then(Value::as_str).map(str::to_owned),
            email_verified: verified(claims.email_verified.as_ref()),
            authenticated_at: authenticated_at.map(|at| at.min(expected.now)),
            has_shown_several: claims.amr.as_ref().is_some_and(tells_of_several),
        })
    }

    fn validate(&self, claims: &Claims, expected: &Expected<'_>) -> Result<(), Failure> {
        let millis = |time: &Number| millis(time).ok_or(Failure::IdTokenMalformed);
        let latest = expected.now.saturating_add(AHEAD_MILLIS);
        if claims.iss != expected.issuer {
            return Err(Failure::IdTokenIssuer);
        }
        if !claims.aud.fits(expected.client_id, expected.audiences) {
            return Err(Failure::IdTokenAudience);
        }
        // One that is for others too says to whom of them it was given (section 3.1.3.7).
        let party = claims.azp.as_deref();
        if party != Some(expected.client_id) && (party.is_some() || claims.aud.is_shared(expected.client_id))
        {
            return Err(Failure::IdTokenAuthorizedParty);
        }
        if expected.now >= millis(&claims.exp)? {
            return Err(Failure::IdTokenExpired);
        }
        let begin = claims.nbf.as_ref().map_or(Ok(i64::MIN), millis)?;
        if millis(&claims.iat)? > latest || begin > latest {
            return Err(Failure::IdTokenNotYetValid);
        }
        if claims.nonce.as_deref() != Some(expected.nonce) {
            return Err(Failure::IdTokenNonce);
        }
        let is_other = |hash: &String| expected.access_token.is_none_or(|token| self.hash_of(token) != *hash);
        if claims.at_hash.as_ref().is_some_and(is_other) {
            return Err(Failure::IdTokenAccessToken);
        }
        // At most 255 ASCII characters (section 2); and no database takes a NUL.
        let is_plain = claims.sub.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control());
        if !is_plain || claims.sub.is_empty() || claims.sub.len() > 255 {
            return Err(Failure::IdTokenMalformed);
        }
        Ok(())
    }

    /// OpenID Connect Core section 3.1.3.6: the left half of the hash that the algorithm uses.
    fn hash_of(&self, access_token: &str) -> String {
        let algorithm = match self.header.alg.as_str() {
            "RS384" | "PS384" | "ES384" => &digest::SHA384,
            "RS512" | "PS512" | "EdDSA" => &digest::SHA512,
            _ => &digest::SHA256,
        };
        let hash = digest(algorithm, access_token.as_bytes());
        let (left, _) = hash.as_ref().split_at(algorithm.output_len() / 2);
        URL_SAFE_NO_PAD.encode(left)
    }
}

/// A list of texts (OpenID Connect Core section 2), `mfa` among them (RFC 8176).
fn tells_of_several(amr: &Value) -> bool {
    amr.as_array().is_some_and(|methods| methods.iter().any(|method| method == MFA))
}

/// Whether a key is one that verifies this algorithm. There is no way from an algorithm to a shared secret.
fn is_for(key: &Jwk, name: &str, algorithm: Algorithm) -> bool {
    let is_of_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), _) => name.starts_with("RS") || name.starts_with("PS"),
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES384) => key.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    is_of_kind
        && key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && key.common.key_algorithm.is_none_or(|own| own.to_string() == name)
}

/// Seconds, which may have a fraction (RFC 7519 section 2), in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest number")]
fn millis(time: &Number) -> Option<i64> {
    match time.as_i64() {
        Some(seconds) => Some(seconds.saturating_mul(1000)),
        None => time.as_f64().map(|seconds| (seconds * 1000.0) as i64),
    }
}
