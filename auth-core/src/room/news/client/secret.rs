//! Signatures as Standard Webhooks has them.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    ConfigError, Error, FieldError, kernel::Kernel, random, room::news::SECRETS, webhooks::WebhookSecret,
};

const PREFIX: &str = "whsec_";

/// A secret that can be used.
#[derive(Clone)]
pub(super) struct SigningSecret(hmac::Key);

impl SigningSecret {
    /// `None`: not `whsec_` and 24 to 64 bytes in base64.
    pub(super) fn parse(secret: &WebhookSecret) -> Option<Self> {
        let bytes = STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok()?;
        (24..=64).contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    pub(super) fn of_setting(setting: &'static str, secret: &WebhookSecret) -> Result<Self, ConfigError> {
        let problem = "is not `whsec_` and 24 to 64 bytes in base64; make one with: echo whsec_$(openssl rand -base64 32)";
        Self::parse(secret).ok_or_else(|| ConfigError::new(setting, problem))
    }

    pub(super) fn of_field(secret: &WebhookSecret) -> Result<Self, Error> {
        let rule = "has to be `whsec_` and 24 to 64 bytes in base64";
        Self::parse(secret)
            .ok_or_else(|| Error::Validation(vec![FieldError::new("secret", "invalid_secret", rule)]))
    }

    /// `v1,` and the MAC over id, time and body.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// By each of the secrets, with a space between them: during a change the receiver has one of two.
pub(super) fn signatures(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let all: Vec<_> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    all.join(" ")
}

impl Kernel {
    /// A new secret of 32 bytes.
    pub(super) fn new_webhook_secret(&self) -> Result<WebhookSecret, Error> {
        let bytes: [u8; 32] = random::bytes(self.random.as_ref())?;
        Ok(WebhookSecret::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
    }

    /// Encrypted, to be stored with the webhook.
    pub(super) fn seal_webhook_secret(
        &self,
        webhook: uuid::Uuid,
        secret: &WebhookSecret,
    ) -> Result<Vec<u8>, Error> {
        let (keys, nonce) = (self.keys.get(), random::bytes(self.random.as_ref())?);
        let newest = keys.sealers(SECRETS).first();
        let sealed = newest.map(|key| key.seal(secret.expose().as_bytes(), webhook.as_bytes(), &nonce));
        let sealed = sealed.ok_or_else(|| Error::Internal("there is no key to encrypt with".into()))?;
        sealed.map_err(Error::internal)
    }

    /// `None`: under a secret key that is gone.
    pub(super) fn open_webhook_secret(&self, webhook: uuid::Uuid, sealed: &[u8]) -> Option<SigningSecret> {
        let keys = self.keys.get();
        let opened = keys.sealers(SECRETS).iter().find_map(|key| key.open(sealed, webhook.as_bytes()))?;
        SigningSecret::parse(&WebhookSecret::new(std::str::from_utf8(&opened).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        let secret = WebhookSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key = SigningSecret::parse(&secret).unwrap();
        let signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_its_prefix_and_length() {
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!!!"] {
            assert!(SigningSecret::parse(&WebhookSecret::new(bad)).is_none(), "{bad}");
        }
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        assert!(SigningSecret::parse(&WebhookSecret::new(long)).is_none());
    }
}
