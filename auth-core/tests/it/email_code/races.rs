//! What comes at once, on one instance or on two, and who leaves half-way.

use auth_core::{EmailSignIn, Error, email_code::Confirm, refusal};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{MINUTE, on, tokens, with, wrong};
use crate::{
    assert_refused,
    cancellation::Leaves,
    support::{EMAIL, Halting, TestAuth, keys},
};

each_database! {
    async fn of_many_who_bring_one_code_or_its_link_at_once_to_two_instances_one_gets_in(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let other = TestAuth::instance(db, keys(), &test.clock, 5, on).await;
        test.register().await;
        for with_code in [[true, true], [true, false], [false, false]] {
            let asked = test.ask(EMAIL).await;
            let tries: Vec<_> = (0..4).map(|number| {
                let codes = if number % 2 == 0 { test.codes() } else { other.codes() };
                let by = if with_code[number / 2] {
                    Confirm::code(EMAIL, &asked.code, Some(asked.flow.clone()))
                } else {
                    Confirm::link(asked.link.clone())
                };
                tokio::spawn(async move { tokens(codes.confirm(by).await) })
            }).collect();
            let mut in_number = 0;
            for one in tries {
                match one.await.unwrap() {
                    Ok(_) => in_number += 1,
                    Err(Error::Refused(refusal::INVALID_CODE) | Error::Validation(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(in_number, 1);
            assert_eq!(test.count("auth_session").await, 1);
            test.execute("DELETE FROM auth_session").await;
            test.clock.advance(MINUTE);
        }
    }

    async fn however_many_guess_at_once_five_codes_are_looked_at(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| on(builder).configure(|config| config.insecure_no_throttle = true)).await;
        test.register().await;
        let asked = test.ask(EMAIL).await;
        let tries: Vec<_> = (0..12).map(|_| {
            let (codes, guess) = (test.codes(), Confirm::code(EMAIL, wrong(&asked.code), Some(asked.flow.clone())));
            tokio::spawn(async move { codes.confirm(guess).await })
        }).collect();
        for one in tries {
            assert_refused!(one.await.unwrap(), Error::Refused(refusal::INVALID_CODE));
        }
        assert_eq!(test.text("SELECT CAST(tries AS CHAR(1)) FROM auth_email_code").await, "5");
        assert_refused!(test.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Refused(refusal::INVALID_CODE));
    }

    async fn of_two_codes_that_would_make_one_account_at_once_one_makes_it(db: &TestDatabase) {
        let test = TestAuth::with(db, with(EmailSignIn::SignUp)).await;
        let (one, two) = (test.ask(EMAIL).await, { test.clock.advance(MINUTE); test.ask(EMAIL).await });
        let tries = [one, two].map(|asked| {
            let (codes, confirm) = (test.codes(), Confirm::code(EMAIL, &asked.code, Some(asked.flow)));
            tokio::spawn(async move { tokens(codes.confirm(confirm).await) })
        });
        let mut in_number = 0;
        for one in tries {
            match one.await.unwrap() {
                Ok(_) => in_number += 1,
                Err(error) => assert!(matches!(error, Error::Refused(refusal::INVALID_CODE)), "{error:?}"),
            }
        }
        assert_eq!((in_number, test.count("auth_user").await, test.count("auth_session").await), (1, 1, 1));
    }

    async fn who_is_signed_out_everywhere_while_the_code_is_looked_at_is_not_let_in(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let user = test.register().await;
        let asked = test.ask(EMAIL).await;
        let halting = Halting::with(&test, db, on).await;
        let codes = halting.auth.email_codes().unwrap();
        let confirm = Confirm::code(EMAIL, &asked.code, Some(asked.flow));
        let auth = test.auth.clone();
        let late = halting.run(
            ("UPDATE", "auth_email_code"),
            async move { tokens(codes.confirm(confirm).await) },
            async move { auth.logout_all(user.id, auth_core::ClientInfo::default()).await.unwrap() },
        );
        assert_refused!(late.await, Error::Refused(refusal::INVALID_CODE));
        assert_eq!(test.count("auth_session").await, 0);
    }

    async fn a_mail_is_sent_by_one_of_two_instances(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let other = TestAuth::instance(db, keys(), &test.clock, 5, on).await;
        test.register().await;
        for _ in 0..3 {
            test.start(EMAIL).await;
        }
        let (one, two) = tokio::join!(test.codes_mailed(), other.codes_mailed());
        assert_eq!(one.len() + two.len(), 1);
    }

    async fn one_who_leaves_half_way_has_used_the_code_or_not(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        for polls in 1.. {
            test.clock.advance(3 * 60 * MINUTE);
            let asked = test.ask(EMAIL).await;
            let codes = test.codes();
            let confirm = Confirm::code(EMAIL, &asked.code, Some(asked.flow.clone()));
            let outcome = Leaves::after(polls, async move { codes.confirm(confirm).await }).await;
            // It goes on by itself; whoever comes again finds the code used, or uses it.
            let again = test.by_code(EMAIL, &asked.code, &asked.flow).await;
            assert!(matches!(again, Ok(_) | Err(Error::Refused(refusal::INVALID_CODE))), "{again:?}");
            let rows = test.count("auth_email_code WHERE tries = 0").await;
            assert_eq!(rows, 0, "nobody holds the row");
            if outcome.is_some() {
                break;
            }
        }
    }
}
