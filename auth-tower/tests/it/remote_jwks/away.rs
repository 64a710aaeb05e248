//! What happens while the issuer cannot be asked.

use super::*;

#[tokio::test]
async fn without_any_keys_it_is_503_until_the_issuer_is_there() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    scene.issuer.replies(Reply::HangUp);
    let answer = scene.get(&ada).await.expect_problem(503, "unavailable");
    assert_eq!((answer.header("retry-after"), answer.header("www-authenticate")), (Some("10"), None));
    scene.issuer.replies(Reply::Real(scene.world.service()));
    scene.advance(Duration::from_millis(9_001));
    let answer = scene.get(&ada).await.expect_problem(503, "unavailable");
    assert_eq!((answer.header("retry-after"), scene.issuer.fetches()), (Some("1"), 1), "not asked again yet");
    scene.advance(Duration::from_millis(999));
    scene.get(&ada).await.expect(200);
}

#[tokio::test]
async fn an_issuer_that_does_not_listen_is_503() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    // Bound and closed again: nobody else gets this port so soon.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let keys = RemoteJwks::new(&format!("http://{free}/jwks"), "auth", "auth").unwrap();
    get(&keys, &ada).await.expect_problem(503, "unavailable");
    assert!(keys.load().await.unwrap_err().to_string().contains("is not reached: "));
}

#[tokio::test]
async fn the_keys_at_hand_go_on_for_an_hour_beyond_their_lifetime_and_then_it_is_503() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.leeway(Duration::from_hours(24))).await;
    let ada = scene.ada().await;
    scene.get(&ada).await.expect(200);
    scene.issuer.replies(Reply::HangUp);
    for minute in 1..65 {
        scene.advance(Duration::from_mins(1));
        assert_eq!(scene.get(&ada).await.status, 200, "after {minute} minutes");
    }
    scene.advance(Duration::from_millis(59_999));
    scene.get(&ada).await.expect(200);
    scene.advance(Duration::from_millis(1));
    scene.get(&ada).await.expect_problem(503, "unavailable");

    scene.issuer.replies(Reply::Real(scene.world.service()));
    scene.advance(Duration::from_secs(10));
    scene.get(&ada).await.expect(200);
}

#[tokio::test]
async fn how_long_keys_are_kept_while_the_issuer_is_away_can_be_set_and_be_nothing() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.keep_while_away(Duration::ZERO)).await;
    let ada = scene.ada().await;
    scene.get(&ada).await.expect(200);
    scene.issuer.replies(Reply::HangUp);
    scene.advance(Duration::from_millis(299_999));
    scene.get(&ada).await.expect(200);
    scene.advance(Duration::from_millis(1));
    scene.get(&ada).await.expect_problem(503, "unavailable");
}

#[tokio::test]
async fn a_token_of_an_unknown_key_is_503_while_only_the_issuer_could_tell() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let before = scene.ada().await;
    scene.get(&before).await.expect(200);
    scene.changes_key(&[]);
    let after = scene.ada().await;
    scene.issuer.replies(Reply::HangUp);
    scene.advance(Duration::from_secs(10));
    for _ in 0..3 {
        scene.get(&after).await.expect_problem(503, "unavailable");
        scene.get(&before).await.expect(200);
    }
    assert_eq!(scene.issuer.fetches(), 2, "one try, however many ask");
    scene.issuer.replies(Reply::Real(scene.world.service()));
    scene.advance(Duration::from_secs(10));
    scene.get(&after).await.expect(200);
}

#[tokio::test]
async fn a_silent_issuer_is_given_up_after_the_timeout() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.timeout(Duration::from_millis(20))).await;
    let ada = scene.ada().await;
    scene.issuer.replies(Reply::Silence);
    scene.get(&ada).await.expect_problem(503, "unavailable");
    assert_eq!(scene.keys.load().await.unwrap_err().to_string(), "no answer within 20ms");
}

#[tokio::test]
async fn a_silent_issuer_lets_nobody_wait_who_has_keys() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.timeout(Duration::from_hours(1))).await;
    let ada = scene.ada().await;
    scene.get(&ada).await.expect(200);
    scene.issuer.replies(Reply::HangUp);
    scene.advance(Duration::from_mins(5));
    // The first one after a silence waits for what comes of it.
    scene.get(&ada).await.expect(200);
    scene.issuer.replies(Reply::Silence);
    scene.advance(Duration::from_secs(10));
    // From here on a fetch is under way that never ends.
    for _ in 0..3 {
        scene.get(&ada).await.expect(200);
    }
}

#[tokio::test]
async fn after_a_silence_an_issuer_that_was_away_is_asked_again_before_anybody_is_let_in() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.leeway(Duration::from_hours(24))).await;
    let stolen = scene.ada().await;
    scene.get(&stolen).await.expect(200);
    scene.issuer.replies(Reply::HangUp);
    scene.advance(Duration::from_mins(5));
    scene.get(&stolen).await.expect(200);
    scene.changes_key(&[]);
    scene.issuer.replies(Reply::Real(scene.world.service()));
    scene.advance(Duration::from_mins(30));
    scene.get(&stolen).await.expect_problem(401, "invalid_token");
}
