//! Requests of other origins (ASVS 3.4.2, 3.5.1).

use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthService, AuthServiceBuilder, CrossOriginLayer, OriginPolicy};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, ServiceExt};

use crate::support::{Req, World};

const TRUSTED: &str = "https://app.example.com";

/// The headers of a request, and whether one that changes state passes with them.
const TABLE: &[(&[(&str, &str)], bool)] = &[
    // No browser.
    (&[], true),
    (&[("host", "evil.example")], true),
    (&[("referer", "https://evil.example/")], true),
    // A trusted origin, whatever its site.
    (&[("origin", TRUSTED)], true),
    (&[("origin", TRUSTED), ("sec-fetch-site", "cross-site")], true),
    (&[("origin", TRUSTED), ("sec-fetch-site", "same-site")], true),
    // What the browser says of the site goes before the origin.
    (&[("sec-fetch-site", "same-origin")], true),
    (&[("sec-fetch-site", "none")], true),
    (&[("sec-fetch-site", "same-site")], false),
    (&[("sec-fetch-site", "cross-site")], false),
    (&[("sec-fetch-site", "")], false),
    (&[("sec-fetch-site", "Same-Origin")], false),
    (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
    (&[("sec-fetch-site", "same-origin"), ("origin", "https://behind-a-proxy.example")], true),
    (&[("sec-fetch-site", "cross-site"), ("origin", "https://auth.example.com:8443")], false),
    // An old browser: the public origin, to the letter.
    (&[("origin", "https://auth.example.com:8443")], true),
    (&[("origin", "https://auth.example.com")], false),
    (&[("origin", "https://auth.example.com:443")], false),
    (&[("origin", "http://auth.example.com:8443")], false),
    (&[("origin", "HTTPS://auth.example.com:8443")], false),
    (&[("origin", "https://auth.example.com:8443/")], false),
    (&[("origin", "https://auth.example.com:8443.evil.example")], false),
    (&[("origin", "null")], false),
    (&[("origin", "")], false),
    (&[("origin", "https://evil.example"), ("host", "evil.example")], false),
    // Look-alikes of the trusted one.
    (&[("origin", "http://app.example.com")], false),
    (&[("origin", "https://app.example.com:444")], false),
    (&[("origin", "https://app.example.com.evil.example")], false),
    (&[("origin", "https://evilapp.example.com")], false),
    (&[("origin", "https://x.app.example.com")], false),
    (&[("origin", "https://app.example.co")], false),
    // Two of them: which one is meant?
    (&[("origin", TRUSTED), ("origin", "https://evil.example")], false),
    (&[("origin", TRUSTED), ("origin", TRUSTED)], false),
];

fn with(request: Req, headers: &[(&str, &str)]) -> Req {
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

async fn world(database: &TestDatabase) -> World {
    World::new(database)
        .await
        .with(|service| service.public_url("https://auth.example.com:8443").trusted_origin(TRUSTED))
        .with_ada()
        .await
}

#[tokio::test]
async fn another_origin_changes_nothing_unless_it_is_trusted() {
    let database = TestDatabase::sqlite().await;
    let world = world(&database).await;
    let (_, cookie) = world.ada_signs_in().await;
    let login = "username=ada@example.com&password=correct+horse+battery";
    for (headers, passes) in TABLE {
        let requests = [
            (Req::post("/refresh-token").cookie(&cookie), 200),
            (Req::post("/login").form(login), 200),
            (Req::post("/logout"), 204),
            (Req::post("/register").json("{}"), 422),
        ];
        for (request, status) in requests {
            let answer = world.send(with(request, headers)).await;
            if *passes {
                answer.expect(status);
            } else {
                let answer = answer.expect_problem(403, "cross_origin");
                assert_eq!(answer.header("set-cookie"), None, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn reading_is_nobodys_to_forbid_but_only_a_trusted_page_gets_to_see_it() {
    let database = TestDatabase::sqlite().await;
    let world = world(&database).await;
    let (access, _) = world.ada_signs_in().await;
    for (headers, _) in TABLE {
        let answer = world.send(with(Req::get("/users/me").bearer(&access), headers)).await.expect(200);
        let trusted = headers.iter().filter(|(name, _)| *name == "origin").collect::<Vec<_>>()
            == [&("origin", TRUSTED)];
        let expected = trusted.then_some(TRUSTED);
        assert_eq!(answer.header("access-control-allow-origin"), expected, "{headers:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), trusted.then_some("true"));
        assert_eq!(answer.header("vary"), Some("origin"));
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000; includeSubDomains"));
    }
}

#[tokio::test]
async fn errors_reach_a_trusted_page_too() {
    let database = TestDatabase::sqlite().await;
    let world = world(&database).await;
    for request in [Req::get("/nowhere"), Req::post("/refresh-token"), Req::post("/register").json("{")] {
        let answer = world.send(request.header("origin", TRUSTED)).await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.header("access-control-allow-origin"), Some(TRUSTED));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_trusted_origins_only() {
    let database = TestDatabase::sqlite().await;
    let world = world(&database).await;
    let preflight = |origin: &str| {
        Req::new("OPTIONS", "/login")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,authorization")
    };
    let answer = world.send(preflight(TRUSTED)).await.expect(204);
    for (name, value) in [
        ("access-control-allow-origin", TRUSTED),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "content-type,authorization"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["access-control-request-method", "access-control-request-headers", "origin"]);
    for (origin, status, code) in [
        ("https://evil.example", 403, "cross_origin"),
        ("null", 403, "cross_origin"),
        ("", 403, "cross_origin"),
        // Which asks nothing beforehand.
        ("https://auth.example.com:8443", 405, "method_not_allowed"),
    ] {
        let answer = world.send(preflight(origin)).await.expect_problem(status, code);
        for name in answer.headers.keys() {
            assert!(!name.as_str().starts_with("access-control"), "{origin}: {name}");
        }
    }
    // Not a preflight.
    let plain = Req::new("OPTIONS", "/login").header("origin", TRUSTED);
    world.send(plain).await.expect_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn no_origin_is_told_beforehand_that_it_may_ask_the_door_of_proxies() {
    let database = TestDatabase::sqlite().await;
    let world = world(&database).await;
    for origin in [TRUSTED, "https://auth.example.com:8443", "https://evil.example"] {
        let preflight = Req::new("OPTIONS", "/verify")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        // A proxy that asks with the method of the request would take success for a yes.
        let answer = world.send(preflight).await.expect_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{origin}");
    }
}

#[tokio::test]
async fn hsts_is_as_it_is_set_and_not_for_this_machine() {
    let database = TestDatabase::sqlite().await;
    let usual = Some("max-age=63072000; includeSubDomains");
    for (public_url, set, told) in [
        ("https://auth.example.com", None, usual),
        ("https://auth.example.com:8443", Some("max-age=300"), Some("max-age=300")),
        ("https://auth.example.com", Some("off"), None),
        ("http://auth.example.com", None, None),
        ("https://localhost:8443", None, None),
        ("https://auth.localhost", Some("max-age=300"), None),
        ("https://127.0.0.1:8000", None, None),
        ("https://[::1]:8000", None, None),
    ] {
        let world = World::new(&database).await.with(|service| {
            let service = service.public_url(public_url);
            set.into_iter().fold(service, AuthServiceBuilder::hsts)
        });
        let answer = world.send(Req::get("/users/me")).await;
        assert_eq!(answer.header("strict-transport-security"), told, "{public_url} {set:?}");
        assert_eq!(world.service().hsts().as_ref().map(|hsts| hsts.to_str().unwrap()), told);
    }
    let world = World::new(&database).await;
    let wrong = AuthService::builder(world.auth.clone()).hsts("for ever").build().unwrap_err();
    assert_eq!(wrong.setting(), "hsts");
}

#[tokio::test]
async fn without_trusted_origins_no_answer_speaks_of_them() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    let answer = world.send(Req::get("/users/me").header("origin", TRUSTED)).await;
    assert_eq!(answer.header("vary"), None);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("strict-transport-security"), None);
}

#[tokio::test]
async fn the_layer_keeps_the_same_rule_around_the_routes_of_a_host() {
    let database = TestDatabase::sqlite().await;
    let layer = CrossOriginLayer::new(world(&database).await.service().origin_policy());
    let host = layer.layer(tower::service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, std::convert::Infallible>(Response::new(Full::from("done")))
    }));
    for (headers, passes) in TABLE {
        for (method, passes) in
            [("POST", *passes), ("PATCH", *passes), ("CONNECT", *passes), ("GET", true), ("HEAD", true)]
        {
            let request = with(Req::new(method, "/"), headers).build().map(|_| Empty::new());
            let Ok(response) = host.clone().oneshot(request).await;
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!((status == 200, body == "done"), (passes, passes), "{method} {headers:?}");
            assert!(status == 200 || status == 403);
        }
    }
    // A WebSocket, which cookies sign in too, begins with a GET.
    for (headers, passes) in TABLE {
        for begun in [
            &[("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "x")][..],
            &[("upgrade", "WebSocket")],
            &[("sec-websocket-key", "x")],
        ] {
            let request = with(with(Req::get("/"), headers), begun).build().map(|_| Empty::new());
            let Ok(response) = host.clone().oneshot(request).await;
            assert_eq!(response.status(), if *passes { 200 } else { 403 }, "{begun:?} {headers:?}");
        }
    }
    let preflight = Req::new("OPTIONS", "/")
        .header("origin", TRUSTED)
        .header("access-control-request-method", "PATCH")
        .build();
    let Ok(response) = host.clone().oneshot(preflight.map(|_| Empty::new())).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], TRUSTED);
    assert_eq!(response.headers()["access-control-allow-methods"], "PATCH");
    let preflight = Req::new("OPTIONS", "/")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "GET")
        .build();
    let Ok(response) = host.oneshot(preflight.map(|_| Empty::new())).await;
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn the_layer_around_the_service_says_nothing_twice() {
    let database = TestDatabase::sqlite().await;
    let service = world(&database).await.service();
    let host = CrossOriginLayer::new(service.origin_policy()).layer(service);
    let request = Req::get("/users/me").header("origin", TRUSTED).build().map(Full::new);
    let Ok(response) = host.oneshot(request).await;
    for name in ["vary", "access-control-allow-origin", "access-control-allow-credentials"] {
        assert_eq!(response.headers().get_all(name).iter().count(), 1, "{name}");
    }
}

#[test]
fn a_policy_knows_whether_its_clients_come_over_tls() {
    assert!(OriginPolicy::new("https://auth.example.com").unwrap().is_https());
    assert!(!OriginPolicy::new("http://127.0.0.1:8000").unwrap().is_https());
}
