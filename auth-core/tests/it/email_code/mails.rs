//! The mail with a code: when it leaves, how often, and what is in it and in no table.

use auth_core::{
    Auth, EmailSignIn, Error, Keys,
    mail::{LogMailer, MailError},
    refusal,
    test_util::Outbox,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{MINUTE, on, with};
use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, SECOND, TestAuth, keys, secret},
};

each_database! {
    async fn a_mail_a_minute_leaves_and_a_later_request_waits_for_its_minute(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.proved().await;
        let first = test.ask(EMAIL).await;
        let (second, third) = (test.start(EMAIL).await, test.start("ADA@example.com").await);
        assert_eq!(test.codes_mailed().await.len(), 0);
        test.clock.advance(59 * SECOND);
        assert_eq!(test.codes_mailed().await.len(), 0);
        let mut sent = Vec::new();
        for _ in 0..2 {
            test.clock.advance(MINUTE);
            let mut mails = test.codes_mailed().await;
            assert_eq!(mails.len(), 1);
            sent.push(mails.remove(0).code.unwrap());
        }
        assert_eq!(test.count("auth_mail").await, 0);
        // Each has a code of its own.
        test.by_code(EMAIL, &first.code, &first.flow).await.unwrap();
        let mut fits = Vec::new();
        for flow in [second.token, third.token] {
            for code in &sent {
                fits.push(test.by_code(EMAIL, code.expose(), &flow).await.is_ok());
            }
        }
        assert_eq!(fits.iter().filter(|fits| **fits).count(), 2, "{fits:?}");
    }

    async fn other_addresses_wait_for_nobody(db: &TestDatabase) {
        let test = TestAuth::with(db, with(EmailSignIn::SignUp)).await;
        test.register().await;
        for email in [EMAIL, "eve@example.com", "joe@example.com"] {
            test.start(email).await;
        }
        assert_eq!(test.codes_mailed().await.len(), 3);
    }

    async fn ten_mails_leave_at_once_and_then_one_in_a_tenth_of_a_day(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        let mut sent = 0;
        for _ in 0..30 {
            test.start(EMAIL).await;
            sent += test.codes_mailed().await.len();
            test.clock.advance(MINUTE);
        }
        assert_eq!(sent, 10);
        test.clock.advance(DAY / 10);
        test.start(EMAIL).await;
        test.start(EMAIL).await;
        assert_eq!(test.codes_mailed().await.len(), 1, "its owner is not kept out");
        test.clock.advance(DAY + HOUR);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.codes_mailed().await.len(), 0);
        assert_eq!((test.count("auth_mail").await, test.count("auth_throttle").await), (0, 0), "nothing is left");
    }

    async fn a_mail_that_did_not_leave_goes_out_later_with_the_same_code_and_is_counted_once(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        let flow = test.start(EMAIL).await.token;
        test.outbox.fail(Some(MailError::NotNow("down".to_owned())));
        test.auth.deliver_mail().await.unwrap();
        test.outbox.fail(None);
        test.clock.advance(20 * SECOND);
        let mails = test.codes_mailed().await;
        test.by_code(EMAIL, mails[0].code.as_ref().unwrap().expose(), &flow).await.unwrap();
    }

    async fn a_mail_that_comes_too_late_is_not_sent(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        test.start(EMAIL).await;
        test.clock.advance(10 * MINUTE);
        assert_eq!(test.codes_mailed().await.len(), 0);
        assert_eq!(test.count("auth_mail").await, 0);
    }

    async fn neither_code_nor_link_nor_cookie_is_stored_and_the_row_alone_makes_none(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        let asked = test.ask(EMAIL).await;
        for table in ["auth_email_code", "auth_mail", "auth_one_time_token", "auth_throttle"] {
            let rows = test.dump(table).await;
            for secret in [&asked.code, asked.flow.expose(), asked.link.expose()] {
                assert!(!rows.contains(secret), "{table}: {rows}");
            }
        }
        // Another secret makes another code of the same row; a former one is known.
        let other = TestAuth::instance(db, Keys::new(secret(2)), &test.clock, 5, on).await;
        assert_refused!(other.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Refused(refusal::INVALID_CODE));
        assert_refused!(other.by_link(&asked.link).await, Error::Validation(_));
        let later = TestAuth::instance(db, Keys::new(secret(2)).previous(secret(1)), &test.clock, 5, on).await;
        later.by_code(EMAIL, &asked.code, &asked.flow).await.unwrap();
    }

    async fn a_mail_has_a_code_of_eight_digits_and_a_link_with_its_token_in_the_fragment(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        test.start(EMAIL).await;
        test.auth.deliver_mail().await.unwrap();
        let (mail, text) = test.outbox.take().remove(0);
        let (code, link) = (mail.code.clone().unwrap(), mail.link.clone().unwrap());
        assert!(code.expose().len() == 8 && code.expose().bytes().all(|byte| byte.is_ascii_digit()));
        assert!(link.url.starts_with("http://127.0.0.1:8000/login/email/confirm#token="), "{}", link.url);
        assert!(text.text.contains(code.expose()) && text.text.contains(&link.url) && text.text.contains("within 10 minutes"));
        let shown = format!("{mail:?}");
        assert!(!shown.contains(code.expose()) && !shown.contains(EMAIL), "{shown}");
    }

    async fn it_is_off_unless_it_is_asked_for_and_needs_a_mailer_that_reaches_people(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        assert!(test.auth.email_codes().is_none());
        let builder = || on(Auth::builder(test.db.clone(), keys()));
        assert_eq!(builder().build().unwrap_err().setting(), "email_codes.sign_in");
        let unnamed = builder().mailer(std::sync::Arc::new(Outbox::new())).configure(|config| {
            config.mail.pages_at("http://localhost:8000");
            config.mail.sign_in_url = String::new();
        });
        assert_eq!(unnamed.build().unwrap_err().setting(), "mail.sign_in_url");
        let in_log = builder().mailer(std::sync::Arc::new(LogMailer)).configure(|config| {
            config.mail.pages_at("http://localhost:8000");
        });
        let found = in_log.build().unwrap().check().await;
        assert!(found.iter().any(|finding| finding.code == "email_sign_in_without_mail"), "{found:?}");
    }

    async fn a_mail_from_when_it_was_on_is_dropped_once_it_is_off(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        test.start(EMAIL).await;
        let off = TestAuth::instance(db, keys(), &test.clock, 5, |builder| builder).await;
        assert_eq!(off.kinds_of_mails().await, [""; 0]);
        assert_eq!(off.count("auth_mail").await, 0);
    }
}
