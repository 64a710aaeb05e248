//! The HTTP contract as one list of requests, asked of the service directly, under axum and on bare hyper.
//! Three worlds that repeat themselves must give the same answers, to the byte.

use auth_migration::test_util::TestDatabase;
use auth_tower::is_request_id;
use http::{HeaderMap, StatusCode};

use crate::support::{Answer, Req, Transport, World};

/// What a client remembers from one answer to the next.
#[derive(Default)]
struct Client {
    access: String,
    cookie: String,
    first_cookie: String,
}

impl Client {
    fn remember(&mut self, answer: &Answer) {
        if answer.status == StatusCode::OK && answer.body.contains("access_token") {
            self.access = answer.member("access_token");
        }
        if let Some(cookie) = answer.cookie() {
            self.cookie = cookie;
            if self.first_cookie.is_empty() {
                self.first_cookie.clone_from(&self.cookie);
            }
        }
    }
}

struct Case {
    name: &'static str,
    request: fn(&Client) -> Req,
    status: u16,
    /// The member `code` of a problem document, for every status from 400 on.
    code: &'static str,
    check: fn(&Answer),
}

const fn ok(name: &'static str, request: fn(&Client) -> Req, status: u16, check: fn(&Answer)) -> Case {
    Case { name, request, status, code: "", check }
}

const fn bad(name: &'static str, request: fn(&Client) -> Req, status: u16, code: &'static str) -> Case {
    Case { name, request, status, code, check: |_| {} }
}

const ADA: &str = r#"{"email":"Ada@Example.com","password":"correct horse battery","role":"admin","id":1}"#;
const LOGIN: &str =
    "grant_type=password&username=ada%40example.com&password=correct+horse+battery&scope=&x=1";

fn is_token_answer(answer: &Answer) {
    let document = answer.json();
    let mut members: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["access_token", "expires_in", "token_type"], "a refresh token never is in a body");
    assert_eq!(document["token_type"], "bearer");
    assert_eq!(document["expires_in"], 900);
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let cookie = answer.cookie().unwrap();
    assert!(cookie.starts_with("__Host-refresh_token="), "{cookie}");
    assert!(!answer.body.contains(cookie.split_once('=').unwrap().1));
}

fn is_ada(answer: &Answer) {
    let document = answer.json();
    let mut members: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["created_at", "email", "email_verified", "id", "roles"]);
    assert_eq!(document["email"], "Ada@Example.com");
    assert_eq!(document["roles"], serde_json::json!(["user"]));
    assert_eq!(document["email_verified"], false);
    assert_eq!(document["created_at"], "2026-01-01T00:00:00Z");
}

fn clears_the_cookie(answer: &Answer) {
    let cleared = "__Host-refresh_token=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0";
    assert_eq!(answer.header("set-cookie"), Some(cleared));
}

fn has_no_cookie(answer: &Answer) {
    assert_eq!(answer.header("set-cookie"), None);
}

fn is_key_set(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.body, r#"{"keys":[]}"#, "the key of HS256 is a secret");
}

fn allows(answer: &Answer, methods: &str) {
    assert_eq!(answer.header("allow"), Some(methods));
}

fn oauth(answer: &Answer, error: &str) {
    assert_eq!(answer.member("error"), error);
    assert!(!answer.member("error_description").contains(['"', '\\']), "RFC 6749 section 5.2");
    assert!(answer.member("error_description").is_ascii());
}

fn is_plain_challenge(answer: &Answer) {
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="auth""#));
}

fn is_invalid_token_challenge(answer: &Answer) {
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with(r#"Bearer realm="auth", error="invalid_token""#), "{challenge}");
}

const CASES: &[Case] = &[
    // Registration.
    ok(
        "an account",
        |_| Req::post("/register").json(ADA),
        201,
        |answer| {
            assert_eq!(answer.header("location"), Some("/users/me"));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            is_ada(answer);
            has_no_cookie(answer);
        },
    ),
    bad("the same account", |_| Req::post("/register").json(ADA), 409, "email_taken"),
    Case {
        name: "two fields that break rules",
        request: |_| Req::post("/register").json(r#"{"email":"nobody","password":"short"}"#),
        status: 422,
        code: "validation_failed",
        check: |answer| assert_eq!(answer.fields(), ["email", "password"]),
    },
    bad("no JSON", |_| Req::post("/register").json("{"), 400, "malformed_request"),
    bad("nothing at all", |_| Req::post("/register"), 400, "malformed_request"),
    bad("a form", |_| Req::post("/register").form("email=a"), 415, "unsupported_media_type"),
    bad("no type", |_| Req::post("/register").bare_body(ADA), 415, "unsupported_media_type"),
    bad(
        "a compressed body",
        |_| Req::post("/register").header("content-encoding", "gzip").json(ADA),
        415,
        "unsupported_media_type",
    ),
    bad("too much", |_| Req::post("/register").json("x".repeat(16 * 1024 + 1)), 413, "body_too_large"),
    // Login.
    ok(
        "a login by form",
        |_| Req::post("/login").form(LOGIN),
        200,
        |answer| {
            is_token_answer(answer);
            for (name, max_age) in [("__Host-refresh_token", 604_800), ("__Host-auth_device", 31_536_000)] {
                let cookie = answer.set_cookie(name).unwrap();
                let attributes = format!("; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age={max_age}");
                assert!(cookie.ends_with(&attributes), "{cookie}");
            }
        },
    ),
    Case {
        name: "a wrong password",
        request: |_| Req::post("/login").json(r#"{"email":"ada@example.com","password":"wrong"}"#),
        status: 401,
        code: "invalid_credentials",
        check: |answer| {
            oauth(answer, "invalid_grant");
            is_plain_challenge(answer);
            has_no_cookie(answer);
        },
    },
    Case {
        name: "a missing field",
        request: |_| Req::post("/login").form("username=ada%40example.com"),
        status: 400,
        code: "malformed_request",
        check: |answer| oauth(answer, "invalid_request"),
    },
    Case {
        name: "another grant",
        request: |_| Req::post("/login").form("grant_type=client_credentials&username=a&password=b"),
        status: 400,
        code: "malformed_request",
        check: |answer| oauth(answer, "unsupported_grant_type"),
    },
    Case {
        name: "a login as plain text",
        request: |_| Req::post("/login").body("text/plain", LOGIN),
        status: 415,
        code: "unsupported_media_type",
        check: |answer| oauth(answer, "invalid_request"),
    },
    // The bearer door.
    ok("who am I", |client| Req::get("/users/me").bearer(&client.access), 200, is_ada),
    ok(
        "who am I, without the answer",
        |client| Req::new("HEAD", "/users/me").bearer(&client.access),
        200,
        |answer| {
            assert_eq!(answer.body, "");
            assert!(answer.header("content-length").unwrap().parse::<u32>().unwrap() > 100);
        },
    ),
    Case {
        name: "no token",
        request: |_| Req::get("/users/me"),
        status: 401,
        code: "invalid_token",
        check: is_plain_challenge,
    },
    Case {
        name: "a token that is none",
        request: |_| Req::get("/users/me").bearer("a.b.c"),
        status: 401,
        code: "invalid_token",
        check: is_invalid_token_challenge,
    },
    Case {
        name: "a token in the address",
        request: |client| Req::get(&format!("/users/me?access_token={}", client.access)),
        status: 401,
        code: "invalid_token",
        check: is_plain_challenge,
    },
    // Refresh.
    ok("a refresh", |client| Req::post("/refresh-token").cookie(&client.cookie), 200, is_token_answer),
    ok(
        "the same refresh again, within the grace",
        |client| Req::post("/refresh-token").cookie(&client.first_cookie),
        200,
        is_token_answer,
    ),
    Case {
        name: "a refresh without a cookie",
        request: |_| Req::post("/refresh-token"),
        status: 401,
        code: "invalid_token",
        check: |answer| {
            oauth(answer, "invalid_grant");
            has_no_cookie(answer);
        },
    },
    Case {
        name: "a refresh with garbage",
        request: |_| Req::post("/refresh-token").cookie("__Host-refresh_token=garbage"),
        status: 401,
        code: "invalid_token",
        check: has_no_cookie,
    },
    // Other origins.
    Case {
        name: "a refresh from another site",
        request: |client| {
            Req::post("/refresh-token").cookie(&client.cookie).header("sec-fetch-site", "cross-site")
        },
        status: 403,
        code: "cross_origin",
        check: |answer| oauth(answer, "invalid_request"),
    },
    bad(
        "a logout from another origin",
        |client| Req::post("/logout").cookie(&client.cookie).header("origin", "https://evil.example"),
        403,
        "cross_origin",
    ),
    // The public keys.
    ok("the public keys", |_| Req::get("/.well-known/jwks.json"), 200, is_key_set),
    ok(
        "the public keys, without the answer",
        |_| Req::new("HEAD", "/.well-known/jwks.json"),
        200,
        |answer| assert_eq!((answer.body.as_str(), answer.header("content-length")), ("", Some("11"))),
    ),
    Case {
        name: "a write to the public keys",
        request: |_| Req::post("/.well-known/jwks.json").json("{}"),
        status: 405,
        code: "method_not_allowed",
        check: |answer| allows(answer, "GET, HEAD"),
    },
    // Addresses and methods.
    bad("an unknown address", |_| Req::get("/nowhere"), 404, "not_found"),
    bad("the root", |_| Req::get("/"), 404, "not_found"),
    bad("a slash too many", |_| Req::post("/login/"), 404, "not_found"),
    bad("an escaped address", |_| Req::post("/%6Cogin"), 404, "not_found"),
    Case {
        name: "a read of a door that writes",
        request: |_| Req::get("/logout"),
        status: 405,
        code: "method_not_allowed",
        check: |answer| allows(answer, "POST"),
    },
    Case {
        name: "a write to a door that reads",
        request: |_| Req::new("PUT", "/users/me"),
        status: 405,
        code: "method_not_allowed",
        check: |answer| allows(answer, "GET, HEAD, PATCH, DELETE"),
    },
    ok(
        "a read of a door that writes, without the answer",
        |_| Req::new("HEAD", "/login"),
        405,
        |answer| {
            allows(answer, "POST");
            assert_eq!(answer.body, "");
        },
    ),
    Case {
        name: "an unheard-of method",
        request: |_| Req::new("BREW", "/login"),
        status: 405,
        code: "method_not_allowed",
        check: |answer| allows(answer, "POST"),
    },
    Case {
        name: "a trace, which would send secrets back",
        request: |client| Req::new("TRACE", "/login").cookie(&client.cookie),
        status: 405,
        code: "method_not_allowed",
        check: |answer| allows(answer, "POST"),
    },
    Case {
        name: "a preflight of an origin that nobody trusts",
        request: |_| {
            Req::new("OPTIONS", "/login")
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST")
        },
        status: 403,
        code: "cross_origin",
        check: |answer| assert_eq!(answer.header("access-control-allow-origin"), None),
    },
    // The end.
    ok("a logout", |client| Req::post("/logout").cookie(&client.cookie), 204, clears_the_cookie),
    ok("a logout of nobody", |_| Req::post("/logout"), 204, clears_the_cookie),
    Case {
        name: "who am I, after the logout",
        request: |client| Req::get("/users/me").bearer(&client.access),
        status: 401,
        code: "invalid_token",
        check: is_invalid_token_challenge,
    },
    Case {
        name: "a refresh after the logout, whose answer has cleared the cookie",
        request: |client| Req::post("/refresh-token").cookie(&client.cookie),
        status: 401,
        code: "invalid_token",
        check: has_no_cookie,
    },
];

/// What holds for every answer.
fn check_common(answer: &Answer) {
    let is_public = answer.header("content-type") == Some("application/jwk-set+json");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", if is_public { "public, max-age=300" } else { "no-store" }),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
    }
    assert!(is_request_id(&answer.headers["x-request-id"]));
    assert_eq!(answer.header("server"), None, "no versions (ASVS 13.4.6)");
    assert_eq!(answer.header("strict-transport-security"), None, "the public address here is http");
    if answer.status == StatusCode::NO_CONTENT {
        assert_eq!(answer.body, "");
    }
}

/// The parts of an answer that must not depend on the transport; the request id and the date must.
fn comparable(mut answer: Answer) -> Answer {
    answer.headers.remove("x-request-id");
    answer.headers.remove("date");
    let headers = answer.headers.iter();
    let mut sorted: Vec<_> = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
    sorted.sort_by(|a, b| (a.0.as_str(), &a.1).cmp(&(b.0.as_str(), &b.1)));
    answer.headers = HeaderMap::from_iter(sorted);
    answer
}

async fn run(transport: &Transport) -> Vec<(&'static str, Answer)> {
    let mut client = Client::default();
    let mut answers = Vec::new();
    for case in CASES {
        let answer = transport.send((case.request)(&client).build()).await;
        let named = format!("{}: {answer:?}", case.name);
        assert_eq!(answer.status, case.status, "{named}");
        if !case.code.is_empty() {
            assert_eq!(answer.member("code"), case.code, "{named}");
            answer.clone().expect_problem(case.status, case.code);
        }
        check_common(&answer);
        (case.check)(&answer);
        client.remember(&answer);
        answers.push((case.name, comparable(answer)));
    }
    answers
}

auth_migration::each_database! {
    async fn the_service_keeps_the_contract(database: &TestDatabase) {
        run(&Transport::direct(World::new(database).await.service())).await;
    }
}

#[tokio::test]
async fn every_transport_gives_the_same_answers() {
    let databases =
        [TestDatabase::sqlite().await, TestDatabase::sqlite().await, TestDatabase::sqlite().await];
    let [direct, axum, hyper] = &databases;
    let direct = run(&Transport::direct(World::new(direct).await.service())).await;
    let axum = run(&Transport::axum(World::new(axum).await.service()).await).await;
    let hyper = run(&Transport::hyper(World::new(hyper).await.service()).await).await;
    for ((direct, axum), hyper) in direct.iter().zip(&axum).zip(&hyper) {
        assert_eq!(direct, axum);
        assert_eq!(direct, hyper);
    }
    for database in databases {
        database.drop_database().await;
    }
}
