//! The doors of sign-in at providers: redirects, cookies and answers. The provider has GitHub's addresses and answers; the
//! rules are shown in the tests of the core.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use auth_core::{
    AuthBuilder, ClientInfo, CreateUser, Registration,
    oidc::{Config, Provider},
    test_util::CHALLENGED_ROLE,
};
use auth_migration::{each_database, test_util::TestDatabase};
use auth_tower::ClientAddr;
use axum::{
    Router,
    http::HeaderMap,
    routing::{get, post},
};

use crate::{
    remote_jwks::tls::Ca,
    support::{ADA, Answer, Issuer, PASSWORD, Reply, Req, World},
};

/// GitHub as its documentation has it: whatever code is given is the person of that number.
pub(crate) struct GitHub {
    url: String,
    emails: Arc<Mutex<String>>,
}

impl GitHub {
    pub(crate) async fn start() -> Self {
        let emails = Arc::new(Mutex::new(String::new()));
        let of_person = Arc::clone(&emails);
        let number = |headers: &HeaderMap| {
            headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
        };
        let doors = Router::new()
            .route(
                "/login/oauth/access_token",
                post(async |body: String| {
                    let code = body.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap();
                    format!(r#"{{"access_token":"{code}","token_type":"bearer","scope":"user:email"}}"#)
                }),
            )
            .route(
                "/api/user",
                get(async move |headers: HeaderMap| format!(r#"{{"id":{}}}"#, number(&headers))),
            )
            .route("/api/user/emails", get(async move || of_person.lock().unwrap().clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, doors).await });
        let github = Self { url, emails };
        github.is(ADA, true);
        github
    }

    fn is(&self, email: &str, verified: bool) {
        let emails = format!(r#"[{{"email":"{email}","primary":true,"verified":{verified}}}]"#);
        *self.emails.lock().unwrap() = emails;
    }

    pub(crate) fn providers(&self) -> Config {
        let github = Provider::github("id", "secret").github_at(&*self.url, format!("{}/api", self.url));
        Config::new("http://127.0.0.1:8000/oauth").provider(github)
    }
}

async fn world(database: &TestDatabase) -> (World, GitHub) {
    let github = GitHub::start().await;
    let providers = github.providers().redirect_origin("https://app.example.com");
    let (world, _) = World::with_mail(database, |builder| builder.oidc(providers)).await;
    (world, github)
}

/// What a browser keeps of a sign-in that is under way: the `state`, and the cookie as it sends it back.
pub(crate) struct UnderWay {
    pub(crate) state: String,
    pub(crate) cookie: String,
}

impl UnderWay {
    /// The person says no.
    pub(crate) fn denied(&self) -> Req {
        let path = format!("/oauth/github/callback?error=access_denied&state={}", self.state);
        Req::get(&path).cookie(&self.cookie)
    }
}

pub(crate) fn under_way(answer: &Answer) -> UnderWay {
    let url = url::Url::parse(answer.header("location").unwrap()).unwrap();
    let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
    let set = answer.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap());
    let mut ours = set.filter(|set| set.starts_with("__Host-auth_oauth-") && !set.contains("Max-Age=0"));
    let cookie = ours.next().unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"), "{cookie}");
    UnderWay { state: asked["state"].clone(), cookie: cookie.split(';').next().unwrap().to_owned() }
}

async fn authorize(world: &World) -> UnderWay {
    under_way(&world.send(Req::get("/oauth/github/authorize?redirect_to=/app%3Ftab%3D1")).await.expect(302))
}

pub(crate) async fn call_back(world: &World, begun: &UnderWay, code: u32) -> Answer {
    let path = format!("/oauth/github/callback?code={code}&state={}", begun.state);
    world.send(Req::get(&path).cookie(&begun.cookie)).await.expect(302)
}

each_database! {
    async fn a_browser_goes_to_the_provider_and_comes_back_signed_in(database: &TestDatabase) {
        let (world, _github) = world(database).await;
        let begun = authorize(&world).await;
        let answer = call_back(&world, &begun, 1).await;
        assert_eq!(answer.header("location"), Some("/app?tab=1"));
        assert_eq!(answer.body, "");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let set = answer.set_cookie("refresh_token").unwrap();
        assert!(set.contains("; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=604800"), "{set}");
        assert!(answer.set_cookie("auth_device").is_some());
        let name = begun.cookie.split('=').next().unwrap();
        let cleared = answer.set_cookie(name).unwrap();
        assert!(cleared.starts_with(&format!("{name}=;")) && cleared.ends_with("Max-Age=0"), "{cleared}");

        let refreshed = world.refresh(&answer.cookie().unwrap()).await.expect(200);
        let access = refreshed.member("access_token");
        let me = world.me(&access).await.expect(200);
        assert_eq!((me.member("email"), &me.json()["email_verified"]), (ADA.to_owned(), &true.into()));
        let identities = world.send(Req::get("/users/me/identities").bearer(&access)).await.expect(200).json();
        let identity = &identities["identities"][0];
        assert_eq!((&identity["provider"], &identity["email"]), (&"github".into(), &ADA.into()));
        // GitHub does not tell when the sign-in there was, and an export wants a recent one.
        world.execute("UPDATE auth_session SET auth_time = created_at").await;
        let export = world.send(Req::get("/users/me/export").bearer(&access)).await.expect(200).json();
        assert_eq!(&export["identities"][0], identity);
    }

    async fn what_goes_wrong_is_told_to_the_page_that_was_wanted(database: &TestDatabase) {
        let (world, github) = world(database).await;
        let begun = authorize(&world).await;
        let path = format!("/oauth/github/callback?error=access_denied&state={}", begun.state);
        let answer = world.send(Req::get(&path).cookie(&begun.cookie)).await.expect(302);
        assert_eq!(answer.header("location"), Some("/app?tab=1&error=access_denied"));
        assert!(answer.cookie().is_none() && answer.clears_cookie());

        github.is(ADA, false);
        let answer = call_back(&world, &authorize(&world).await, 1).await;
        assert_eq!(answer.header("location"), Some("/app?tab=1&error=email_unverified"));

        // Login CSRF: the callback of one browser opened in another.
        let begun = authorize(&world).await;
        let path = format!("/oauth/github/callback?code=666&state={}", begun.state);
        let answer = world.send(Req::get(&path)).await.expect(302);
        assert_eq!(answer.header("location"), Some("/app?tab=1&error=cookie_missing"));
        let (name, _) = begun.cookie.split_once('=').unwrap();
        let forged = format!("{name}={}", "A".repeat(43));
        let answer = world.send(Req::get(&path).cookie(&forged)).await.expect(302);
        assert_eq!(answer.header("location"), Some("/app?tab=1&error=other_browser"));
        assert!(answer.cookie().is_none());
        for query in ["", "?state=x", "?code=1", "?state=x&state=y"] {
            let answer = world.send(Req::get(&format!("/oauth/github/callback{query}"))).await.expect(302);
            assert_eq!(answer.header("location"), Some("/?error=state_unknown"), "{query}");
        }
    }

    async fn a_reload_of_the_callback_leaves_the_user_signed_in(database: &TestDatabase) {
        let (world, _github) = world(database).await;
        let begun = authorize(&world).await;
        let cookie = call_back(&world, &begun, 1).await.cookie().unwrap();
        let again = call_back(&world, &begun, 1).await;
        assert_eq!(again.header("location"), Some("/app?tab=1&error=state_used"));
        assert!(again.set_cookie("refresh_token").is_none(), "the cookie of the session stays");
        world.refresh(&cookie).await.expect(200);
    }

    async fn the_session_that_the_browser_had_ends(database: &TestDatabase) {
        let (world, _github) = world(database).await;
        let before = call_back(&world, &authorize(&world).await, 1).await.cookie().unwrap();
        let begun = under_way(&world.send(Req::get("/oauth/github/authorize").cookie(&before)).await.expect(302));
        // On the way back the Strict cookie is not sent.
        let answer = call_back(&world, &begun, 1).await;
        assert_eq!(answer.header("location"), Some("/"));
        world.refresh(&before).await.expect_problem(401, "invalid_token");
        world.refresh(&answer.cookie().unwrap()).await.expect(200);
    }

    async fn identities_are_linked_and_unlinked_by_who_is_signed_in(database: &TestDatabase) {
        let (world, github) = world(database).await;
        let world = world.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let unproved = format!(r#"{{"provider":"github","password":"{PASSWORD}"}}"#);
        let request = Req::post("/users/me/identities").json(unproved).bearer(&access);
        world.send(request).await.expect_problem(403, "verification_needed");
        world.execute("UPDATE auth_user SET email_verified_at = 1").await;
        let post = async |access: &str, body: &str| {
            let request = Req::post("/users/me/identities").json(body.to_owned());
            world.send(if access.is_empty() { request } else { request.bearer(access) }).await
        };
        let body = format!(r#"{{"provider":"github","redirect_to":"/settings","password":"{PASSWORD}"}}"#);
        post("", &body).await.expect_problem(401, "invalid_token");
        let answer = post(&access, r#"{"provider":"github"}"#).await.expect_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["password"]);
        assert_eq!(post(&access, "{}").await.expect_problem(422, "validation_failed").fields(), ["provider"]);
        post(&access, &body.replace("github", "nobody")).await.expect_problem(404, "not_found");
        let evil = body.replace("/settings", "//evil.example");
        assert_eq!(post(&access, &evil).await.expect_problem(422, "validation_failed").fields(), ["redirect_to"]);

        let answer = post(&access, &body).await.expect(200);
        let to = answer.member("authorization_url");
        let mut redirect = answer.clone();
        redirect.headers.insert("location", to.parse().unwrap());
        github.is("other@example.net", false);
        let linked = call_back(&world, &under_way(&redirect), 7).await;
        assert_eq!(linked.header("location"), Some("/settings"));
        assert!(linked.cookie().is_none(), "no new session");
        let signed_in = call_back(&world, &authorize(&world).await, 7).await.cookie().unwrap();
        let refreshed = world.refresh(&signed_in).await.expect(200).member("access_token");
        assert_eq!(world.me(&refreshed).await.member("email"), ADA);

        let identities = world.send(Req::get("/users/me/identities").bearer(&access)).await.expect(200).json();
        let id = identities["identities"][0]["id"].as_str().unwrap().to_owned();
        let remove = || Req::new("DELETE", &format!("/users/me/identities/{id}")).bearer(&access);
        let again = || remove().json(format!(r#"{{"password":"{PASSWORD}"}}"#));
        for without in [remove(), remove().json(r#"{"password":"wrong password"}"#)] {
            let answer = world.send(without).await.expect_problem(422, "validation_failed");
            assert_eq!(answer.fields(), ["password"]);
        }
        world.send(again()).await.expect(204);
        world.send(again()).await.expect_problem(404, "not_found");
        // Who has nothing else keeps it.
        github.is("bob@example.com", true);
        let bob = call_back(&world, &authorize(&world).await, 8).await.cookie().unwrap();
        let access = world.refresh(&bob).await.expect(200).member("access_token");
        let identities = world.send(Req::get("/users/me/identities").bearer(&access)).await.expect(200).json();
        let id = identities["identities"][0]["id"].as_str().unwrap();
        let remove = || Req::new("DELETE", &format!("/users/me/identities/{id}")).bearer(&access);
        // GitHub does not tell when the sign-in was.
        let link = Req::post("/users/me/identities").json(r#"{"provider":"github"}"#);
        let doors = [
            remove(),
            link.bearer(&access),
            Req::new("DELETE", "/users/me").bearer(&access),
            Req::get("/users/me/export").bearer(&access),
            Req::post("/users/me/totp").bearer(&access),
            Req::post("/users/me/email").json(r#"{"email":"new@example.com"}"#).bearer(&access),
            Req::post("/users/me/password").json(r#"{"current_password":"a","new_password":"another horse battery"}"#).bearer(&access),
        ];
        for door in doors {
            let answer = world.send(door).await.expect_problem(401, "insufficient_user_authentication");
            assert!(answer.header("www-authenticate").unwrap().ends_with(r#"acr_values="aal1", max_age="300""#), "{answer:?}");
        }
        world.execute("UPDATE auth_session SET auth_time = created_at").await;
        world.send(remove()).await.expect_problem(409, "last_way_in");
    }

    async fn a_role_that_is_given_names_the_identities_that_have_it_now(database: &TestDatabase) {
        let (world, github) = world(database).await;
        let world = world.with_ada().await;
        let (admin, _) = world.ada_signs_in().await;
        let ada = world.me(&admin).await.member("id").parse().unwrap();
        world.auth.set_roles(ada, &["admin"], ClientInfo::default()).await.unwrap();
        github.is("bob@example.com", true);
        let bob = call_back(&world, &authorize(&world).await, 8).await.cookie().unwrap();
        let access = world.refresh(&bob).await.expect(200).member("access_token");
        let id = world.me(&access).await.member("id");
        let change = async |body: &str| {
            let request = Req::new("PATCH", &format!("/users/{id}")).bearer(&admin).json(body.to_owned());
            world.send(request).await.expect(200).json()
        };
        let changed = change(r#"{"roles":["editor"]}"#).await;
        let identity = &changed["identities"][0];
        assert_eq!((&identity["provider"], &identity["email"]), (&"github".into(), &"bob@example.com".into()));
        for body in [r#"{"roles":[]}"#, r#"{"disabled":false}"#] {
            assert!(change(body).await.get("identities").is_none(), "{body}");
        }
    }

    async fn what_was_linked_before_the_proof_stays_for_who_is_signed_in_and_goes_for_anybody_else(database: &TestDatabase) {
        let github = GitHub::start().await;
        let (world, outbox) = World::with_mail(database, |settings| settings.oidc(github.providers())).await;
        let world = world.with_ada().await;
        for (carries, stays) in [("", false), ("cookie", true), ("token", true), ("garbage", false)] {
            // As it was linked when there was no mail.
            world.execute("UPDATE auth_user SET email_verified_at = 1").await;
            let (access, cookie) = world.ada_signs_in().await;
            let body = format!(r#"{{"provider":"github","password":"{PASSWORD}"}}"#);
            let request = Req::post("/users/me/identities").json(body).bearer(&access);
            let answer = world.send(request).await.expect(200);
            let mut redirect = answer.clone();
            redirect.headers.insert("location", answer.member("authorization_url").parse().unwrap());
            github.is("other@example.net", false);
            call_back(&world, &under_way(&redirect), 7).await;
            world.execute("UPDATE auth_user SET email_verified_at = NULL").await;

            let body = format!(r#"{{"email":"{ADA}"}}"#);
            world.send(Req::post("/request-verify-token").json(body)).await.expect(202);
            world.auth.deliver_mail().await.unwrap();
            let mails = outbox.take();
            let token = mails.iter().filter_map(|(mail, _)| mail.link.clone()).next_back().unwrap().token;
            let request = Req::post("/verify-email").json(format!(r#"{{"token":"{}"}}"#, token.expose()));
            let request = match carries {
                "cookie" => request.cookie(&cookie),
                "token" => request.bearer(&access),
                "garbage" => request.cookie("garbage").bearer("garbage"),
                _ => request,
            };
            world.send(request).await.expect(200);
            let (access, _) = world.ada_signs_in().await;
            let identities = world.send(Req::get("/users/me/identities").bearer(&access)).await.expect(200).json();
            assert_eq!(identities["identities"].as_array().unwrap().len(), usize::from(stays), "{carries}");
            world.clock.advance(std::time::Duration::from_secs(61));
        }
    }

    async fn where_registration_is_closed_a_provider_opens_no_account_either(database: &TestDatabase) {
        let github = GitHub::start().await;
        let (world, _) = World::with_mail(database, |settings| {
            settings.oidc(github.providers()).configure(|config| config.registration = Registration::Closed)
        }).await;
        let answer = call_back(&world, &authorize(&world).await, 1).await;
        assert_eq!(answer.header("location"), Some("/app?tab=1&error=sign_up_closed"));
    }
}

#[tokio::test]
async fn who_has_a_second_factor_due_comes_back_to_the_page_with_a_challenge_and_no_cookies() {
    let (database, github) = (TestDatabase::sqlite().await, GitHub::start().await);
    let settings = |settings: AuthBuilder| settings.oidc(github.providers()).second_factor_due();
    let (world, _) = World::with_mail(&database, settings).await;
    let ada = world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
    // Before there is anything due: no account with a role is joined.
    call_back(&world, &authorize(&world).await, 1).await;
    world.auth.set_roles(ada.id, &[CHALLENGED_ROLE], ClientInfo::default()).await.unwrap();
    let path = "/oauth/github/authorize?redirect_to=/app%3Ftab%3D1%23top";
    let begun = under_way(&world.send(Req::get(path)).await.expect(302));
    let answer = call_back(&world, &begun, 1).await;
    let (page, fragment) = answer.header("location").unwrap().split_once('#').unwrap();
    assert_eq!(page, "/app?tab=1");
    let (session, methods) = fragment.split_once("&methods=").unwrap();
    assert!(session.strip_prefix("auth_session=").is_some_and(|session| !session.is_empty()), "{fragment}");
    assert_eq!(methods, "totp,recovery_code");
    assert!(answer.clears_cookie(), "that of the sign-in under way, and no other: {answer:?}");
    database.drop_database().await;
}

/// What hangs on no database.
async fn on_sqlite<F: AsyncFnOnce(World, GitHub)>(test: F) {
    let database = TestDatabase::sqlite().await;
    let (world, github) = world(&database).await;
    test(world, github).await;
    database.drop_database().await;
}

/// What a browser tells of a request: how, and for what.
fn fetched(path: &str, mode: &str, destination: &str) -> Req {
    Req::get(path)
        .header("sec-fetch-mode", mode)
        .header("sec-fetch-dest", destination)
        .header("sec-fetch-site", "cross-site")
        .extension(ClientAddr([192, 0, 2, 7].into()))
}

async fn signs_in(world: &World) -> u16 {
    let body = format!(r#"{{"email":"{ADA}","password":"{PASSWORD}"}}"#);
    world
        .send(Req::post("/login").json(body).extension(ClientAddr([192, 0, 2, 7].into())))
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn what_a_page_elsewhere_loads_is_refused_before_it_is_counted() {
    on_sqlite(async |world, _| {
        let world = world.with_ada().await;
        for path in ["/oauth/github/callback?code=x&state=y", "/oauth/github/authorize"] {
            for (mode, destination) in [("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")] {
                for _ in 0..105 {
                    let answer = world.send(fetched(path, mode, destination)).await;
                    answer.expect_problem(403, "not_a_navigation");
                }
            }
        }
        world.send(fetched("/oauth/github/authorize", "navigate", "document")).await.expect(302);
        assert_eq!(signs_in(&world).await, 200);
        // A browser that goes there by itself, or tells nothing, counts for this door and no other.
        for _ in 0..105 {
            world
                .send(fetched("/oauth/github/callback?code=x&state=y", "navigate", "document"))
                .await
                .expect(302);
        }
        let answer = world.send(fetched("/oauth/github/authorize", "navigate", "document")).await.expect(302);
        assert_eq!(answer.header("location"), Some("/?error=throttled"));
        assert_eq!(signs_in(&world).await, 200);
    })
    .await;
}

#[tokio::test]
async fn no_address_that_a_page_elsewhere_can_load_makes_the_right_password_wait() {
    on_sqlite(async |world, _| {
        let world = world.with_ada().await;
        let description = world.send(Req::get("/openapi.json")).await.expect(200).json();
        let paths = description["paths"].as_object().unwrap().iter();
        let paths: Vec<_> =
            paths.filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path).collect();
        assert!(paths.len() > 10, "{paths:?}");
        for path in paths {
            let path =
                path.replace("{id}", "018f0000-0000-7000-8000-000000000001").replace("{provider}", "github");
            for _ in 0..105 {
                world.send(fetched(&path, "no-cors", "image")).await;
            }
            assert_eq!(signs_in(&world).await, 200, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_age_of_a_sign_in_at_the_provider_is_a_number_of_seconds() {
    on_sqlite(async |world, _| {
        for age in ["x", "-1", "+1", "1.5", "0x10", "31622401", "99999999999999999999999"] {
            let answer = world.send(Req::get(&format!("/oauth/github/authorize?max_age={age}"))).await;
            assert_eq!(answer.expect_problem(422, "validation_failed").fields(), ["max_age"], "{age}");
        }
        let answer =
            world.send(Req::get("/oauth/github/authorize?redirect_to=/app&max_age=0")).await.expect(302);
        assert_eq!(answer.header("location"), Some("/app?error=sign_in_not_recent"), "GitHub tells of none");
    })
    .await;
}

#[tokio::test]
async fn open_redirects_are_refused_in_every_writing() {
    on_sqlite(async |world, _| {
        for page in [
            "//evil.example",
            "/%5Cevil.example",
            "%2F%2Fevil.example",
            "%2F%09%2Fevil.example",
            "https://evil.example",
            "https://app.example.com@evil.example",
            "https://app.example.com.evil.example",
            "http://app.example.com/",
            "javascript:alert(1)",
            "/.//evil.example",
            "/%0D%0ALocation:x",
        ] {
            let answer = world.send(Req::get(&format!("/oauth/github/authorize?redirect_to={page}"))).await;
            let answer = answer.expect_problem(422, "validation_failed");
            assert_eq!(answer.fields(), ["redirect_to"], "{page}");
            assert!(answer.header("location").is_none() && answer.header("set-cookie").is_none());
        }
        let answer =
            world.send(Req::get("/oauth/github/authorize?redirect_to=https://app.example.com/in")).await;
        let answer = call_back(&world, &under_way(&answer.expect(302)), 1).await;
        assert_eq!(answer.header("location"), Some("https://app.example.com/in"));
    })
    .await;
}

#[tokio::test]
async fn a_ninth_sign_in_of_one_browser_gives_the_oldest_up() {
    on_sqlite(async |world, _| {
        let mut jar: Vec<String> = Vec::new();
        for _ in 0..8 {
            world.clock.advance(std::time::Duration::from_millis(1));
            jar.push(authorize(&world).await.cookie);
        }
        world.clock.advance(std::time::Duration::from_millis(1));
        let answer =
            world.send(Req::get("/oauth/github/authorize").cookie(&jar.join("; "))).await.expect(302);
        let (oldest, _) = jar[0].split_once('=').unwrap();
        assert!(answer.set_cookie(oldest).unwrap().ends_with("Max-Age=0"));
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_as_a_code_and_to_a_script_as_503() {
    on_sqlite(async |_, github| {
        let database = TestDatabase::sqlite().await;
        let nobody = Provider::oidc("idp", "http://127.0.0.1:9", "id", "secret");
        let (world, _) =
            World::with_mail(&database, |builder| builder.oidc(github.providers().provider(nobody))).await;
        let world = world.with_ada().await;
        let answer = world.send(Req::get("/oauth/idp/authorize?redirect_to=/app")).await.expect(302);
        assert_eq!(answer.header("location"), Some("/app?error=provider_unavailable"));
        let (access, _) = world.ada_signs_in().await;
        world.execute("UPDATE auth_user SET email_verified_at = 1").await;
        let body = format!(r#"{{"provider":"idp","password":"{PASSWORD}"}}"#);
        let request = Req::post("/users/me/identities").json(body).bearer(&access);
        let answer = world.send(request).await.expect_problem(503, "provider_unavailable");
        assert!(answer.header("retry-after").is_some());
        database.drop_database().await;
    })
    .await;
}

#[tokio::test]
async fn a_provider_is_spoken_with_only_if_its_certificate_is_of_a_trusted_authority() {
    on_sqlite(async |_, _| {
        let (ca, other) = (Ca::new("ours"), Ca::new("another"));
        let idp = Issuer::tls(Reply::text("{}"), ca.acceptor("localhost", |_| {})).await;
        let provider = || Provider::oidc("idp", format!("https://localhost:{}", idp.port()), "id", "secret");
        for (provider, expected) in [
            (provider(), "provider_unavailable"),
            (provider().root_certificate(other.pem), "provider_unavailable"),
            // Spoken with: that it has nothing sensible to say is another matter.
            (provider().root_certificate(ca.pem), "provider_answer_invalid"),
        ] {
            let database = TestDatabase::sqlite().await;
            let providers = Config::new("http://127.0.0.1:8000/oauth").provider(provider);
            let (world, _) = World::with_mail(&database, |builder| builder.oidc(providers)).await;
            let answer = world.send(Req::get("/oauth/idp/authorize")).await.expect(302);
            assert_eq!(answer.header("location"), Some(&*format!("/?error={expected}")));
            database.drop_database().await;
        }
    })
    .await;
}

#[tokio::test]
async fn addresses_and_methods_are_those_of_the_contract_and_nothing_is_there_without_a_provider() {
    on_sqlite(async |world, _| {
        for path in [
            "/oauth/nobody/authorize",
            "/oauth/nobody/callback?state=x",
            "/oauth//authorize",
            "/oauth/github",
            "/oauth/github/authorize/",
        ] {
            world.send(Req::get(path)).await.expect_problem(404, "not_found");
        }
        for path in ["/oauth/github/authorize", "/oauth/github/callback"] {
            let answer = world.send(Req::post(path)).await.expect_problem(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
            world.send(Req::new("HEAD", path)).await.expect(302);
        }
        let answer = world.send(Req::new("PUT", "/users/me/identities")).await.expect(405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
        world.send(Req::get("/users/me/identities")).await.expect_problem(401, "invalid_token");
        world.send(Req::get("/oauth/github/authorize?redirect_to=/a&redirect_to=/b")).await.expect(400);
        let database = TestDatabase::sqlite().await;
        let without = World::new(&database).await;
        for path in ["/oauth/github/authorize", "/oauth/github/callback", "/users/me/identities"] {
            without.send(Req::get(path)).await.expect_problem(404, "not_found");
        }
        database.drop_database().await;
    })
    .await;
}
