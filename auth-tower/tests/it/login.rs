//! Sign-in as OAuth 2 clients and pages do it.

use auth_core::{AuthBuilder, CreateUser, test_util::CHALLENGED_ROLE};
use auth_migration::test_util::TestDatabase;

use crate::support::{ADA, PASSWORD, Req, Transport, World};

const MULTIPART: &str = "multipart/form-data; boundary=Between";

/// As `FormData` in a browser is sent.
fn multipart(parts: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--Between\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    parts.iter().map(part).chain(["--Between--\r\n".to_owned()]).collect()
}

auth_migration::each_database! {
    async fn every_way_to_write_the_request_signs_in(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        for form in [
            "username=ada%40example.com&password=correct+horse+battery",
            "username=ada@example.com&password=correct%20horse%20battery&grant_type=password",
            "grant_type=&scope=&client_id=&client_secret=&username=ADA@EXAMPLE.COM&password=correct+horse+battery",
            "email=bob&username=ada@example.com&password=correct+horse+battery&state=x&audience=y",
        ] {
            world.send(Req::post("/login").form(form)).await.expect(200);
            let typed = Req::post("/login").body("Application/X-WWW-Form-Urlencoded; charset=UTF-8", form);
            world.send(typed).await.expect(200);
        }
        for json in [
            r#"{"email":"ada@example.com","password":"correct horse battery"}"#,
            r#"{"username":"ada@example.com","password":"correct horse battery","grant_type":"none of this"}"#,
            r#" { "password" : "\u0063orrect horse battery", "email" : " Ada@Example.com ", "x" : null } "#,
        ] {
            world.send(Req::post("/login").json(json)).await.expect(200);
            world.send(Req::post("/login").body("application/json;charset=\"utf-8\"", json)).await.expect(200);
        }
        let parts = [("username", ADA), ("password", PASSWORD), ("grant_type", "password"), ("scope", "")];
        world.send(Req::post("/login").body(MULTIPART, multipart(&parts))).await.expect(200);
        // Many OAuth clients send their id this way even when it is empty.
        let form = "username=ada%40example.com&password=correct+horse+battery";
        world.send(Req::post("/login").header("authorization", "Basic Og==").form(form)).await.expect(200);
    }

    async fn a_form_of_several_parts_is_held_to_the_rules_of_the_other(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let verifications = world.hasher.verifications();
        let (name, password) = (("username", ADA), ("password", PASSWORD));
        for (parts, error) in [
            (vec![], "invalid_request"),
            (vec![name], "invalid_request"),
            (vec![name, ("password", "")], "invalid_request"),
            (vec![name, password, password], "invalid_request"),
            (vec![("username\"; filename=\"a.txt", ADA), password], "invalid_request"),
            (vec![name, password, ("grant_type", "refresh_token")], "unsupported_grant_type"),
        ] {
            let answer = world.send(Req::post("/login").body(MULTIPART, multipart(&parts))).await;
            let answer = answer.expect_problem(400, "malformed_request");
            assert_eq!(answer.member("error"), error, "{parts:?}");
        }
        let form = multipart(&[name, password]);
        for kind in ["multipart/form-data", "multipart/form-data; boundary=another"] {
            world.send(Req::post("/login").body(kind, form.clone())).await.expect_problem(400, "malformed_request");
        }
        for kind in ["multipart/mixed; boundary=Between", "multipart/form-data; boundary=Between; charset=utf-16"] {
            world.send(Req::post("/login").body(kind, form.clone())).await.expect_problem(415, "unsupported_media_type");
        }
        let long = multipart(&[name, ("password", &"x".repeat(16 * 1024))]);
        world.send(Req::post("/login").body(MULTIPART, long)).await.expect_problem(413, "body_too_large");
        assert_eq!(world.hasher.verifications(), verifications, "nothing was worth a hash");
        let wrong = multipart(&[name, ("password", "correct+horse+battery")]);
        world.send(Req::post("/login").body(MULTIPART, wrong)).await.expect_problem(401, "invalid_credentials");
        // Nobody else has a form.
        for path in ["/register", "/refresh-token", "/logout"] {
            world.send(Req::post(path).body(MULTIPART, form.clone())).await.expect_problem(415, "unsupported_media_type");
        }
    }

    async fn form_values_are_decoded_exactly_once(database: &TestDatabase) {
        let world = World::new(database).await;
        world.register(ADA, "per cent %41%41%41").await.expect(201);
        let right = "username=ada%40example.com&password=per+cent+%2541%2541%2541";
        world.send(Req::post("/login").form(right)).await.expect(200);
        let twice = "username=ada%40example.com&password=per+cent+%252541%252541%252541";
        world.send(Req::post("/login").form(twice)).await.expect_problem(401, "invalid_credentials");
    }

    async fn missing_and_repeated_fields_are_an_invalid_request(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let verifications = world.hasher.verifications();
        for form in [
            "x=1",
            "username=a",
            "password=b",
            "username=&password=b",
            "username=a&password=",
            "username=a&username=a&password=b",
            "username=a&password=b&password=b",
            "username=a&password=b&scope=&scope=",
            "username=a&password=b&grant_type=password&grant_type=password",
            "username=a&password=b&%75sername=a",
            "username=a&password=%FF",
            "username=\u{0}&password",
        ] {
            let answer = world.send(Req::post("/login").form(form)).await;
            let answer = answer.expect_problem(400, "malformed_request");
            assert_eq!(answer.member("error"), "invalid_request", "{form}");
        }
        for json in [
            "null", "[]", "1", "\"x\"", "{}",
            r#"{"email":"a"}"#,
            r#"{"password":"b"}"#,
            r#"{"email":"a","username":"a","password":"b"}"#,
            r#"{"email":"a","email":"a","password":"b"}"#,
            r#"{"email":"a","password":"b","x":{"y":1,"y":2}}"#,
            r#"{"email":1,"password":"b"}"#,
            r#"{"email":null,"password":"b"}"#,
            r#"{"email":["a"],"password":"b"}"#,
            r#"{"email":{"$ne":""},"password":{"$ne":""}}"#,
            r#"{"email":"a","password":true}"#,
            r#"{"email":"a","password":"b""#,
            "username=a&password=b",
        ] {
            let answer = world.send(Req::post("/login").json(json)).await;
            let answer = answer.expect_problem(400, "malformed_request");
            assert_eq!(answer.member("error"), "invalid_request", "{json}");
        }
        let answer = world.send(Req::post("/login")).await.expect_problem(400, "malformed_request");
        assert_eq!(answer.member("error"), "invalid_request");
        assert_eq!(world.hasher.verifications(), verifications, "nothing was worth a hash");
    }

    async fn any_other_name_or_password_is_wrong_and_nothing_more(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let long = "x".repeat(12 * 1024);
        for (name, password) in [
            ("", ""), ("nobody", PASSWORD), ("@", PASSWORD), (ADA, ""), (ADA, "short"), (ADA, &long),
            (&long, PASSWORD), ("ada@example.com\0", PASSWORD), (ADA, "correct horse battery\0"),
            (ADA, " correct horse battery"), (ADA, "Correct Horse Battery"), ("ada＠example.com", PASSWORD),
            ("' OR 1=1 --", "' OR 1=1 --"), ("\u{202e}ada@example.com", PASSWORD),
        ] {
            let answer = world.login(name, password).await.expect_problem(401, "invalid_credentials");
            assert_eq!(answer.member("error"), "invalid_grant");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }

    async fn a_grant_of_another_kind_is_refused_by_its_own_name(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        for grant in ["refresh_token", "authorization_code", "PASSWORD", "password%20"] {
            let form = format!("grant_type={grant}&username=ada%40example.com&password=correct+horse+battery");
            let answer = world.send(Req::post("/login").form(form)).await;
            let answer = answer.expect_problem(400, "malformed_request");
            assert_eq!(answer.member("error"), "unsupported_grant_type");
        }
    }

    async fn a_login_ends_the_session_that_the_jar_held(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (old_access, old_cookie) = world.ada_signs_in().await;
        let body = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
        let answer = world.send(Req::post("/login").cookie(&old_cookie).json(body)).await.expect(200);
        world.me(&old_access).await.expect_problem(401, "invalid_token");
        world.refresh(&old_cookie).await.expect_problem(401, "invalid_token");
        world.me(&answer.member("access_token")).await.expect(200);

        // One that fails ends nothing, and neither does garbage in the jar hinder.
        let cookie = answer.cookie().unwrap();
        let wrong = r#"{"email":"ada@example.com","password":"wrong"}"#;
        let answer = world.send(Req::post("/login").cookie(&cookie).json(wrong)).await.expect(401);
        assert_eq!(answer.header("set-cookie"), None);
        world.refresh(&cookie).await.expect(200);
        world.send(Req::post("/login").cookie("__Host-refresh_token=x").json(body)).await.expect(200);
    }

    async fn nothing_in_the_address_signs_in(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let query = "/login?username=ada%40example.com&password=correct+horse+battery";
        world.send(Req::post(query)).await.expect_problem(400, "malformed_request");
        world.send(Req::get(query)).await.expect_problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn who_has_a_second_factor_due_gets_a_challenge_and_no_tokens() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, AuthBuilder::second_factor_due).await;
    let ada = CreateUser::new(ADA).password(PASSWORD).verified().role(CHALLENGED_ROLE);
    world.auth.create_user(ada).await.unwrap();
    let door = Transport::hyper(world.service()).await;
    let login = |password: &str| {
        let body = serde_json::json!({"email": ADA, "password": password}).to_string();
        door.send(Req::post("/login").json(body).build())
    };
    let answer = login(PASSWORD).await.expect_problem(403, "second_factor_required");
    let document = answer.json();
    assert_eq!(document["error"], "insufficient_authorization");
    assert_eq!(document["error_description"], document["detail"]);
    assert_eq!(document["methods"], serde_json::json!(["totp", "recovery_code"]));
    assert_eq!(document["expires_in"], 300);
    assert!(!answer.member("auth_session").is_empty());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("set-cookie"), None);
    // Only who has the password learns of it.
    login("wrong").await.expect_problem(401, "invalid_credentials");
    database.drop_database().await;
}
