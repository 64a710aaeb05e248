//! An OpenID Connect issuer on loopback, honest until it is told otherwise, and GitHub's doors as its documentation has
//! them. It checks what a real one checks: the client, the PKCE verifier, the redirect URI, and that a code works once.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use auth_core::{Clock, test_util::ManualClock};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

pub(crate) const CLIENT: &str = "client:1";
/// With characters that have to be encoded on the way.
pub(crate) const SECRET: &str = "a secret/of the client+%";

const ED25519: &str = include_str!("../token/pem/ed25519.pem");
const P256: &str = include_str!("../token/pem/p256_pkcs8.pem");
const RSA: &str = include_str!("../token/pem/rsa3072_pkcs8.pem");

/// How ID tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    EdDsa,
    Es256,
    Rs256,
    Ps256,
    /// With the published `kid` and another key.
    OtherKey,
    /// With a key that is published under another `kid` later.
    UnknownKey,
    /// `alg` none, and no signature.
    Nothing,
    /// HS256 with the client's secret.
    ClientSecret,
    /// HS256 with the text of the public key.
    PublicKey,
    /// No signature under the right algorithm.
    Cut,
}

/// What happens at one path instead of the honest answer.
#[derive(Debug, Clone)]
pub(crate) enum Trick {
    Status(u16),
    /// So many bytes.
    Huge(usize),
    /// Nothing, for ever.
    Silence,
    /// So long by the clock of the test, and then 503.
    Takes(Duration),
    /// The same address again.
    RedirectLoop,
    Text(String),
}

pub(crate) type Edit = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// What it does; a test changes it as it goes along.
#[derive(Clone)]
pub(crate) struct Behaviour {
    pub(crate) sign: Sign,
    pub(crate) header: Edit,
    pub(crate) claims: Edit,
    pub(crate) document: Edit,
    pub(crate) keys: Edit,
    pub(crate) user_info: Edit,
    pub(crate) tokens: Edit,
    pub(crate) tricks: HashMap<&'static str, Trick>,
    /// The address is in the ID token; else in the user info only.
    pub(crate) claims_in_token: bool,
}

fn as_it_is() -> Edit {
    Arc::new(|_| {})
}

/// Sets a member, or takes it away with `null`.
pub(crate) fn set(name: &'static str, value: Value) -> Edit {
    Arc::new(move |object| {
        let object = object.as_object_mut().unwrap();
        match &value {
            Value::Null => drop(object.remove(name)),
            value => drop(object.insert(name.to_owned(), value.clone())),
        }
    })
}

/// Sets these members; one that is null goes.
pub(crate) fn add(members: Value) -> Edit {
    Arc::new(move |object| {
        let object = object.as_object_mut().unwrap();
        for (name, value) in members.as_object().unwrap() {
            object.insert(name.clone(), value.clone());
        }
        object.retain(|_, value| !value.is_null());
    })
}

/// Somebody with an account at the provider.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) subject: String,
    pub(crate) email: Value,
    pub(crate) email_verified: Value,
}

impl Person {
    pub(crate) fn new(subject: &str, email: &str) -> Self {
        Self { subject: subject.to_owned(), email: email.into(), email_verified: true.into() }
    }

    pub(crate) fn unverified(mut self) -> Self {
        self.email_verified = false.into();
        self
    }
}

struct Code {
    person: Person,
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
}

#[derive(Default)]
struct Shared {
    codes: HashMap<String, Code>,
    access: HashMap<String, Person>,
    requests: Vec<String>,
    made: usize,
}

#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    clock: ManualClock,
    pub(crate) behaviour: Arc<Mutex<Behaviour>>,
    shared: Arc<Mutex<Shared>>,
}

impl Issuer {
    /// Listens, and lives as long as the runtime of its test.
    pub(crate) async fn start(clock: &ManualClock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self::at(listener.local_addr().unwrap(), clock);
        let server = issuer.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let server = server.clone();
                let service = service_fn(move |request| {
                    let server = server.clone();
                    async move { Ok::<_, Infallible>(server.answer(request).await) }
                });
                // A client that leaves is no failure.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        issuer
    }

    fn at(address: SocketAddr, clock: &ManualClock) -> Self {
        let behaviour = Behaviour {
            sign: Sign::EdDsa,
            header: as_it_is(),
            claims: as_it_is(),
            document: as_it_is(),
            keys: as_it_is(),
            user_info: as_it_is(),
            tokens: as_it_is(),
            tricks: HashMap::new(),
            claims_in_token: true,
        };
        Self {
            address,
            clock: clock.clone(),
            behaviour: Arc::new(Mutex::new(behaviour)),
            shared: Arc::default(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn does(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    /// `METHOD path` of all requests since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().requests)
    }

    /// The person says yes at the address that the browser was sent to: the query that the browser brings back.
    pub(crate) fn approve(&self, authorization_url: &str, person: &Person) -> String {
        let url = Url::parse(authorization_url).unwrap();
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut shared = self.shared.lock().unwrap();
        shared.made += 1;
        let code = format!("code {}", shared.made);
        shared.codes.insert(
            code.clone(),
            Code {
                person: person.clone(),
                nonce: asked.get("nonce").cloned(),
                challenge: asked["code_challenge"].clone(),
                redirect_uri: asked["redirect_uri"].clone(),
            },
        );
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", &code).append_pair("state", &asked["state"]);
        if url.path() == "/authorize" {
            query.append_pair("iss", &self.url());
        }
        query.finish()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        self.shared.lock().unwrap().requests.push(format!("{} {path}", head.method));
        let behaviour = self.behaviour.lock().unwrap().clone();
        let trick = behaviour.tricks.get(path.as_str()).cloned();
        match trick {
            None => {}
            Some(Trick::Silence) => return std::future::pending().await,
            Some(Trick::Takes(time)) => {
                self.clock.advance(time);
                return reply(503, &json!({"error": "server_error"}));
            }
            Some(Trick::Status(status)) => return reply(status, &json!({"error": "server_error"})),
            Some(Trick::Huge(bytes)) => return text(200, " ".repeat(bytes)),
            Some(Trick::Text(body)) => return text(200, body),
            Some(Trick::RedirectLoop) => {
                let mut response = reply(302, &Value::Null);
                response.headers_mut().insert("location", path.parse().unwrap());
                return response;
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        let form: HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
        match (head.method.as_str(), path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => reply(200, &self.document(&behaviour)),
            ("GET", "/jwks") => reply(200, &keys(&behaviour)),
            ("POST", "/token") => self.exchange(&behaviour, &head.headers, &form, false),
            ("GET", "/userinfo") => match self.bearer(&head.headers) {
                Some(person) => {
                    let mut info = claims_of(&person);
                    (behaviour.user_info)(&mut info);
                    reply(200, &info)
                }
                None => reply(401, &Value::Null),
            },
            ("POST", "/login/oauth/access_token") => self.exchange(&behaviour, &head.headers, &form, true),
            ("GET", "/api/v3/user") => match self.bearer(&head.headers) {
                Some(person) => {
                    let id: u64 = person.subject.parse().unwrap();
                    reply(
                        200,
                        &json!({"login": "octocat", "id": id, "node_id": "MDQ6VXNlcjE=", "type": "User"}),
                    )
                }
                None => reply(401, &json!({"message": "Bad credentials"})),
            },
            ("GET", "/api/v3/user/emails") => match self.bearer(&head.headers) {
                Some(person) => {
                    let mut addresses = json!([
                        {"email": "other@example.net", "verified": true, "primary": false, "visibility": null},
                        {"email": person.email, "verified": person.email_verified, "primary": true, "visibility": "private"},
                    ]);
                    if person.email.is_null() {
                        addresses = json!([]);
                    }
                    reply(200, &addresses)
                }
                None => reply(401, &json!({"message": "Bad credentials"})),
            },
            _ => reply(404, &Value::Null),
        }
    }

    fn document(&self, behaviour: &Behaviour) -> Value {
        let url = self.url();
        let mut document = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks"),
            "userinfo_endpoint": format!("{url}/userinfo"),
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["EdDSA", "ES256", "RS256", "PS256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": true,
        });
        (behaviour.document)(&mut document);
        document
    }

    /// The token endpoint: RFC 6749 section 4.1.3 and RFC 7636 section 4.6. GitHub tells failures with 200.
    fn exchange(
        &self,
        behaviour: &Behaviour,
        headers: &HeaderMap,
        form: &HashMap<String, String>,
        github: bool,
    ) -> Response<Full<Bytes>> {
        let refuse = |error: &str| {
            let body =
                json!({"error": error, "error_description": "no", "error_uri": "https://docs.example/"});
            reply(if github { 200 } else { 400 }, &body)
        };
        let by_body = form.get("client_id").is_some_and(|id| id == CLIENT)
            && form.get("client_secret").is_some_and(|secret| secret == SECRET);
        if !by_body && !is_client(headers) {
            return refuse("invalid_client");
        }
        if !github {
            assert_eq!(form["grant_type"], "authorization_code");
        }
        let Some(code) = self.shared.lock().unwrap().codes.remove(&form["code"]) else {
            return refuse(if github { "bad_verification_code" } else { "invalid_grant" });
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
        if URL_SAFE_NO_PAD.encode(digest) != code.challenge || form["redirect_uri"] != code.redirect_uri {
            return refuse("invalid_grant");
        }
        let access = format!("access-{}", form["code"].replace(' ', "-"));
        self.shared.lock().unwrap().access.insert(access.clone(), code.person.clone());
        let mut answer = json!({"access_token": access, "token_type": "bearer", "refresh_token": "r1", "expires_in": 3600});
        if github {
            answer = json!({"access_token": access, "token_type": "bearer", "scope": "user:email"});
        } else {
            let id_token = self.id_token(behaviour, &code, &access);
            answer.as_object_mut().unwrap().insert("id_token".to_owned(), id_token.into());
        }
        (behaviour.tokens)(&mut answer);
        reply(200, &answer)
    }

    fn id_token(&self, behaviour: &Behaviour, code: &Code, access: &str) -> String {
        let now = self.clock.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.url(), "sub": code.person.subject, "aud": CLIENT, "exp": now + 300, "iat": now,
            "auth_time": now, "nonce": code.nonce, "at_hash": at_hash(behaviour.sign, access),
        });
        if behaviour.claims_in_token {
            for (name, value) in claims_of(&code.person).as_object().unwrap() {
                claims.as_object_mut().unwrap().insert(name.clone(), value.clone());
            }
        }
        (behaviour.claims)(&mut claims);
        sign(behaviour, &claims)
    }

    fn bearer(&self, headers: &HeaderMap) -> Option<Person> {
        let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
        self.shared.lock().unwrap().access.get(token).cloned()
    }
}

fn claims_of(person: &Person) -> Value {
    let mut claims = json!({"sub": person.subject});
    if !person.email.is_null() {
        let claims = claims.as_object_mut().unwrap();
        claims.insert("email".to_owned(), person.email.clone());
        claims.insert("email_verified".to_owned(), person.email_verified.clone());
    }
    claims
}

/// RFC 6749 section 2.3.1: both halves are encoded as in a form.
fn is_client(headers: &HeaderMap) -> bool {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(CLIENT), encode(SECRET));
    let expected = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    headers.get("authorization").is_some_and(|given| *given == expected)
}

fn at_hash(sign: Sign, access: &str) -> String {
    let algorithm = match sign {
        Sign::EdDsa | Sign::OtherKey | Sign::UnknownKey | Sign::Cut => &aws_lc_rs::digest::SHA512,
        _ => &aws_lc_rs::digest::SHA256,
    };
    let hash = aws_lc_rs::digest::digest(algorithm, access.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

fn encoding(sign: Sign) -> (Algorithm, EncodingKey, &'static str) {
    match sign {
        Sign::Es256 => (Algorithm::ES256, EncodingKey::from_ec_pem(P256.as_bytes()).unwrap(), "ec"),
        Sign::Rs256 => (Algorithm::RS256, EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(), "rsa"),
        Sign::Ps256 => (Algorithm::PS256, EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(), "rsa"),
        _ => (Algorithm::EdDSA, EncodingKey::from_ed_pem(ED25519.as_bytes()).unwrap(), "ed"),
    }
}

/// Another Ed25519 key than the published one.
fn other_key() -> EncodingKey {
    static PEM: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let key = auth_core::PrivateKey::generate(auth_core::Algorithm::EdDsa).unwrap();
        key.expose_pem().to_string()
    });
    EncodingKey::from_ed_pem(PEM.as_bytes()).unwrap()
}

fn jwk(key: &EncodingKey, algorithm: Algorithm, id: &str) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    let members = jwk.as_object_mut().unwrap();
    members.insert("kid".to_owned(), id.into());
    members.remove("alg");
    jwk
}

/// All keys, beside some that are for other things, as large issuers have them.
fn keys(behaviour: &Behaviour) -> Value {
    let mut all: Vec<Value> = [Sign::EdDsa, Sign::Es256, Sign::Rs256]
        .map(|sign| {
            let (algorithm, key, id) = encoding(sign);
            jwk(&key, algorithm, id)
        })
        .into();
    all.push(
        json!({"kty": "RSA", "kid": "enc", "use": "enc", "alg": "RSA-OAEP-256", "n": "AQAB", "e": "AQAB"}),
    );
    all.push(json!({"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AAAA"}));
    let mut keys = json!({"keys": all});
    (behaviour.keys)(&mut keys);
    keys
}

/// The key that [`Sign::UnknownKey`] signs with, as it is published once the issuer has changed its keys.
pub(crate) fn new_key() -> Value {
    jwk(&other_key(), Algorithm::EdDSA, "new")
}

fn sign(behaviour: &Behaviour, claims: &Value) -> String {
    let (algorithm, key, id) = encoding(behaviour.sign);
    let (key, id) = match behaviour.sign {
        Sign::OtherKey => (other_key(), id),
        Sign::UnknownKey => (other_key(), "new"),
        _ => (key, id),
    };
    let mut header = serde_json::to_value(Header::new(algorithm)).unwrap();
    header.as_object_mut().unwrap().insert("kid".to_owned(), id.into());
    let hmac = |secret: &[u8], header: &Value| {
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    };
    match behaviour.sign {
        Sign::Nothing => {
            let header = json!({"alg": "none", "kid": id});
            return format!("{}.{}.", part(&header), part(claims));
        }
        Sign::ClientSecret => return hmac(SECRET.as_bytes(), &json!({"alg": "HS256"})),
        Sign::PublicKey => {
            let public = jwk(&key, algorithm, id)["x"].as_str().unwrap().to_owned();
            return hmac(&URL_SAFE_NO_PAD.decode(public).unwrap(), &json!({"alg": "HS256", "kid": id}));
        }
        _ => {}
    }
    (behaviour.header)(&mut header);
    let message = format!("{}.{}", part(&header), part(claims));
    if behaviour.sign == Sign::Cut {
        return format!("{message}.");
    }
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn reply(status: u16, body: &Value) -> Response<Full<Bytes>> {
    text(status, if body.is_null() { String::new() } else { body.to_string() })
}

fn text(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}

/// Longer than any deadline here; for `tokio::time::timeout` around what must not hang.
pub(crate) const SOON: Duration = Duration::from_secs(20);
