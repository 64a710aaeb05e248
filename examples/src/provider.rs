use std::{
    collections::HashMap,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use auth_core::{Algorithm, Clock as _, PrivateKey, Random as _, SystemClock, SystemRandom};
use axum::{
    Json, Router,
    extract::{RawQuery, State},
    response::{Html, Redirect},
    routing::{get, post},
};
use jsonwebtoken::{EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::form_urlencoded;

/// A small OpenID Connect provider in this process, on a free port, in the place of Google. It believes everybody: whoever
/// types an address is its owner.
#[derive(Debug)]
pub struct Provider {
    /// Where it listens.
    pub address: SocketAddr,
    /// The same as a URL, which is also the issuer.
    pub url: String,
}

struct Doors {
    url: String,
    key: EncodingKey,
    /// Of each code the address and the nonce.
    codes: Mutex<HashMap<String, (String, String)>>,
}

impl Provider {
    /// The registration of the only client.
    pub const CLIENT: (&'static str, &'static str) = ("example", "not much of a secret");

    /// Starts one. It ends with the runtime.
    ///
    /// # Errors
    /// Something that it needs is not there.
    pub async fn start() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}");
        let pem = PrivateKey::generate(Algorithm::EdDsa)?.expose_pem();
        let key = EncodingKey::from_ed_pem(pem.as_bytes())?;
        let doors = Doors { url: url.clone(), key, codes: Mutex::default() };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/jwks", get(keys))
            .route("/authorize", get(ask).post(approve))
            .route("/token", post(exchange))
            .with_state(Arc::new(doors));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, url })
    }
}

async fn document(State(doors): State<Arc<Doors>>) -> Json<Value> {
    let url = &doors.url;
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks"),
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn keys(State(doors): State<Arc<Doors>>) -> Json<Value> {
    let key = Jwk::from_encoding_key(&doors.key, jsonwebtoken::Algorithm::EdDSA).ok();
    Json(json!({"keys": [key]}))
}

/// The page on which a person says yes; the form goes to the same address, with its query.
async fn ask() -> Html<&'static str> {
    Html(
        "<!doctype html><title>A provider</title><form method=post>Who are you? \
         <input name=email type=email required autofocus> <button>That is me</button></form>",
    )
}

async fn approve(State(doors): State<Arc<Doors>>, RawQuery(query): RawQuery, form: String) -> Redirect {
    let asked = pairs(query.unwrap_or_default().as_bytes());
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let code = random_text();
    let email = pairs(form.as_bytes()).remove("email").unwrap_or_default();
    let mut codes = doors.codes.lock().unwrap_or_else(PoisonError::into_inner);
    codes.insert(code.clone(), (email, of("nonce")));
    let mut answer = form_urlencoded::Serializer::new(String::new());
    answer.append_pair("code", &code).append_pair("state", &of("state")).append_pair("iss", &doors.url);
    // A real one sends nobody to an address that was not registered.
    Redirect::to(&format!("{}?{}", of("redirect_uri"), answer.finish()))
}

/// A real one looks at the client's secret and the PKCE verifier too.
async fn exchange(State(doors): State<Arc<Doors>>, form: String) -> Json<Value> {
    let code = pairs(form.as_bytes()).remove("code").unwrap_or_default();
    let known = doors.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&code);
    let Some((email, nonce)) = known else { return Json(json!({"error": "invalid_grant"})) };
    let now = SystemClock.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let claims = json!({
        "iss": doors.url, "aud": Provider::CLIENT.0, "sub": email, "nonce": nonce, "iat": now, "exp": now + 60,
        "email": email, "email_verified": true,
    });
    match jsonwebtoken::encode(&Header::new(jsonwebtoken::Algorithm::EdDSA), &claims, &doors.key) {
        Ok(token) => Json(json!({"access_token": random_text(), "token_type": "Bearer", "id_token": token})),
        Err(_) => Json(json!({"error": "server_error"})),
    }
}

fn pairs(text: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn random_text() -> String {
    let mut bytes = [0; 16];
    // Without randomness nobody signs in: all codes are the same then, and work once.
    let _ = SystemRandom.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}
