use std::sync::Arc;

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{PasskeyOptions, SystemRandom as Bytes, random};

/// A browser with an authenticator in it: makes passkeys (ES256) and signs with them, in the form of
/// `PublicKeyCredential.toJSON()`. A clone of it has the same keys, as somebody who has copied them.
///
/// ```
/// use auth_core::{SignIn, factor::PasskeyLogin, test_util::Kit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = auth_core::connect("sqlite::memory:").await?;
/// # auth_migration::up(&db).await?;
/// let kit = Kit::with(db, |builder| {
///     builder.configure(|config| {
///         config.passkeys.rp_id = Some("example.com".to_owned());
///         config.passkeys.origins = vec!["https://example.com".to_owned()];
///     })
/// });
/// let ada = kit.user("ada@example.com").await;
/// let (passkeys, caller) = (kit.auth.passkeys().ok_or("no passkeys")?, kit.principal(&ada).await);
/// let mut authenticator = kit.authenticator();
/// let made = authenticator.create(&passkeys.begin_registration(&caller).await?);
/// passkeys.register(&caller, made, None, Default::default()).await?;
///
/// let signed = authenticator.sign(&passkeys.begin_login()?);
/// let SignIn::Granted(tokens) = passkeys.login(PasskeyLogin::new(signed)).await? else { return Err("not signed in".into()) };
/// assert_eq!(tokens.user_id, ada.id);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the specification")]
pub struct SoftwareAuthenticator {
    /// The page that asks. Default: that it was made [on](Self::on).
    pub origin: String,
    /// Whether somebody shows that it is theirs (UV). Default `true`.
    pub verifies_user: bool,
    /// Whether somebody is there (UP). Default `true`.
    pub user_is_present: bool,
    /// Whether its passkeys may be kept elsewhere too (BE). Default `true`.
    pub backup_eligible: bool,
    /// Whether they are (BS). Default `true`.
    pub backed_up: bool,
    /// The counter of the next use. Default 0, as of what is kept on several devices.
    pub counter: u32,
    /// By how much that goes up with each use. Default 0.
    pub counter_step: u32,
    passkeys: Vec<Arc<Held>>,
}

struct Held {
    id: Vec<u8>,
    user_handle: String,
    rp_id: String,
    key: EcdsaKeyPair,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passkey").field("rp_id", &self.rp_id).finish_non_exhaustive()
    }
}

impl SoftwareAuthenticator {
    /// In a browser that shows a page of this origin.
    pub fn on(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            verifies_user: true,
            user_is_present: true,
            backup_eligible: true,
            backed_up: true,
            counter: 0,
            counter_step: 0,
            passkeys: Vec::new(),
        }
    }

    /// Makes a passkey.
    ///
    /// # Panics
    /// When these are no options to make one.
    pub fn create(&mut self, options: &PasskeyOptions) -> String {
        self.create_for(options.json())
    }

    /// The same, for options as they come over HTTP.
    ///
    /// # Panics
    /// When these are no options to make one.
    pub fn create_for(&mut self, options: &str) -> String {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let asked = read(options);
        self.passkeys.push(Arc::new(Held {
            id: random::bytes::<32>(&Bytes).expect("random bytes").to_vec(),
            user_handle: text(&asked["user"]["id"]),
            rp_id: text(&asked["rp"]["id"]),
            key,
        }));
        self.create_again(options)
    }

    /// Answers with the newest passkey as if it had just been made, as a hostile one can.
    ///
    /// # Panics
    /// When it has none, or these are no options to make one.
    pub fn create_again(&mut self, options: &str) -> String {
        let options = read(options);
        let held = self.passkeys.last().cloned().expect("a passkey");
        let point = held.key.public_key().as_ref();
        let (x, y) = point.get(1..).expect("a point").split_at(32);
        let mut data = self.data(&held.rp_id, 0x40);
        // No make.
        data.extend([0; 16]);
        data.extend([0, 32]);
        data.extend(&held.id);
        data.extend(b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20");
        data.extend(x);
        data.extend(b"\x22\x58\x20");
        data.extend(y);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("fewer than 256 bytes"));
        object.extend(data);
        credential(
            &held.id,
            &json!({
                "clientDataJSON": encode(self.client_data("webauthn.create", &options).as_bytes()),
                "attestationObject": encode(&object),
                "transports": ["internal", "hybrid"],
            }),
        )
    }

    /// Loses the newest passkey.
    pub fn forget_newest(&mut self) {
        self.passkeys.pop();
    }

    /// Signs with the newest passkey that is fit for this.
    ///
    /// # Panics
    /// When it has none.
    pub fn sign(&mut self, options: &PasskeyOptions) -> String {
        self.sign_for(options.json())
    }

    /// The same, for options as they come over HTTP.
    ///
    /// # Panics
    /// When it has none.
    pub fn sign_for(&mut self, options: &str) -> String {
        let options = read(options);
        let rp_id = text(&options["rpId"]);
        let allowed: Vec<String> = options["allowCredentials"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| text(&one["id"]))
            .collect();
        let fits = |held: &&Arc<Held>| {
            held.rp_id == rp_id && (allowed.is_empty() || allowed.contains(&encode(&held.id)))
        };
        let held = self.passkeys.iter().rev().find(fits).cloned().expect("a passkey that is fit for this");
        let client_data = self.client_data("webauthn.get", &options);
        let data = self.data(&held.rp_id, 0);
        let hash = digest::digest(&digest::SHA256, client_data.as_bytes());
        let signed = [&data[..], hash.as_ref()].concat();
        let signature = held.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        credential(
            &held.id,
            &json!({
                "clientDataJSON": encode(client_data.as_bytes()),
                "authenticatorData": encode(&data),
                "signature": encode(signature.as_ref()),
                "userHandle": held.user_handle,
            }),
        )
    }

    fn data(&mut self, rp_id: &str, flags: u8) -> Vec<u8> {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flags
            | flag(self.user_is_present, 1)
            | flag(self.verifies_user, 1 << 2)
            | flag(self.backup_eligible, 1 << 3)
            | flag(self.backed_up, 1 << 4);
        let mut data = digest::digest(&digest::SHA256, rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(self.counter_step);
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        })
        .to_string()
    }
}

fn read(options: &str) -> Value {
    serde_json::from_str(options).expect("options in JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn credential(id: &[u8], response: &Value) -> String {
    json!({
        "id": encode(id),
        "rawId": encode(id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    })
    .to_string()
}
