//! Answers that are no set of keys to rely on.

use std::{
    io,
    sync::{Arc, Mutex},
};

use super::*;

/// What is logged on this thread, as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn of_keys(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains("remote_jwks")).map(str::to_owned).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn with_key(set: &str, key: &str) -> Reply {
    Reply::text(set.replace("{\"keys\":[", &format!("{{\"keys\":[{key},")))
}

/// Each with what the log says of it.
fn bad_replies(set: &str, elsewhere: &Issuer) -> Vec<(Reply, &'static str)> {
    vec![
        (Reply::text(set.to_owned()).status(500), "answered 500 Internal Server Error"),
        (Reply::text(set.to_owned()).status(404), "answered 404 Not Found"),
        (Reply::text(set.to_owned()).status(206), "answered 206 Partial Content"),
        (Reply::text("").status(302).header("location", &elsewhere.url()), "answered 302 Found"),
        (Reply::text("").status(308).header("location", &elsewhere.url()), "answered 308 Permanent Redirect"),
        (Reply::text(format!("{set}{}", " ".repeat(10 << 20))), "is longer than 65536 bytes"),
        (Reply::text(format!("{set}{}", " ".repeat(65_536))), "is longer than 65536 bytes"),
        (Reply::Half(set.to_owned().into()), "breaks off"),
        (Reply::text(&b"{\"keys\":[\"\xff\"]}"[..]), "the answer is no text in UTF-8"),
        (Reply::text("<html>"), "not usable: JWK set is not a JSON object"),
        (Reply::text(r#"{"keys":[]}"#), "not usable: JWK set has no key"),
        (
            with_key(set, r#"{"kty":"oct","kid":"s","k":"c2VjcmV0LXNlY3JldA"}"#),
            "not usable: JWK set has a symmetric key",
        ),
        (
            with_key(set, r#"{"kty":"OKP","crv":"Ed25519","kid":"s","d":"c2VjcmV0"}"#),
            "not usable: JWK set has a private key",
        ),
        (Reply::HangUp, "is not reached: "),
    ]
}

#[tokio::test]
async fn an_answer_that_is_no_usable_set_is_a_fetch_that_failed_and_a_warning() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::with(&database, |keys| keys.leeway(Duration::from_hours(1))).await;
    let ada = scene.ada().await;
    let set = scene.world.auth.jwks();
    let elsewhere = Issuer::new(Reply::text(set.clone())).await;
    scene.get(&ada).await.expect(200);

    for (reply, reason) in bad_replies(&set, &elsewhere) {
        let lines = Lines::default();
        let _guard = lines.listen();
        scene.issuer.replies(reply);
        scene.advance(Duration::from_secs(10));
        scene.get(&made_up("new")).await.expect_problem(503, "unavailable");
        scene.get(&ada).await.expect(200);
        let [line] = &lines.of_keys()[..] else { panic!("{reason}: {:?}", lines.of_keys()) };
        assert!(line.contains("WARN") && line.contains("issuer=\"auth\"") && line.contains(reason), "{line}");
        assert!(!line.contains("c2VjcmV0"), "{line}");
        // The same where there are no keys yet.
        let none = RemoteJwks::new(&scene.issuer.url(), "auth", "auth").unwrap();
        assert!(none.load().await.unwrap_err().to_string().contains(reason), "{reason}");
        get(&none, &ada).await.expect_problem(503, "unavailable");
    }
    assert_eq!(elsewhere.fetches(), 0, "no redirect is followed");

    let lines = Lines::default();
    let _guard = lines.listen();
    scene.issuer.replies(Reply::Real(scene.world.service()));
    scene.advance(Duration::from_secs(10));
    scene.get(&made_up("new")).await.expect_problem(401, "invalid_token");
    let [line] = &lines.of_keys()[..] else { panic!("{:?}", lines.of_keys()) };
    assert!(line.contains("INFO") && line.contains("again"), "{line}");
}

#[tokio::test]
async fn what_a_token_says_of_its_key_is_not_followed() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let mallory = Issuer::new(Reply::text(scene.world.auth.jwks())).await;
    let token = made_up("theirs");
    let (_, rest) = token.split_once('.').unwrap();
    let header = serde_json::json!({
        "typ": "at+jwt", "alg": "EdDSA", "kid": "theirs",
        "jku": mallory.url(), "x5u": mallory.url(), "iss": mallory.url(),
    });
    let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    scene.get(&token).await.expect_problem(401, "invalid_token");
    assert_eq!((scene.issuer.fetches(), mallory.fetches()), (1, 0));
}

#[tokio::test]
async fn a_set_as_long_as_it_may_be_is_read() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let set = scene.world.auth.jwks();
    let padding = " ".repeat(64 * 1024 - set.len());
    scene.issuer.replies(Reply::text(format!("{set}{padding}")));
    scene.get(&scene.ada().await).await.expect(200);
}
