//! The whole life of an account, by forms alone.

use std::time::Duration;

use auth_core::{AuthBuilder, EmailVerification, mail::MailKind, test_util::Outbox};
use auth_migration::test_util::TestDatabase;

use super::{CREDENTIALS, walker::Walker};
use crate::support::{ADA, PASSWORD, World};

const NEW: &str = "staple by staple";

async fn token(world: &World, outbox: &Outbox, kind: MailKind) -> String {
    world.auth.deliver_mail().await.unwrap();
    let mails = outbox.take();
    let (mail, _) = mails.into_iter().rev().find(|(mail, _)| mail.kind == kind).unwrap();
    mail.link.unwrap().token.expose().to_owned()
}

fn settings(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| {
        config.email_verification = EmailVerification::On;
        config.profile.enabled = true;
        config.audit_retention = Some(Duration::from_hours(24));
    })
}

auth_migration::each_database! {
    async fn an_account_begins_changes_and_ends_without_a_script(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, settings).await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-up").await;
        ada.submit("/sign-up", CREDENTIALS).await;
        ada.sees(200, "Check your mail");
        let link = token(&world, &outbox, MailKind::VerifyEmail).await;
        ada.go("/verify").await;
        ada.submit("/verify", &[("token", &link)]).await;
        ada.sees(200, "Thank you: your address is confirmed.");
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.sees(200, "(confirmed)");

        ada.go("/security").await;
        ada.submit("/authenticator", &[("begin", "totp")]).await;
        let app = ada.app("/authenticator", &world);
        ada.submit("/authenticator", &[("code", &app.code())]).await;
        ada.sees(200, "Keep these recovery codes");
        let spare = ada.answer.body.split_once("<li>").unwrap().1.split('<').next().unwrap().to_owned();
        ada.go("/").await;
        ada.submit("/sign-out", &[]).await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.go("/challenge?method=recovery_code").await;
        ada.submit("/challenge", &[("code", &spare), ("remember", "yes")]).await;
        ada.sees(200, "Your account");

        ada.submit("", &[("name", "Countess")]).await;
        ada.sees(200, "Your changes are saved.");
        ada.go("/password").await;
        ada.submit("/password", &[("current_password", PASSWORD), ("new_password", NEW)]).await;
        ada.sees(200, "Your password is changed.");
        ada.go("/email").await;
        ada.submit("/email", &[("email", "nonsense")]).await;
        ada.sees(422, "This is not an email address");
        ada.submit("/email", &[("email", "countess@example.com")]).await;
        ada.sees(200, "A message with a link is on its way to the new address.");
        let link = token(&world, &outbox, MailKind::ChangeEmail).await;
        ada.go("/verify").await;
        ada.submit("/verify", &[("token", &link)]).await;
        ada.go("/").await;
        ada.sees(200, "countess@example.com");

        let mut other = Walker::new(&world);
        other.go("/sign-in").await;
        other.submit("/sign-in", &[("email", "countess@example.com"), ("password", NEW)]).await;
        other.submit("/challenge", &[("code", &app.next_code())]).await;
        other.sees(200, "Your account");
        ada.go("/security").await;
        ada.sees(200, "A recovery code was used");
        ada.submit("/sessions", &[("others", "all")]).await;
        other.go("/").await;
        assert!(other.path.starts_with("/sign-in"), "{}", other.path);

        world.clock.advance(Duration::from_mins(10));
        ada.go("/data").await;
        ada.submit("/data", &[]).await;
        assert!(ada.path.starts_with("/confirm"), "an export wants fresh proof: {}", ada.path);
        ada.submit("/confirm", &[("code", &app.next_code())]).await;
        assert_eq!(ada.path, "/data");
        ada.submit("/data", &[]).await;
        assert_eq!(ada.answer.header("content-disposition"), Some("attachment; filename=\"account.json\""));
        assert_eq!(ada.answer.json()["user"]["email"], "countess@example.com");
        ada.go("/delete").await;
        ada.submit("/delete", &[]).await;
        ada.sees(200, "Your account is deleted.");
        assert!(!ada.jar.contains_key("__Host-refresh_token"));
        ada.submit("/sign-in", &[("email", "countess@example.com"), ("password", NEW)]).await;
        ada.sees(422, "is wrong");
    }

    async fn an_account_is_deleted_with_its_password_and_not_without(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.go("/delete").await;
        for (password, text) in [("", "Enter a password."), ("wrong", "The password is wrong.")] {
            ada.submit("/delete", &[("password", password)]).await;
            ada.sees(422, text);
        }
        ada.submit("/delete", &[("password", PASSWORD)]).await;
        ada.sees(200, "Your account is deleted.");
        world.login(ADA, PASSWORD).await.expect_problem(401, "invalid_credentials");
    }

    async fn a_remembered_device_is_listed_and_forgotten(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.go("/security").await;
        assert!(!ada.answer.body.contains("Devices where you are not asked"));
        ada.submit("/authenticator", &[("begin", "totp")]).await;
        let app = ada.app("/authenticator", &world);
        ada.submit("/authenticator", &[("code", &app.code())]).await;
        ada.go("/security").await;
        ada.submit("/sign-out", &[]).await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.submit("/challenge", &[("code", &app.next_code()), ("remember", "yes")]).await;
        ada.go("/security").await;
        ada.sees(200, "Devices where you are not asked");
        let (_, rest) = ada.answer.body.split_once("name=\"device\" value=\"").unwrap();
        let device = rest.split('"').next().unwrap().to_owned();
        ada.submit("/devices", &[("device", &device)]).await;
        ada.sees(200, "The second step is asked for there again.");
        assert!(!ada.answer.body.contains("Devices where you are not asked"));
        ada.submit("/sign-out", &[]).await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.sees(200, "Confirm that it is you");
    }

    async fn a_key_is_made_shown_once_and_ended(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.go("/keys").await;
        ada.submit("/keys", &[("name", "backup"), ("days", "many")]).await;
        ada.sees(422, "<a href=\"#days\">Please enter another number of days");
        ada.submit("/keys", &[("name", "backup"), ("scopes", "read:todos"), ("days", "30")]).await;
        ada.sees(200, "it is not shown again");
        let (_, rest) = ada.answer.body.split_once("<code>").unwrap();
        let secret = rest.split('<').next().unwrap().to_owned();
        world.me(&secret).await.expect(200);
        ada.go("/keys").await;
        ada.sees(200, "read:todos");
        assert!(!ada.answer.body.contains(&secret));
        let (_, rest) = ada.answer.body.split_once("name=\"end\" value=\"").unwrap();
        let key = rest.split('"').next().unwrap().to_owned();
        // In the second form of the page.
        ada.send(ada.post("/keys", &format!("end={key}"))).await;
        world.me(&secret).await.expect(401);
        world.clock.advance(Duration::from_mins(10));
        ada.go("/keys").await;
        ada.send(ada.post("/keys", "name=late")).await;
        assert!(ada.answer.header("location").unwrap().starts_with("/account/confirm"), "wants fresh proof");
    }
}
