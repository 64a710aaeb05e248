//! The outbox: what leaves, when, how often, and what never does.

use std::{sync::Arc, time::Duration};

use auth_core::{
    ClientInfo, EmailVerification, Error, Register,
    mail::{Mail, MailError, MailKind, MailTemplates, MailText, Mailer, Sending},
    test_util::{ManualClock, Outbox},
};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::TransactionTrait;

use crate::support::{DAY, EMAIL, PASSWORD, SECOND, TestAuth, keys};

const MINUTE: Duration = Duration::from_mins(1);

async fn verifying(db: &TestDatabase) -> TestAuth {
    TestAuth::with(db, |builder| {
        builder.configure(|config| config.email_verification = EmailVerification::On)
    })
    .await
}

/// Takes nothing for some people at the moment, and panics for one of them.
#[derive(Default)]
struct Choosy(Outbox);

impl Mailer for Choosy {
    fn send<'a>(&'a self, mail: &'a Mail, text: &'a MailText) -> Sending<'a> {
        assert_ne!(mail.to, "picky7@example.com", "a mailer that panics");
        if mail.to.starts_with("picky") {
            return Box::pin(std::future::ready(Err(MailError::NotNow("greylisted".to_owned()))));
        }
        self.0.send(mail, text)
    }
}

each_database! {
    async fn a_mail_leaves_once_and_the_outbox_is_empty_then(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        assert_eq!(test.count("auth_mail").await, 1);
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1);
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 0);
        let sent = test.outbox.take();
        assert_eq!((sent.len(), sent[0].0.kind, sent[0].0.to.as_str()), (1, MailKind::VerifyEmail, EMAIL));
        assert_eq!(test.count("auth_mail").await, 0);
    }

    async fn of_several_instances_one_sends_each_mail(db: &TestDatabase) {
        let clock = ManualClock::new();
        let outbox = Outbox::new();
        let mut instances = Vec::new();
        for _ in 0..3 {
            let mailer = Arc::new(outbox.clone());
            instances.push(TestAuth::instance(db, keys(), &clock, 3, |builder| {
                builder.configure(|config| {
                    config.email_verification = EmailVerification::On;
                    config.insecure_no_throttle = true;
                }).mailer(mailer)
            }).await);
        }
        for number in 0..20 {
            instances[0].auth.register(Register::new(format!("p{number}@example.com"), PASSWORD)).await.unwrap();
        }
        let runs: Vec<_> = instances.iter().map(|one| {
            let auth = one.auth.clone();
            tokio::spawn(async move { auth.deliver_mail().await })
        }).collect();
        let mut told = 0;
        for run in runs {
            told += run.await.unwrap().unwrap();
        }
        let mut recipients: Vec<String> = outbox.take().into_iter().map(|(mail, _)| mail.to).collect();
        recipients.sort();
        recipients.dedup();
        assert_eq!((told, recipients.len()), (20, 20));
    }

    async fn a_mail_that_does_not_leave_is_tried_again_later_and_later_with_the_same_link(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        test.outbox.fail(Some(MailError::NotNow("down".to_owned())));
        let mut tries = Vec::new();
        for step in 0..20 {
            assert!(test.count("auth_one_time_token").await <= 1, "each try has the same token");
            test.auth.deliver_mail().await.unwrap();
            if test.count(&format!("auth_mail WHERE attempts = {}", tries.len() + 1)).await == 1 {
                tries.push(5 * step);
            }
            test.clock.advance(5 * SECOND);
        }
        assert_eq!(tries, [0, 5, 15, 35, 75], "seconds");
        test.outbox.fail(None);
        test.clock.advance(MINUTE);
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1);
        let (mail, _) = test.outbox.take().remove(0);
        let token = mail.link.unwrap().token;
        assert!(test.auth.verify_email(token, ClientInfo::default()).await.unwrap().email_verified);
    }

    async fn a_mail_is_given_up_after_a_day_or_when_it_is_refused_for_good(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        test.outbox.fail(Some(MailError::NotNow("down".to_owned())));
        test.auth.deliver_mail().await.unwrap();
        test.clock.advance(DAY + MINUTE);
        test.auth.deliver_mail().await.unwrap();
        assert_eq!((test.count("auth_mail").await, test.events.count("mail_given_up")), (0, 1));

        test.outbox.fail(Some(MailError::Refused("code 550".to_owned())));
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        test.auth.deliver_mail().await.unwrap();
        assert_eq!((test.count("auth_mail").await, test.events.count("mail_given_up")), (0, 2));
    }

    async fn a_mail_leaves_in_the_same_round_however_many_stand_before_it_that_nobody_gets(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        test.outbox.take();
        for number in 0..320 {
            let nobody = format!("nobody{number}@example.com");
            test.auth.forgot_password(nobody, ClientInfo::default()).await.unwrap();
        }
        test.clock.advance(SECOND);
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1);
        assert_eq!((test.outbox.take().len(), test.count("auth_mail").await), (1, 0));
    }

    async fn a_mail_leaves_in_the_same_round_behind_others_that_the_server_does_not_take(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.mailer(Arc::new(Choosy::default()))).await;
        for number in 0..64 {
            let user = format!("picky{number}@example.com");
            test.auth.register(Register::new(user.as_str(), PASSWORD)).await.unwrap();
            test.auth.forgot_password(user, ClientInfo::default()).await.unwrap();
        }
        test.register().await;
        test.clock.advance(SECOND);
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1, "one is sent, each other is tried once");
        assert_eq!(test.count("auth_mail WHERE attempts = 1").await, 64);
    }

    async fn who_dies_between_taking_a_mail_on_and_sending_it_leaves_it_to_others(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        // As an instance that was killed has left it.
        test.execute("UPDATE auth_mail SET attempts = 1, next_try_at = next_try_at + 60000").await;
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 0);
        test.clock.advance(MINUTE);
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1);
    }

    async fn a_host_that_rolls_back_leaves_no_user_no_mail_and_no_event(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| {
                config.email_verification = EmailVerification::On;
                config.audit_retention = Some(DAY);
            })
        }).await;
        let prepared = test.auth.prepare_register(Register::new(EMAIL, PASSWORD)).await.unwrap();
        let txn = test.db.begin().await.unwrap();
        prepared.insert_in(&txn).await.unwrap();
        txn.rollback().await.unwrap();
        for table in ["auth_user", "auth_mail", "auth_event"] {
            assert_eq!(test.count(table).await, 0, "{table}");
        }
        let txn = test.db.begin().await.unwrap();
        prepared.insert_in(&txn).await.unwrap();
        txn.commit().await.unwrap();
        for table in ["auth_user", "auth_mail", "auth_event"] {
            assert_eq!(test.count(table).await, 1, "{table}");
        }
    }

    async fn the_outbox_holds_nothing_that_could_be_used(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        assert_eq!(test.count("auth_one_time_token").await, 0, "the token is made when the mail is sent");
        test.auth.deliver_mail().await.unwrap();
        let (mail, text) = test.outbox.take().remove(0);
        let link = mail.link.clone().unwrap();
        assert_eq!(link.url, format!("http://127.0.0.1:8000/verify-email#token={}", link.token.expose()));
        assert!(text.text.contains(&link.url) && text.html.contains(&link.url));
        assert!(!format!("{mail:?} {link:?}").contains(link.token.expose()) && !format!("{mail:?}").contains(EMAIL));
    }

    async fn a_host_writes_its_own_words(db: &TestDatabase) {
        struct Verse;
        impl MailTemplates for Verse {
            fn write(&self, mail: &Mail, service: &str) -> MailText {
                let text = format!("{service}: {} ({})", mail.link.as_ref().unwrap().token.expose(), mail.to);
                MailText { subject: mail.kind.code().to_owned(), html: text.clone(), text }
            }
        }
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| config.email_verification = EmailVerification::On).mail_templates(Arc::new(Verse)).configure(|config| config.mail.service_name = "Tea".into())
        }).await;
        test.register().await;
        test.auth.deliver_mail().await.unwrap();
        let (mail, text) = test.outbox.take().remove(0);
        assert_eq!(text.subject, "verify_email");
        assert_eq!(text.text, format!("Tea: {} ({EMAIL})", mail.link.unwrap().token.expose()));
    }

    async fn without_a_mailer_nothing_is_written_and_requests_for_links_are_refused(db: &TestDatabase) {
        let test = TestAuth::without_mail(db).await;
        let tokens = test.signed_in().await;
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        test.auth.change_password(&caller, PASSWORD, "another horse battery", ClientInfo::default()).await.unwrap();
        assert_eq!(test.count("auth_mail").await, 0);
        let refused = test.auth.forgot_password(EMAIL, ClientInfo::default()).await;
        assert!(matches!(refused, Err(Error::Config(_))));
    }

    async fn mails_of_a_later_version_keep_none_of_this_one_back(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| { config.email_verification = EmailVerification::On; config.insecure_no_throttle = true; })
        }).await;
        for number in 0..40 {
            test.auth.register(Register::new(format!("p{number}@example.com"), PASSWORD)).await.unwrap();
        }
        test.execute("UPDATE auth_mail SET kind = 'unheard_of'").await;
        test.clock.advance(SECOND);
        test.register().await;
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1);
        assert_eq!(test.count("auth_mail").await, 40, "left to the version that knows them");
    }

    async fn each_mail_waits_for_its_own_time(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        test.execute("UPDATE auth_mail SET attempts = 5").await;
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        test.outbox.fail(Some(MailError::NotNow("down".to_owned())));
        test.auth.deliver_mail().await.unwrap();
        test.outbox.fail(None);
        test.clock.advance(5 * SECOND);
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1);
        assert_eq!(test.outbox.take()[0].0.to, "bob@example.com");
        test.clock.advance(155 * SECOND);
        assert_eq!(test.auth.deliver_mail().await.unwrap(), 1);
    }
}

#[test]
fn where_there_is_a_mailer_each_page_that_its_links_lead_to_has_to_be_named() {
    let build = |change: fn(&mut auth_core::MailConfig)| {
        let builder =
            auth_core::Auth::builder(sea_orm::DatabaseConnection::default(), crate::support::keys());
        builder
            .mailer(Arc::new(auth_core::mail::LogMailer))
            .configure(|config| change(&mut config.mail))
            .build()
    };
    assert_eq!(build(|_| {}).unwrap_err().setting(), "mail.verify_email_url");
    let refused = build(|mail| {
        mail.pages_at("https://app.example.com/auth");
        mail.stop_email_change_url.clear();
    });
    assert_eq!(refused.unwrap_err().setting(), "mail.stop_email_change_url");
    let named = build(|mail| mail.pages_at("https://app.example.com/auth/")).unwrap();
    assert_eq!(named.config().mail.reset_password_url, "https://app.example.com/auth/reset-password");
    let without = auth_core::Auth::builder(sea_orm::DatabaseConnection::default(), crate::support::keys());
    without.build().unwrap();
}
