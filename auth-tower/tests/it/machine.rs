//! Machines over HTTP: keys, service accounts, OAuth 2.

use std::time::Duration;

use auth_core::{ADMIN_ROLE, ClientInfo, Principal, UserId, machine::NewApiKey};
use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthLayer, ClientAddr, RequireLayer};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::Layer;

use crate::{
    layers::{send, whoami},
    support::{ADA, Answer, PASSWORD, Req, World},
};

/// Of the right form, and nobody's.
const UNKNOWN: &str = "ak_0000000000000000000000000000001dZEUY";

/// Ada, who is an administrator and has signed in a moment ago.
struct Machines {
    world: World,
    access: String,
    ada: UserId,
}

impl Machines {
    async fn new(database: &TestDatabase) -> Self {
        Self::over(World::new(database).await).await
    }

    async fn over(world: World) -> Self {
        let world = world.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let ada = world.me(&access).await.member("id").parse().unwrap();
        world.auth.set_roles(ada, &[ADMIN_ROLE], ClientInfo::default()).await.unwrap();
        let (access, _) = world.ada_signs_in().await;
        Self { world, access, ada }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = Req::new(method, path).bearer(&self.access);
        self.world.send(if body.is_null() { request } else { request.json(body.to_string()) }).await
    }

    async fn key(&self, scopes: &[&str]) -> String {
        let body = json!({"name": "nightly", "scopes": scopes});
        self.ask("POST", "/users/me/api-keys", body).await.expect(201).member("key")
    }

    /// The id of a new service account, and a key of it.
    async fn service(&self, roles: &[&str], scopes: &[&str]) -> (String, String) {
        let account = self.ask("POST", "/service-accounts", json!({"name": "billing", "roles": roles})).await;
        let id = account.expect(201).member("id");
        let path = format!("/service-accounts/{id}/api-keys");
        let made = self.ask("POST", &path, json!({"name": "nightly", "scopes": scopes})).await;
        (id, made.expect(201).member("key"))
    }

    async fn token(&self, form: &str, authorization: &str) -> Answer {
        let request = Req::post("/oauth/token").form(form.to_owned());
        let is_none = authorization.is_empty();
        self.world.send(if is_none { request } else { request.header("authorization", authorization) }).await
    }

    async fn introspect(&self, key: &str, token: &str) -> Answer {
        self.world.send(Req::post("/oauth/introspect").bearer(key).form(format!("token={token}"))).await
    }
}

fn basic(id: &str, key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{key}")))
}

const GRANT: &str = "grant_type=client_credentials";

auth_migration::each_database! {
    async fn a_key_is_made_listed_rotated_and_ended(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let made = ada.ask("POST", "/users/me/api-keys", json!({"name": "nightly", "scopes": ["read:todos"], "expires_in_days": 7})).await.expect(201);
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let members: Vec<_> = made.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["created_at", "expires_at", "hint", "id", "key", "name", "scopes"]);
        let (id, key) = (made.member("id"), made.member("key"));
        assert!(key.starts_with(&made.member("hint")));
        let listed = ada.ask("GET", "/users/me/api-keys", Value::Null).await.expect(200);
        assert!(!listed.body.contains(&key) && listed.json()["api_keys"][0]["last_used_at"].is_null());

        let me = ada.world.me(&key).await.expect(200);
        assert_eq!((me.member("email").as_str(), &me.json()["roles"]), (ADA, &json!(["user"])), "no more than it is for");
        let rotated = ada.ask("POST", &format!("/users/me/api-keys/{id}/rotate"), json!({"overlap_hours": 1})).await.expect(201);
        assert_ne!(rotated.member("key"), key);
        ada.ask("POST", &format!("/users/me/api-keys/{id}/rotate"), Value::Null).await.expect_problem(409, "api_key_rotated");
        ada.ask("DELETE", &format!("/users/me/api-keys/{id}"), Value::Null).await.expect(204);
        ada.world.me(&key).await.expect_problem(401, "invalid_token");
        ada.ask("DELETE", &format!("/users/me/api-keys/{id}"), Value::Null).await.expect_problem(404, "not_found");
        ada.world.me(&rotated.member("key")).await.expect(200);

        let wrong = json!({"name": "x", "scopes": ["events"], "expires_in_days": 1000});
        let refused = ada.ask("POST", "/users/me/api-keys", wrong).await.expect_problem(422, "validation_failed");
        assert_eq!(refused.fields(), ["scopes", "expires_in_days"]);
        let refused = ada.ask("POST", "/users/me/api-keys", json!({"name": "x", "expires_in_days": "1"})).await;
        assert_eq!(refused.expect_problem(422, "validation_failed").fields(), ["expires_in_days"]);
        ada.world.clock.advance(Duration::from_mins(6));
        ada.ask("POST", "/users/me/api-keys", json!({"name": "x"})).await.expect_problem(401, "insufficient_user_authentication");
    }

    async fn an_administrator_keeps_service_accounts(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let (id, key) = ada.service(&["editor"], &["events"]).await;
        let path = format!("/service-accounts/{id}");
        let shown = ada.ask("GET", &path, Value::Null).await.expect(200).json();
        assert_eq!((&shown["kind"], &shown["roles"], &shown["disabled"]), (&json!("service"), &json!(["editor"]), &json!(false)));
        assert_eq!(ada.world.me(&key).await.expect(200).json(), shown, "a key tells whose it is");
        let page = ada.ask("GET", "/service-accounts?limit=1", Value::Null).await.expect(200).json();
        assert_eq!((&page["service_accounts"], &page["next_cursor"]), (&json!([shown]), &Value::Null));
        assert_eq!(ada.ask("GET", "/users", Value::Null).await.json()["users"].as_array().unwrap().len(), 1);

        let keys = ada.ask("GET", &format!("{path}/api-keys"), Value::Null).await.expect(200).json();
        let key_id = keys["api_keys"][0]["id"].as_str().unwrap();
        let rotated = ada.ask("POST", &format!("/api-keys/{key_id}/rotate"), json!({"overlap_hours": 0})).await.expect(201);
        ada.world.me(&key).await.expect_problem(401, "invalid_token");
        let key = rotated.member("key");
        let changed = ada.ask("PATCH", &path, json!({"disabled": true, "name": "off"})).await.expect(200).json();
        assert_eq!((&changed["disabled"], &changed["name"]), (&json!(true), &json!("off")));
        ada.world.me(&key).await.expect_problem(401, "invalid_token");
        ada.ask("PATCH", &path, json!({"disabled": false})).await.expect(200);
        ada.world.me(&key).await.expect(200);
        ada.ask("DELETE", &format!("/api-keys/{}", rotated.member("id")), Value::Null).await.expect(204);
        ada.world.me(&key).await.expect_problem(401, "invalid_token");
        ada.ask("DELETE", &path, Value::Null).await.expect(204);
        for method in ["GET", "DELETE"] {
            ada.ask(method, &path, Value::Null).await.expect_problem(404, "not_found");
        }
        let refused = ada.ask("POST", "/service-accounts", json!({"name": "", "roles": ["Admin"]})).await;
        assert_eq!(refused.expect_problem(422, "validation_failed").fields(), ["name", "roles"]);

        ada.world.auth.set_roles(ada.world.register("bob@example.com", PASSWORD).await.member("id").parse().unwrap(), &[ADMIN_ROLE], ClientInfo::default()).await.unwrap();
        ada.world.auth.set_roles(ada.ada, &["user"], ClientInfo::default()).await.unwrap();
        ada.ask("GET", "/service-accounts", Value::Null).await.expect_problem(403, "forbidden");
    }

    async fn no_key_reaches_what_wants_a_person(database: &TestDatabase) {
        let on = |builder: auth_core::AuthBuilder| builder.configure(|config| config.profile.enabled = true);
        let world = World::make(database, |keys| keys, on).await;
        let ada = Machines::over(world).await;
        let key = ada.key(&["admin", "read:todos"]).await;
        let (_, service) = ada.service(&[ADMIN_ROLE], &["admin"]).await;
        let issued = ada.token(GRANT, &format!("Bearer {service}")).await.expect(200).member("access_token");
        let paths = ada.world.service().openapi()["paths"].clone();
        let mut taken = Vec::new();
        for (path, item) in paths.as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let wants_somebody = operation["security"].as_array().unwrap().iter().all(|way| way.get("bearer").is_some() || way.get("password").is_some() || way.get("api_key").is_some());
                let method = method.to_uppercase();
                if !wants_somebody || operation["security"].as_array().unwrap().is_empty() {
                    continue;
                }
                let asked = path.replace("{id}", "0198c5d2-0000-7000-8000-000000000001");
                for token in [&key, &service, &issued] {
                    let answer = ada.world.send(Req::new(&method, &asked).bearer(token).json("{}")).await;
                    if answer.status == 403 {
                        answer.expect_problem(403, "session_required");
                    } else if !taken.contains(&(method.clone(), path.clone())) {
                        taken.push((method.clone(), path.clone()));
                    }
                }
            }
        }
        let taken: Vec<_> = taken.iter().map(|(method, path)| (method.as_str(), path.as_str())).collect();
        let expected = [
            ("GET", "/users"),
            ("GET", "/users/me"),
            ("DELETE", "/users/{id}"),
            ("GET", "/users/{id}"),
            ("PATCH", "/users/{id}"),
            ("GET", "/users/{id}/events"),
            ("DELETE", "/users/{id}/sessions"),
        ];
        assert_eq!(taken, expected);
    }

    async fn the_administration_is_for_keys_that_say_so_and_whose_owner_is_one(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let (admin, other) = (ada.key(&["admin"]).await, ada.key(&["read:todos"]).await);
        let (_, service) = ada.service(&["editor"], &["read:todos"]).await;
        for key in [&other, &service] {
            ada.world.send(Req::get("/users").bearer(key)).await.expect_problem(403, "forbidden");
        }
        let bob = ada.world.register("bob@example.com", PASSWORD).await.member("id");
        ada.world.clock.advance(Duration::from_hours(1));
        let disable = Req::new("PATCH", &format!("/users/{bob}")).bearer(&admin).json(r#"{"disabled":true,"roles":["admin"]}"#);
        ada.world.send(disable).await.expect(200);
        let enable = Req::new("PATCH", &format!("/users/{bob}")).bearer(&admin).json(r#"{"disabled":false}"#);
        ada.world.send(enable).await.expect(200);
        ada.world.auth.set_roles(ada.ada, &["user"], ClientInfo::default()).await.unwrap();
        ada.world.send(Req::get("/users").bearer(&admin)).await.expect_problem(403, "forbidden");
    }

    async fn a_proxy_lets_machines_through_where_it_asks_for_them(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let (own, (account, service)) = (ada.key(&["read:todos"]).await, ada.service(&["editor"], &["read:todos", "read:bills"]).await);
        let issued = ada.token(&format!("{GRANT}&scope=read:bills"), &format!("Bearer {service}")).await.expect(200).member("access_token");
        let ask = async |token: &str, query: &str| ada.world.send(Req::get(&format!("/verify{query}")).bearer(token)).await;
        for token in [&own, &service, &issued] {
            ask(token, "").await.expect_problem(403, "session_required");
            ask(token, "?role=editor").await.expect_problem(403, "session_required");
            ask(token, "?caller=any&max_age=300").await.expect_problem(403, "session_required");
            ask(token, "?scope=write:todos").await.expect_problem(403, "forbidden");
            for wrong in ["?scope=", "?scope=Read", "?caller=", "?caller=machine", "?scope=a&scope=a"] {
                ask(token, wrong).await.expect_problem(400, "malformed_request");
            }
        }
        let answer = ask(&own, "?scope=read:todos").await.expect(204);
        assert_eq!(answer.header("x-auth-user"), Some(&*ada.ada.to_string()));
        assert_eq!((answer.header("x-auth-caller"), answer.header("x-auth-scope")), (Some("person"), Some("read:todos")));
        assert_eq!((answer.header("x-auth-session"), answer.header("x-auth-roles")), (Some(""), Some("user")));
        let answer = ask(&service, "?caller=service").await.expect(204);
        assert_eq!(answer.header("x-auth-user"), Some(&*account));
        assert_eq!((answer.header("x-auth-caller"), answer.header("x-auth-scope")), (Some("service"), Some("read:bills read:todos")));
        let answer = ask(&issued, "?scope=read:bills&role=editor").await.expect(204);
        assert_eq!(answer.header("x-auth-scope"), Some("read:bills"));
        ask(&issued, "?scope=read:todos").await.expect_problem(403, "forbidden");
        ask(&own, "?caller=service").await.expect_problem(403, "forbidden");
        ask(&service, "?caller=person").await.expect_problem(403, "forbidden");
        ask(&own, "?caller=person").await.expect(204);
        let answer = ask(&ada.access, "?scope=read:todos").await.expect(204);
        assert_eq!((answer.header("x-auth-caller"), answer.header("x-auth-scope")), (Some("person"), Some("")));
        ask(&ada.access, "?caller=service").await.expect_problem(403, "forbidden");
        ask(UNKNOWN, "?caller=any").await.expect_problem(401, "invalid_token");
    }

    async fn a_refused_key_is_401_and_a_throttled_one_429(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let (key, fresh) = (ada.key(&[]).await, ada.key(&[]).await);
        let from = ClientAddr("203.0.113.7".parse().unwrap());
        let ask = async |key: &str| ada.world.send(Req::get("/users/me").bearer(key).extension(from)).await;
        ask(&key).await.expect(200);
        for _ in 0..100 {
            ask(UNKNOWN).await.expect_problem(401, "invalid_token");
        }
        for key in [UNKNOWN, &fresh] {
            let answer = ask(key).await.expect_problem(429, "throttled");
            assert!(answer.header("retry-after").is_some() && answer.header("www-authenticate").is_none());
        }
        ask("ak_0").await.expect_problem(401, "invalid_token");
        ask(&key).await.expect(200);
        let token = Req::post("/oauth/token").form(GRANT).bearer(UNKNOWN).extension(from);
        ada.world.send(token).await.expect_problem(429, "throttled");
    }

    async fn a_service_gets_a_token_in_each_of_the_ways_of_rfc_6749(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let (id, key) = ada.service(&["editor"], &["read:todos", "write:todos"]).await;
        let in_form = format!("{GRANT}&client_id={id}&client_secret={key}");
        for (form, authorization) in [(GRANT, basic(&id, &key)), (in_form.as_str(), String::new()), (GRANT, format!("Bearer {key}"))] {
            let answer = ada.token(form, &authorization).await.expect(200);
            assert_eq!((answer.header("set-cookie"), answer.header("cache-control"), answer.header("pragma")), (None, Some("no-store"), Some("no-cache")));
            let members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
            assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
            assert_eq!(answer.member("scope"), "read:todos write:todos");
            let caller = ada.world.auth.verifier().verify_any(&answer.member("access_token")).unwrap();
            assert_eq!((caller.user_id().to_string(), caller.session_id()), (id.clone(), None));
            ada.world.me(&answer.member("access_token")).await.expect(200);
        }
        let (_, other) = ada.service(&[], &[]).await;
        let own = ada.key(&["read:todos"]).await;
        let oauth = |answer: Answer, status: u16, code: &str, error: &str| {
            let answer = answer.expect_problem(status, code);
            assert_eq!(answer.member("error"), error, "{answer:?}");
            answer
        };
        for authorization in [basic(&id, &other), basic(&id, UNKNOWN), basic(&id, "wrong"), basic("nobody", &key), "Basic !".to_owned()] {
            let refused = oauth(ada.token(GRANT, &authorization).await, 401, "invalid_client", "invalid_client");
            assert_eq!(refused.header("www-authenticate"), Some(r#"Basic realm="auth""#));
        }
        oauth(ada.token(GRANT, "").await, 401, "invalid_client", "invalid_client");
        oauth(ada.token(GRANT, &format!("Bearer {}", ada.access)).await, 401, "invalid_client", "invalid_client");
        oauth(ada.token(&format!("{GRANT}&client_id={id}"), "").await, 401, "invalid_client", "invalid_client");
        oauth(ada.token(GRANT, &format!("Bearer {own}")).await, 400, "unauthorized_client", "unauthorized_client");
        oauth(ada.token(&format!("{GRANT}&scope=admin"), &basic(&id, &key)).await, 400, "invalid_scope", "invalid_scope");
        oauth(ada.token("grant_type=password", &basic(&id, &key)).await, 400, "malformed_request", "unsupported_grant_type");
        oauth(ada.token("scope=x", &basic(&id, &key)).await, 400, "malformed_request", "invalid_request");
        oauth(ada.token(&in_form, &basic(&id, &key)).await, 400, "malformed_request", "invalid_request");
        let in_list = Req::post("/oauth/token").header("authorization", basic(&id, &key));
        let in_list = in_list.json(json!({"grant_type": "client_credentials", "scope": ["read:todos"]}).to_string());
        oauth(ada.world.send(in_list).await, 400, "malformed_request", "invalid_request");
        oauth(ada.token(&format!("{GRANT}&{GRANT}"), &basic(&id, &key)).await, 400, "malformed_request", "invalid_request");
    }

    async fn who_may_ask_is_told_what_a_token_is_worth(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let (id, key) = ada.service(&[], &["introspect"]).await;
        let (_, other) = ada.service(&[], &["read:todos"]).await;
        let own = ada.key(&["read:todos"]).await;
        let (access, cookie) = ada.world.ada_signs_in().await;
        let refresh = cookie.split_once('=').unwrap().1.to_owned();
        let known = ada.introspect(&key, &access).await.expect(200);
        assert_eq!(known.header("cache-control"), Some("no-store"));
        let known = known.json();
        assert_eq!((&known["active"], &known["username"], &known["sub"]), (&json!(true), &json!(ADA), &json!(ada.ada.to_string())));
        for member in ["sid", "roles", "exp", "iat", "iss", "aud", "acr", "amr", "auth_time"] {
            assert!(!known[member].is_null(), "{member}: {known}");
        }
        let of_key = ada.introspect(&key, &own).await.expect(200).json();
        assert_eq!((&of_key["scope"], &of_key["sid"]), (&json!("read:todos"), &Value::Null));
        assert_eq!(ada.introspect(&key, &refresh).await.expect(200).json()["active"], true);
        let issued = ada.token(GRANT, &basic(&id, &key)).await.expect(200).member("access_token");
        let of_token = ada.introspect(&issued, &issued).await.expect(200).json();
        assert_eq!((&of_token["client_id"], &of_token["username"]), (&json!(id), &json!("billing")));

        ada.world.send(Req::post("/logout").cookie(&cookie)).await.expect(204);
        for over in [access.as_str(), &refresh, UNKNOWN, "x", "a.b.c"] {
            assert_eq!(ada.introspect(&key, over).await.expect(200).json(), json!({"active": false}), "{over}");
        }
        for no_right in [&other, &ada.access] {
            ada.introspect(no_right, &own).await.expect_problem(403, "forbidden");
        }
        ada.introspect(&own, &own).await.expect_problem(403, "forbidden");
        ada.introspect(UNKNOWN, &own).await.expect_problem(401, "invalid_token");
        let nobody = ada.world.send(Req::post("/oauth/introspect").form(format!("token={own}"))).await;
        nobody.expect_problem(401, "invalid_client");
        ada.introspect(&key, "").await.expect_problem(400, "malformed_request");
        let by_basic = Req::post("/oauth/introspect").header("authorization", basic(&id, &key)).form(format!("token={own}"));
        assert_eq!(ada.world.send(by_basic).await.expect(200).json()["active"], true);
    }

    async fn whoever_has_a_token_may_end_it(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        let revoke = async |token: &str| ada.world.send(Req::post("/oauth/revoke").form(format!("token={token}&token_type_hint=x"))).await.expect(200);
        let (first, second) = (ada.world.ada_signs_in().await, ada.world.ada_signs_in().await);
        let (own, (_, service)) = (ada.key(&[]).await, ada.service(&[], &[]).await);
        let issued = ada.token(GRANT, &format!("Bearer {service}")).await.expect(200).member("access_token");
        for token in [first.0.as_str(), second.1.split_once('=').unwrap().1, &own, &issued, "x", UNKNOWN] {
            revoke(token).await;
            revoke(token).await;
        }
        for over in [&first.0, &second.0, &own, &issued] {
            ada.world.me(over).await.expect_problem(401, "invalid_token");
        }
        ada.world.me(&ada.access).await.expect(200);
        ada.world.send(Req::post("/oauth/revoke").form("x=1")).await.expect_problem(400, "malformed_request");
    }

    async fn a_key_costs_one_read_in_the_bound_and_a_token_of_a_service_none(database: &TestDatabase) {
        let ada = Machines::new(database).await;
        ada.world.auth.poll_revocations().await.unwrap();
        let (_, key) = ada.service(&[], &["read:todos"]).await;
        let issued = ada.token(GRANT, &format!("Bearer {key}")).await.expect(200).member("access_token");
        let ask = async |token: &str| ada.world.send(Req::get("/verify?scope=read:todos").bearer(token)).await.expect(204);
        ada.world.statements();
        for _ in 0..10 {
            ask(&key).await;
            ask(&issued).await;
        }
        assert_eq!(ada.world.statements(), 0);
        ada.world.clock.advance(Duration::from_secs(1));
        for _ in 0..10 {
            ask(&key).await;
        }
        assert_eq!(ada.world.statements(), 1);
    }
}

/// Answers with what is known of the caller.
async fn who(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let caller = request.extensions().get::<Principal>();
    let name = caller.map_or("nobody", |caller| caller.caller().name());
    Ok(Response::new(Full::from(name)))
}

#[tokio::test]
async fn a_layer_takes_machines_where_it_is_told_and_a_guard_asks_for_them() {
    let database = TestDatabase::sqlite().await;
    let ada = Machines::new(&database).await;
    let (auth, verifier) = (&ada.world.auth, ada.world.auth.verifier());
    let (own, (_, service)) = (ada.key(&["read:todos"]).await, ada.service(&[], &["read:todos"]).await);
    let issued = ada.token(GRANT, &format!("Bearer {service}")).await.expect(200).member("access_token");
    let of_today = AuthLayer::required(verifier.clone());
    let strict = AuthLayer::required(verifier.clone()).strict(auth.clone());
    for layer in [of_today.clone(), strict.clone(), AuthLayer::optional(verifier.clone())] {
        for machine in [&own, &service, &issued] {
            let answer = send(layer.layer(tower::service_fn(whoami)), Req::get("/").bearer(machine)).await;
            answer.expect_problem(403, "session_required");
        }
    }
    let keys = of_today.clone().api_keys(auth.clone());
    let strict_keys = strict.api_keys(auth.clone());
    let tokens = of_today.any_caller();
    for layer in [&keys, &strict_keys] {
        for machine in [&own, &service, &issued] {
            let door = |guard: RequireLayer| layer.layer(guard.layer(tower::service_fn(who)));
            for people in [
                RequireLayer::signed_in(),
                RequireLayer::role("user").unwrap(),
                RequireLayer::assurance(auth_core::Assurance::Aal1),
                RequireLayer::recent_sign_in(Duration::MAX, auth.clock()),
            ] {
                send(door(people), Req::get("/").bearer(machine))
                    .await
                    .expect_problem(403, "session_required");
            }
            let is_person = machine == &own;
            let kind = if is_person { "person" } else { "service" };
            for guard in [RequireLayer::scope("read:todos"), RequireLayer::any_caller()] {
                assert_eq!(send(door(guard), Req::get("/").bearer(machine)).await.expect(200).body, kind);
            }
            send(door(RequireLayer::scope("write:todos")), Req::get("/").bearer(machine))
                .await
                .expect_problem(403, "forbidden");
            let only_services = send(door(RequireLayer::service()), Req::get("/").bearer(machine)).await;
            assert_eq!(only_services.status, if is_person { 403 } else { 200 });
            // Inside a guard that has asked, one about people still refuses.
            let both = RequireLayer::any_caller()
                .layer(RequireLayer::role("user").unwrap().layer(tower::service_fn(who)));
            send(layer.layer(both), Req::get("/").bearer(machine))
                .await
                .expect_problem(403, "session_required");
            // Without a guard nobody is seen.
            let bare = send(layer.layer(tower::service_fn(who)), Req::get("/").bearer(machine)).await;
            assert_eq!(bare.expect(200).body, "nobody");
        }
        let door = layer.layer(RequireLayer::scope("read:todos").layer(tower::service_fn(who)));
        assert_eq!(send(door.clone(), Req::get("/").bearer(&ada.access)).await.expect(200).body, "person");
        send(door.clone(), Req::get("/").bearer(UNKNOWN)).await.expect_problem(401, "invalid_token");
        send(door, Req::get("/")).await.expect_problem(401, "invalid_token");
    }
    let door = tokens.layer(RequireLayer::service().layer(tower::service_fn(who)));
    assert_eq!(send(door.clone(), Req::get("/").bearer(&issued)).await.expect(200).body, "service");
    send(door, Req::get("/").bearer(&service)).await.expect_problem(403, "session_required");

    let guard = RequireLayer::any_caller();
    for _ in 0..2 {
        let machines = auth.machines().unwrap();
        let made =
            machines.create_key_for(ada.ada, NewApiKey::new("x"), ClientInfo::default()).await.unwrap();
        let door = |layer: &AuthLayer| layer.layer(guard.layer(tower::service_fn(who)));
        send(door(&strict_keys), Req::get("/").bearer(made.secret.expose())).await.expect(200);
        auth.machines().unwrap().end_any_key(made.key.id, ClientInfo::default()).await.unwrap();
        for layer in [&keys, &strict_keys] {
            send(door(layer), Req::get("/").bearer(made.secret.expose()))
                .await
                .expect_problem(401, "invalid_token");
        }
    }
    database.drop_database().await;
}

#[tokio::test]
async fn clients_of_oauth_find_what_there_is_where_the_issuer_is_an_address() {
    const PATH: &str = "/.well-known/oauth-authorization-server";
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    world.send(Req::get(PATH)).await.expect_problem(404, "not_found");
    let (world, _) = World::with_mail(&database, |builder| {
        builder.configure(|config| "https://auth.example.com".clone_into(&mut config.tokens.issuer))
    })
    .await;
    let world = world.with(|service| service.public_url("https://auth.example.com").mounted_at("/auth"));
    let told = world.send(Req::get(PATH)).await.expect(200).json();
    assert_eq!(told["issuer"], "https://auth.example.com");
    assert_eq!(told["token_endpoint"], "https://auth.example.com/auth/oauth/token");
    assert_eq!(told["jwks_uri"], "https://auth.example.com/auth/.well-known/jwks.json");
    assert_eq!(told["grant_types_supported"], json!(["client_credentials"]));
    database.drop_database().await;
}

#[tokio::test]
async fn keys_that_are_switched_off_have_no_door() {
    let database = TestDatabase::sqlite().await;
    let ada = Machines::new(&database).await;
    let key = ada.key(&[]).await;
    let (off, _) = World::with_mail(&database, |builder| {
        builder
            .clock(std::sync::Arc::new(ada.world.clock.clone()))
            .configure(|config| config.api_keys.enabled = false)
    })
    .await;
    for path in
        ["/users/me/api-keys", "/service-accounts", "/oauth/token", "/oauth/introspect", "/oauth/revoke"]
    {
        off.send(Req::get(path)).await.expect_problem(404, "not_found");
    }
    off.me(&key).await.expect_problem(403, "session_required");
    database.drop_database().await;
}
