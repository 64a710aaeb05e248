//! Collections of trouble made by others, and trouble made by chance.

use std::collections::BTreeMap;

use auth_migration::test_util::TestDatabase;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::{ADA, PASSWORD, Req, World};

/// Sound JSON that is refused on purpose.
const REPEATED_MEMBERS: [&str; 2] = ["y_object_duplicated_key", "y_object_duplicated_key_and_value"];

#[tokio::test]
async fn the_json_parser_takes_what_is_json_and_refuses_what_is_not() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    let suite: BTreeMap<String, String> =
        serde_json::from_str(include_str!("data/json_test_suite.json")).unwrap();
    let mut counts = BTreeMap::new();
    for (name, body) in &suite {
        let body = BASE64_STANDARD.decode(body).unwrap();
        let empty = body.is_empty();
        let status = world.send(Req::post("/register").json(body)).await.status.as_u16();
        let kind = name.split('_').next().unwrap();
        let repeated = REPEATED_MEMBERS.contains(&name.trim_end_matches(".json"));
        match kind {
            "y" if !repeated => assert_eq!(status, 422, "{name}"),
            "y" | "n" => assert_eq!(status, 400, "{name} {empty}"),
            _ => assert!(status == 400 || status == 422, "{name}: {status}"),
        }
        *counts.entry(kind).or_insert(0) += 1;
    }
    assert!(counts["y"] > 80 && counts["n"] > 150 && counts["i"] > 20, "{counts:?}");
    assert_eq!(world.rows().await, 0);
}

auth_migration::each_database! {
    async fn naughty_strings_are_no_trouble_anywhere(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        let strings: Vec<String> = serde_json::from_str(include_str!("data/naughty_strings.json")).unwrap();
        assert!(strings.len() > 400);
        for (number, text) in strings.iter().enumerate() {
            let answer = world.register(text, PASSWORD).await;
            assert!([409, 422].contains(&answer.status.as_u16()), "{text:?}: {answer:?}");
            let email = format!("user{number}@example.com");
            let answer = world.register(&email, text).await;
            assert!([201, 422].contains(&answer.status.as_u16()), "{text:?}: {answer:?}");
            if answer.status == 201 {
                world.login(&email, text).await.expect(200);
            }
            world.login(text, text).await.expect_problem(401, "invalid_credentials");
            world.login(ADA, text).await.expect_problem(401, "invalid_credentials");
            world.forget_failures().await;
            let encoded = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            let answer = world.send(Req::post("/login").form(format!("username={encoded}&password={encoded}"))).await;
            assert!([400, 401].contains(&answer.status.as_u16()), "{text:?}: {answer:?}");
            if HeaderValue::from_bytes(text.as_bytes()).is_ok() {
                for name in ["user-agent", "x-request-id", "accept", "accept-language", "x-forwarded-for", "host"] {
                    let request = Req::get("/users/me").bearer(&access).header(name, text);
                    let answer = world.send(request).await.expect(200);
                    let id = &answer.headers["x-request-id"];
                    assert!(auth_tower::is_request_id(id), "{id:?}");
                }
                world.send(Req::get("/users/me").header("authorization", text)).await.expect(401);
                world.send(Req::post("/refresh-token").header("cookie", text)).await.expect(401);
                let request = Req::post("/refresh-token").header("cookie", format!("__Host-refresh_token={text}"));
                world.send(request).await.expect(401);
                let cookie = format!("__Host-auth_device={text}");
                let body = serde_json::json!({ "email": ADA, "password": "wrong" }).to_string();
                let request = Req::post("/login").header("cookie", cookie).json(body);
                world.send(request).await.expect_problem(401, "invalid_credentials");
                let status = world.send(Req::post("/logout").header("origin", text)).await.status;
                assert_eq!(status, 403, "{text:?}");
                world.send(Req::post("/login").body(text, "x")).await.expect(415);
            }
        }
        world.refresh(&cookie).await.expect(200);
    }
}

#[tokio::test]
async fn a_user_agent_that_is_recorded_may_hold_anything() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let body = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
    let strings: Vec<String> = serde_json::from_str(include_str!("data/naughty_strings.json")).unwrap();
    for text in strings.iter().filter(|text| HeaderValue::from_bytes(text.as_bytes()).is_ok()) {
        world.send(Req::post("/login").header("user-agent", text).json(body)).await.expect(200);
    }
    let long = "\u{1f980}".repeat(4000);
    world.send(Req::post("/login").header("user-agent", long).json(body)).await.expect(200);
}

/// Whatever comes in, by whichever door: an answer of ours, and none that blames us.
#[test]
fn arbitrary_bytes_never_make_a_5xx() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (database, world) = runtime.block_on(async {
        let database = TestDatabase::sqlite().await;
        let world = World::new(&database).await;
        (database, world)
    });
    let header = any::<Vec<u8>>().prop_map(|bytes| HeaderValue::from_bytes(&bytes).ok());
    let jsonish = r#"(\{|\}|\[|\]|"|,|:|\\u[0-9a-f]{4}|email|password|[ -~]|null|1e9)*"#;
    let formish = r"(&|=|%[0-9a-fA-F]{2}|%|\+|username|password|grant_type|[ -~])*";
    let body = prop_oneof![
        any::<Vec<u8>>(),
        jsonish.prop_map(String::into_bytes),
        formish.prop_map(String::into_bytes),
    ];
    let path =
        prop::sample::select(vec!["/register", "/login", "/refresh-token", "/logout", "/users/me", "/x"]);
    let method = prop::sample::select(vec!["GET", "POST", "HEAD", "OPTIONS", "PUT"]);
    let content_type =
        prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded", "text/plain"]);
    let headers = prop::collection::vec(
        (
            prop::sample::select(vec![
                "authorization",
                "cookie",
                "content-type",
                "content-encoding",
                "origin",
                "sec-fetch-site",
                "x-request-id",
                "user-agent",
                "access-control-request-method",
            ]),
            header,
        ),
        0..4,
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1500));
    runner
        .run(&(method, path, content_type, headers, body), |(method, path, content_type, headers, body)| {
            let mut request = Req::new(method, path).body(content_type, Bytes::from(body)).build();
            for (name, value) in headers {
                if let Some(value) = value {
                    request.headers_mut().append(HeaderName::from_static(name), value);
                }
            }
            let transport = crate::support::Transport::direct(world.service());
            let answer = runtime.block_on(transport.send(request));
            prop_assert!(answer.status.as_u16() < 500, "{answer:?}");
            prop_assert!(auth_tower::is_request_id(&answer.headers["x-request-id"]));
            Ok(())
        })
        .unwrap();
    runtime.block_on(database.drop_database());
}
