//! What one person does touches nothing that is somebody else's.

use auth_core::{
    ClientInfo, CreateUser, EmailVerification, Error, Login, Register,
    mail::{MailError, MailKind},
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    oidc::{World, issuer::Person, providers},
    support::{DAY, PASSWORD, PAST_GRACE, SECOND, TestAuth, granted},
};

const NEW: &str = "another horse battery";
const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
/// Made with Python's bcrypt 5.0.0 from "correct horse", cost 4.
const OUTDATED: &str = "$2b$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

/// The rows of one person.
async fn rows_of(test: &TestAuth, email: &str) -> Vec<String> {
    let own = format!("(SELECT id FROM auth_user WHERE email = '{email}')");
    let mut rows = vec![test.dump(&format!("auth_user WHERE email = '{email}'")).await];
    for of in ["password", "user_role", "session", "one_time_token", "identity", "mail", "event"] {
        rows.push(test.dump(&format!("auth_{of} WHERE user_id IN {own}")).await);
    }
    assert!(rows.iter().all(|rows| !rows.is_empty()), "{rows:?}");
    rows
}

each_database! {
    async fn whatever_one_person_does_every_row_of_another_stays_as_it_is(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| {
            let builder = builder.oidc(providers(issuer)).configure(|config| config.email_verification = EmailVerification::On);
            builder.configure(|config| { config.audit_retention = Some(DAY); config.sessions.max_sessions = 2; })
        }).await;
        let (test, auth) = (&world.test, &world.test.auth);
        auth.create_user(CreateUser::new(BOB).role("editor").verified().password(PASSWORD)).await.unwrap();
        let bob = granted(auth.login(Login::new(BOB, PASSWORD)).await).unwrap();
        let caller = world.principal(&bob);
        world.link(&caller, Some(PASSWORD), &Person::new("bob", "bob@work.example").unverified()).await.unwrap();
        auth.reset_link(bob.user_id, nobody()).await.unwrap();
        auth.deliver_mail().await.unwrap();
        // A mail of Bob's that has been tried, and guesses at his password.
        test.outbox.fail(Some(MailError::NotNow("down".to_owned())));
        auth.request_email_change(&caller, "bob@example.org", Some(PASSWORD.into()), nobody()).await.unwrap();
        auth.deliver_mail().await.unwrap();
        test.outbox.fail(None);
        test.execute("UPDATE auth_mail SET next_try_at = next_try_at + 86400000").await;
        for _ in 0..3 {
            assert_refused!(test.try_login(BOB, "wrong").await, Error::InvalidCredentials);
        }
        let (rows, guesses) = (rows_of(test, BOB).await, test.dump("auth_throttle WHERE failures = 3").await);
        let untouched = async |what: &str| {
            assert_eq!(rows_of(test, BOB).await, rows, "{what}");
            assert!(test.dump("auth_throttle").await.lines().any(|row| row == guesses), "{what}");
        };

        auth.register(Register::new(ADA, PASSWORD)).await.unwrap();
        test.outbox.fail(Some(MailError::NotNow("down".to_owned())));
        auth.deliver_mail().await.unwrap();
        untouched("a mail that waits").await;
        test.outbox.fail(None);
        auth.register(Register::new(ADA, PASSWORD)).await.unwrap_err();
        for _ in 0..3 {
            assert_refused!(test.try_login(ADA, "wrong").await, Error::InvalidCredentials);
        }
        let login = async |password: &str| {
            test.clock.advance(SECOND);
            test.try_login(ADA, password).await.unwrap()
        };
        for _ in 0..3 {
            login(PASSWORD).await;
        }
        untouched("sign-ins, also one too many").await;
        assert_refused!(test.try_login(ADA, "wrong").await, Error::InvalidCredentials);
        let mut own = login(PASSWORD).await;
        auth.unlock(own.user_id, nobody()).await.unwrap();
        untouched("counters").await;

        test.clock.advance(PAST_GRACE / 11);
        own = test.refresh(&own.refresh).await.unwrap();
        own = granted(auth.login(Login::new(ADA, PASSWORD).replacing(own.refresh)).await).unwrap();
        auth.logout(own.refresh, nobody()).await.unwrap();
        auth.logout_session(login(PASSWORD).await.session_id, nobody()).await.unwrap();
        let other = login(PASSWORD).await;
        own = login(PASSWORD).await;
        let mut ada = world.principal(&own);
        auth.end_session(&ada, other.session_id, nobody()).await.unwrap();
        login(PASSWORD).await;
        auth.end_other_sessions(&ada, nobody()).await.unwrap();
        untouched("sessions").await;

        auth.set_roles(own.user_id, &["editor", "author"], nobody()).await.unwrap();
        auth.set_roles(own.user_id, &["author"], nobody()).await.unwrap();
        untouched("roles").await;
        auth.change_password(&ada, PASSWORD, NEW, nobody()).await.unwrap();
        untouched("a new password").await;
        let link = auth.reset_link(own.user_id, nobody()).await.unwrap().token;
        auth.reset_password(link, PASSWORD, nobody()).await.unwrap();
        untouched("a reset").await;
        test.execute(&format!("UPDATE auth_password SET hash = '{OUTDATED}' WHERE user_id IN (SELECT id FROM auth_user WHERE email = '{ADA}')")).await;
        own = login("correct horse").await;
        untouched("a hash made anew").await;

        ada = world.principal(&own);
        let password = || Some("correct horse");
        test.clock.advance(61 * SECOND);
        auth.request_email_verification(ADA, nobody()).await.unwrap();
        let proof = test.token_of(MailKind::VerifyEmail).await;
        auth.verify_email(proof, nobody()).await.unwrap();
        untouched("a proof").await;
        let work = Person::new("ada", "ada@work.example").unverified();
        world.link(&ada, password(), &work).await.unwrap();
        world.sign_in(&Person::new("ada", "ada@home.example").unverified()).await;
        untouched("an identity").await;
        let identity = world.oidc().identities(&ada).await.unwrap().remove(0).id;
        world.unlink(&ada, password(), identity).await.unwrap();
        untouched("an identity that goes").await;
        auth.request_email_change(&ada, "ada@example.org", password().map(Into::into), nobody()).await.unwrap();
        let change = test.token_of(MailKind::ChangeEmail).await;
        auth.verify_email(change, nobody()).await.unwrap();
        untouched("a new address").await;

        auth.logout_all(own.user_id, nobody()).await.unwrap();
        auth.disable(own.user_id, nobody()).await.unwrap();
        auth.enable(own.user_id, nobody()).await.unwrap();
        untouched("disabled and enabled").await;
        auth.delete_user(own.user_id, nobody()).await.unwrap();
        untouched("deleted").await;
        // Claimed by somebody who cannot read mail there, then by who can.
        auth.register(Register::new(ADA, PASSWORD)).await.unwrap();
        world.sign_in(&Person::new("ada", ADA)).await;
        untouched("reclaimed").await;
    }

    async fn an_editor_is_no_second_administrator(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let [ada, bob] = [("ada", "admin"), ("bob", "editor")].map(|(name, role)| {
            CreateUser::new(format!("{name}@example.com")).role(role)
        });
        let ada = test.auth.create_user(ada).await.unwrap().id;
        test.auth.create_user(bob).await.unwrap();
        assert_refused!(test.auth.set_roles(ada, &["editor"], nobody()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
        assert_refused!(test.auth.disable(ada, nobody()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
        assert_refused!(test.auth.delete_user(ada, nobody()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
    }

    async fn only_ones_own_live_sessions_count_towards_the_limit(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.sessions.max_sessions = 2)).await;
        let ada = test.register().await.id;
        test.auth.register(Register::new(BOB, PASSWORD)).await.unwrap();
        for _ in 0..2 {
            test.try_login(BOB, PASSWORD).await.unwrap();
        }
        for ended in ["signed out", "all", "expired"] {
            for _ in 0..2 {
                let tokens = test.login().await;
                if ended == "signed out" {
                    test.auth.logout(tokens.refresh, nobody()).await.unwrap();
                }
            }
            match ended {
                "all" => test.auth.logout_all(ada, nobody()).await.unwrap(),
                "expired" => test.clock.advance(31 * DAY),
                _ => {}
            }
            test.statements();
            test.login().await;
            assert_eq!(test.statements().len(), 4, "{ended}: nothing is looked for that could end");
            test.auth.logout_all(ada, nobody()).await.unwrap();
        }
    }

    async fn neither_expired_sessions_nor_those_of_before_all_were_ended_are_listed(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let mut old = test.signed_in().await;
        let ids = async |tokens: &auth_core::Tokens| {
            let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
            let listed = test.auth.sessions(&caller).await.unwrap();
            listed.into_iter().map(|session| session.id).collect::<Vec<_>>()
        };
        for _ in 0..5 {
            test.clock.advance(5 * DAY);
            old = test.refresh(&old.refresh).await.unwrap();
        }
        test.clock.advance(4 * DAY);
        test.refresh(&old.refresh).await.unwrap();
        test.clock.advance(DAY + SECOND);
        let own = test.login().await;
        assert_eq!(ids(&own).await, [own.session_id]);
        test.auth.logout_all(own.user_id, nobody()).await.unwrap();
        let own = test.login().await;
        assert_eq!(ids(&own).await, [own.session_id]);
    }

    async fn to_enable_one_enables_nobody_else(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let ada = test.register().await.id;
        let bob = test.auth.register(Register::new(BOB, PASSWORD)).await.unwrap().id;
        for user in [ada, bob] {
            test.auth.disable(user, nobody()).await.unwrap();
        }
        test.auth.enable(ada, nobody()).await.unwrap();
        assert!(test.auth.user(bob).await.unwrap().disabled);
        assert_refused!(test.try_login(BOB, PASSWORD).await, Error::InvalidCredentials);
    }

    async fn a_token_of_one_user_and_anothers_session_is_nobodys(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let ada = test.signed_in().await;
        let bob = test.auth.register(Register::new(BOB, PASSWORD)).await.unwrap().id;
        let mixed = auth_core::test_util::tokens(&test.auth, bob, ada.session_id, &["user"]).unwrap();
        let caller = test.auth.verifier().verify(mixed.access.expose()).unwrap();
        assert_refused!(test.auth.change_password(&caller, PASSWORD, NEW, nobody()).await, Error::SessionOver);
        assert_refused!(test.auth.delete_account(&caller, Some(PASSWORD.into()), nobody()).await, Error::SessionOver);
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        assert_refused!(test.auth.sessions(&caller).await, Error::SessionOver);
    }
}
