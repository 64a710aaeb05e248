//! What may be held out to a door: each with a sentence that tells what is wrong with it.

use auth_core::{
    Algorithm, PrivateKey, SecretKey,
    test_util::forge::{Forge, Signing, decode, encode, message, with, without},
};
use serde_json::{Value, json};

pub(super) type Named = (String, String);

const RSA: &str = include_str!("../../../../auth-core/tests/it/token/pem/rsa3072_pkcs8.pem");
const OTHER_RSA: &str = include_str!("../../../../auth-core/tests/it/token/pem/rsa2048.pem");
const P256: &str = include_str!("../../../../auth-core/tests/it/token/pem/p256_pkcs8.pem");
const ED25519: &str = include_str!("../../../../auth-core/tests/it/token/pem/ed25519.pem");
const PUBLIC: [(Algorithm, &str); 3] = [
    (Algorithm::Rs256, include_str!("../../../../auth-core/tests/it/token/pem/rsa3072_public.pem")),
    (Algorithm::Es256, include_str!("../../../../auth-core/tests/it/token/pem/p256_public.pem")),
    (Algorithm::EdDsa, include_str!("../../../../auth-core/tests/it/token/pem/ed25519_public.pem")),
];

fn secret(byte: u8) -> SecretKey {
    SecretKey::new([byte; 64]).unwrap()
}

/// A server for each algorithm.
pub(super) fn servers() -> Vec<Signing> {
    let hmac = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
    let hmac = hmac.into_iter().map(|algorithm| Signing::hmac(algorithm, secret(1)));
    hmac.chain([RSA, P256, ED25519].map(|pem| Signing::private(pem, secret(1)))).collect()
}

/// The same algorithm with a key that is not the server's.
pub(super) fn stranger(algorithm: Algorithm) -> Signing {
    match algorithm {
        Algorithm::Rs256 => Signing::private(RSA, secret(2)).with_key(OTHER_RSA),
        _ if algorithm.is_hmac() => Signing::hmac(algorithm, secret(2)),
        _ => Signing::private(&PrivateKey::generate(algorithm).unwrap().expose_pem(), secret(2)),
    }
}

/// Access tokens that are not genuine. Unless it is about the signature, that is good.
pub(super) fn access(forge: &Forge, jwks: &str) -> Vec<Named> {
    [signatures(forge, jwks), headers(forge), claims(forge), shapes(forge)].concat()
}

fn signatures(forge: &Forge, jwks: &str) -> Vec<Named> {
    let Forge { signing, header, claims } = forge;
    let own = signing.algorithm;
    let mut all = vec![
        ("signed by another key of the kind".to_owned(), forge.signed_by(&stranger(own), header, claims)),
        ("unsigned".to_owned(), format!("{}.", message(header, claims))),
    ];
    for none in ["none", "None", "NONE", ""] {
        let header = with(header, "alg", json!(none));
        all.push((format!("of the algorithm {none:?}, unsigned"), format!("{}.", message(&header, claims))));
        all.push((format!("of the algorithm {none:?}, signed"), forge.sign(&header, claims)));
    }
    for alg in ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        if alg != own.name() {
            let token = forge.sign(&with(header, "alg", json!(alg)), claims);
            all.push((format!("said to be of {alg}, signed by our own key"), token));
        }
    }
    for other in servers().into_iter().filter(|other| other.algorithm != own) {
        let header = with(header, "alg", json!(other.algorithm.name()));
        let token = forge.signed_by(&other, &header, claims);
        all.push((format!("of {} by another key of ours", other.algorithm), token));
    }
    // What anybody can read, taken for an HMAC secret. HMAC fills up short ones with zeros in the same way.
    let pem = PUBLIC.iter().find(|(algorithm, _)| *algorithm == own).map_or("", |(_, pem)| *pem);
    let kid = header["kid"].as_str().unwrap();
    for (what, public) in [("public key in PEM", pem), ("key set", jwks), ("key id", kid)] {
        let Ok(public) = SecretKey::new(format!("{public:\0<64}")) else { continue };
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let header = with(header, "alg", json!(algorithm.name()));
            let token = forge.signed_by(&Signing::hmac(algorithm, public.clone()), &header, claims);
            all.push((format!("of {algorithm} with the {what} as secret"), token));
        }
    }
    let mine = stranger(Algorithm::EdDsa);
    let header = with(&with(header, "alg", json!("EdDSA")), "jwk", json!({"kty": "OKP", "crv": "Ed25519"}));
    all.push(("with a key of its own in the header".to_owned(), forge.signed_by(&mine, &header, claims)));
    all
}

fn headers(forge: &Forge) -> Vec<Named> {
    let mut all: Vec<Named> = ["alg", "typ", "kid"]
        .map(|name| (format!("without {name}"), forge.sign(&without(&forge.header, name), &forge.claims)))
        .into();
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", json!("AT+JWT")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("kid", json!("another")),
        ("kid", json!("")),
        ("kid", json!("../../dev/null")),
        ("kid", Value::Null),
    ] {
        all.push((format!("with {name} {value}"), forge.with_header(name, value)));
    }
    all
}

fn claims(forge: &Forge) -> Vec<Named> {
    let now = forge.claims["iat"].as_i64().unwrap();
    let mut all: Vec<Named> = ["iss", "aud", "exp", "iat", "sub", "sid", "jti"]
        .map(|name| (format!("without {name}"), forge.sign(&forge.header, &without(&forge.claims, name))))
        .into();
    for (what, name, value) in [
        ("of another issuer", "iss", json!("others")),
        ("of a list of issuers", "iss", json!(["auth"])),
        ("for another audience", "aud", json!("others")),
        ("for a list of audiences", "aud", json!(["auth"])),
        ("that ends at this moment", "exp", json!(now)),
        ("that ended long ago", "exp", json!(0)),
        ("that is not good yet", "nbf", json!(now + 1)),
        ("issued more than a minute ahead", "iat", json!(now + 61)),
        ("of nobody", "sub", json!("")),
        ("longer than 8 KiB", "padding", json!("x".repeat(8 * 1024))),
    ] {
        all.push((what.to_owned(), forge.with_claim(name, value)));
    }
    all
}

fn shapes(forge: &Forge) -> Vec<Named> {
    let token = forge.token();
    let parts: Vec<_> = token.split('.').collect();
    [
        ("without its last part", parts[..2].join(".")),
        ("with a part too many", format!("{token}.{}", parts[1])),
        ("with its last bytes cut off", token[..token.len() - 8].to_owned()),
        ("with its claims only", parts[1].to_owned()),
        ("that is only the id of the session", forge.claims["sid"].as_str().unwrap().to_owned()),
    ]
    .map(|(what, text)| (what.to_owned(), text))
    .into()
}

const SESSION_ID: std::ops::Range<usize> = 5..21;

/// A refresh token of a session that never was: whether its mac is good nobody can tell.
pub(super) fn of_no_session(genuine: &str) -> String {
    let mut bytes = decode(genuine);
    bytes[SESSION_ID.start] ^= 1;
    encode(bytes)
}

/// Refresh tokens that are not genuine, though their session lives. `other` is the token of another session.
pub(super) fn refresh(genuine: &str, other: &str) -> Vec<Named> {
    // version | key id | session id | generation | mac
    let fields = [("version", 0), ("key id", 1), ("generation", 28), ("mac", 29), ("end of the mac", 60)];
    let mut all: Vec<Named> = fields
        .map(|(field, at)| {
            let mut bytes = decode(genuine);
            bytes[at] ^= 1;
            (format!("with another {field}"), encode(bytes))
        })
        .into();
    let mut mixed = decode(genuine);
    mixed[SESSION_ID].copy_from_slice(&decode(other)[SESSION_ID]);
    for (what, text) in [
        ("with the id of another session", encode(mixed)),
        ("that is cut", genuine[..genuine.len() - 4].to_owned()),
        ("with padding", format!("{genuine}=")),
        ("twice in one", format!("{genuine}{genuine}")),
        ("in other letters", genuine.to_lowercase()),
        ("that is the id of the session", encode(&decode(genuine)[SESSION_ID])),
        ("longer than 8 KiB", genuine.repeat(110)),
        ("that is garbage", "%00....".to_owned()),
    ] {
        all.push((what.to_owned(), text));
    }
    all
}
