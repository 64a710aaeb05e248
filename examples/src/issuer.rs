use std::{error::Error, net::SocketAddr};

use auth_core::{Algorithm, Auth, Keys, PrivateKey};
use auth_tower::AuthService;
use tokio::net::TcpListener;

use crate::keys_for_this_run;

/// An auth service in this process, on a free port, for the examples whose accounts are elsewhere. It signs with
/// Ed25519, so that others verify by its public key.
#[derive(Debug)]
pub struct Issuer {
    /// Where it listens.
    pub address: SocketAddr,
    /// The same as a URL, which is also the issuer and the audience of its tokens.
    pub url: String,
    /// What it does can also be called here.
    pub auth: Auth,
    keys: Keys,
}

impl Issuer {
    /// Starts one. It ends with the runtime.
    ///
    /// # Errors
    /// Something that it needs is not there.
    pub async fn start() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}");
        let db = auth_core::connect("sqlite::memory:").await?;
        auth_migration::up(&db).await?;
        let keys = keys_for_this_run()?;
        let signing = keys.clone().private_key(PrivateKey::generate(Algorithm::EdDsa)?);
        let auth = Auth::builder(db, signing)
            .configure(|config| {
                config.tokens.issuer.clone_from(&url);
                config.tokens.audience.clone_from(&url);
            })
            .build()?;
        let endpoints = AuthService::builder(auth.clone()).public_url(&url).build()?;
        let router = axum::Router::new().fallback_service(endpoints);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, url, auth, keys })
    }

    /// Signs with another key from now on, as after one has leaked: the former is not even published.
    ///
    /// # Errors
    /// There is no randomness for a key.
    pub fn change_key(&self) -> Result<(), Box<dyn Error>> {
        let key = PrivateKey::generate(Algorithm::EdDsa)?;
        Ok(self.auth.set_keys(&self.keys.clone().private_key(key))?)
    }
}
