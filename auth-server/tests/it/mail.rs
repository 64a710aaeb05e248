//! The flows that go through a mail, with a real SMTP server.

use auth_migration::test_util::TestDatabase;
use serde_json::json;
use tempfile::tempdir;

use crate::support::{Answer, Client, KEY, PASSWORD, Program, Server, SmtpServer};

const ADA: &str = "ada@example.com";
const NEW: &str = "another-orchid-paddles-south";

async fn server(
    database: &TestDatabase,
    smtp: &SmtpServer,
    verification: &str,
) -> (Server, tempfile::TempDir) {
    server_with(database, &smtp.url(), verification).await
}

async fn server_with(
    database: &TestDatabase,
    smtp_url: &str,
    verification: &str,
) -> (Server, tempfile::TempDir) {
    let home = tempdir().unwrap();
    let program = Program::in_directory(home.path())
        .env("DATABASE_URL", database.url())
        .env("SECRET_KEY", KEY)
        .env("SMTP_URL", smtp_url)
        .env("MAIL_FROM", "Tea Shop <tea@example.com>")
        .env("SERVICE_NAME", "Tea & Co")
        .env("EMAIL_VERIFICATION", verification);
    (program.start().await, home)
}

async fn post(client: &Client, path: &str, body: serde_json::Value) -> Answer {
    client.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await
}

async fn login(client: &Client, password: &str) -> Answer {
    post(client, "/login", json!({ "email": ADA, "password": password })).await
}

async fn every_flow(database: &TestDatabase) {
    let smtp = SmtpServer::started().await;
    let (server, _home) = server(database, &smtp, "required").await;
    let client = server.client();
    let person = json!({ "email": ADA, "password": PASSWORD });
    assert_eq!(post(&client, "/register", person.clone()).await.status, 202);
    assert_eq!(login(&client, PASSWORD).await.status, 401);
    let mail = smtp.mail(ADA, "Confirm your address").await;
    assert!(mail.text().contains("Tea & Co") && mail.text().contains("Tea &amp; Co"), "both parts");
    assert_eq!(mail.header("From"), "\"Tea Shop\" <tea@example.com>");
    assert!(mail.header("Message-ID").ends_with("@example.com>"));
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    let page = server.address().replace("127.0.0.1", "localhost");
    assert!(mail.text().contains(&format!("http://{page}/verify-email#token=")), "{}", mail.text());
    let link = client.get("/verify-email").await;
    assert_eq!((link.status.as_u16(), &link.headers["location"]), (302, &"/account/verify".parse().unwrap()));
    assert_eq!(client.get("/account/verify").await.status, 200, "a scanner looks and spends nothing");
    let token = json!({ "token": mail.token() });
    assert_eq!(post(&client, "/verify-email", token.clone()).await.status, 200);
    assert_eq!(post(&client, "/verify-email", token).await.status, 422);
    assert_eq!(login(&client, PASSWORD).await.status, 200);

    assert_eq!(post(&client, "/register", person).await.status, 202);
    smtp.mail(ADA, "already have an account").await;

    assert_eq!(post(&client, "/forgot-password", json!({ "email": "Ada@EXAMPLE.com" })).await.status, 202);
    let token = smtp.mail(ADA, "Choose a new password").await.token();
    let reset = json!({ "token": token, "password": NEW });
    assert_eq!(post(&client, "/reset-password", reset).await.status, 204);
    smtp.mail(ADA, "password for Tea & Co was changed").await;
    assert_eq!(login(&client, PASSWORD).await.status, 401);
    let access = login(&client, NEW).await.body["access_token"].as_str().unwrap().to_owned();

    let bearer = format!("Bearer {access}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let body = json!({ "email": "ada@example.org", "password": NEW }).to_string();
    assert_eq!(client.send("POST", "/users/me/email", &headers, &body).await.status, 202);
    let asked = smtp.mail(ADA, "Your address for Tea & Co is to be changed").await;
    assert!(asked.text().contains("ada@example.org") && asked.text().contains("/stop-email-change#token="));
    let token = smtp.mail("ada@example.org", "Confirm your new address").await.token();
    assert_eq!(post(&client, "/verify-email", json!({ "token": token })).await.status, 200);
    let told = smtp.mail(ADA, "Your address for Tea & Co was changed").await;
    assert!(told.text().contains("ada@example.org"));

    let body = json!({ "password": NEW }).to_string();
    assert_eq!(client.send("DELETE", "/users/me", &headers, &body).await.status, 204);
    smtp.mail("ada@example.org", "was deleted").await;
    assert_eq!(smtp.mails().len(), 8);
    let log = server.log().lines().join("\n");
    assert!(!log.contains("ada@example") && !log.contains("#token="), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3-aiosmtpd"]
async fn every_flow_takes_its_token_from_the_mail_on_sqlite() {
    let database = TestDatabase::sqlite().await;
    every_flow(&database).await;
    database.drop_database().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3-aiosmtpd and AUTH_TEST_POSTGRES_URL"]
async fn every_flow_takes_its_token_from_the_mail_on_postgres() {
    let database = TestDatabase::postgres().await;
    every_flow(&database).await;
    database.drop_database().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3-aiosmtpd and AUTH_TEST_MYSQL_URL"]
async fn every_flow_takes_its_token_from_the_mail_on_mysql() {
    let database = TestDatabase::mysql().await;
    every_flow(&database).await;
    database.drop_database().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3-aiosmtpd"]
async fn a_server_killed_between_commit_and_delivery_sends_once_after_its_restart() {
    let database = TestDatabase::sqlite().await;
    let mut smtp = SmtpServer::prepared();
    let (first, _home) = server(&database, &smtp, "on").await;
    let person = json!({ "email": ADA, "password": PASSWORD });
    assert_eq!(post(&first.client(), "/register", person).await.status, 202);
    first.log().wait_for("a mail waits").await;
    first.kill().await;

    smtp.start().await;
    let (second, _home) = server(&database, &smtp, "on").await;
    let token = smtp.mail(ADA, "Confirm").await.token();
    assert_eq!(post(&second.client(), "/verify-email", json!({ "token": token })).await.status, 200);
    assert_eq!(smtp.mails().len(), 1);
    database.drop_database().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3-aiosmtpd"]
async fn while_the_mail_server_is_away_requests_go_on_and_the_mails_come_later() {
    let database = TestDatabase::sqlite().await;
    let mut smtp = SmtpServer::started().await;
    let (server, _home) = server(&database, &smtp, "on").await;
    let client = server.client();
    smtp.stop().await;
    for name in ["ada", "bob", "eve"] {
        let person = json!({ "email": format!("{name}@example.com"), "password": PASSWORD });
        assert_eq!(post(&client, "/register", person.clone()).await.status, 202);
        assert_eq!(post(&client, "/login", person).await.status, 200);
    }
    assert_eq!(client.get("/health/ready").await.status, 200);
    server.log().wait_for_nth("a mail waits", 2).await;
    smtp.start().await;
    for name in ["ada", "bob", "eve"] {
        smtp.mail(&format!("{name}@example.com"), "Confirm").await;
    }
    database.drop_database().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3-aiosmtpd"]
async fn a_mail_server_without_tls_gets_nothing_where_tls_is_set() {
    let database = TestDatabase::sqlite().await;
    let smtp = SmtpServer::started().await;
    let url = smtp.url().replace("smtp://", "smtps://tea:secret@");
    let (server, _home) = server_with(&database, &url, "on").await;
    let person = json!({ "email": ADA, "password": PASSWORD });
    assert_eq!(post(&server.client(), "/register", person).await.status, 202);
    server.log().wait_for("a mail waits").await;
    assert!(smtp.mails().is_empty());
    assert!(!server.log().lines().join("\n").contains("secret"));
    database.drop_database().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_the_link_is_in_the_log() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client();
    assert_eq!(post(&client, "/register", json!({ "email": ADA, "password": PASSWORD })).await.status, 201);
    assert_eq!(post(&client, "/forgot-password", json!({ "email": ADA })).await.status, 202);
    let line = server.log().wait_for("/reset-password#token=").await;
    let (_, rest) = line.split_once("#token=").unwrap();
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    assert_eq!(
        post(&client, "/reset-password", json!({ "token": token, "password": NEW })).await.status,
        204
    );
    assert_eq!(login(&client, NEW).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_mail_setting_stops_the_start_and_is_named() {
    let cases = [
        (&[("SMTP_URL", "smtp://127.0.0.1:1025")][..], "MAIL_FROM is needed with SMTP_URL"),
        (&[("SMTP_URL", "mail.example.com"), ("MAIL_FROM", "a@example.com")], "SMTP_URL needs to begin with"),
        (&[("SMTP_URL", "smtp://127.0.0.1"), ("MAIL_FROM", "nobody")], "MAIL_FROM must be an address"),
        (&[("EMAIL_VERIFICATION", "yes")], "is none of off, on and required"),
        (&[("RESET_PASSWORD_URL", "javascript:alert(1)")], "RESET_PASSWORD_URL must be a whole URL"),
        (&[("VERIFY_EMAIL_URL", "https://example.com/#x")], "VERIFY_EMAIL_URL must be a whole URL"),
        (&[("STOP_EMAIL_CHANGE_URL", "/stop")], "STOP_EMAIL_CHANGE_URL must be a whole URL"),
        (&[("EMAIL_SIGN_IN_URL", "/sign-in")], "EMAIL_SIGN_IN_URL must be a whole URL"),
        (&[("EMAIL_SIGN_IN", "yes")], "is none of off, on and signup"),
    ];
    for (settings, expected) in cases {
        let home = tempdir().unwrap();
        let program = Program::in_directory(home.path());
        let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
        let ended = program.run().await;
        assert!(ended.stderr.contains(expected), "{settings:?}: {}", ended.stderr);
        assert_eq!(ended.code, Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_in_a_mail_signs_in_and_makes_an_account_where_that_is_set() {
    let home = tempdir().unwrap();
    let program = Program::in_directory(home.path()).env("EMAIL_SIGN_IN", "signup");
    let server = program.env("COOKIE_SECURE", "true").start().await;
    let client = server.client();
    let asked = post(&client, "/login/email", json!({ "email": ADA })).await;
    assert_eq!(asked.status, 202);
    let cookie = asked.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-auth_flow="), "{cookie}");
    let line = server.log().wait_for("/login/email/confirm#token=").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let body = json!({ "email": ADA, "code": line["code"] }).to_string();
    let headers = [("content-type", "application/json"), ("cookie", cookie.as_str())];
    let answer = client.send("POST", "/login/email/confirm", &headers, &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let me = client.me(answer.body["access_token"].as_str().unwrap()).await;
    assert_eq!((&me.body["email"], &me.body["email_verified"]), (&json!(ADA), &json!(true)));
}
