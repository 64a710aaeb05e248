//! How long keys are kept, and when others are asked for.

use super::*;

#[tokio::test]
async fn tokens_of_the_real_endpoint_are_verified_by_one_fetch() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    assert_eq!(scene.issuer.fetches(), 0, "nothing before somebody comes");
    let ada = scene.ada().await;
    for _ in 0..10 {
        let answer = scene.get(&ada).await.expect(200);
        assert_eq!(answer.body, scene.world.me(&ada).await.member("id"));
    }
    let (head, rest) = ada.split_at(ada.len() - 10);
    for bad in ["x", head, &format!("{head}{}", rest.chars().rev().collect::<String>())] {
        scene.get(bad).await.expect_problem(401, "invalid_token");
    }
    assert_eq!(scene.issuer.fetches(), 1);
    let asked = scene.issuer.last();
    assert_eq!((asked.method().as_str(), asked.uri().path()), ("GET", "/.well-known/jwks.json"));
    assert!(asked.headers().get("authorization").is_none() && asked.headers().get("cookie").is_none());

    scene.advance(Duration::from_mins(15));
    scene.get(&ada).await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn who_sends_no_token_is_told_so_without_a_fetch() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let door = AuthLayer::required(scene.keys.clone()).layer(tower::service_fn(whoami));
    send(door, Req::get("/")).await.expect_problem(401, "invalid_token");
    let door = AuthLayer::optional(scene.keys.clone()).layer(tower::service_fn(whoami));
    assert_eq!(send(door.clone(), Req::get("/")).await.expect(200).body, "nobody");
    assert_eq!(scene.issuer.fetches(), 0);
    // But a wrong one is wrong.
    send(door, Req::get("/").bearer("x")).await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_new_key_is_learnt_with_its_first_token_and_the_old_one_stays_good() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let old = scene.changes_key(&[]);
    let before = scene.ada().await;
    scene.get(&before).await.expect(200);
    scene.advance(Duration::from_secs(10));
    scene.changes_key(&[&old]);
    let after = scene.ada().await;
    for token in [&after, &before, &after] {
        scene.get(token).await.expect(200);
    }
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_refused_when_the_lifetime_of_the_set_is_over() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let stolen = scene.ada().await;
    scene.get(&stolen).await.expect(200);
    scene.changes_key(&[]);
    scene.advance(Duration::from_millis(4 * 60_000 - 1));
    scene.get(&stolen).await.expect(200);
    assert_eq!(scene.issuer.fetches(), 1);
    // Nobody came in the last fifth, in which newer keys would have been fetched.
    scene.advance(Duration::from_millis(60_001));
    scene.get(&stolen).await.expect_problem(401, "invalid_token");
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test]
async fn with_requests_coming_in_newer_keys_are_there_before_the_lifetime_is_over() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let stolen = scene.ada().await;
    scene.get(&stolen).await.expect(200);
    scene.changes_key(&[]);
    scene.advance(Duration::from_mins(4));
    scene.get(&stolen).await.expect(200);
    scene.eventually(&stolen, 401).await;
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test]
async fn nobody_waits_for_newer_keys_while_the_old_ones_live() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.timeout(Duration::from_hours(1))).await;
    let ada = scene.ada().await;
    scene.get(&ada).await.expect(200);
    scene.issuer.replies(Reply::Silence);
    scene.advance(Duration::from_mins(4));
    // The one who has them fetched, and others while that is under way and never ends.
    for _ in 0..3 {
        scene.get(&ada).await.expect(200);
    }
}

#[tokio::test]
async fn the_issuer_says_how_long_within_a_minute_and_an_hour() {
    let database = TestDatabase::sqlite().await;
    let mut scene = Scene::new(&database).await;
    for (cache_control, age, lifetime) in [
        ("max-age=600", "0", 600),
        ("max-age=600", "480", 120),
        ("max-age=1", "0", 60),
        ("no-store", "0", 60),
        ("max-age=31536000, immutable", "0", 3600),
        ("public", "0", 300),
    ] {
        scene = scene.anew();
        let before = scene.issuer.fetches();
        let reply = Reply::text(scene.world.auth.jwks());
        scene.issuer.replies(reply.header("cache-control", cache_control).header("age", age));
        // No token lives for an hour: what counts is whether the set is asked for again.
        scene.get("x").await.expect(401);
        scene.advance(Duration::from_millis(lifetime * 800 - 1));
        scene.get("x").await.expect(401);
        assert_eq!(scene.issuer.fetches(), before + 1, "{cache_control}");
        scene.advance(Duration::from_millis(lifetime * 200 + 1));
        scene.get("x").await.expect(401);
        assert_eq!(scene.issuer.fetches(), before + 2, "{cache_control}");
    }
}

#[tokio::test]
async fn a_flood_of_made_up_keys_is_one_fetch_in_ten_seconds() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    scene.get(&ada).await.expect(200);
    // A minute, a request every 50 ms.
    for number in 0..1200 {
        scene.advance(Duration::from_millis(50));
        scene.get(&made_up(&format!("kid-{number}"))).await.expect_problem(401, "invalid_token");
    }
    assert_eq!(scene.issuer.fetches(), 1 + 6);
    scene.get(&ada).await.expect(200);
}

#[tokio::test]
async fn the_distance_of_fetches_can_be_set() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.refetch_interval(Duration::from_secs(30))).await;
    scene.get(&scene.ada().await).await.expect(200);
    scene.advance(Duration::from_millis(29_999));
    scene.get(&made_up("a")).await.expect(401);
    assert_eq!(scene.issuer.fetches(), 1);
    scene.advance(Duration::from_millis(1));
    scene.get(&made_up("a")).await.expect(401);
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test]
async fn leeway_is_for_clocks_that_differ() {
    let database = TestDatabase::sqlite().await;
    let strict = Scene::new(&database).await;
    let ada = strict.ada().await;
    let lenient = RemoteJwks::builder(&strict.issuer.url(), "auth", "auth")
        .clock(Arc::new(strict.world.clock.clone()))
        .leeway(Duration::from_secs(5))
        .build()
        .unwrap();
    strict.advance(Duration::from_secs(15 * 60 + 4));
    strict.get(&ada).await.expect_problem(401, "invalid_token");
    get(&lenient, &ada).await.expect(200);
    strict.advance(Duration::from_secs(1));
    get(&lenient, &ada).await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_token_of_another_issuer_or_for_another_service_is_refused() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    for (issuer, audience) in [("other", "auth"), ("auth", "other")] {
        let keys = RemoteJwks::builder(&scene.issuer.url(), issuer, audience);
        let keys = keys.clock(Arc::new(scene.world.clock.clone())).build().unwrap();
        get(&keys, &ada).await.expect_problem(401, "invalid_token");
    }
}
