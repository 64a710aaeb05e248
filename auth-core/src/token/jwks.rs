//! JWK sets (RFC 7517): the public keys that we publish, and those that another issuer published.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    ConfigError,
    token::public_key::{Material, PublicKey},
};

/// A longer set is refused unread; it would hold more than a hundred keys.
const MAX_BYTES: usize = 64 * 1024;
const SETTING: &str = "JWK set";

/// One key as JSON.
pub(crate) fn write_key(key: &PublicKey) -> Result<String, ConfigError> {
    serde_json::to_string(&key.jwk()).map_err(|_| ConfigError::new(SETTING, "cannot be encoded"))
}

/// The set of these keys.
pub(crate) fn write_set<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let keys: Vec<_> = keys.collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// The keys of a set that verify one of our algorithms, each with its `kid`.
pub(crate) fn read(json: &str) -> Result<Vec<(String, PublicKey)>, ConfigError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Entry>,
    }
    if json.len() > MAX_BYTES {
        return Err(refuse(format!("is longer than {MAX_BYTES} bytes")));
    }
    let set: Set = serde_json::from_str(json).map_err(|_| refuse("is not a JSON object with `keys`"))?;
    let mut keys: Vec<(String, PublicKey)> = Vec::new();
    for entry in &set.keys {
        entry.refuse_secrets()?;
        let Some((id, material)) = entry.usable()? else { continue };
        if keys.iter().any(|(known, _)| known == id) {
            return Err(refuse("has two keys of one `kid`; which one is meant cannot be told"));
        }
        keys.push((id.to_owned(), PublicKey::new(material, SETTING)?));
    }
    if keys.is_empty() {
        return Err(refuse(
            "has no key that could verify a token; an issuer that signs with a shared secret publishes none",
        ));
    }
    Ok(keys)
}

/// One key as somebody else wrote it. A repeated member is an error of serde's; one of an unexpected type
/// only makes the key one that we cannot use.
#[derive(Deserialize)]
struct Entry {
    kty: Option<Value>,
    kid: Option<Value>,
    #[serde(rename = "use")]
    usage: Option<Value>,
    key_ops: Option<Value>,
    alg: Option<Value>,
    crv: Option<Value>,
    n: Option<Value>,
    e: Option<Value>,
    x: Option<Value>,
    y: Option<Value>,
    /// The private half.
    d: Option<Value>,
}

impl Entry {
    /// A secret in a set that is there to be published is one no longer: nothing in that set can be trusted.
    fn refuse_secrets(&self) -> Result<(), ConfigError> {
        if text(self.kty.as_ref()) == Some("oct") {
            return Err(refuse("has a symmetric key (`oct`): whoever can read it can make tokens"));
        }
        if self.d.is_some() {
            return Err(refuse("has a private key: whoever can read it can make tokens"));
        }
        Ok(())
    }

    /// `None` for a key that is not meant for verifying one of our algorithms: sets hold such keys beside
    /// ours, and new kinds come. An error for a key that is meant and cannot be right.
    fn usable(&self) -> Result<Option<(&str, Material)>, ConfigError> {
        let (Some(id), Some(kind)) = (text(self.kid.as_ref()), text(self.kty.as_ref())) else {
            return Ok(None);
        };
        let verifies = self.usage.as_ref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| {
                operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
            });
        let is_for = |algorithm: &str| self.alg.as_ref().is_none_or(|alg| alg == algorithm);
        let curve = text(self.crv.as_ref());
        let material = match (kind, curve) {
            _ if !verifies => return Ok(None),
            ("RSA", _) if is_for("RS256") => {
                Material::Rsa { n: number(self.n.as_ref())?, e: number(self.e.as_ref())? }
            }
            ("EC", Some("P-256")) if is_for("ES256") => {
                let point = [vec![4], number(self.x.as_ref())?, number(self.y.as_ref())?].concat();
                Material::p256(&point, SETTING)?
            }
            ("OKP", Some("Ed25519")) if is_for("EdDSA") => {
                Material::ed25519(&number(self.x.as_ref())?, SETTING)?
            }
            _ => return Ok(None),
        };
        Ok(Some((id, material)))
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

fn number(value: Option<&Value>) -> Result<Vec<u8>, ConfigError> {
    text(value)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or_else(|| refuse("has a key whose numbers are missing or not base64url"))
}

fn refuse(problem: impl Into<String>) -> ConfigError {
    ConfigError::new(SETTING, problem)
}
