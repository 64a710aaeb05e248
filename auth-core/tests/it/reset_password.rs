//! A new password by way of a mail.

use auth_core::{ClientInfo, EmailVerification, Error, mail::MailKind};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, TestAuth},
};

const NEW: &str = "another horse battery";

each_database! {
    async fn a_reset_sets_the_password_ends_every_session_and_every_other_link(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::On)).await;
        let (tokens, caller) = test.caller().await;
        let verify = test.token_of(MailKind::VerifyEmail).await;
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        test.auth.reset_password(token.clone(), NEW, ClientInfo::default()).await.unwrap();

        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        assert_refused!(test.auth.verify_email(verify, ClientInfo::default()).await, Error::Validation(_));
        assert_refused!(test.auth.reset_password(token, NEW, ClientInfo::default()).await, Error::Validation(_));
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        let again = test.try_login(EMAIL, NEW).await.unwrap();
        assert!(test.auth.user(again.user_id).await.unwrap().email_verified, "the mail was read");
        test.auth.deliver_mail().await.unwrap();
        assert_eq!(test.outbox.take().remove(0).0.kind, MailKind::PasswordChanged);
        assert_eq!(test.events.count("password_reset"), 1);
    }

    async fn of_two_resets_with_one_link_at_once_one_wins(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        let tries: Vec<_> = (0..6).map(|number| {
            let (auth, token) = (test.auth.clone(), token.clone());
            let password = format!("another horse battery {number}");
            tokio::spawn(async move {
                auth.reset_password(token, password.as_str(), ClientInfo::default()).await.map(|()| password)
            })
        }).collect();
        let mut winners = Vec::new();
        for one in tries {
            match one.await.unwrap() {
                Ok(password) => winners.push(password),
                Err(error) => assert!(matches!(error, Error::Validation(_)), "{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        test.try_login(EMAIL, &winners[0]).await.unwrap();
    }

    async fn a_password_that_is_no_good_leaves_the_link_as_it_is(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        for bad in ["short", "password", EMAIL] {
            let refused = test.auth.reset_password(token.clone(), bad, ClientInfo::default()).await;
            let Err(Error::Validation(errors)) = refused else { panic!("{refused:?}") };
            assert_eq!(errors[0].field, "password");
        }
        test.auth.reset_password(token, NEW, ClientInfo::default()).await.unwrap();
    }

    async fn a_link_works_for_an_hour_and_not_for_who_was_disabled_since(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await;
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        test.auth.disable(user.id, ClientInfo::default()).await.unwrap();
        assert_refused!(test.auth.reset_password(token.clone(), NEW, ClientInfo::default()).await, Error::Validation(_));
        test.auth.enable(user.id, ClientInfo::default()).await.unwrap();
        test.clock.advance(HOUR);
        assert_refused!(test.auth.reset_password(token, NEW, ClientInfo::default()).await, Error::Validation(_));
    }

    async fn a_reset_opens_an_account_that_guessing_has_closed(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        for _ in 0..100 {
            test.try_login(EMAIL, "wrong").await.unwrap_err();
            test.clock.advance(HOUR);
        }
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Throttled { .. });
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        test.auth.reset_password(token, NEW, ClientInfo::default()).await.unwrap();
        test.try_login(EMAIL, NEW).await.unwrap();
    }

    async fn who_has_no_password_gets_one(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        test.execute("DELETE FROM auth_password").await;
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        test.auth.reset_password(token, NEW, ClientInfo::default()).await.unwrap();
        test.try_login(EMAIL, NEW).await.unwrap();
    }

    async fn asking_takes_the_same_work_whatever_is_behind_the_address(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| {
            config.email_verification = EmailVerification::On;
            config.audit_retention = Some(DAY);
        })).await;
        test.register().await;
        let mut seen = Vec::new();
        for email in [EMAIL, "nobody@example.com"] {
            test.statements();
            test.auth.forgot_password(email, ClientInfo::default()).await.unwrap();
            test.auth.request_email_verification(email, ClientInfo::default()).await.unwrap();
            seen.push((test.statements(), test.hasher.hashes(), test.hasher.verifications()));
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0].0.len(), 6, "for each the mail, and for the audit whose it is and its row");
    }
}
