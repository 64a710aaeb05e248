//! Profiles and user names at the doors.

use auth_core::{ClientInfo, EmailVerification};
use auth_migration::test_util::TestDatabase;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, PASSWORD, Req, World};

const NAME: &str = "Ada.Lovelace";
const BOB: &str = "bob@example.com";

async fn with_profiles(database: &TestDatabase) -> World {
    let (world, _) = World::with_mail(database, |builder| {
        builder.configure(|config| (config.profile.enabled, config.profile.usernames) = (true, true))
    })
    .await;
    world
}

impl World {
    async fn change_me(&self, access: &str, body: &Value) -> Answer {
        self.send(Req::new("PATCH", "/users/me").bearer(access).json(body.to_string())).await
    }

    async fn signs_in(&self, email: &str) -> String {
        self.login(email, PASSWORD).await.expect(200).member("access_token")
    }
}

auth_migration::each_database! {
    async fn a_patch_of_ones_own_merges_and_answers_with_the_whole_user(database: &TestDatabase) {
        let world = with_profiles(database).await.with_ada().await;
        let access = world.signs_in(ADA).await;
        let before = world.me(&access).await.expect(200).json();
        assert_eq!((&before["name"], &before["data"], &before["app_data"]), (&Value::Null, &json!({}), &json!({})));
        let body = json!({
            "name": "Ada", "username": NAME, "locale": "de-at", "data": {"a": [1, -1, 1.5, null, {"b": "\u{0}"}], "c": 1},
            // None of these is hers to write.
            "app_data": {"plan": "gold"}, "roles": ["admin"], "email": BOB, "email_verified": true, "id": "x",
        });
        let changed = world.change_me(&access, &body).await.expect(200).json();
        assert_eq!((&changed["name"], &changed["username"], &changed["locale"]), (&json!("Ada"), &json!(NAME), &json!("de-AT")));
        assert_eq!((&changed["data"], &changed["app_data"]), (&body["data"], &json!({})));
        for member in ["id", "email", "email_verified", "roles", "created_at"] {
            assert_eq!(changed[member], before[member], "{member}");
        }
        assert_eq!(world.me(&access).await.expect(200).json(), changed);
        let changed = world.change_me(&access, &json!({"name": null, "data": {"a": null}})).await.expect(200).json();
        assert_eq!((&changed["name"], &changed["username"], &changed["data"]), (&Value::Null, &json!(NAME), &json!({"c": 1})));
        assert_eq!(world.change_me(&access, &json!({})).await.expect(200).json(), changed);
    }

    async fn what_cannot_be_taken_is_named_by_its_field(database: &TestDatabase) {
        let world = with_profiles(database).await.with_ada().await;
        world.register(BOB, PASSWORD).await.expect(201);
        let (ada, bob) = (world.signs_in(ADA).await, world.signs_in(BOB).await);
        world.change_me(&ada, &json!({"username": NAME})).await.expect(200);
        world.change_me(&bob, &json!({"username": "ada.LOVELACE"})).await.expect_problem(409, "username_taken");
        for (body, fields) in [
            (json!({"name": 1, "username": true, "locale": []}), &["name", "username", "locale"][..]),
            (json!({"name": "", "username": "api", "locale": "?", "data": "x"}), &["name", "username", "locale", "data"]),
            (json!({"data": {"a": "x".repeat(9000)}}), &["data"]),
        ] {
            let answer = world.change_me(&bob, &body).await.expect_problem(422, "validation_failed");
            assert_eq!(answer.fields(), fields);
        }
        for body in ["[]", "5", "\"x\""] {
            let request = Req::new("PATCH", "/users/me").bearer(&bob).json(body);
            world.send(request).await.expect_problem(422, "validation_failed");
        }
        let twice = Req::new("PATCH", "/users/me").bearer(&bob).json(r#"{"data":{"a":{"b":1,"b":2}}}"#);
        world.send(twice).await.expect_problem(400, "malformed_request");
        world.send(Req::new("PATCH", "/users/me").json("{}")).await.expect_problem(401, "invalid_token");
    }

    async fn administrators_write_all_of_it_with_roles_or_nothing(database: &TestDatabase) {
        let world = with_profiles(database).await.with_ada().await;
        let bob = world.register(BOB, PASSWORD).await.expect(201).member("id");
        let ada = world.auth.find_user(ADA).await.unwrap().id;
        world.auth.set_roles(ada, &["admin"], ClientInfo::default()).await.unwrap();
        let access = world.signs_in(ADA).await;
        let patch = |body: Value| Req::new("PATCH", &format!("/users/{bob}")).bearer(&access).json(body.to_string());
        let body = json!({"roles": ["editor"], "name": "Bob", "username": "bob", "app_data": {"plan": {"name": "gold"}}});
        let changed = world.send(patch(body)).await.expect(200).json();
        assert_eq!((&changed["roles"], &changed["app_data"]), (&json!(["user", "editor"]), &json!({"plan": {"name": "gold"}})));
        world.change_me(&access, &json!({"username": NAME})).await.expect(200);
        world.send(patch(json!({"roles": [], "username": NAME}))).await.expect_problem(409, "username_taken");
        let answer = world.send(patch(json!({"roles": 1, "name": 1, "app_data": 1}))).await;
        assert_eq!(answer.expect_problem(422, "validation_failed").fields(), ["roles", "name"]);
        let told = world.send(Req::get(&format!("/users/{bob}")).bearer(&access)).await.expect(200).json();
        assert_eq!((&told["roles"], &told["username"]), (&json!(["user", "editor"]), &json!("bob")));
        assert_eq!(world.me(&world.signs_in(BOB).await).await.expect(200).json()["app_data"], changed["app_data"]);

        for (query, found) in [("q=BO", vec![BOB]), ("q=ada", vec![ADA]), ("q=b&limit=1", vec![BOB]), ("q=%25", vec![])] {
            let page = world.send(Req::get(&format!("/users?{query}")).bearer(&access)).await.expect(200).json();
            let emails: Vec<_> = page["users"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect();
            assert_eq!(emails, found, "{query}");
        }
        let answer = world.send(Req::get("/users?q=%00").bearer(&access)).await;
        assert_eq!(answer.expect_problem(422, "validation_failed").fields(), ["q"]);
    }

    async fn a_user_name_signs_in_at_both_forms_of_the_door(database: &TestDatabase) {
        let world = with_profiles(database).await.with_ada().await;
        let id = world.me(&world.signs_in(ADA).await).await.expect(200).member("id");
        world.change_me(&world.signs_in(ADA).await, &json!({"username": NAME})).await.expect(200);
        for request in [
            Req::post("/login").form("username=ada.lovelace&password=correct+horse+battery"),
            Req::post("/login").form("grant_type=password&username=ADA.LOVELACE&password=correct+horse+battery&scope="),
            Req::post("/login").json(json!({"username": NAME, "password": PASSWORD}).to_string()),
            Req::post("/login").json(json!({"email": NAME, "password": PASSWORD}).to_string()),
        ] {
            let access = world.send(request).await.expect(200).member("access_token");
            assert_eq!(world.me(&access).await.expect(200).member("id"), id);
        }
    }

    async fn known_and_unknown_names_and_addresses_cost_the_same_and_look_the_same(database: &TestDatabase) {
        let world = with_profiles(database).await.with_ada().await;
        world.change_me(&world.signs_in(ADA).await, &json!({"username": NAME})).await.expect(200);
        let disabled = world.register(BOB, PASSWORD).await.expect(201).member("id");
        world.change_me(&world.signs_in(BOB).await, &json!({"username": "bob"})).await.expect(200);
        world.auth.disable(disabled.parse().unwrap(), ClientInfo::default()).await.unwrap();
        world.forget_failures().await;
        let mut seen: Option<(HeaderMap, String, usize)> = None;
        let mut statements = Vec::new();
        for (name, password) in [
            (NAME, "a wrong password"),
            ("nobody", "a wrong password"),
            ("bob", PASSWORD),
            ("admin", "a wrong password"),
            (ADA, "a wrong password"),
            ("nobody@example.com", "a wrong password"),
            ("x", "a wrong password"),
        ] {
            for _ in 0..2 {
                let before = world.hasher.verifications();
                world.statements();
                let request = Req::post("/login").form(format!("username={name}&password={password}"));
                let answer = world.send(request.header("x-request-id", "same")).await;
                let answer = answer.expect_problem(401, "invalid_credentials");
                statements.push((name, world.statements()));
                let this = (answer.headers, answer.body, world.hasher.verifications() - before);
                assert_eq!(seen.get_or_insert_with(|| this.clone()), &this, "{name}");
            }
        }
        let of = |name: &str| statements.iter().filter(|(of, _)| *of == name).map(|(_, count)| *count).collect::<Vec<_>>();
        assert_eq!(of(NAME), of("nobody"));
        assert_eq!(of("admin"), of("nobody"));
        assert_eq!(of(ADA), of("nobody@example.com"));
    }

    async fn a_registration_brings_a_profile_and_where_addresses_are_proved_no_user_name(database: &TestDatabase) {
        let world = with_profiles(database).await;
        let register = |email: &str, username: Value| {
            let body = json!({"email": email, "password": PASSWORD, "name": "Ada", "username": username, "app_data": {"a": 1}});
            Req::post("/register").json(body.to_string())
        };
        let user = world.send(register(ADA, json!(NAME))).await.expect(201).json();
        assert_eq!((&user["name"], &user["username"], &user["app_data"]), (&json!("Ada"), &json!(NAME), &json!({})));
        world.send(register(BOB, json!(NAME))).await.expect_problem(409, "username_taken");
        let answer = world.send(register(BOB, json!(1))).await.expect_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["username"]);
        world.login(BOB, PASSWORD).await.expect_problem(401, "invalid_credentials");

        let (proving, _) = World::with_mail(database, |builder| {
            builder.configure(|config| {
                (config.profile.enabled, config.profile.usernames) = (true, true);
                config.email_verification = EmailVerification::On;
            })
        }).await;
        for email in [ADA, "carol@example.com"] {
            for name in [NAME, "carol"] {
                let answer = proving.send(register(email, json!(name))).await.expect_problem(422, "validation_failed");
                assert_eq!(answer.fields(), ["username"]);
            }
        }
    }

    async fn where_there_are_no_user_names_the_member_is_refused(database: &TestDatabase) {
        let (world, _) = World::with_mail(database, |builder| builder.configure(|config| config.profile.enabled = true)).await;
        let world = world.with_ada().await;
        let access = world.signs_in(ADA).await;
        let answer = world.change_me(&access, &json!({"username": NAME})).await.expect_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["username"]);
        assert_eq!(world.change_me(&access, &json!({"name": "Ada"})).await.expect(200).json()["username"], Value::Null);
        let body = json!({"email": BOB, "password": PASSWORD, "username": "bob"});
        let answer = world.send(Req::post("/register").json(body.to_string())).await.expect_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["username"]);
    }

    async fn where_there_are_no_profiles_the_members_are_absent_and_ignored(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let access = world.signs_in(ADA).await;
        world.change_me(&access, &json!({"name": "Ada"})).await.expect_problem(404, "not_found");
        let told = world.me(&access).await.expect(200).json();
        assert!(["name", "username", "locale", "data", "app_data"].iter().all(|member| told.get(member).is_none()), "{told}");
        let body = json!({"email": BOB, "password": PASSWORD, "name": 5, "username": "bob", "data": []});
        world.send(Req::post("/register").json(body.to_string())).await.expect(201);
    }
}

#[tokio::test]
async fn the_description_has_what_there_is() {
    let database = TestDatabase::sqlite().await;
    let told = |world: World| async move { world.send(Req::get("/openapi.json")).await.expect(200).json() };
    let properties = |told: &Value, name: &str| {
        let members = told["components"]["schemas"][name]["properties"].as_object().unwrap();
        let mut names: Vec<_> = members.keys().cloned().collect();
        names.sort_unstable();
        names.join(" ")
    };
    let without = told(World::new(&database).await).await;
    assert!(!properties(&without, "User").contains("username"));
    let with = told(with_profiles(&database).await).await;
    assert!(
        properties(&with, "User").contains("username") && properties(&with, "Account").contains("app_data")
    );
    assert_eq!(properties(&with, "ProfileChange"), "data locale name username");
    assert!(properties(&with, "UserChange").contains("app_data"));
    assert!(properties(&with, "Registration").contains("username"));
    let (world, _) = World::with_mail(&database, |builder| {
        builder.configure(|config| {
            (config.profile.enabled, config.profile.usernames) = (true, true);
            config.email_verification = EmailVerification::On;
        })
    })
    .await;
    assert!(!properties(&told(world).await, "Registration").contains("username"));
    database.drop_database().await;
}
