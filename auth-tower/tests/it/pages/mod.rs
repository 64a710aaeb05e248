//! The pages for people, without a script.

mod admin;
mod brand;
mod conformance;
mod door;
mod frame;
mod links;
mod passkeys;
mod providers;
mod second_step;
mod security;
mod walk;
pub(crate) mod walker;

use std::time::Duration;

use auth_core::{CreateUser, EmailSignIn, EmailVerification, Registration, mail::MailKind};
use auth_migration::test_util::TestDatabase;
use walker::Walker;

use crate::support::{ADA, PASSWORD, World};

const CREDENTIALS: &[(&str, &str)] = &[("email", ADA), ("password", PASSWORD)];

async fn with_profiles(database: &TestDatabase) -> World {
    let settings = |builder: auth_core::AuthBuilder| {
        builder.configure(|config| (config.profile.enabled, config.profile.usernames) = (true, true))
    };
    World::make(database, |keys| keys, settings).await
}

auth_migration::each_database! {
    async fn somebody_signs_up_changes_their_name_signs_out_and_in_by_forms_alone(database: &TestDatabase) {
        let mut ada = Walker::new(&with_profiles(database).await);
        ada.go("/").await;
        assert!(ada.path.starts_with("/sign-in"), "{}", ada.path);
        ada.go("/sign-up").await;
        ada.submit("/sign-up", &[("email", ADA), ("password", "short")]).await;
        ada.sees(422, "The password is too short. Characters needed: 8.");
        ada.sees(422, "value=\"ada@example.com\"");
        assert!(!ada.answer.body.contains("\"short\""), "no page has a password: {}", ada.answer.body);
        ada.submit("/sign-up", &[("password", PASSWORD), ("name", "Ada <Lovelace>")]).await;
        ada.sees(200, "Your account");
        ada.sees(200, "value=\"Ada &#60;Lovelace&#62;\"");
        ada.submit("", &[("name", "Countess"), ("username", "ada"), ("locale", "de")]).await;
        ada.sees(200, "Ihre Änderungen sind gespeichert.");
        ada.submit("", &[("name", ""), ("username", "ad")]).await;
        ada.sees(422, "Ein Benutzername hat 3 bis 32");
        ada.go("/").await;
        ada.sees(200, "value=\"Countess\"");
        ada.submit("/sign-out", &[]).await;
        ada.sees(200, "You are signed out.");
        assert!(!ada.jar.contains_key("__Host-refresh_token"));
        ada.submit("/sign-in", &[("email", "ADA"), ("password", PASSWORD)]).await;
        ada.sees(200, "Ihr Konto");
        // Whoever is signed in needs no form for it.
        ada.go("/sign-in").await;
        ada.sees(200, "Ihr Konto");
    }

    async fn the_session_of_the_pages_is_that_of_the_service_and_ends_with_it(database: &TestDatabase) {
        let world = with_profiles(database).await.with_ada().await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        ada.sees(200, "Your account");
        let cookie = format!("__Host-refresh_token={}", ada.jar["__Host-refresh_token"]);
        let access = world.refresh(&cookie).await.expect(200).member("access_token");
        world.me(&access).await.expect(200);
        let caller = world.auth.verifier().verify(&access).unwrap();
        let session = caller.session_id().unwrap();
        world.auth.logout_session(session, auth_core::ClientInfo::default()).await.unwrap();
        ada.go("/").await;
        assert!(ada.path.starts_with("/sign-in"), "{}", ada.path);
    }

    async fn a_look_at_pages_rotates_once_in_the_life_of_an_access_token_and_a_copy_ends_the_session(database: &TestDatabase) {
        let world = with_profiles(database).await.with_ada().await;
        let minutes = |count: u64| world.clock.advance(std::time::Duration::from_secs(60 * count));
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        let first = ada.jar["__Host-refresh_token"].clone();
        minutes(14);
        ada.go("/").await;
        assert_eq!(ada.answer.headers.get("set-cookie"), None);
        assert_eq!(ada.jar["__Host-refresh_token"], first);
        minutes(2);
        ada.go("/").await;
        let second = ada.jar["__Host-refresh_token"].clone();
        assert_ne!(second, first);
        minutes(14);
        ada.go("/").await;
        assert_eq!(ada.jar["__Host-refresh_token"], second);
        minutes(2);
        ada.go("/").await;
        assert_ne!(ada.jar["__Host-refresh_token"], second);
        // What a browser loads beside pages, or ahead of them, rotates nothing.
        minutes(20);
        let held = ada.jar["__Host-refresh_token"].clone();
        for (name, value) in [("sec-purpose", "prefetch"), ("sec-fetch-dest", "image"), ("sec-fetch-mode", "cors")] {
            let answer = ada.send(crate::support::Req::get("/").header(name, value)).await.clone();
            assert_eq!((answer.status.as_u16(), answer.headers.get("set-cookie")), (403, None), "{name}");
        }
        // The copy of a token that was used up.
        let mut thief = Walker::new(&world);
        thief.jar.insert("__Host-refresh_token".to_owned(), first);
        thief.go("/").await;
        assert!(thief.path.starts_with("/sign-in") && thief.jar.is_empty(), "{}", thief.path);
        ada.go("/").await;
        assert!(ada.path.starts_with("/sign-in"), "{held}");
    }

    async fn a_forgotten_password_is_told_of_by_mail_and_by_the_same_page_for_every_address(database: &TestDatabase) {
        let (world, outbox) = World::with_mail(database, |builder| builder).await;
        let world = world.with_ada().await;
        let mut seen = Vec::new();
        for address in [ADA, "nobody@example.com"] {
            let mut somebody = Walker::new(&world).saying("x-request-id", "same");
            somebody.go("/sign-in").await;
            somebody.sees(200, "href=\"/account/forgot\"");
            somebody.go("/forgot").await;
            somebody.submit("/forgot", &[("email", address)]).await;
            somebody.sees(200, "If the address belongs to an account here");
            seen.push((somebody.answer.headers.clone(), somebody.answer.body.clone()));
            world.auth.deliver_mail().await.unwrap();
        }
        assert_eq!(seen[0], seen[1]);
        let mails: Vec<_> = outbox.take().into_iter().map(|(mail, _)| (mail.kind, mail.to.clone())).collect();
        assert_eq!(mails.len(), 1, "{mails:?}");
        assert_eq!((mails[0].0, mails[0].1.as_str()), (MailKind::ResetPassword, ADA));
    }

    async fn a_code_by_mail_signs_in_and_its_page_is_the_same_for_every_address(database: &TestDatabase) {
        let on = |builder: auth_core::AuthBuilder| builder.configure(|config| config.email_codes.sign_in = EmailSignIn::On);
        let (world, outbox) = World::with_mail(database, on).await;
        world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
        let mut seen = Vec::new();
        for address in [ADA, "eve@example.com"] {
            let mut somebody = Walker::new(&world).saying("x-request-id", "same");
            somebody.go("/sign-in?redirect_to=%2Fapp").await;
            somebody.sees(200, "href=\"/account/code?redirect_to=%2Fapp\"");
            somebody.go("/code?redirect_to=%2Fapp").await;
            somebody.submit("/code", &[("email", address)]).await;
            somebody.sees(200, "a code of 8 digits is on its way");
            somebody.submit("/code", &[("code", "00000000")]).await;
            somebody.sees(422, "The code is wrong, or no longer works.");
            seen.push(somebody.answer.body.replace(address, "ADDRESS"));
        }
        assert_eq!(seen[0], seen[1]);
        world.auth.deliver_mail().await.unwrap();
        assert_eq!(outbox.take().len(), 1, "nothing to who has no account");
        world.clock.advance(Duration::from_mins(1));

        let mut ada = Walker::new(&world);
        ada.go("/code?redirect_to=%2Fapp").await;
        ada.submit("/code", &[("email", ADA)]).await;
        world.auth.deliver_mail().await.unwrap();
        let code = outbox.take().remove(0).0.code.unwrap();
        let body = ada.filled("/code", &[("code", code.expose())]);
        ada.send(ada.post("/code", &body)).await;
        assert_eq!(ada.answer.header("location"), Some("/app"));
        assert!(ada.jar.contains_key("__Host-refresh_token") && !ada.jar.contains_key("__Host-auth_flow"), "{:?}", ada.jar);
        assert_eq!(world.events.count("signed_in"), 1);
    }

    async fn where_addresses_are_proved_a_sign_up_says_the_same_for_every_address(database: &TestDatabase) {
        let settings = |builder: auth_core::AuthBuilder| {
            builder.configure(|config| config.email_verification = EmailVerification::Required)
        };
        let (world, outbox) = World::with_mail(database, settings).await;
        let mut seen = Vec::new();
        for _ in 0..2 {
            let mut ada = Walker::new(&world).saying("x-request-id", "same");
            ada.go("/sign-up").await;
            let before = (world.hasher.verifications(), world.hasher.hashes());
            ada.submit("/sign-up", CREDENTIALS).await;
            ada.sees(200, "Check your mail");
            let work = (world.hasher.verifications() - before.0, world.hasher.hashes() - before.1);
            seen.push((ada.answer.headers.clone(), ada.answer.body.clone(), work));
            world.auth.deliver_mail().await.unwrap();
        }
        assert_eq!(seen[0], seen[1]);
        let kinds: Vec<_> = outbox.take().into_iter().map(|(mail, _)| mail.kind).collect();
        assert_eq!(kinds, [MailKind::VerifyEmail, MailKind::EmailTaken]);
        // The right password before the address is proved.
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        assert!(!ada.jar.contains_key("__Host-refresh_token"), "{:?}", ada.answer);
        assert!(ada.answer.status.is_client_error(), "{:?}", ada.answer);
    }
}

#[tokio::test]
async fn where_registration_is_closed_nobody_signs_up() {
    let database = TestDatabase::sqlite().await;
    let settings = |builder: auth_core::AuthBuilder| {
        builder.configure(|config| config.registration = Registration::Closed)
    };
    let world = World::make(&database, |keys| keys, settings).await;
    let mut ada = Walker::new(&world);
    ada.go("/sign-in").await;
    assert!(!ada.answer.body.contains("/sign-up"), "{:?}", ada.answer);
    ada.go("/sign-up").await;
    ada.sees(200, "New accounts are created by an administrator here.");
    let (rows, body) = (world.rows().await, "email=ada@example.com&password=correct+horse+battery");
    ada.send(ada.post("/sign-up", body)).await;
    ada.sees(200, "New accounts are created by an administrator here.");
    assert_eq!(world.rows().await, rows);
}
