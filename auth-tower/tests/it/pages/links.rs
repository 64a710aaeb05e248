//! The pages of the links in mails, for who runs no script: the token is typed, as the mail has it.

use std::time::Duration;

use auth_core::{AuthBuilder, CreateUser, EmailSignIn, EmailVerification, mail::MailKind, test_util::Outbox};
use auth_migration::test_util::TestDatabase;

use super::{CREDENTIALS, walker::Walker};
use crate::support::{ADA, PASSWORD, Req, World};

const NEW: &str = "staple by staple";

async fn world(database: &TestDatabase) -> (World, Outbox) {
    World::with_mail(database, |builder: AuthBuilder| {
        builder.configure(|config| {
            config.email_verification = EmailVerification::On;
            config.email_codes.sign_in = EmailSignIn::On;
        })
    })
    .await
}

/// What the last mail of this kind tells beside its link: it has to be in its text.
async fn token(world: &World, outbox: &Outbox, kind: MailKind) -> String {
    world.auth.deliver_mail().await.unwrap();
    let mails = outbox.take();
    let (mail, text) = mails.into_iter().rev().find(|(mail, _)| mail.kind == kind).unwrap();
    let token = mail.link.unwrap().token.expose().to_owned();
    let line = format!("If the page asks for a code: {token}");
    assert!(text.text.contains(&line) && text.html.contains(&line), "{text:?}");
    token
}

auth_migration::each_database! {
    async fn an_address_is_proved_and_a_page_that_is_looked_at_spends_nothing(database: &TestDatabase) {
        let (world, outbox) = world(database).await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-up").await;
        ada.submit("/sign-up", CREDENTIALS).await;
        ada.sees(200, "Check your mail");
        let token = token(&world, &outbox, MailKind::VerifyEmail).await;
        let rows = world.rows().await;
        // As the link of a mail leads there: from another site.
        ada.send(Req::get("/verify").header("sec-fetch-site", "cross-site")).await;
        ada.sees(200, "Confirm your address");
        assert_eq!(ada.answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(world.rows().await, rows);
        ada.submit("/verify", &[("token", "")]).await;
        ada.sees(422, "Enter the code that the mail has");
        ada.submit("/verify", &[("token", "nonsense")]).await;
        ada.sees(422, "This link was used already, or is too old.");
        ada.submit("/verify", &[("token", &format!(" http://127.0.0.1:8000/verify-email#token={token} "))]).await;
        ada.sees(200, "Thank you: your address is confirmed.");
        assert!(ada.path.starts_with("/sign-in"), "{}", ada.path);
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.sees(200, "(confirmed)");
        ada.go("/verify").await;
        ada.submit("/verify", &[("token", &token)]).await;
        ada.sees(422, "This link was used already");
    }

    async fn a_forgotten_password_is_replaced_and_asked_for_at_once(database: &TestDatabase) {
        let (world, outbox) = world(database).await;
        world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
        let mut ada = Walker::new(&world);
        ada.go("/forgot").await;
        ada.submit("/forgot", &[("email", ADA)]).await;
        let token = token(&world, &outbox, MailKind::ResetPassword).await;
        ada.go("/reset").await;
        ada.submit("/reset", &[("token", &token), ("password", "short")]).await;
        ada.sees(422, "The password is too short.");
        assert!(!ada.answer.body.contains("\"short\""));
        // The token is kept, and works still.
        ada.submit("/reset", &[("password", NEW)]).await;
        ada.sees(200, "Your new password is set.");
        ada.submit("/sign-in", &[("email", ADA), ("password", NEW)]).await;
        ada.sees(200, "Your account");
        ada.submit("/sign-out", &[]).await;
        ada.go("/reset").await;
        ada.submit("/reset", &[("token", &token), ("password", NEW)]).await;
        ada.sees(422, "<a href=\"#token\">This link was used already");
    }

    async fn a_change_of_address_is_stopped_by_who_reads_mail_at_the_old_one(database: &TestDatabase) {
        let (world, outbox) = world(database).await;
        world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
        let mut thief = Walker::new(&world);
        thief.go("/sign-in").await;
        thief.submit("/sign-in", CREDENTIALS).await;
        thief.go("/email").await;
        thief.submit("/email", &[("email", "thief@example.com"), ("password", "wrong")]).await;
        thief.sees(422, "The password is wrong.");
        thief.submit("/email", &[("password", PASSWORD)]).await;
        thief.sees(200, "A message with a link is on its way to the new address.");
        let token = token(&world, &outbox, MailKind::EmailChangeAsked).await;
        let mut ada = Walker::new(&world);
        ada.go("/stop").await;
        ada.submit("/stop", &[("token", &token)]).await;
        ada.sees(200, "The address stays as it is, and everybody is signed out.");
        thief.go("/").await;
        assert!(thief.path.starts_with("/sign-in"), "{}", thief.path);
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.sees(200, ADA);
    }

    async fn whoever_is_signed_in_and_has_lost_the_link_gets_another(database: &TestDatabase) {
        let (world, outbox) = world(database).await;
        world.auth.create_user(CreateUser::new(ADA).password(PASSWORD)).await.unwrap();
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.sees(200, "(not confirmed yet)");
        world.auth.deliver_mail().await.unwrap();
        outbox.take();
        world.clock.advance(Duration::from_mins(5));
        ada.submit("/verify", &[("again", "yes")]).await;
        ada.sees(200, "A message with a link is on its way to you.");
        let token = token(&world, &outbox, MailKind::VerifyEmail).await;
        ada.go("/verify").await;
        ada.submit("/verify", &[("token", &token)]).await;
        ada.sees(200, "(confirmed)");
        assert!(!ada.answer.body.contains("name=\"again\""));
    }

    async fn a_link_signs_in_but_says_whose_account_it_is_in_another_browser(database: &TestDatabase) {
        let (world, outbox) = world(database).await;
        world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
        let mut ada = Walker::new(&world);
        ada.go("/code?redirect_to=%2Fapp").await;
        ada.submit("/code", &[("email", ADA)]).await;
        let first = token(&world, &outbox, MailKind::SignInCode).await;
        ada.go("/link").await;
        let body = ada.filled("/link", &[("token", &first)]);
        ada.send(ada.post("/link", &body)).await;
        assert_eq!((ada.answer.status.as_u16(), ada.answer.header("location")), (303, Some("/app")));
        assert!(ada.jar.contains_key("__Host-refresh_token"));

        world.clock.advance(Duration::from_mins(1));
        ada.go("/").await;
        ada.submit("/sign-out", &[]).await;
        ada.go("/code").await;
        ada.submit("/code", &[("email", ADA)]).await;
        let second = token(&world, &outbox, MailKind::SignInCode).await;
        let mut elsewhere = Walker::new(&world);
        elsewhere.go("/link").await;
        elsewhere.submit("/link", &[("token", &second)]).await;
        elsewhere.sees(200, "This link signs you in as ada@example.com.");
        assert!(elsewhere.jar.is_empty(), "nobody is signed in before they say so: {:?}", elsewhere.jar);
        elsewhere.submit("/link", &[]).await;
        elsewhere.sees(200, "Your account");
        let mut late = Walker::new(&world);
        late.go("/link").await;
        late.submit("/link", &[("token", &second)]).await;
        late.sees(422, "This link was used already");
    }
}

#[tokio::test]
async fn the_links_of_the_endpoints_lead_to_the_pages_where_there_are_some() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = world(&database).await;
    let links = [
        ("/verify-email", "/account/verify"),
        ("/reset-password", "/account/reset"),
        ("/stop-email-change", "/account/stop"),
        ("/login/email/confirm", "/account/link"),
    ];
    for (link, _) in links {
        assert!(world.send(Req::get(link)).await.expect(200).body.contains("<script nonce="), "{link}");
    }
    super::walker::pages_of(&world);
    for (link, page) in links {
        let answer = world.send(Req::get(link)).await.expect(302);
        assert_eq!(answer.header("location"), Some(page), "{link}");
    }
}
