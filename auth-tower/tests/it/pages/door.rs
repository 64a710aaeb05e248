//! Who gets in, and what nobody learns at the door.

use auth_core::ClientInfo;
use auth_migration::test_util::TestDatabase;
use auth_tower::AccountPages;

use super::{
    CREDENTIALS,
    walker::{Walker, ask, pages_of},
};
use crate::support::{ADA, PASSWORD, Req, World};

auth_migration::each_database! {
    async fn known_and_unknown_addresses_cost_the_same_and_look_the_same_on_the_page(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let user = world.register("grace@example.com", PASSWORD).await.expect(201).member("id");
        world.auth.disable(user.parse().unwrap(), ClientInfo::default()).await.unwrap();
        let mut seen = None;
        for (name, password) in [
            (ADA, "a wrong password"),
            ("nobody@example.com", "a wrong password"),
            ("no address at all", "a wrong password"),
            ("grace@example.com", PASSWORD),
        ] {
            let mut somebody = Walker::new(&world).saying("x-request-id", "same");
            somebody.go("/sign-in").await;
            let before = (world.hasher.verifications(), world.hasher.hashes());
            somebody.submit("/sign-in", &[("email", name), ("password", password)]).await;
            somebody.sees(422, "The email address or the password is wrong.");
            let work = (world.hasher.verifications() - before.0, world.hasher.hashes() - before.1);
            assert!(somebody.jar.is_empty() && !somebody.answer.body.contains(password));
            let mut headers = somebody.answer.headers.clone();
            headers.remove("content-length");
            let this = (headers, somebody.answer.body.replace(name, "NAME"), work);
            assert_eq!(seen.get_or_insert_with(|| this.clone()), &this, "{name}");
        }
    }

    async fn guesses_on_the_page_are_counted_with_those_at_the_other_door(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let mut somebody = Walker::new(&world);
        somebody.go("/sign-in").await;
        for _ in 0..5 {
            somebody.submit("/sign-in", &[("email", ADA), ("password", "wrong")]).await;
            somebody.sees(422, "is wrong");
            world.login(ADA, "wrong").await.expect_problem(401, "invalid_credentials");
        }
        somebody.submit("/sign-in", CREDENTIALS).await;
        somebody.sees(429, "Please wait (seconds: 5)");
        assert_eq!(somebody.answer.header("retry-after"), Some("5"));
        world.clock.advance(std::time::Duration::from_secs(5));
        somebody.submit("/sign-in", CREDENTIALS).await;
        somebody.sees(200, "Your account");
    }

    async fn a_sign_in_on_the_page_takes_the_place_of_the_session_in_the_jar(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        let body = ada.filled("/sign-in", CREDENTIALS);
        ada.send(ada.post("/sign-in", &body)).await;
        let first = format!("__Host-refresh_token={}", ada.jar["__Host-refresh_token"]);
        ada.send(ada.post("/sign-in", &body)).await;
        let second = format!("__Host-refresh_token={}", ada.jar["__Host-refresh_token"]);
        assert_ne!(first, second);
        world.refresh(&first).await.expect(401);
        world.refresh(&second).await.expect(200);
    }
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let mut ada = Walker::new(&world);
    ada.go("/sign-in").await;
    ada.submit("/sign-in", CREDENTIALS).await;
    let (cookie, rows) =
        (format!("__Host-refresh_token={}", ada.jar["__Host-refresh_token"]), world.rows().await);
    let posts: Vec<_> = AccountPages::routes().filter(|(method, _)| *method == "POST").collect();
    assert!(posts.len() >= 6, "{posts:?}");
    for (_, route) in posts {
        let path = route.strip_prefix("/account").filter(|path| !path.is_empty()).unwrap_or("/");
        let path = &path.replace("{id}", "7d444840-9dc0-11d1-b245-5ffdce74fad2");
        let body = "email=thief@example.com&password=correct+horse+battery&language=de&name=Thief";
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let request = Req::post(path).header(name, value).cookie(&cookie).form(body);
            let answer = ask(&pages_of(&world), request).await.expect(403);
            assert!(answer.body.contains("came from another site"), "{route}: {answer:?}");
            assert_eq!(answer.headers.get("set-cookie"), None, "{route}");
        }
        // No other way to write a form gets around the question whether it may be sent.
        let json = Req::post(path).cookie(&cookie).json(r#"{"email":"thief@example.com"}"#);
        let answer = ask(&pages_of(&world), json).await;
        assert_eq!(answer.status, 415, "{route}");
    }
    assert_eq!(world.rows().await, rows);
    world.refresh(&cookie).await.expect(200);
}

#[tokio::test]
async fn whoever_comes_from_another_site_is_sent_once_more_before_they_are_asked_to_sign_in() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let mut ada = Walker::new(&world);
    ada.go("/sign-in").await;
    ada.submit("/sign-in", CREDENTIALS).await;
    let jar = std::mem::take(&mut ada.jar);
    // A browser keeps the cookie back, whatever the link was to; one that says nothing of the site may have done so.
    for from in [Some("cross-site"), None] {
        for path in ["/", "/sign-in?redirect_to=%2Fapp%3Fa%3Db"] {
            let request =
                from.iter().fold(Req::get(path), |request, site| request.header("sec-fetch-site", site));
            ada.send(request).await;
            ada.sees(200, "One moment");
            let again = ada.again().unwrap();
            ada.jar = jar.clone();
            ada.send(Req::get(&again)).await;
            if path == "/" {
                ada.sees(200, "Your account");
            } else {
                assert_eq!(
                    (ada.answer.status.as_u16(), ada.answer.header("location")),
                    (303, Some("/app?a=b"))
                );
            }
            ada.jar.clear();
            // Who is not signed in is asked then, and not sent for ever.
            ada.send(Req::get(&again)).await;
            assert_eq!(ada.again(), None, "{:?}", ada.answer);
        }
    }
    for site in ["none", "same-origin", "same-site"] {
        ada.send(Req::get("/sign-in").header("sec-fetch-site", site)).await;
        assert_eq!(ada.again(), None, "{site}");
    }
}

#[tokio::test]
async fn nobody_is_sent_where_the_host_has_not_said() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let world = world.with(|builder| builder.trusted_origin("https://app.example.com"));
    for (wanted, place) in [
        ("/app?tab=1", "/app?tab=1"),
        ("https://app.example.com/welcome", "https://app.example.com/welcome"),
        ("//evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("https://evil.example/", "/account"),
        ("https://app.example.com.evil.example/", "/account"),
        ("https://app.example.com@evil.example/", "/account"),
        ("javascript:alert(1)", "/account"),
        ("/a\r\nset-cookie: a=b", "/account"),
    ] {
        let mut ada = Walker::new(&world);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("redirect_to", wanted);
        ada.go(&format!("/sign-in?{}", query.finish())).await;
        let body = ada.filled("/sign-in", CREDENTIALS);
        let policy = ada.answer.header("content-security-policy").unwrap().to_owned();
        let to_app = policy.contains("form-action 'self' https://app.example.com;");
        assert_eq!(to_app, place.starts_with("https:"), "{policy}");
        assert!(!policy.contains("evil"), "{policy}");
        ada.send(ada.post("/sign-in", &body)).await;
        assert_eq!(
            (ada.answer.status.as_u16(), ada.answer.header("location")),
            (303, Some(place)),
            "{wanted}"
        );
        // In a form that somebody else has filled in.
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(CREDENTIALS).append_pair("redirect_to", wanted);
        ada.send(ada.post("/sign-in", &query.finish())).await;
        assert_eq!(ada.answer.header("location"), Some(place), "{wanted}");
    }
}
