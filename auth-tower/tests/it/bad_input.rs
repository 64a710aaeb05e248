//! Input that breaks the rules: each its own 4xx with the name of the field, and not one row changes.

use auth_migration::test_util::TestDatabase;

use crate::support::{PASSWORD, Req, World};

/// Bodies for `/register`, and the fields that are to be named.
fn broken() -> Vec<(String, &'static [&'static str])> {
    let email = |email: &str| serde_json::json!({"email": email, "password": PASSWORD}).to_string();
    let password =
        |password: &str| serde_json::json!({"email": "eve@example.com", "password": password}).to_string();
    let raw = |body: &str| body.to_owned();
    let mut cases = vec![
        // Shapes.
        (raw("null"), &["body"][..]),
        (raw("[]"), &["body"]),
        (raw("1"), &["body"]),
        (raw(r#""text""#), &["body"]),
        (raw(r#"[{"email":"eve@example.com","password":"correct horse battery"}]"#), &["body"]),
        (raw("{}"), &["email", "password"]),
        (raw(r#"{"Email":"eve@example.com","PASSWORD":"correct horse battery"}"#), &["email", "password"]),
        (raw(r#"{"user":{"email":"eve@example.com"}}"#), &["email", "password"]),
        // Types.
        (raw(r#"{"email":null,"password":null}"#), &["email", "password"]),
        (raw(r#"{"email":1,"password":2.5}"#), &["email", "password"]),
        (raw(r#"{"email":true,"password":false}"#), &["email", "password"]),
        (raw(r#"{"email":["eve@example.com"],"password":["x"]}"#), &["email", "password"]),
        (raw(r#"{"email":{"$gt":""},"password":{"$gt":""}}"#), &["email", "password"]),
        (raw(r#"{"email":"eve@example.com"}"#), &["password"]),
        (raw(r#"{"password":"correct horse battery"}"#), &["email"]),
        (raw(r#"{"email":"eve@example.com","password":12345678901}"#), &["password"]),
        // Passwords.
        (password(""), &["password"]),
        (password("1234567"), &["password"]),
        (password("password"), &["password"]),
        (password("PassWord"), &["password"]),
        (password(" EVE@example.com "), &["password"]),
        (password(&"x".repeat(257)), &["password"]),
        (password(&"\u{0301}".repeat(4000)), &["password"]),
    ];
    for address in [
        "",
        " ",
        "eve",
        "@",
        "eve@",
        "@example.com",
        "eve@example",
        "eve@@example.com",
        "eve@example.com@example.com",
        "eve@example..com",
        "eve@.example.com",
        "eve@example.com.",
        "eve@-example.com",
        "eve@[127.0.0.1]",
        "eve@exa mple.com",
        "e ve@example.com",
        ".eve@example.com",
        "eve.@example.com",
        "e..ve@example.com",
        "\"eve\"@example.com",
        "Eve <eve@example.com>",
        "eve@example.com,bob@example.com",
        "eve@example.com\r\nBcc: bob@example.com",
        "eve\0@example.com",
        "eve@example.com\0",
        "eve@exam\0ple.com",
        "\u{202e}eve@example.com",
        "eve\u{200b}@example.com",
        "eve\u{2066}@example.com",
        "eve\u{feff}@example.com",
        "eve＠example.com",
        "eve﹫example.com",
        "eve@example.com/path",
        "eve@example.com' OR '1'='1",
        "';DROP TABLE auth_user;--",
        "eve@example.com;",
        "<script>@example.com",
        "eve@localhost",
    ] {
        cases.push((email(address), &["email"]));
    }
    cases.push((email(&format!("{}@example.com", "e".repeat(65))), &["email"]));
    cases.push((email(&format!("eve@{}.com", "e".repeat(64))), &["email"]));
    cases.push((email(&format!("eve@{}com", "e.".repeat(126))), &["email"]));
    cases.push((email(&"eve@example.com".repeat(500)), &["email"]));
    cases
}

/// Bodies that are no JSON, or none that we take.
const MALFORMED: &[&[u8]] = &[
    b"{",
    b"nul",
    b"{'email':'eve@example.com'}",
    b"{\"email\":\"eve@example.com\",}",
    b"{\"email\":\"eve@example.com\",\"password\":\"correct horse battery\"}{}",
    b"{\"email\":\"eve@example.com\",\"email\":\"bob@example.com\",\"password\":\"correct horse battery\"}",
    b"{\"email\":\"eve@example.com\",\"\\u0065mail\":\"x\",\"password\":\"correct horse battery\"}",
    b"{\"email\":\"eve@example.com\",\"password\":\"correct horse battery\",\"x\":1,\"x\":1}",
    b"{\"email\":\"eve@example.com\",\"password\":\"correct horse battery\",\"x\":[{\"y\":1,\"y\":1}]}",
    b"{\"email\":\"eve@example.com\",\"password\":\"correct horse battery\",\"x\":\"\xff\"}",
    b"{\"email\":\"eve@example.com\",\"password\":\"correct horse \xc3\x28\"}",
    b"{\"email\":\"eve@example.com\",\"password\":\"correct horse \\ud800\"}",
    b"{\"email\":\"eve@example.com\",\"password\":\"correct horse \0\"}",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0",
    b"email=eve%40example.com&password=correct+horse+battery",
    b"<user><email>eve@example.com</email></user>",
];

auth_migration::each_database! {
    async fn bad_registrations_are_refused_by_field_and_change_nothing(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (rows, hashes) = (world.rows().await, world.hasher.hashes());
        for (body, fields) in broken() {
            let answer = world.send(Req::post("/register").json(body.clone())).await;
            let answer = answer.expect_problem(422, "validation_failed");
            assert_eq!(answer.fields(), *fields, "{body}");
            for error in answer.json()["errors"].as_array().unwrap() {
                assert!(error["code"].is_string() && error["detail"].is_string(), "{answer:?}");
            }
            // What was sent is not sent back.
            for echo in ["eve", "script", "DROP", "horse", "\u{202e}"] {
                assert!(!answer.body.contains(echo), "{answer:?}");
            }
        }
        for body in MALFORMED {
            let answer = world.send(Req::post("/register").json(*body)).await;
            answer.expect_problem(400, "malformed_request");
        }
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        world.send(Req::post("/register").json(deep)).await.expect_problem(400, "malformed_request");
        let huge = serde_json::json!({"email": "eve@example.com", "password": "x".repeat(1024 * 1024)});
        world.send(Req::post("/register").json(huge.to_string())).await.expect_problem(413, "body_too_large");
        world.send(Req::post("/login").json(huge.to_string())).await.expect_problem(413, "body_too_large");
        assert_eq!(world.rows().await, rows);
        assert_eq!(world.hasher.hashes(), hashes, "and nothing was worth a hash");
    }

    async fn odd_but_good_input_is_taken_as_it_is(database: &TestDatabase) {
        let world = World::new(database).await;
        for (email, password) in [
            ("jos\u{e9}@example.com", "caf\u{e9} au lait"),
            ("jose@example.com", "'; DROP TABLE auth_user; --"),
            ("b\u{fc}cher@b\u{fc}cher.example", "{{7*7}} ${7*7} %s %n"),
            ("o'brien@example.com", "nul \0 inside"),
            ("a+b!#$%&*/=?^_`{|}~-@example.com", "\u{202e}backwards"),
            ("x@xn--bcher-kva.example", &"\u{1f980}".repeat(256)),
            ("long@example.com", "                    "),
        ] {
            let user = world.register(email, password).await.expect(201);
            assert_eq!(user.member("email"), email);
            let answer = world.login(email, password).await.expect(200);
            assert_eq!(world.me(&answer.member("access_token")).await.expect(200).member("email"), email);
        }
    }
}
