//! Private keys in the database, each with its turn.

mod load;
mod moving;
mod race;
mod revoke;
mod secret;
mod turns;

use auth_core::{AccessToken, Algorithm, Keys, RingKey, test_util::ManualClock};
use auth_migration::test_util::TestDatabase;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::support::{TestAuth, keys};

/// Of the shared secret, and of the ring.
fn ring() -> Keys {
    keys().key_ring(Algorithm::EdDsa)
}

/// A server that was started with these keys.
async fn instance(db: &TestDatabase, keys: Keys, clock: &ManualClock) -> TestAuth {
    let test = TestAuth::instance(db, keys, clock, 5, |builder| builder).await;
    test.auth.poll_keys().await.unwrap();
    test
}

/// The `kid` of a token.
fn kid(token: &AccessToken) -> String {
    let header = token.expose().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

impl TestAuth {
    async fn rotate(&self) -> RingKey {
        self.auth.key_ring().rotate(Algorithm::EdDsa).await.unwrap()
    }

    async fn revoke(&self, id: &str) {
        self.auth.key_ring().revoke(id).await.unwrap();
    }

    /// The ids of the keys in the ring with their states.
    async fn ring(&self) -> Vec<(String, &'static str)> {
        let keys = self.auth.key_ring().list().await.unwrap();
        keys.into_iter().map(|key| (key.id, key.state.name())).collect()
    }

    /// The ids in the published set.
    fn published(&self) -> Vec<String> {
        let set: Value = serde_json::from_str(&self.auth.jwks()).unwrap();
        let keys = set["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    fn accepts(&self, token: &AccessToken) -> bool {
        self.auth.verifier().verify(token.expose()).is_ok()
    }
}
