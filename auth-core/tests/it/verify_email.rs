//! Proving an address, the account's own or a new one.

use auth_core::{
    ClientInfo, EmailVerification, Error, EventKind, OneTimeToken, Register, SignInFailure,
    mail::{MailKind, MailText},
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, SECOND, TestAuth},
};

const NEW: &str = "countess@example.org";

async fn verifying(db: &TestDatabase) -> TestAuth {
    TestAuth::with(db, |builder| {
        builder.configure(|config| config.email_verification = EmailVerification::On)
    })
    .await
}

each_database! {
    async fn the_token_out_of_the_mail_proves_the_address_once(db: &TestDatabase) {
        let test = verifying(db).await;
        assert!(!test.register().await.email_verified);
        let token = test.token_of(MailKind::VerifyEmail).await;
        let user = test.auth.verify_email(token.clone(), ClientInfo::default()).await.unwrap();
        assert!(user.email_verified && test.auth.user(user.id).await.unwrap().email_verified);
        assert_refused!(test.auth.verify_email(token, ClientInfo::default()).await, Error::Validation(_));
        assert_eq!(test.events.count("email_verified"), 1);
    }

    async fn of_two_who_use_a_link_at_once_one_wins(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        let token = test.token_of(MailKind::VerifyEmail).await;
        let tries: Vec<_> = (0..8).map(|_| {
            let (auth, token) = (test.auth.clone(), token.clone());
            tokio::spawn(async move { auth.verify_email(token, ClientInfo::default()).await })
        }).collect();
        let mut won = 0;
        for one in tries {
            match one.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) => assert!(matches!(error, Error::Validation(_)), "{error:?}"),
            }
        }
        assert_eq!((won, test.events.count("email_verified")), (1, 1));
    }

    async fn a_link_ends_with_its_time_and_with_the_use_of_another_and_not_because_a_newer_one_is_sent(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        let mut links = vec![test.token_of(MailKind::VerifyEmail).await];
        for _ in 0..3 {
            test.clock.advance(28_799 * SECOND);
            test.auth.request_email_verification(EMAIL, ClientInfo::default()).await.unwrap();
            links.push(test.token_of(MailKind::VerifyEmail).await);
        }
        test.clock.advance(3 * SECOND);
        assert_refused!(test.auth.verify_email(links.remove(0), ClientInfo::default()).await, Error::Validation(_));
        test.auth.verify_email(links.remove(0), ClientInfo::default()).await.unwrap();
        for other in links {
            assert_refused!(test.auth.verify_email(other, ClientInfo::default()).await, Error::Validation(_));
        }
    }

    async fn a_link_for_one_purpose_is_no_good_for_another(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        let verify = test.token_of(MailKind::VerifyEmail).await;
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let reset = test.token_of(MailKind::ResetPassword).await;
        assert_refused!(test.auth.verify_email(reset, ClientInfo::default()).await, Error::Validation(_));
        let refused = test.auth.reset_password(verify, "another horse battery", ClientInfo::default()).await;
        assert_refused!(refused, Error::Validation(_));
        for garbage in ["", "x", &"A".repeat(71)] {
            let token = OneTimeToken::new(garbage);
            assert_refused!(test.auth.verify_email(token, ClientInfo::default()).await, Error::Validation(_));
        }
    }

    async fn however_often_somebody_asks_one_link_a_minute_is_sent(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        for _ in 0..5 {
            test.auth.request_email_verification(EMAIL, ClientInfo::default()).await.unwrap();
            test.auth.deliver_mail().await.unwrap();
        }
        assert_eq!((test.outbox.take().len(), test.count("auth_mail").await), (1, 0));
        test.clock.advance(61 * SECOND);
        test.auth.request_email_verification(EMAIL, ClientInfo::default()).await.unwrap();
        test.auth.deliver_mail().await.unwrap();
        assert_eq!(test.outbox.take().len(), 1);
    }

    async fn nothing_is_sent_for_an_address_that_is_unknown_proved_or_disabled(db: &TestDatabase) {
        let test = verifying(db).await;
        let user = test.register().await;
        let token = test.token_of(MailKind::VerifyEmail).await;
        test.auth.verify_email(token, ClientInfo::default()).await.unwrap();
        test.clock.advance(HOUR);
        for email in [EMAIL, "nobody@example.com"] {
            test.auth.request_email_verification(email, ClientInfo::default()).await.unwrap();
        }
        test.auth.disable(user.id, ClientInfo::default()).await.unwrap();
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 0);
        assert_eq!((test.outbox.take().len(), test.count("auth_mail").await), (0, 0));
    }

    async fn a_registration_tells_its_owner_that_an_address_is_taken_and_takes_the_same_work(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| {
                config.email_verification = EmailVerification::On;
                config.audit_retention = Some(DAY);
            })
        }).await;
        let work = || {
            let statements = test.statements().into_iter();
            let verbs: Vec<_> = statements.map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect();
            (verbs.len(), test.hasher.hashes(), test.hasher.verifications())
        };
        test.register().await;
        let free = work();
        assert_refused!(test.auth.register(Register::new("ADA@example.com", "another horse battery")).await, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
        let taken = work();
        assert_eq!((free.1, free.2), (1, 0));
        assert_eq!(taken, (free.0, 2, 0));
        test.auth.deliver_mail().await.unwrap();
        let kinds: Vec<_> = test.outbox.take().into_iter().map(|(mail, _)| mail.kind).collect();
        assert!(kinds.contains(&MailKind::VerifyEmail) && kinds.contains(&MailKind::EmailTaken), "{kinds:?}");
        assert_eq!(test.try_login(EMAIL, PASSWORD).await.map(|_| ()).ok(), Some(()), "the password stays");
    }

    async fn where_it_is_required_nobody_signs_in_before_and_a_new_link_comes(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::Required)).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        test.outbox.take();
        test.clock.advance(HOUR);
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        assert!(test.events.kinds().iter().any(|kind| {
            matches!(kind, EventKind::SignInFailed { reason: SignInFailure::Unverified, .. })
        }));
        let token = test.token_of(MailKind::VerifyEmail).await;
        test.auth.verify_email(token, ClientInfo::default()).await.unwrap();
        test.login().await;
    }

    async fn an_address_changes_when_the_link_at_the_new_one_is_followed_and_the_old_one_is_told(db: &TestDatabase) {
        let test = verifying(db).await;
        let (tokens, caller) = test.caller().await;
        let client = ClientInfo::default;
        let asked = test.auth.request_email_change(&caller, NEW, Some("wrong".into()), client()).await;
        assert_refused!(asked, Error::Validation(_));
        test.auth.request_email_change(&caller, NEW, Some(PASSWORD.into()), client()).await.unwrap();
        test.auth.forgot_password(EMAIL, client()).await.unwrap();
        test.auth.deliver_mail().await.unwrap();
        let mails = test.outbox.take();
        let of = |kind| mails.iter().find(|(mail, _)| mail.kind == kind).unwrap().0.clone();
        let (change, reset) = (of(MailKind::ChangeEmail), of(MailKind::ResetPassword));
        assert_eq!(change.to, NEW);
        assert_eq!(test.auth.current_user(&caller).await.unwrap().email, EMAIL, "nothing has changed yet");

        let user = test.auth.verify_email(change.link.unwrap().token, client()).await.unwrap();
        assert_eq!((user.email.as_str(), user.email_verified), (NEW, true));
        test.auth.deliver_mail().await.unwrap();
        let (told, MailText { text, .. }) = test.outbox.take().remove(0);
        assert_eq!((told.kind, told.to.as_str()), (MailKind::EmailChanged, EMAIL));
        assert!(text.contains(NEW));
        let late = test.auth.reset_password(reset.link.unwrap().token, "another horse battery", client()).await;
        assert_refused!(late, Error::Validation(_));
        test.refresh(&tokens.refresh).await.unwrap();
        test.try_login(NEW, PASSWORD).await.unwrap();
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
    }

    async fn a_change_of_address_that_was_asked_for_before_a_new_password_is_not_sent_after_it(db: &TestDatabase) {
        let test = verifying(db).await;
        let (_, caller) = test.caller().await;
        let client = ClientInfo::default;
        test.auth.request_email_change(&caller, NEW, Some(PASSWORD.into()), client()).await.unwrap();
        test.auth.change_password(&caller, PASSWORD, "another horse battery", client()).await.unwrap();
        test.auth.deliver_mail().await.unwrap();
        let mut kinds: Vec<_> = test.outbox.take().into_iter().map(|(mail, _)| mail.kind.code()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["password_changed", "verify_email"]);
    }

    async fn an_address_that_got_an_account_meanwhile_is_not_taken_over(db: &TestDatabase) {
        let test = verifying(db).await;
        let (_, caller) = test.caller().await;
        let client = ClientInfo::default;
        test.auth.request_email_change(&caller, NEW, Some(PASSWORD.into()), client()).await.unwrap();
        let token = test.token_of(MailKind::ChangeEmail).await;
        test.auth.register(Register::new(NEW, PASSWORD)).await.unwrap();
        assert_refused!(test.auth.verify_email(token, client()).await, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
        assert_eq!(test.auth.current_user(&caller).await.unwrap().email, EMAIL);
    }
}
