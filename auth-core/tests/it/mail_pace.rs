//! How often somebody is written to, whatever strangers do with the address.

use auth_core::{
    AuthBuilder, ClientInfo, EmailVerification, Error, Register,
    mail::{MailError, MailKind},
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{EMAIL, HOUR, PASSWORD, SECOND, TestAuth},
};

const NEW: &str = "another horse battery";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

/// Nothing but the pace of mails stands against whoever asks.
fn open(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| {
        config.email_verification = EmailVerification::On;
        config.insecure_no_throttle = true;
    })
}

async fn register_again(test: &TestAuth, email: &str) {
    let again = test.auth.register(Register::new(email, "a stranger's password")).await;
    assert_refused!(again, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
}

each_database! {
    async fn however_often_an_address_is_registered_its_owner_is_told_once_a_day(db: &TestDatabase) {
        let test = TestAuth::with(db, open).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        test.outbox.take();
        for number in 0..60 {
            register_again(&test, if number % 2 == 0 { EMAIL } else { "ADA@example.com" }).await;
            if number % 7 == 0 {
                test.auth.deliver_mail().await.unwrap();
            }
        }
        assert_eq!(test.kinds_of_mails().await, ["email_taken"]);
        test.clock.advance(86_399 * SECOND);
        register_again(&test, EMAIL).await;
        assert_eq!(test.kinds_of_mails().await, [""; 0]);
        test.clock.advance(2 * SECOND);
        test.auth.sweep().await.unwrap();
        register_again(&test, EMAIL).await;
        register_again(&test, EMAIL).await;
        assert_eq!(test.kinds_of_mails().await, ["email_taken"]);
        assert_eq!(test.count("auth_mail").await, 0);
    }

    async fn a_notice_that_did_not_leave_at_first_is_counted_once_and_sent_later(db: &TestDatabase) {
        let test = TestAuth::with(db, open).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        test.outbox.take();
        register_again(&test, EMAIL).await;
        test.outbox.fail(Some(MailError::NotNow("down".to_owned())));
        for _ in 0..3 {
            test.auth.deliver_mail().await.unwrap();
            test.clock.advance(20 * SECOND);
        }
        test.outbox.fail(None);
        assert_eq!(test.kinds_of_mails().await, ["email_taken"]);
    }

    async fn a_stranger_who_asks_for_links_all_day_neither_fills_the_mailbox_nor_locks_the_owner_out(db: &TestDatabase) {
        let test = TestAuth::with(db, open).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        let mut links = Vec::new();
        for asked in 0..300 {
            test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
            test.auth.deliver_mail().await.unwrap();
            for (mail, _) in test.outbox.take() {
                links.extend(mail.link.map(|link| (asked, link.token)));
            }
            // Once a minute for an hour, then every six minutes to the end of the day.
            test.clock.advance(if asked < 60 { 60 * SECOND } else { 345 * SECOND });
            if asked == 100 {
                test.auth.sweep().await.unwrap();
            }
        }
        assert!((24..=29).contains(&links.len()), "{} in a day", links.len());
        // The last one that was sent is good, and the first five were good side by side.
        let (_, newest) = links.pop().unwrap();
        test.auth.reset_password(newest, NEW, nobody()).await.unwrap();
    }

    async fn the_links_of_one_hour_work_side_by_side_until_one_is_used(db: &TestDatabase) {
        let test = TestAuth::with(db, open).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        test.outbox.take();
        let mut links = Vec::new();
        for _ in 0..8 {
            test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
            test.auth.deliver_mail().await.unwrap();
            links.extend(test.outbox.take().into_iter().filter_map(|(mail, _)| mail.link).map(|link| link.token));
            test.clock.advance(61 * SECOND);
        }
        assert_eq!(links.len(), 5);
        // A link that an operator hands out ends none of them either.
        let user = test.auth.find_user(EMAIL).await.unwrap().id;
        let by_hand = test.auth.reset_link(user, nobody()).await.unwrap().token;
        test.auth.reset_password(links.remove(0), NEW, nobody()).await.unwrap();
        for dead in links.into_iter().chain([by_hand]) {
            assert_refused!(test.auth.reset_password(dead, PASSWORD, nobody()).await, Error::Validation(_));
        }
    }

    async fn mails_to_an_address_are_counted_whatever_accounts_they_come_from(db: &TestDatabase) {
        let test = TestAuth::with(db, open).await;
        let mut sent = 0;
        for number in 0..8 {
            let email = format!("mallory{number}@example.net");
            test.auth.register(Register::new(&*email, PASSWORD)).await.unwrap();
            let tokens = test.try_login(&email, PASSWORD).await.unwrap();
            let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
            test.auth.request_email_change(&caller, EMAIL, Some(PASSWORD.into()), nobody()).await.unwrap();
            test.clock.advance(61 * SECOND);
            test.auth.deliver_mail().await.unwrap();
            sent += test.outbox.take().iter().filter(|(mail, _)| mail.to == EMAIL).count();
        }
        assert_eq!(sent, 5, "asked for by others");
        let mut sent = [0, 0];
        for _ in 0..8 {
            let (_, caller) = test.caller().await;
            test.auth.delete_account(&caller, Some(PASSWORD.into()), nobody()).await.unwrap();
            test.clock.advance(61 * SECOND);
            for kind in test.kinds_of_mails().await {
                sent[usize::from(kind == "account_deleted")] += 1;
            }
        }
        assert_eq!(sent, [0, 5], "made and deleted again: the link is of no use any more");
    }

    async fn notices_to_who_has_proved_the_address_are_not_held_back(db: &TestDatabase) {
        let test = TestAuth::with(db, open).await;
        let (_, caller) = test.caller().await;
        test.auth.deliver_mail().await.unwrap();
        test.outbox.take();
        for (proved, expected) in [(false, 5), (true, 8)] {
            if proved {
                test.execute("UPDATE auth_user SET email_verified_at = 1").await;
            }
            for _ in 0..4 {
                test.auth.change_password(&caller, PASSWORD, NEW, nobody()).await.unwrap();
                test.auth.change_password(&caller, NEW, PASSWORD, nobody()).await.unwrap();
            }
            let sent = test.kinds_of_mails().await;
            assert_eq!(sent, vec!["password_changed"; expected], "proved: {proved}");
        }
    }

    async fn of_many_who_ask_for_one_address_at_once_one_is_heard(db: &TestDatabase) {
        let test = TestAuth::with(db, open).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        test.outbox.take();
        for _ in 0..16 {
            test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
            register_again(&test, EMAIL).await;
        }
        let rounds: Vec<_> = (0..4).map(|_| {
            let auth = test.auth.clone();
            tokio::spawn(async move { auth.deliver_mail().await })
        }).collect();
        for round in rounds {
            round.await.unwrap().unwrap();
        }
        assert_eq!(test.kinds_of_mails().await, ["email_taken", "reset_password"]);
        test.clock.advance(HOUR);
        assert_eq!(test.kinds_of_mails().await, [""; 0], "nothing waits");
        assert_eq!(test.outbox.take().iter().filter(|(mail, _)| mail.kind == MailKind::ResetPassword).count(), 0);
    }
}
