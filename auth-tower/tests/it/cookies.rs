//! The jar: attributes, names, sizes.

use auth_core::test_util::ManualClock;
use auth_migration::test_util::TestDatabase;
use auth_tower::AuthServiceBuilder;

use crate::support::{Req, World};

#[tokio::test]
async fn the_refresh_cookie_is_for_this_host_only_and_for_no_script() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let body = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
    let login = world.send(Req::post("/login").json(body)).await.expect(200);
    let refresh = world.refresh(&login.cookie().unwrap()).await.expect(200);
    for answer in [login, refresh] {
        let cookie = answer.set_cookie("refresh_token").unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert!(pair.starts_with("__Host-refresh_token="));
        assert!(pair.len() <= 4096, "RFC 6265bis");
        let mut attributes: Vec<_> = attributes.split("; ").collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["HttpOnly", "Max-Age=604800", "Path=/", "SameSite=Strict", "Secure"]);
        let token = pair.split_once('=').unwrap().1;
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
    }
}

#[tokio::test]
async fn without_secure_the_cookie_has_another_name_so_that_nobody_takes_it_for_the_other() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with(AuthServiceBuilder::insecure_cookie).with_ada().await;
    let (_, cookie) = world.ada_signs_in().await;
    assert!(cookie.starts_with("refresh_token="));
    let answer = world.refresh(&cookie).await.expect(200);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800"), "{set}");
    world.refresh(&format!("__Host-{cookie}")).await.expect_problem(401, "invalid_token");
    let answer = world.send(Req::post("/logout").cookie(&cookie)).await.expect(204);
    assert_eq!(
        answer.header("set-cookie"),
        Some("refresh_token=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
    );
}

#[tokio::test]
async fn the_cookie_lives_as_long_as_its_token() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (_, mut cookie) = world.ada_signs_in().await;
    let day = std::time::Duration::from_hours(24);
    let clock: &ManualClock = &world.clock;
    let mut last = String::new();
    for _ in 0..5 {
        clock.advance(day * 5);
        let answer = world.refresh(&cookie).await.expect(200);
        answer.header("set-cookie").unwrap().rsplit_once("Max-Age=").unwrap().1.clone_into(&mut last);
        cookie = answer.cookie().unwrap();
    }
    // Day 25 of a session of 30: the absolute end is nearer than the idle one.
    assert_eq!(last, (5 * 24 * 60 * 60).to_string());
}

#[tokio::test]
async fn neighbours_in_the_jar_do_not_hide_the_cookie() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (_, cookie) = world.ada_signs_in().await;
    let mut header = b"theme=\"dark; mode\"; =; ;; a=\xff\xfe; b; refresh_token=x; ".to_vec();
    header.extend_from_slice(cookie.as_bytes());
    world.send(Req::post("/refresh-token").header("cookie", header)).await.expect(200);
    let request = Req::post("/refresh-token").header("cookie", "a=1").header("cookie", &cookie);
    world.send(request).await.expect(200);
}
