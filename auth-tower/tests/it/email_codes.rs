//! The doors of sign-in by e-mail.

use auth_core::{AuthBuilder, ClientInfo, CreateUser, EmailSignIn, Registration, test_util::Outbox};
use auth_migration::test_util::TestDatabase;
use http::HeaderMap;
use serde_json::json;

use crate::support::{ADA, Answer, PASSWORD, Req, World};

const FLOW: &str = "__Host-auth_flow";

fn on(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| config.email_codes.sign_in = EmailSignIn::On)
}

fn start(email: &str) -> Req {
    Req::post("/login/email").json(json!({"email": email}).to_string())
}

fn by_code(email: &str, code: &str) -> Req {
    Req::post("/login/email/confirm").json(json!({"email": email, "code": code}).to_string())
}

fn by_link(token: &str) -> Req {
    Req::post("/login/email/confirm").json(json!({"token": token}).to_string())
}

/// The cookie that an answer sets, for a request.
fn flow_of(answer: &Answer) -> String {
    answer.set_cookie(FLOW).unwrap().split(';').next().unwrap().to_owned()
}

/// Code and link of the only mail.
async fn mailed(world: &World, outbox: &Outbox) -> (String, String) {
    world.auth.deliver_mail().await.unwrap();
    let mut mails = outbox.take();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = mails.remove(0).0;
    (mail.code.unwrap().expose().to_owned(), mail.link.unwrap().token.expose().to_owned())
}

async fn proved(world: &World) {
    world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
}

auth_migration::each_database! {
    async fn a_code_is_asked_for_and_signs_in_with_the_cookie_alone(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, on).await;
        proved(&world).await;
        let answer = world.send(start(ADA)).await.expect(202);
        let cookie = answer.set_cookie(FLOW).unwrap();
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=600"), "{cookie}");
        let (code, _) = mailed(&world, &outbox).await;
        world.send(by_code(ADA, &code)).await.expect_problem(401, "invalid_code");
        let answer = world.send(by_code(ADA, &code).cookie(&flow_of(&answer))).await.expect(200);
        assert_eq!(answer.member("token_type"), "bearer");
        assert!(answer.cookie().is_some() && answer.device().is_some());
        assert!(answer.set_cookie(FLOW).unwrap().ends_with("Max-Age=0"), "the cookie is of no more use");
        let me = world.send(Req::get("/users/me").bearer(&answer.member("access_token"))).await.expect(200);
        assert_eq!(me.member("email"), ADA);
    }

    async fn the_link_signs_in_without_the_cookie_and_takes_the_place_of_a_session(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, on).await;
        proved(&world).await;
        let (_, cookie) = world.ada_signs_in().await;
        world.send(start(ADA)).await.expect(202);
        let (_, link) = mailed(&world, &outbox).await;
        let answer = world.send(by_link(&link).cookie(&cookie)).await.expect(200);
        assert!(answer.set_cookie(FLOW).is_none());
        world.refresh(&cookie).await.expect_problem(401, "invalid_token");
        world.refresh(&answer.cookie().unwrap()).await.expect(200);
        let used = world.send(by_link(&link)).await.expect_problem(422, "validation_failed");
        assert_eq!(used.fields(), ["token"]);
    }

    async fn what_is_asked_with_known_unknown_and_disabled_addresses_looks_the_same(database: &TestDatabase) {
        let (world, _) = World::with_mail(database, on).await;
        proved(&world).await;
        let user = world.register("grace@example.com", PASSWORD).await.expect(201).member("id");
        world.auth.disable(user.parse().unwrap(), ClientInfo::default()).await.unwrap();
        let same = |headers: &HeaderMap| {
            let mut headers = headers.clone();
            let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|cookie| cookie.as_bytes().len()).collect();
            headers.remove("set-cookie");
            (headers, cookies)
        };
        let mut seen = None;
        for email in [ADA, "nobody@example.com", "grace@example.com"] {
            world.statements();
            let asked = world.send(start(email).header("x-request-id", "same")).await.expect(202);
            let wrong = by_code(email, "00000000").cookie(&flow_of(&asked)).header("x-request-id", "same");
            let wrong = world.send(wrong).await.expect_problem(401, "invalid_code");
            let this = (same(&asked.headers), asked.body, same(&wrong.headers), wrong.body, world.statements());
            assert_eq!(seen.get_or_insert_with(|| this.clone()), &this, "{email}");
        }
    }

    async fn five_wrong_codes_end_it(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, on).await;
        proved(&world).await;
        let flow = flow_of(&world.send(start(ADA)).await.expect(202));
        let (code, link) = mailed(&world, &outbox).await;
        for _ in 0..5 {
            let answer = world.send(by_code(ADA, "nonsense").cookie(&flow)).await.expect_problem(401, "invalid_code");
            assert_eq!(answer.member("error"), "invalid_grant");
        }
        world.send(by_code(ADA, &code).cookie(&flow)).await.expect_problem(401, "invalid_code");
        world.send(by_link(&link)).await.expect_problem(422, "validation_failed");
    }

    async fn where_a_sign_in_goes_afterwards_is_told_and_is_no_other_site(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, on).await;
        proved(&world).await;
        let start = |place: &str| Req::post("/login/email").json(json!({"email": ADA, "redirect_to": place}).to_string());
        let refused = world.send(start("https://evil.example/")).await.expect_problem(422, "validation_failed");
        assert_eq!(refused.fields(), ["redirect_to"]);
        world.send(start("/cart?a=b")).await.expect(202);
        let (_, link) = mailed(&world, &outbox).await;
        let answer = world.send(by_link(&link)).await.expect(200);
        assert_eq!(answer.header("x-auth-redirect"), Some("/cart?a=b"));
    }

    async fn an_address_that_nobody_has_gets_an_account_where_that_is_wanted(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, |builder| {
            builder.configure(|config| config.email_codes.sign_in = EmailSignIn::SignUp)
        }).await;
        let flow = flow_of(&world.send(start("new@example.com")).await.expect(202));
        let (code, _) = mailed(&world, &outbox).await;
        let answer = world.send(by_code("new@example.com", &code).cookie(&flow)).await.expect(200);
        let me = world.send(Req::get("/users/me").bearer(&answer.member("access_token"))).await.expect(200);
        assert_eq!((me.member("email"), &me.json()["email_verified"]), ("new@example.com".to_owned(), &json!(true)));
    }
}

#[tokio::test]
async fn an_export_tells_of_a_sign_in_that_is_under_way_as_it_is_described() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, on).await;
    proved(&world).await;
    let (access, _) = world.ada_signs_in().await;
    world.send(start(ADA)).await.expect(202);
    let export = world.send(Req::get("/users/me/export").bearer(&access)).await.expect(200).json();
    let rows = json!([{"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T00:10:00Z"}]);
    assert_eq!(export["email_sign_ins"], rows);
    let described = world.service().openapi();
    let members = described["components"]["schemas"]["Export"]["properties"].as_object().unwrap();
    for member in export.as_object().unwrap().keys() {
        assert!(members.contains_key(member), "{member} is not described");
    }
    database.drop_database().await;
}

#[tokio::test]
async fn where_it_is_off_there_is_nothing() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, |builder| builder).await;
    for request in [start(ADA), by_code(ADA, "12345678"), Req::get("/login/email/confirm")] {
        world.send(request).await.expect_problem(404, "not_found");
    }
    assert!(!world.service().openapi().to_string().contains("/login/email"));
    database.drop_database().await;
}

#[tokio::test]
async fn where_registration_is_closed_no_mail_makes_an_account() {
    let database = TestDatabase::sqlite().await;
    let (world, outbox) = World::with_mail(&database, |builder| {
        builder.configure(|config| {
            config.email_codes.sign_in = EmailSignIn::SignUp;
            config.registration = Registration::Closed;
        })
    })
    .await;
    world.send(start("new@example.com")).await.expect(202);
    world.auth.deliver_mail().await.unwrap();
    assert_eq!(outbox.take().len(), 0);
    database.drop_database().await;
}

#[tokio::test]
async fn the_page_of_the_link_spends_nothing_by_itself() {
    let database = TestDatabase::sqlite().await;
    let (world, outbox) = World::with_mail(&database, on).await;
    proved(&world).await;
    world.send(start(ADA)).await.expect(202);
    let (_, link) = mailed(&world, &outbox).await;
    for method in ["GET", "HEAD"] {
        let page = world.send(Req::new(method, "/login/email/confirm")).await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(!page.body.contains(&link));
    }
    world.send(by_link(&link)).await.expect(200);
    database.drop_database().await;
}
