//! What is only looked at stays as it is.

use std::time::Duration;

use auth_core::{ClientInfo, EmailSignIn, webhooks};
use auth_migration::test_util::TestDatabase;

use crate::{
    passkeys::site,
    support::{Req, World},
};

/// Every address that is there without a provider. A sign-in at one begins and ends by GET, and is bound to its browser.
const PATHS: &[&str] = &[
    "/register",
    "/login",
    "/refresh-token",
    "/logout",
    "/users/me",
    "/users/me/password",
    "/users/me/email",
    "/users/me/export",
    "/users/me/events",
    "/users/me/sessions",
    "/users/me/sessions/0198c5d2-0000-7000-8000-000000000001",
    "/users/me/api-keys",
    "/users/me/api-keys/0198c5d2-0000-7000-8000-000000000001",
    "/users/me/api-keys/0198c5d2-0000-7000-8000-000000000001/rotate",
    "/service-accounts",
    "/service-accounts/0198c5d2-0000-7000-8000-000000000001",
    "/service-accounts/0198c5d2-0000-7000-8000-000000000001/api-keys",
    "/api-keys/0198c5d2-0000-7000-8000-000000000001",
    "/api-keys/0198c5d2-0000-7000-8000-000000000001/rotate",
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/introspect",
    "/events",
    "/webhooks",
    "/webhooks/0198c5d2-0000-7000-8000-000000000001",
    "/webhooks/0198c5d2-0000-7000-8000-000000000001/deliveries",
    "/webhooks/0198c5d2-0000-7000-8000-000000000001/test",
    "/webhooks/0198c5d2-0000-7000-8000-000000000001/replay",
    "/webhooks/0198c5d2-0000-7000-8000-000000000001/rotate-secret",
    "/users/me/factors",
    "/users/me/totp",
    "/users/me/totp/confirm",
    "/users/me/recovery-codes",
    "/users/me/devices",
    "/users/me/devices/0198c5d2-0000-7000-8000-000000000001",
    "/login/email",
    "/login/email/confirm",
    "/login/challenge",
    "/login/challenge/enrol",
    "/step-up",
    "/step-up/options",
    "/passkeys/options",
    "/passkeys/login",
    "/users/me/passkeys",
    "/users/me/passkeys/options",
    "/users/me/passkeys/0198c5d2-0000-7000-8000-000000000001",
    "/.well-known/webauthn",
    "/.well-known/passkey-endpoints",
    "/request-verify-token",
    "/verify-email",
    "/forgot-password",
    "/reset-password",
    "/stop-email-change",
    "/users",
    "/users/0198c5d2-0000-7000-8000-000000000001",
    "/users/0198c5d2-0000-7000-8000-000000000001/sessions",
    "/users/0198c5d2-0000-7000-8000-000000000001/factors",
    "/users/0198c5d2-0000-7000-8000-000000000001/events",
    "/verify",
    "/.well-known/jwks.json",
    "/openapi.json",
];

#[tokio::test]
async fn a_read_changes_nothing_at_any_door() {
    let database = TestDatabase::sqlite().await;
    let (world, outbox) = World::with_mail(&database, |builder| {
        let builder = site(builder).webhooks(webhooks::Config::new());
        builder.configure(|config| {
            config.audit_retention = Some(Duration::from_hours(24));
            config.email_codes.sign_in = EmailSignIn::SignUp;
        })
    })
    .await;
    let world = world.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    // Also at the doors that open to administrators only.
    let ada = world.me(&access).await.expect(200).json()["id"].as_str().unwrap().parse().unwrap();
    world.auth.set_roles(ada, &["user", "admin"], ClientInfo::default()).await.unwrap();
    let (access, cookie) = world.ada_signs_in().await;
    let described = world.send(Req::get("/openapi.json")).await.expect(200).json();
    assert_eq!(described["paths"].as_object().unwrap().len(), PATHS.len(), "one of them is not looked at");
    let (mut rows, mails) = (world.rows().await, outbox.take().len());
    let told = world.me(&access).await.expect(200).body;
    for path in PATHS {
        for method in ["GET", "HEAD"] {
            let request = Req::new(method, path).bearer(&access).cookie(&cookie);
            let answer = world.send(request).await;
            let status = answer.status.as_u16();
            // The feed is for service accounts.
            let expected = [200, 204, 404, 405].contains(&status) || (status, *path) == (403, "/events");
            assert!(expected, "{method} {path}: {answer:?}");
            // Whose data went where is written down.
            rows += i64::from((status, *path) == (200, "/users/me/export"));
            assert_eq!(answer.header("set-cookie"), None, "{method} {path}");
        }
    }
    assert_eq!((world.rows().await, outbox.take().len()), (rows, mails));
    assert_eq!(world.me(&access).await.expect(200).body, told);
    world.refresh(&cookie).await.expect(200);
}
