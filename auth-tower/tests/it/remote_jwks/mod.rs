//! A service that verifies by the keys of an issuer elsewhere, asked for over real sockets.

mod away;
mod bad_sets;
mod keeping;
mod races;
mod settings;
pub(crate) mod tls;
mod waiting;

use std::{convert::Infallible, sync::Arc, time::Duration};

use auth_core::{Algorithm, Keys, Principal, PrivateKey, PublicKey, SecretKey};
use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthLayer, RemoteJwks, RemoteJwksBuilder};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::Layer;

use crate::{
    layers::{send, whoami},
    support::{Answer, Issuer, Reply, Req, World},
};

/// An issuer with its own database, the server of its keys, and another service that has only the address.
struct Scene {
    world: World,
    issuer: Issuer,
    keys: RemoteJwks,
}

impl Scene {
    async fn new(database: &TestDatabase) -> Self {
        Self::with(database, |builder| builder).await
    }

    async fn with(
        database: &TestDatabase,
        settings: impl FnOnce(RemoteJwksBuilder) -> RemoteJwksBuilder,
    ) -> Self {
        let key = PrivateKey::generate(Algorithm::EdDsa).unwrap();
        let world = World::with_keys(database, |keys| keys.private_key(key)).await.with_ada().await;
        let issuer = Issuer::new(Reply::Real(world.service())).await;
        let keys = RemoteJwks::builder(&issuer.url(), "auth", "auth").clock(Arc::new(world.clock.clone()));
        Self { world, issuer, keys: settings(keys).build().unwrap() }
    }

    /// The same, and the service has just been started.
    fn anew(self) -> Self {
        let clock = Arc::new(self.world.clock.clone());
        let keys = RemoteJwks::builder(&self.issuer.url(), "auth", "auth").clock(clock).build().unwrap();
        Self { keys, ..self }
    }

    /// What a user who has just signed in gets for a request of the service.
    async fn ada(&self) -> String {
        self.world.ada_signs_in().await.0
    }

    /// A request of the service.
    async fn get(&self, token: &str) -> Answer {
        get(&self.keys, token).await
    }

    fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// The issuer signs with another key from now on, and publishes these besides.
    fn changes_key(&self, also: &[&PublicKey]) -> PublicKey {
        let key = PrivateKey::generate(Algorithm::EdDsa).unwrap();
        let public = key.public_key().clone();
        let keys = Keys::new(SecretKey::new("0123456789abcdef0123456789abcdef").unwrap()).private_key(key);
        let keys = also.iter().fold(keys, |keys, also| keys.also_verify((*also).clone()));
        self.world.auth.set_keys(&keys).unwrap();
        public
    }

    /// Requests until one is answered so: what happens beside requests is over then.
    async fn eventually(&self, token: &str, status: u16) {
        let request = async {
            while self.get(token).await.status != status {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), request).await.unwrap();
    }
}

async fn get(keys: &RemoteJwks, token: &str) -> Answer {
    let door = AuthLayer::required(keys.clone()).layer(tower::service_fn(whoami));
    send(door, Req::get("/").bearer(token)).await
}

/// The form of an access token, with a key that nobody has.
fn made_up(kid: &str) -> String {
    let header = serde_json::json!({
        "typ": "at+jwt", "alg": "EdDSA", "kid": kid,
        "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/chain",
    });
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!(
        "{}.{}.{}",
        part(header),
        part(serde_json::json!({"sub": "mallory"})),
        URL_SAFE_NO_PAD.encode([7; 64])
    )
}
