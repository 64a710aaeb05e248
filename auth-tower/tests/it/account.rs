//! What somebody does to their own account, signed in or by a link in a mail.

use std::time::Duration;

use auth_core::{EmailSignIn, EmailVerification, mail::MailKind, test_util::Outbox};
use auth_migration::test_util::TestDatabase;

use crate::support::{ADA, Answer, PASSWORD, Req, World};

const NEW: &str = "another horse battery";

async fn post(world: &World, path: &str, access: &str, body: serde_json::Value) -> Answer {
    let request = Req::post(path).json(body.to_string());
    world.send(if access.is_empty() { request } else { request.bearer(access) }).await
}

async fn token_of(world: &World, outbox: &Outbox, kind: MailKind) -> String {
    world.auth.deliver_mail().await.unwrap();
    let mails = outbox.take();
    let (mail, _) = mails.iter().find(|(mail, _)| mail.kind == kind).unwrap();
    mail.link.as_ref().unwrap().token.expose().to_owned()
}

fn codes(answer: &Answer) -> Vec<(String, String)> {
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
}

auth_migration::each_database! {
    async fn a_registration_is_proved_by_the_token_out_of_the_mail(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, |builder| {
            builder.configure(|config| config.email_verification = EmailVerification::Required)
        }).await;
        let answer = world.register(ADA, PASSWORD).await.expect(202);
        assert_eq!(answer.body, "");
        world.login(ADA, PASSWORD).await.expect_problem(401, "invalid_credentials");
        let token = token_of(&world, &outbox, MailKind::VerifyEmail).await;
        let body = serde_json::json!({ "token": token });
        let answer = post(&world, "/verify-email", "", body.clone()).await.expect(200);
        assert_eq!(answer.json()["email_verified"], true);
        world.login(ADA, PASSWORD).await.expect(200);
        let answer = post(&world, "/verify-email", "", body).await.expect_problem(422, "validation_failed");
        assert_eq!(codes(&answer), [("token".to_owned(), "invalid_token".to_owned())]);
    }

    async fn a_forgotten_password_is_replaced_by_way_of_the_mail(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, |builder| builder).await;
        let world = world.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        post(&world, "/forgot-password", "", serde_json::json!({ "email": ADA })).await.expect(202);
        let token = token_of(&world, &outbox, MailKind::ResetPassword).await;
        let body = serde_json::json!({ "token": token, "password": NEW });
        post(&world, "/reset-password", "", body.clone()).await.expect(204);
        post(&world, "/reset-password", "", body).await.expect_problem(422, "validation_failed");
        world.me(&access).await.expect_problem(401, "invalid_token");
        world.refresh(&cookie).await.expect_problem(401, "invalid_token");
        world.login(ADA, PASSWORD).await.expect_problem(401, "invalid_credentials");
        world.login(ADA, NEW).await.expect(200);
    }

    async fn a_password_is_changed_by_who_knows_the_old_one(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        let (other, _) = world.ada_signs_in().await;
        let path = "/users/me/password";
        let body = |current: &str, new: &str| serde_json::json!({ "current_password": current, "new_password": new });
        post(&world, path, "", body(PASSWORD, NEW)).await.expect_problem(401, "invalid_token");
        let answer = post(&world, path, &access, body("wrong", NEW)).await.expect_problem(422, "validation_failed");
        assert_eq!(codes(&answer), [("current_password".to_owned(), "wrong_password".to_owned())]);
        let answer = post(&world, path, &access, body(PASSWORD, "short")).await.expect_problem(422, "validation_failed");
        assert_eq!(codes(&answer), [("new_password".to_owned(), "too_short".to_owned())]);
        let answer = post(&world, path, &access, serde_json::json!({ "new_password": 7 })).await.expect_problem(422, "validation_failed");
        assert_eq!(codes(&answer).len(), 2, "one answer names both");
        post(&world, path, &access, body(PASSWORD, NEW)).await.expect(204);
        world.me(&access).await.expect(200);
        world.refresh(&cookie).await.expect(200);
        world.me(&other).await.expect_problem(401, "invalid_token");
        world.login(ADA, NEW).await.expect(200);
    }

    async fn an_address_changes_when_the_new_one_is_proved(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, |builder| builder).await;
        let world = world.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let body = serde_json::json!({ "email": "ada@example.org", "password": PASSWORD });
        post(&world, "/users/me/email", &access, body).await.expect(202);
        assert_eq!(world.me(&access).await.expect(200).member("email"), ADA);
        let token = token_of(&world, &outbox, MailKind::ChangeEmail).await;
        post(&world, "/verify-email", "", serde_json::json!({ "token": token })).await.expect(200);
        assert_eq!(world.me(&access).await.expect(200).member("email"), "ada@example.org");
    }

    async fn a_change_of_address_is_stopped_by_who_reads_mail_at_the_old_one(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, |builder| builder).await;
        let world = world.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        let body = serde_json::json!({ "email": "thief@example.net", "password": PASSWORD });
        post(&world, "/users/me/email", &access, body).await.expect(202);
        world.auth.deliver_mail().await.unwrap();
        let mails = outbox.take();
        let of = |kind| mails.iter().find(|(mail, _)| mail.kind == kind).unwrap().0.clone();
        let (change, asked) = (of(MailKind::ChangeEmail), of(MailKind::EmailChangeAsked));
        assert_eq!(asked.to, ADA);
        let token = |mail: auth_core::mail::Mail| serde_json::json!({ "token": mail.link.unwrap().token.expose() });
        let stop = token(asked);
        post(&world, "/stop-email-change", "", stop.clone()).await.expect(204);
        let answer = post(&world, "/stop-email-change", "", stop).await.expect_problem(422, "validation_failed");
        assert_eq!(codes(&answer), [("token".to_owned(), "invalid_token".to_owned())]);
        post(&world, "/verify-email", "", token(change)).await.expect_problem(422, "validation_failed");
        world.me(&access).await.expect_problem(401, "invalid_token");
        world.refresh(&cookie).await.expect_problem(401, "invalid_token");
        world.login(ADA, PASSWORD).await.expect(200);
    }

    async fn an_account_is_deleted_with_its_password(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        let delete = |body: &str| Req::new("DELETE", "/users/me").bearer(&access).json(body.to_owned());
        for (body, code) in [("{}", "required"), (r#"{"password":"wrong"}"#, "wrong_password"), (r#"{"password":7}"#, "wrong_type")] {
            let answer = world.send(delete(body)).await.expect_problem(422, "validation_failed");
            assert_eq!(codes(&answer), [("password".to_owned(), code.to_owned())]);
        }
        world.send(Req::new("DELETE", "/users/me").bearer(&access)).await.expect_problem(422, "validation_failed");
        let answer = world.send(delete(&serde_json::json!({ "password": PASSWORD }).to_string())).await.expect(204);
        assert!(answer.clears_cookie());
        world.me(&access).await.expect_problem(401, "invalid_token");
        world.refresh(&cookie).await.expect_problem(401, "invalid_token");
        world.login(ADA, PASSWORD).await.expect_problem(401, "invalid_credentials");
        world.register(ADA, PASSWORD).await.expect(201);
    }

    async fn people_read_what_is_stored_about_them(database: &TestDatabase) {
        let (world, _) = World::with_mail(database, |builder| builder.configure(|config| config.audit_retention = Some(Duration::from_hours(24)))).await;
        let world = world.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let export = world.send(Req::get("/users/me/export").bearer(&access)).await.expect(200).json();
        assert_eq!(export["user"]["email"], ADA);
        assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
        let events = world.send(Req::get("/users/me/events").bearer(&access)).await.expect(200).json();
        let names: Vec<_> = events["events"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
        assert_eq!(names, ["exported", "signed_in", "registered"]);
        assert_eq!(events["events"], export["events"]);
        let page = world.send(Req::get("/users/me/events?limit=1").bearer(&access)).await.expect(200).json();
        let next = format!("/users/me/events?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
        let next = world.send(Req::get(&next).bearer(&access)).await.expect(200).json();
        assert_eq!((&page["events"][0], &next["events"][0]), (&export["events"][0], &export["events"][1]));
        for query in ["limit=0", "limit=101", "cursor=x"] {
            let path = format!("/users/me/events?{query}");
            world.send(Req::get(&path).bearer(&access)).await.expect_problem(422, "validation_failed");
        }
        for path in ["/users/me/export", "/users/me/events"] {
            world.send(Req::get(path)).await.expect_problem(401, "invalid_token");
        }
    }

    async fn every_address_gets_the_same_bytes_for_the_same_work(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, |builder| {
            builder.configure(|config| {
                config.email_verification = EmailVerification::On;
                config.audit_retention = Some(Duration::from_hours(24));
                config.insecure_no_throttle = true;
            })
        }).await;
        world.register(ADA, PASSWORD).await.expect(202);
        let token = token_of(&world, &outbox, MailKind::VerifyEmail).await;
        post(&world, "/verify-email", "", serde_json::json!({ "token": token })).await.expect(200);
        for name in ["unverified", "disabled", "oidc"] {
            world.register(&format!("{name}@example.com"), PASSWORD).await.expect(202);
        }
        world.execute("UPDATE auth_user SET disabled_at = 1 WHERE email = 'disabled@example.com'").await;
        world.execute("DELETE FROM auth_password WHERE user_id = (SELECT id FROM auth_user WHERE email = 'oidc@example.com')").await;
        let all = [ADA, "unknown@example.com", "unverified@example.com", "disabled@example.com", "oidc@example.com"];
        for path in ["/login", "/register", "/forgot-password", "/request-verify-token"] {
            let mut seen = Vec::new();
            for email in all {
                world.statements();
                let (hashes, checks) = (world.hasher.hashes(), world.hasher.verifications());
                let body = serde_json::json!({ "email": email, "password": "not the password" });
                let request = Req::post(path).json(body.to_string()).header("x-request-id", "one");
                let answer = world.send(request).await;
                let work = (world.statements(), world.hasher.hashes() - hashes, world.hasher.verifications() - checks);
                seen.push((answer, work));
            }
            for (email, other) in all.iter().zip(&seen) {
                assert_eq!(other, &seen[0], "{path} for {email}");
            }
        }
    }
}

#[tokio::test]
async fn pages_for_links_change_nothing_and_may_speak_to_nobody_else() {
    let database = TestDatabase::sqlite().await;
    let (world, outbox) = World::with_mail(&database, |builder| {
        builder.configure(|config| config.email_codes.sign_in = EmailSignIn::On)
    })
    .await;
    let world = world.with_ada().await;
    post(&world, "/forgot-password", "", serde_json::json!({ "email": ADA })).await.expect(202);
    let token = token_of(&world, &outbox, MailKind::ResetPassword).await;
    for path in ["/verify-email", "/reset-password", "/stop-email-change", "/login/email/confirm"] {
        let first = world.send(Req::get(path)).await.expect(200);
        let policy = first.header("content-security-policy").unwrap();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("connect-src 'self'"),
            "{policy}"
        );
        assert_eq!(first.body.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert!(!first.body.contains("{nonce}") && !first.body.contains("{style}"));
        let second = world.send(Req::get(path)).await.expect(200);
        assert!(!second.body.contains(&nonce), "each answer has its own");
        assert_eq!(first.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(first.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(first.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(first.header("cache-control"), Some("no-store"));
        world.send(Req::new("HEAD", path)).await.expect(200);
    }
    let body = serde_json::json!({ "token": token, "password": NEW });
    post(&world, "/reset-password", "", body).await.expect(204);
    database.drop_database().await;
}

#[tokio::test]
async fn the_field_for_a_new_password_is_masked_and_can_be_pasted_into() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, |builder| builder).await;
    let page = world.send(Req::get("/reset-password")).await.expect(200).body;
    assert!(page.contains(r#"type="password" autocomplete="new-password""#), "{page}");
    assert!(!page.contains("paste") && !page.contains("maxlength"), "{page}");
}

#[tokio::test]
async fn a_link_leads_to_the_configured_page_whatever_host_the_request_was_sent_to() {
    let database = TestDatabase::sqlite().await;
    let (world, outbox) = World::with_mail(&database, |builder| {
        builder.configure(|config| {
            config.mail.reset_password_url = "https://tea.example.com/reset-password".into();
        })
    })
    .await;
    let world = world.with_ada().await;
    let request = Req::post("/forgot-password").json(serde_json::json!({ "email": ADA }).to_string());
    let forged = request
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example");
    world.send(forged).await.expect(202);
    world.auth.deliver_mail().await.unwrap();
    let (mail, text) = outbox.take().remove(0);
    assert!(mail.link.unwrap().url.starts_with("https://tea.example.com/reset-password#token="));
    assert!(!text.text.contains("evil") && !text.html.contains("evil"));
    database.drop_database().await;
}

#[tokio::test]
async fn without_a_mailer_there_are_no_doors_for_mail() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    for path in [
        "/verify-email",
        "/reset-password",
        "/forgot-password",
        "/request-verify-token",
        "/users/me/email",
        "/stop-email-change",
    ] {
        post(&world, path, "", serde_json::json!({})).await.expect_problem(404, "not_found");
    }
    database.drop_database().await;
}
