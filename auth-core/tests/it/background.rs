//! Background work: one call does all of it, and whatever waits for a call that nobody made says so.

use std::time::Duration;

use auth_core::ClientInfo;
use auth_migration::{each_database, test_util::TestDatabase};
use tokio::time::timeout;

use crate::{
    secrecy::Heard,
    support::{DAY, EMAIL, SECOND, TestAuth, keys, polling},
};

async fn until(mut done: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(60 * SECOND, asked).await.is_ok(), "the background task does not do it");
}

each_database! {
    async fn one_call_polls_what_has_ended_sends_mail_and_removes_what_is_over(db: &TestDatabase) {
        let one = TestAuth::new(db).await;
        let over = one.signed_in().await;
        one.auth.logout(over.refresh, ClientInfo::default()).await.unwrap();
        one.clock.advance(DAY);
        let tokens = one.login().await;
        let other = TestAuth::instance(db, keys(), &one.clock, 5, polling).await;
        let bounded = other.auth.verifier().bounded(other.auth.revocations());
        let auth = other.auth.clone();
        let background = tokio::spawn(async move { auth.run_background().await });
        one.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        one.auth.logout(tokens.refresh, ClientInfo::default()).await.unwrap();
        until(async || bounded.verify(tokens.access.expose()).is_err()).await;
        until(async || other.outbox.take().len() == 1).await;
        until(async || one.count("auth_session").await == 1).await;
        assert_eq!(other.auth.check().await.iter().filter(|found| found.code == "background_missing").count(), 0);
        background.abort();
    }
}

fn missing(found: &[auth_core::Finding]) -> bool {
    found.iter().any(|finding| finding.code == "background_missing")
}

#[tokio::test]
async fn where_it_does_not_run_the_first_mail_says_so_once() {
    let heard = Heard::default();
    let _listening = heard.listen();
    let db = TestDatabase::sqlite().await;
    let test = TestAuth::new(&db).await;
    test.register().await;
    assert!(!missing(&test.auth.check().await), "nothing waits");
    for _ in 0..2 {
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
    }
    assert_eq!(heard.text().matches("Auth::run_background").count(), 1, "{}", heard.text());
    assert!(missing(&test.auth.check().await));
    test.auth.deliver_mail().await.unwrap();
    assert!(!missing(&test.auth.check().await), "a scheduler of the host's own does it");
}

#[tokio::test]
async fn where_it_does_not_run_tokens_that_are_verified_blindly_are_told_of_once_the_start_is_over() {
    let heard = Heard::default();
    let _listening = heard.listen();
    let db = TestDatabase::sqlite().await;
    let test = TestAuth::new(&db).await;
    let tokens = test.signed_in().await;
    let bounded = test.auth.verifier().bounded(test.auth.revocations());
    let look = || bounded.verify(tokens.access.expose()).map(drop);
    look().unwrap();
    assert!(!missing(&test.auth.check().await), "it may be about to begin");
    test.clock.advance(Duration::from_secs(11));
    look().unwrap();
    look().unwrap();
    assert_eq!(heard.text().matches("Auth::run_background").count(), 1, "{}", heard.text());
    assert!(missing(&test.auth.check().await));
    test.auth.deliver_mail().await.unwrap();
    assert!(missing(&test.auth.check().await), "who sends mails polls nothing");
    test.auth.poll_revocations().await.unwrap();
    assert!(!missing(&test.auth.check().await));
}

#[tokio::test]
async fn a_process_that_leaves_it_to_another_is_not_told() {
    let heard = Heard::default();
    let _listening = heard.listen();
    let elsewhere =
        |builder: auth_core::AuthBuilder| builder.configure(|config| config.background.runs_elsewhere = true);
    let db = TestDatabase::sqlite().await;
    let test = TestAuth::with(&db, elsewhere).await;
    test.register().await;
    test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
    assert_eq!(heard.text().matches("Auth::run_background").count(), 0);
    assert!(!missing(&test.auth.check().await));
}

#[test]
fn the_database_is_never_asked_without_a_rest() {
    let with = |change: fn(&mut auth_core::BackgroundConfig)| {
        let builder = auth_core::Auth::builder(sea_orm::DatabaseConnection::default(), keys());
        builder.configure(|config| change(&mut config.background)).build().unwrap_err().setting().to_owned()
    };
    assert_eq!(with(|every| every.poll = Duration::ZERO), "background.poll");
    assert_eq!(with(|every| every.mail = Duration::ZERO), "background.mail");
    assert_eq!(with(|every| every.sweep = Duration::ZERO), "background.sweep");
}
