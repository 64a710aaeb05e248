//! Which account an identity signs in to.

use auth_core::{
    ClientInfo, CreateUser, EmailVerification, Error, ExportedValue, Login, Register, Registration, SignIn,
    mail::MailKind,
    oidc::{Callback, Failure, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::Value;

use super::{World, issuer::Person, providers, refused, tokens};
use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, granted},
};

fn ada() -> Person {
    Person::new("1", EMAIL)
}

each_database! {
    async fn a_new_person_gets_an_account_and_the_same_person_the_same_again(db: &TestDatabase) {
        let world = World::new(db).await;
        let finished = world.arrive(&ada()).await.unwrap();
        assert_eq!(finished.redirect_to, "/app");
        let first = tokens(finished);
        let caller = world.principal(&first);
        assert_eq!(caller.methods(), ["fed"]);
        let user = world.test.auth.current_user(&caller).await.unwrap();
        assert_eq!((user.email.as_str(), user.email_verified), (EMAIL, true));
        assert!(world.test.auth.sessions(&caller).await.unwrap()[0].methods == ["fed"]);
        world.test.refresh(&first.refresh).await.unwrap();

        let second = world.sign_in(&ada()).await;
        assert_eq!(second.user_id, first.user_id);
        assert_eq!(world.test.count("auth_user").await, 1);
        assert_eq!(world.test.count("auth_password").await, 0);
        let identities = world.oidc().identities(&caller).await.unwrap();
        assert_eq!(identities.len(), 1);
        assert_eq!((identities[0].provider.as_str(), identities[0].email.as_deref()), ("idp", Some(EMAIL)));
        assert!(identities[0].last_used_at.is_some());
        assert_eq!(world.test.events.count("registered"), 1);
        assert_eq!(world.test.events.count("signed_in"), 2);
        // Nobody has a password, and no password opens it.
        assert_refused!(world.test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
    }

    async fn an_account_that_has_proved_the_address_is_joined_and_its_owner_told(db: &TestDatabase) {
        let world = World::new(db).await;
        let user = world.test.auth
            .create_user(CreateUser::new(EMAIL).verified().password(PASSWORD))
            .await.unwrap();
        let own = world.test.login().await;
        let joined = world.sign_in(&Person::new("1", "Ada@EXAMPLE.com")).await;
        assert_eq!(joined.user_id, user.id);
        // Everything that was there stays.
        world.test.login().await;
        world.test.refresh(&own.refresh).await.unwrap();
        world.test.auth.deliver_mail().await.unwrap();
        let mails = world.test.outbox.take();
        let told: Vec<_> = mails.iter().filter(|(mail, _)| mail.kind == MailKind::IdentityLinked).collect();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].0.to.as_str(), told[0].0.provider.as_deref()), (EMAIL, Some("idp")));
        assert!(told[0].1.text.contains("idp"));
        assert_eq!(world.test.events.count("reclaimed"), 0);
    }

    /// Pre-account-hijack: somebody registers the address of another and waits for its owner.
    async fn an_account_that_never_proved_the_address_becomes_its_owners_with_nothing_of_the_other(db: &TestDatabase) {
        let world = World::new(db).await;
        let (thief, caller) = world.test.caller().await;
        // Everything by which the one who was first could come back: a session, a password, an identity, links.
        let before = world.before_mail(db).await;
        before.link(&caller, Some(PASSWORD), &Person::new("666", "thief@example.net")).await.unwrap();
        let pending = before.oidc().start_link(&caller, Some(PASSWORD.into()), Start::new("idp")).await.unwrap();
        let query = world.issuer.approve(&pending.url, &Person::new("667", "thief@example.net"));
        world.test.auth
            .request_email_change(&caller, "thief@example.net", Some(PASSWORD.into()), ClientInfo::default())
            .await.unwrap();
        let change = world.test.token_of(MailKind::ChangeEmail).await;

        let owner = world.sign_in(&ada()).await;
        assert_eq!(owner.user_id, thief.user_id);
        assert_eq!(world.test.events.count("reclaimed"), 1);
        assert_refused!(world.test.refresh(&thief.refresh).await, Error::SessionOver);
        assert_refused!(world.test.auth.current_user(&caller).await, Error::SessionOver);
        assert_refused!(world.test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        assert_refused!(world.test.auth.verify_email(change, ClientInfo::default()).await, Error::Validation(_));
        assert_eq!(refused(world.come_back(&query, Some(pending.browser)).await), Failure::StateUsed);
        let other = world.sign_in(&Person::new("666", "thief@example.net")).await;
        assert_ne!(other.user_id, owner.user_id, "a stranger now");
        let caller = world.principal(&owner);
        assert_eq!(world.oidc().identities(&caller).await.unwrap().len(), 1);
        assert!(world.test.auth.current_user(&caller).await.unwrap().email_verified);
        world.test.refresh(&owner.refresh).await.unwrap();
    }

    async fn an_address_that_is_not_verified_joins_nothing_and_reveals_nothing(db: &TestDatabase) {
        let world = World::new(db).await;
        world.test.register().await;
        world.test.auth
            .create_user(CreateUser::new("proved@example.com").verified())
            .await.unwrap();
        for (number, email) in [EMAIL, "proved@example.com", "nobody@example.com"].into_iter().enumerate() {
            let person = Person::new(&number.to_string(), email).unverified();
            world.test.statements();
            assert_eq!(world.refusal(&person).await, Failure::EmailUnverified);
            let asked = world.test.statements();
            assert!(!asked.iter().any(|sql| sql.contains("email_normalized\" =") || sql.contains("email_normalized` =")), "{asked:?}");
        }
        assert_eq!(world.test.count("auth_identity").await, 0);
        assert_eq!(world.test.count("auth_user").await, 2);
        world.test.login().await;
    }

    async fn a_provider_without_an_address_signs_only_known_identities_in(db: &TestDatabase) {
        let world = World::new(db).await;
        let nameless = Person { email: Value::Null, ..ada() };
        assert_eq!(world.refusal(&nameless).await, Failure::EmailMissing);
        let known = world.sign_in(&ada()).await;
        assert_eq!(world.sign_in(&nameless).await.user_id, known.user_id);
    }

    async fn what_a_provider_calls_an_address_of_a_known_identity_need_not_be_one(db: &TestDatabase) {
        let world = World::new(db).await;
        let known = world.sign_in(&ada()).await;
        for email in [format!("{}@example.com", "a".repeat(10_000)), "a\0@example.com".to_owned(), "<script>".to_owned()] {
            assert_eq!(world.sign_in(&Person::new("1", &email)).await.user_id, known.user_id);
            let identities = world.oidc().identities(&world.principal(&known)).await.unwrap();
            assert_eq!(identities[0].email.as_deref(), Some(EMAIL), "what is shown is an address");
        }
    }

    async fn a_changed_address_at_the_provider_is_still_the_same_identity(db: &TestDatabase) {
        let world = World::new(db).await;
        let ada_tokens = world.sign_in(&ada()).await;
        let bob = world.sign_in(&Person::new("2", "bob@example.com")).await;
        // Ada has Bob's former address by now.
        let moved = world.sign_in(&Person::new("1", "bob@example.com")).await;
        assert_eq!(moved.user_id, ada_tokens.user_id);
        assert_ne!(moved.user_id, bob.user_id);
        let user = world.test.auth.user(moved.user_id).await.unwrap();
        assert_eq!(user.email, EMAIL, "the address here is the owner's to change");
        let identities = world.oidc().identities(&world.principal(&moved)).await.unwrap();
        assert_eq!(identities[0].email.as_deref(), Some("bob@example.com"));
    }

    async fn a_look_alike_of_an_address_is_another_address(db: &TestDatabase) {
        let world = World::new(db).await;
        let real = world.sign_in(&Person::new("1", "admin@example.com")).await;
        // Cyrillic, a fullwidth letter that NFC leaves alone, a dotless i.
        for (subject, email) in [("2", "аdmin@example.com"), ("3", "ａdmin@example.com"), ("4", "admın@example.com")] {
            let other = world.sign_in(&Person::new(subject, email)).await;
            assert_ne!(other.user_id, real.user_id, "{email}");
        }
        for email in ["admin@example.com\u{202e}", "admin@example.com,x@example.com", "admin＠example.com", "Ada <admin@example.com>"] {
            assert_eq!(world.refusal(&Person::new("9", email)).await, Failure::EmailInvalid, "{email}");
        }
    }

    async fn a_disabled_user_is_kept_out_by_every_identity(db: &TestDatabase) {
        let world = World::new(db).await;
        let user = world.sign_in(&ada()).await.user_id;
        world.test.auth.disable(user, ClientInfo::default()).await.unwrap();
        assert_eq!(world.refusal(&ada()).await, Failure::AccountDisabled, "known");
        assert_eq!(world.refusal(&Person::new("2", EMAIL)).await, Failure::AccountDisabled, "new");
        assert_eq!(world.test.count("auth_identity").await, 1);
        let failed = world.test.events.kinds();
        assert!(failed.iter().any(|kind| kind.user() == Some(user) && kind.reason() == Some("account_disabled")));
        world.test.auth.enable(user, ClientInfo::default()).await.unwrap();
        world.sign_in(&ada()).await;
    }

    async fn with_known_identities_only_nobody_is_made_and_nothing_joined(db: &TestDatabase) {
        let settings = |builder: auth_core::AuthBuilder, issuer: &_| builder.oidc(providers(issuer).known_identities_only());
        let world = World::with(db, settings).await;
        assert_eq!(world.refusal(&ada()).await, Failure::SignUpClosed);
        world.test.auth
            .create_user(CreateUser::new(EMAIL).verified().password(PASSWORD))
            .await.unwrap();
        assert_eq!(world.refusal(&ada()).await, Failure::EmailTaken);
        let caller = world.principal(&world.test.login().await);
        world.link(&caller, Some(PASSWORD), &ada()).await.unwrap();
        assert_eq!(world.sign_in(&ada()).await.user_id, caller.user_id());
    }

    async fn with_registration_closed_accounts_that_are_there_are_joined(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| builder.oidc(providers(issuer)).configure(|config| config.registration = Registration::Closed)).await;
        let arrive = async || {
            let begun = world.start().await;
            let query = world.issuer.approve(&begun.url, &ada());
            world.oidc().finish(Callback::new("idp", &query).browser(Some(begun.browser))).await
        };
        assert_eq!(refused(arrive().await), Failure::SignUpClosed);
        let user = world.test.auth
            .create_user(CreateUser::new(EMAIL).verified())
            .await.unwrap();
        assert_eq!(tokens(arrive().await.unwrap()).user_id, user.id);
    }

    async fn where_addresses_have_to_be_proved_an_identity_proves_its_own_and_no_other(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| {
            builder.configure(|config| config.email_verification = EmailVerification::Off).oidc(providers(issuer))
        }).await;
        let (_, caller) = world.test.caller().await;
        let before = world.before_mail(db).await;
        before.link(&caller, Some(PASSWORD), &Person::new("1", "work@example.com")).await.unwrap();
        let strict = crate::support::TestAuth::instance(db, crate::support::keys(), &world.test.clock, 2, |builder| {
            builder.configure(|config| config.email_verification = EmailVerification::Required).oidc(providers(&world.issuer))
        }).await;
        let strict = world.beside(strict);
        assert_eq!(strict.refusal(&Person::new("1", "work@example.com")).await, Failure::EmailUnverified);
        assert_eq!(strict.refusal(&Person::new("1", EMAIL).unverified()).await, Failure::EmailUnverified);
        let tokens = strict.sign_in(&Person::new("1", EMAIL)).await;
        assert_eq!(tokens.user_id, caller.user_id());
        assert!(strict.test.auth.user(tokens.user_id).await.unwrap().email_verified);
        strict.test.login().await;
    }

    async fn a_sign_in_takes_the_place_of_the_session_that_the_browser_had(db: &TestDatabase) {
        let world = World::new(db).await;
        let before = world.sign_in(&ada()).await;
        let start = Start::new("idp").replacing(before.refresh.clone());
        let begun = world.oidc().start(start).await.unwrap();
        let query = world.issuer.approve(&begun.url, &ada());
        let after = tokens(world.come_back(&query, Some(begun.browser)).await.unwrap());
        assert_refused!(world.test.refresh(&before.refresh).await, Error::SessionLeft);
        world.test.refresh(&after.refresh).await.unwrap();
    }

    async fn a_session_of_another_that_a_sign_in_takes_the_place_of_is_written_to_its_own_account(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| {
            builder.oidc(providers(issuer)).configure(|config| config.audit_retention = Some(crate::support::DAY))
        }).await;
        let before = world.sign_in(&ada()).await;
        let begun = world.oidc().start(Start::new("idp").replacing(before.refresh.clone())).await.unwrap();
        let query = world.issuer.approve(&begun.url, &Person::new("2", "bob@example.com"));
        let bob = tokens(world.come_back(&query, Some(begun.browser)).await.unwrap()).user_id;
        let auth = &world.test.auth;
        let last = auth.events(before.user_id, None, 1).await.unwrap().remove(0);
        assert_eq!((last.code.as_str(), last.reason.as_deref(), last.session), ("signed_out", Some("replaced"), Some(before.session_id)));
        assert!(auth.events(bob, None, 9).await.unwrap().iter().all(|event| event.code != "signed_out"));
    }

    async fn an_account_without_a_password_can_get_one_by_mail_and_be_deleted_after_a_sign_in(db: &TestDatabase) {
        let world = World::new(db).await;
        let first = world.sign_in(&ada()).await;
        world.test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = world.test.token_of(MailKind::ResetPassword).await;
        world.test.auth.reset_password(token, PASSWORD, ClientInfo::default()).await.unwrap();
        let login = Login::new(EMAIL, PASSWORD);
        assert_eq!(granted(world.test.auth.login(login).await).unwrap().user_id, first.user_id);

        let bob = world.principal(&world.sign_in(&Person::new("2", "bob@example.com")).await);
        world.test.clock.advance(std::time::Duration::from_mins(6));
        let refused = world.test.auth.delete_account(&bob, None, ClientInfo::default()).await;
        assert_refused!(refused, Error::StepUpRequired { .. });
        let bob = world.principal(&world.sign_in(&Person::new("2", "bob@example.com")).await);
        let export = world.test.auth.export(&bob).await.unwrap();
        let (_, identities) = export.rooms.iter().find(|(room, _)| *room == "identities").unwrap();
        assert_eq!(identities.len(), 1);
        let email = ExportedValue::Text("bob@example.com".to_owned());
        assert!(identities[0].contains(&("email", email)), "{identities:?}");
        world.test.auth.delete_account(&bob, None, ClientInfo::default()).await.unwrap();
        assert_eq!(world.test.count("auth_identity").await, 1, "Ada's");
        let again = world.sign_in(&Person::new("2", "bob@example.com")).await;
        assert_ne!(again.user_id, bob.user_id());
    }

    async fn the_device_of_a_sign_in_at_a_provider_is_known(db: &TestDatabase) {
        let world = World::new(db).await;
        world.test.auth.register(Register::new("other@example.com", PASSWORD)).await.unwrap();
        assert!(world.sign_in(&ada()).await.device.is_some());
        let SignIn::Granted(_) = world.test.auth.login(Login::new("other@example.com", PASSWORD)).await.unwrap() else {
            panic!("another")
        };
    }
}
