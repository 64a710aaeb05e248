//! Too many attempts: the document, the cookie that keeps the owner out of it, and what both do not tell.

use auth_core::ClientInfo;
use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthServiceBuilder, ClientAddr};
use http::HeaderMap;

use crate::support::{ADA, Answer, PASSWORD, Req, World};

fn login(email: &str, password: &str) -> Req {
    Req::post("/login").json(serde_json::json!({ "email": email, "password": password }).to_string())
}

fn from(ip: &str) -> ClientAddr {
    ClientAddr(ip.parse().unwrap())
}

impl World {
    async fn wrong_passwords(&self, times: usize) {
        for _ in 0..times {
            self.login(ADA, "wrong").await.expect_problem(401, "invalid_credentials");
        }
    }
}

fn is_throttled(answer: Answer, retry_after: &str) -> Answer {
    let answer = answer.expect_problem(429, "throttled");
    assert_eq!(answer.header("retry-after"), Some(retry_after));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.headers.get("set-cookie"), None);
    answer
}

auth_migration::each_database! {
    async fn too_many_wrong_passwords_are_429_with_a_time_to_come_back(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        world.wrong_passwords(10).await;
        let answer = is_throttled(world.login(ADA, PASSWORD).await, "5");
        assert_eq!(answer.member("error"), "temporarily_unavailable");
        world.clock.advance(std::time::Duration::from_secs(5));
        world.login(ADA, PASSWORD).await.expect(200);
    }

    async fn known_unknown_and_disabled_accounts_are_throttled_with_the_same_bytes(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let user = world.register("grace@example.com", PASSWORD).await.expect(201).member("id");
        world.auth.disable(user.parse().unwrap(), ClientInfo::default()).await.unwrap();
        let mut seen: Option<Vec<(HeaderMap, String)>> = None;
        for name in [ADA, "nobody@example.com", "grace@example.com"] {
            let mut answers = Vec::new();
            for _ in 0..13 {
                let answer = world.send(login(name, "wrong").header("x-request-id", "same")).await;
                answers.push((answer.headers, answer.body));
            }
            assert!(answers[9].1.contains("invalid_credentials") && answers[10].1.contains("throttled"));
            assert_eq!(seen.get_or_insert_with(|| answers.clone()), &answers, "{name}");
        }
    }
}

#[tokio::test]
async fn a_known_device_signs_in_though_others_guess_and_its_network_is_throttled() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let first = world.login(ADA, PASSWORD).await.expect(200);
    let device = first.device().unwrap();
    // A logout takes the session out of the jar, and leaves the device.
    let logout =
        world.send(Req::post("/logout").cookie(&first.cookie().unwrap()).header("cookie", &device)).await;
    let logout = logout.expect(204);
    assert!(logout.clears_cookie());
    assert_eq!(logout.set_cookie("auth_device"), None);

    for number in 0..100 {
        let guess = login(&format!("leaked{number}@example.com"), "leaked").extension(from("192.0.2.1"));
        world.send(guess).await.expect(401);
    }
    world.wrong_passwords(10).await;
    let by_network =
        login("new@example.com", PASSWORD).header("x-request-id", "same").extension(from("192.0.2.1"));
    let by_network = is_throttled(world.send(by_network).await, "9");
    let by_account = is_throttled(world.send(login(ADA, PASSWORD).header("x-request-id", "same")).await, "5");
    assert_eq!(by_network.body, by_account.body, "which of them it was is not told");

    let request = login(ADA, PASSWORD).extension(from("192.0.2.1"));
    let answer = world.send(request.cookie(&format!("theme=dark; {device}"))).await.expect(200);
    assert_ne!(answer.device().unwrap(), device, "each sign-in makes a device of its own");
}

#[tokio::test]
async fn a_device_of_somebody_else_or_garbage_is_of_no_use_and_no_harm() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    world.register("grace@example.com", PASSWORD).await.expect(201);
    let grace = world.login("grace@example.com", PASSWORD).await.expect(200).device().unwrap();
    let ada = world.login(ADA, PASSWORD).await.expect(200).device().unwrap();
    world.wrong_passwords(10).await;
    let value = ada.split_once('=').unwrap().1;
    for cookie in [
        grace.clone(),
        format!("{ada}; {grace}"),
        format!("auth_device={value}"),
        "__Host-auth_device=".to_owned(),
        "__Host-auth_device=x".to_owned(),
        format!("__Host-auth_device={}", "A".repeat(103)),
        format!("{ada}A"),
        format!("__Host-refresh_token={value}"),
    ] {
        is_throttled(world.send(login(ADA, PASSWORD).cookie(&cookie)).await, "5");
        world.send(login("grace@example.com", PASSWORD).cookie(&cookie)).await.expect(200);
    }
    world.send(login(ADA, PASSWORD).cookie(&ada)).await.expect(200);
}

#[tokio::test]
async fn without_secure_the_device_has_another_name_too() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with(AuthServiceBuilder::insecure_cookie).with_ada().await;
    let answer = world.login(ADA, PASSWORD).await.expect(200);
    let device = answer.set_cookie("auth_device").unwrap();
    assert!(device.starts_with("auth_device="), "{device}");
    assert!(device.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000"), "{device}");
    world.wrong_passwords(10).await;
    world.send(login(ADA, PASSWORD).cookie(&answer.device().unwrap())).await.expect(200);
}

#[tokio::test]
async fn registrations_and_garbage_for_refresh_tokens_are_429_too_and_take_no_cookie_away() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let cookie = world.login(ADA, PASSWORD).await.expect(200).cookie().unwrap();
    let register = |email: &str| {
        let body = serde_json::json!({ "email": email, "password": PASSWORD }).to_string();
        Req::post("/register").json(body).extension(from("2001:db8::1"))
    };
    for number in 0..100 {
        world.send(register(&format!("user{number}@example.com"))).await.expect(201);
    }
    let answer = is_throttled(world.send(register("one-more@example.com")).await, "9");
    assert!(answer.json()["error"].is_null(), "no door of OAuth's");

    let refresh = |cookie: &str| Req::post("/refresh-token").cookie(cookie).extension(from("2001:db8::1"));
    for _ in 0..100 {
        world.send(refresh("__Host-refresh_token=garbage")).await.expect_problem(401, "invalid_token");
    }
    let answer = is_throttled(world.send(refresh(&cookie)).await, "9");
    assert_eq!(answer.member("error"), "temporarily_unavailable");
    world.clock.advance(std::time::Duration::from_secs(9));
    world.send(refresh(&cookie)).await.expect(200);
}
