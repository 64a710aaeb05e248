//! The doors for administrators: who gets in, and what they do there.

use auth_core::{ClientInfo, UserId};
use auth_migration::test_util::TestDatabase;
use auth_tower::AuthServiceBuilder;
use serde_json::json;

use crate::support::{ADA, Answer, PASSWORD, Req, World};

const DAY: std::time::Duration = std::time::Duration::from_hours(24);
const BOB: &str = "bob@example.com";
const NOBODY: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

/// Ada, who administers, and Bob.
struct Office {
    world: World,
    ada: UserId,
    bob: UserId,
    /// Ada's access token.
    access: String,
}

impl Office {
    async fn open(database: &TestDatabase) -> Self {
        Self::open_in(World::new(database).await).await
    }

    async fn open_in(world: World) -> Self {
        let world = world.with_ada().await;
        let ada = world.auth.find_user(ADA).await.unwrap().id;
        let bob = world.register(BOB, PASSWORD).await.expect(201).member("id").parse().unwrap();
        roles(&world, ada, &["admin"]).await;
        let access = signs_in(&world, ADA).await;
        Self { world, ada, bob, access }
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        self.world.send(Req::new(method, path).bearer(&self.access)).await
    }

    async fn patch(&self, user: UserId, body: serde_json::Value) -> Answer {
        let request = Req::new("PATCH", &format!("/users/{user}")).bearer(&self.access);
        self.world.send(request.json(body.to_string())).await
    }
}

async fn roles(world: &World, user: UserId, roles: &[&str]) {
    world.auth.set_roles(user, roles, ClientInfo::default()).await.unwrap();
}

async fn signs_in(world: &World, email: &str) -> String {
    world.login(email, PASSWORD).await.expect(200).member("access_token")
}

/// Every administrative request about one user, with what it answers to an administrator.
fn requests(user: &str) -> Vec<(Req, u16)> {
    let at = |method: &str, below: &str| Req::new(method, &format!("/users/{user}{below}"));
    vec![
        (Req::get("/users"), 200),
        (Req::get("/users?limit=1&email=ada@example.com"), 200),
        (at("GET", ""), 200),
        (at("GET", "/events"), 200),
        (at("PATCH", "").json(r#"{"roles":["editor"],"disabled":false}"#), 200),
        (at("PATCH", "").json(r#"{"disabled":true}"#), 200),
        (at("DELETE", "/sessions"), 204),
        (at("DELETE", ""), 204),
    ]
}

auth_migration::each_database! {
    async fn each_door_of_administration_opens_to_administrators_and_to_nobody_else(database: &TestDatabase) {
        let office = Office::open(database).await;
        let Office { world, bob, .. } = &office;
        let state = async || {
            let user = world.auth.user(*bob).await.unwrap();
            (user, world.rows().await)
        };
        let with = |request: Req, access: &str| if access.is_empty() { request } else { request.bearer(access) };

        let as_bob = signs_in(world, BOB).await;
        let carol = world.register("carol@example.com", PASSWORD).await.expect(201).member("id").parse().unwrap();
        roles(world, carol, &["admin"]).await;
        let demoted = signs_in(world, "carol@example.com").await;
        roles(world, carol, &["editor", "administrator"]).await;
        let dave = world.register("dave@example.com", PASSWORD).await.expect(201).member("id").parse().unwrap();
        roles(world, dave, &["admin"]).await;
        let disabled = signs_in(world, "dave@example.com").await;
        world.auth.disable(dave, ClientInfo::default()).await.unwrap();
        let signed_out = signs_in(world, ADA).await;
        let caller = world.auth.verifier().verify(&signed_out).unwrap();
        world.auth.logout_session(caller.session_id().unwrap(), ClientInfo::default()).await.unwrap();

        let before = state().await;
        for (who, access, status, code) in [
            ("nobody", "", 401, "invalid_token"),
            ("garbage", "e30.e30.e30", 401, "invalid_token"),
            ("a user", as_bob.as_str(), 403, "forbidden"),
            ("a demoted administrator with a live token", &demoted, 403, "forbidden"),
            ("a disabled administrator", &disabled, 401, "invalid_token"),
            ("an administrator who has signed out", &signed_out, 401, "invalid_token"),
        ] {
            // One's own id, somebody else's and nobody's: who may not ask learns of none whether it is there.
            for id in [bob.to_string(), office.ada.to_string(), NOBODY.to_owned()] {
                for (request, _) in requests(&id) {
                    let answer = world.send(with(request, access)).await.expect_problem(status, code);
                    assert_eq!(answer.header("cache-control"), Some("no-store"), "{who}");
                }
            }
        }
        assert_eq!(state().await, before, "nothing has happened");
        for (request, status) in requests(&bob.to_string()) {
            let answer = world.send(with(request, &office.access)).await.expect(status);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        for (request, _) in requests(&bob.to_string()).into_iter().skip(2) {
            world.send(with(request, &office.access)).await.expect_problem(404, "not_found");
        }
    }

    async fn a_page_has_user_documents_and_the_way_to_the_next(database: &TestDatabase) {
        let office = Office::open(database).await;
        office.world.auth.disable(office.bob, ClientInfo::default()).await.unwrap();
        let first = office.ask("GET", "/users?limit=1").await.expect(200).json();
        let next = first["next_cursor"].as_str().unwrap();
        let rest = office.ask("GET", &format!("/users?limit=1&cursor={next}")).await.expect(200).json();
        assert_eq!(rest["next_cursor"], json!(null));
        let mut users = [&first, &rest].map(|page| page["users"][0].clone());
        users.sort_by_key(|user| user["email"].as_str().unwrap().to_owned());
        let document = |id: UserId, email, roles, disabled| json!({
            "id": id.to_string(), "email": email, "email_verified": false, "roles": roles,
            "created_at": "2026-01-01T00:00:00Z", "disabled": disabled,
        });
        let [ada, bob] = users;
        assert_eq!(ada, document(office.ada, ADA, json!(["user", "admin"]), false));
        assert_eq!(bob, document(office.bob, BOB, json!(["user"]), true));
        assert_eq!(office.ask("GET", &format!("/users/{}", office.bob)).await.expect(200).json(), bob);
        let found = office.ask("GET", "/users?email=BOB%40example.com").await.expect(200).json();
        assert_eq!(found, json!({ "users": [bob], "next_cursor": null }));
    }

    async fn a_page_costs_two_statements_however_long_it_is(database: &TestDatabase) {
        let office = Office::open(database).await;
        for number in 0..5 {
            let email = format!("user{number}@example.com");
            let user = office.world.register(&email, PASSWORD).await.expect(201).member("id").parse().unwrap();
            roles(&office.world, user, &["author", "editor"]).await;
        }
        for limit in [1, 4, 100] {
            office.world.statements();
            office.ask("GET", &format!("/users?limit={limit}")).await.expect(200);
            assert_eq!(office.world.statements(), 2, "the caller's session, and the page");
        }
    }

    async fn what_is_changed_is_in_force_at_once_and_on_record(database: &TestDatabase) {
        let office = Office::open(database).await;
        let as_bob = signs_in(&office.world, BOB).await;
        let answer = office.patch(office.bob, json!({ "roles": ["admin", "editor"] })).await.expect(200);
        assert_eq!(answer.json()["roles"], json!(["user", "admin", "editor"]));
        // Bob's token is from before: what counts is the database.
        office.world.send(Req::get("/users").bearer(&as_bob)).await.expect(200);
        let change = json!({ "roles": [], "disabled": true });
        let answer = office.patch(office.bob, change).await.expect(200).json();
        assert_eq!((&answer["roles"], &answer["disabled"]), (&json!(["user"]), &json!(true)));
        office.world.me(&as_bob).await.expect_problem(401, "invalid_token");
        office.world.login(BOB, PASSWORD).await.expect_problem(401, "invalid_credentials");
        office.patch(office.bob, json!({ "disabled": false })).await.expect(200);
        let again = signs_in(&office.world, BOB).await;
        office.ask("DELETE", &format!("/users/{}/sessions", office.bob)).await.expect(204);
        office.world.me(&again).await.expect_problem(401, "invalid_token");
        let events = office.world.events.events();
        let by_ada: Vec<_> = events.iter().filter(|event| event.client.actor == Some(office.ada)).collect();
        let codes: Vec<_> = by_ada.iter().map(|event| event.kind.code()).collect();
        assert_eq!(codes, ["roles_changed", "roles_changed", "disabled", "enabled", "all_signed_out"]);
        assert!(by_ada.iter().all(|event| event.kind.user() == Some(office.bob)));
        assert!(by_ada.iter().all(|event| event.client.request_id.is_some()));
    }

    async fn the_last_administrator_stays(database: &TestDatabase) {
        let office = Office::open(database).await;
        let own = format!("/users/{}", office.ada);
        for change in [json!({ "roles": ["editor"] }), json!({ "disabled": true }), json!({ "roles": [], "disabled": true })] {
            office.patch(office.ada, change).await.expect_problem(409, "last_admin");
        }
        office.ask("DELETE", &own).await.expect_problem(409, "last_admin");
        office.patch(office.bob, json!({ "roles": ["admin"] })).await.expect(200);
        office.patch(office.ada, json!({ "roles": [] })).await.expect(200);
        office.ask("GET", "/users").await.expect_problem(403, "forbidden");
    }

    async fn events_come_in_pages_and_outlive_the_account(database: &TestDatabase) {
        let office = Office::open_in(World::with_mail(database, |rules| rules.configure(|config| config.audit_retention = Some(DAY))).await.0).await;
        let path = format!("/users/{}/events", office.bob);
        for roles in [&["a"][..], &["b"], &["c"]] {
            office.world.clock.advance(std::time::Duration::from_secs(1));
            office.patch(office.bob, json!({ "roles": roles })).await.expect(200);
        }
        let first = office.ask("GET", &format!("{path}?limit=3")).await.expect(200).json();
        assert_eq!(first["events"][0]["event"], "roles_changed");
        assert_eq!(first["events"][0]["actor"], office.ada.to_string());
        assert_eq!(first["events"][0]["at"], "2026-01-01T00:00:03Z");
        let next = first["next_cursor"].as_str().unwrap();
        let rest = office.ask("GET", &format!("{path}?limit=3&cursor={next}")).await.expect(200).json();
        assert_eq!((rest["events"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &json!(null)));
        office.ask("DELETE", &format!("/users/{}", office.bob)).await.expect(204);
        let events = office.ask("GET", &path).await.expect(200).json();
        assert!(events["events"].as_array().unwrap().iter().any(|event| event["event"] == "deleted"));
        office.ask("GET", &format!("/users/{NOBODY}/events")).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn members_that_are_not_for_changing_are_ignored_and_wrong_types_are_refused_by_field() {
    let database = TestDatabase::sqlite().await;
    let office = Office::open(&database).await;
    let before = office.ask("GET", &format!("/users/{}", office.bob)).await.expect(200).json();
    let mass = json!({
        "id": NOBODY, "email": "eve@example.com", "email_verified": true, "role": "admin", "password": "x",
        "created_at": "1970-01-01T00:00:00Z", "Roles": ["admin"], "user": {"roles": ["admin"]},
    });
    let after = office.patch(office.bob, mass).await.expect(200).json();
    assert_eq!(after, before);
    for (body, fields) in [
        (json!({ "roles": "admin" }), &["roles"][..]),
        (json!({ "roles": null }), &["roles"]),
        (json!({ "roles": [1] }), &["roles"]),
        (json!({ "roles": [["admin"]] }), &["roles"]),
        (json!({ "roles": {"0": "admin"} }), &["roles"]),
        (json!({ "roles": ["No Role"] }), &["roles"]),
        (json!({ "disabled": 1 }), &["disabled"]),
        (json!({ "disabled": "true" }), &["disabled"]),
        (json!({ "disabled": null, "roles": true }), &["roles", "disabled"]),
        (json!({ "disabled": true, "roles": [""] }), &["roles"]),
        (json!([]), &["body"]),
    ] {
        let answer = office.patch(office.bob, body.clone()).await.expect_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields, "{body}");
    }
    let bare = |body: &str| {
        let path = format!("/users/{}", office.bob);
        office.world.send(Req::new("PATCH", &path).bearer(&office.access).json(body.to_owned()))
    };
    bare("").await.expect_problem(400, "malformed_request");
    bare(r#"{"disabled":true,"disabled":false}"#).await.expect_problem(400, "malformed_request");
    bare(&format!(r#"{{"roles":["{}"]}}"#, "a".repeat(20_000))).await.expect_problem(413, "body_too_large");
    let after = office.ask("GET", &format!("/users/{}", office.bob)).await.expect(200).json();
    assert_eq!(after, before, "nothing has changed");
    database.drop_database().await;
}

#[tokio::test]
async fn queries_are_read_strictly_and_decoded_once() {
    let database = TestDatabase::sqlite().await;
    let office = Office::open(&database).await;
    office.world.register("a+b%41@example.com", PASSWORD).await.expect(201);
    for query in ["limit=1&limit=1", "limit=1&%6cimit=2", "email=%FF", "cursor=%C3", "x=1&x=2"] {
        office.ask("GET", &format!("/users?{query}")).await.expect_problem(400, "malformed_request");
        let events = format!("/users/{}/events?{query}", office.bob);
        office.ask("GET", &events).await.expect_problem(400, "malformed_request");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("cursor=1", "cursor"),
        ("cursor=%2525", "cursor"),
    ] {
        for path in ["/users".to_owned(), format!("/users/{}/events", office.bob)] {
            let answer = office.ask("GET", &format!("{path}?{query}")).await;
            assert_eq!(answer.expect_problem(422, "validation_failed").fields(), [field], "{query}");
        }
    }
    let answer = office.ask("GET", "/users?email=ada").await.expect_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["email"]);
    for (query, found) in [
        ("email=a%2Bb%2541%40example.com", 1),
        ("email=a%2Bb%41%40example.com", 0),
        ("email=nobody@example.com", 0),
        ("email=&limit=&cursor=&unknown=1", 3),
        ("", 3),
    ] {
        let page = office.ask("GET", &format!("/users?{query}")).await.expect(200).json();
        assert_eq!(page["users"].as_array().unwrap().len(), found, "{query}");
    }
    database.drop_database().await;
}

#[tokio::test]
async fn addresses_and_methods_are_as_documented() {
    let database = TestDatabase::sqlite().await;
    let office = Office::open(&database).await;
    let user = format!("/users/{}", office.bob);
    for (path, allow) in [
        ("/users".to_owned(), "GET, HEAD"),
        (user.clone(), "GET, HEAD, PATCH, DELETE"),
        (format!("{user}/sessions"), "DELETE"),
        (format!("{user}/events"), "GET, HEAD"),
    ] {
        let answer = office.ask("PUT", &path).await.expect_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
    for path in
        ["/users/", "/users/x", &format!("{user}/"), &format!("{user}/x"), &format!("{user}/sessions/")]
    {
        office.ask("DELETE", path).await.expect_problem(404, "not_found");
    }
    let head = office.ask("HEAD", &user).await.expect(200);
    assert_eq!(head.body, "");
    for request in [Req::new("DELETE", &user), Req::new("PATCH", &user).json("{}")] {
        let foreign = request.bearer(&office.access).header("origin", "https://evil.example");
        office.world.send(foreign).await.expect_problem(403, "cross_origin");
    }
    let world = office.world.with(AuthServiceBuilder::without_admin);
    for (request, _) in requests(&office.bob.to_string()) {
        world.send(request.bearer(&office.access)).await.expect_problem(404, "not_found");
    }
    world.me(&office.access).await.expect(200);
    database.drop_database().await;
}
