//! Another address for an account: who may bring it about, and what stops it.

use auth_core::{ClientInfo, EmailVerification, Error, OneTimeToken, Principal, mail::MailKind};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, SECOND, TestAuth},
};

const THIEF: &str = "thief@example.net";
const NEW: &str = "another horse battery";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

async fn ask(test: &TestAuth, caller: &Principal, email: &str) {
    test.auth.request_email_change(caller, email, Some(PASSWORD.into()), nobody()).await.unwrap();
}

/// Delivers the mails: the link to the new address, and the one that stops it.
async fn links(test: &TestAuth) -> (OneTimeToken, OneTimeToken) {
    test.auth.deliver_mail().await.unwrap();
    let mails = test.outbox.take();
    let of = |kind| {
        let (mail, _) = mails.iter().find(|(mail, _)| mail.kind == kind).unwrap();
        mail.link.clone().unwrap().token
    };
    (of(MailKind::ChangeEmail), of(MailKind::EmailChangeAsked))
}

async fn follow(test: &TestAuth, link: OneTimeToken) -> Result<String, Error> {
    test.auth.verify_email(link, nobody()).await.map(|user| user.email)
}

each_database! {
    async fn whatever_ends_the_sessions_ends_a_change_of_address_that_is_under_way(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await.id;
        for way in ["disabled", "all", "others", "password", "reset"] {
            let password = if way == "reset" { NEW } else { PASSWORD };
            let [thief, owner] = [test.login().await, test.login().await]
                .map(|tokens| test.auth.verifier().verify(tokens.access.expose()).unwrap());
            ask(&test, &thief, THIEF).await;
            let (link, _) = links(&test).await;
            ask(&test, &thief, "another@example.net").await;
            match way {
                "disabled" => {
                    test.auth.disable(user, nobody()).await.unwrap();
                    assert_refused!(follow(&test, link.clone()).await, Error::Validation(_));
                    test.auth.enable(user, nobody()).await.unwrap();
                }
                "all" => test.auth.logout_all(user, nobody()).await.unwrap(),
                "others" => test.auth.end_other_sessions(&owner, nobody()).await.unwrap(),
                "password" => {
                    test.auth.change_password(&owner, PASSWORD, NEW, nobody()).await.unwrap();
                    test.auth.change_password(&owner, NEW, PASSWORD, nobody()).await.unwrap();
                }
                _ => {
                    let link = test.auth.reset_link(user, nobody()).await.unwrap().token;
                    test.auth.reset_password(link, password, nobody()).await.unwrap();
                }
            }
            assert_refused!(follow(&test, link).await, Error::Validation(_));
            // The second one has not left yet.
            let sent = test.kinds_of_mails().await;
            assert!(!sent.contains(&"change_email") && !sent.contains(&"email_change_asked"), "{way}: {sent:?}");
            assert_eq!(test.auth.user(user).await.unwrap().email, EMAIL, "{way}");
            test.clock.advance(3601 * SECOND);
        }
    }

    async fn a_disabled_account_redeems_nothing(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::On)).await;
        let (_, caller) = test.caller().await;
        let proof = test.token_of(MailKind::VerifyEmail).await;
        let reset = test.auth.reset_link(caller.user_id(), nobody()).await.unwrap().token;
        ask(&test, &caller, THIEF).await;
        let (change, stop) = links(&test).await;
        // As another program would do it, which ends nothing.
        test.execute("UPDATE auth_user SET disabled_at = 1").await;
        for link in [&proof, &change] {
            assert_refused!(follow(&test, link.clone()).await, Error::Validation(_));
        }
        assert_refused!(test.auth.stop_email_change(stop, nobody()).await, Error::Validation(_));
        assert_refused!(test.auth.reset_password(reset, NEW, nobody()).await, Error::Validation(_));
        test.execute("UPDATE auth_user SET disabled_at = NULL").await;
        assert_eq!(follow(&test, proof).await.unwrap(), EMAIL);
        test.login().await;
    }

    async fn the_old_address_is_told_when_a_change_is_asked_for_and_can_stop_it(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (tokens, caller) = test.caller().await;
        ask(&test, &caller, THIEF).await;
        test.auth.deliver_mail().await.unwrap();
        let mails = test.outbox.take();
        let (told, text) = mails.iter().find(|(mail, _)| mail.to == EMAIL).unwrap();
        assert_eq!((told.kind, told.new_address.as_deref()), (MailKind::EmailChangeAsked, Some(THIEF)));
        let link = told.link.clone().unwrap();
        assert!(link.url.starts_with("http://127.0.0.1:8000/stop-email-change#token="), "{}", link.url);
        assert!(text.text.contains(THIEF) && text.text.contains(&link.url), "{}", text.text);
        let (change, _) = mails.iter().find(|(mail, _)| mail.to == THIEF).unwrap();
        assert_refused!(follow(&test, link.token.clone()).await, Error::Validation(_));

        // Asked for again, and not sent yet.
        ask(&test, &caller, "another@example.net").await;
        test.auth.stop_email_change(link.token.clone(), nobody()).await.unwrap();
        assert_refused!(follow(&test, change.link.clone().unwrap().token).await, Error::Validation(_));
        assert_eq!(test.kinds_of_mails().await, [""; 0]);
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        assert_refused!(test.auth.stop_email_change(link.token, nobody()).await, Error::Validation(_));
        assert_eq!(test.events.count("email_change_stopped"), 1);
        assert_eq!(test.auth.user(caller.user_id()).await.unwrap().email, EMAIL);
    }

    async fn what_stops_a_change_goes_to_the_old_address_and_not_after_the_change(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        ask(&test, &caller, THIEF).await;
        test.execute("UPDATE auth_mail SET next_try_at = next_try_at + 1000 WHERE kind = 'email_change_asked'").await;
        let change = test.token_of(MailKind::ChangeEmail).await;
        assert_eq!(follow(&test, change).await.unwrap(), THIEF);
        test.clock.advance(2 * SECOND);
        test.auth.deliver_mail().await.unwrap();
        let told: Vec<_> = test.outbox.take().into_iter().map(|(mail, _)| (mail.kind.code(), mail.to)).collect();
        assert_eq!(told, [("email_changed", EMAIL.to_owned())]);

        test.clock.advance(61 * SECOND);
        ask(&test, &caller, EMAIL).await;
        let (change, stop) = links(&test).await;
        assert_eq!(follow(&test, change).await.unwrap(), EMAIL);
        assert_refused!(test.auth.stop_email_change(stop, nobody()).await, Error::Validation(_));
        test.auth.current_user(&caller).await.unwrap();
    }

    async fn an_address_that_was_mistyped_is_given_up_for_the_next_and_one_that_is_asked_for_twice_is_not(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        ask(&test, &caller, "cuontess@example.org").await;
        let mistyped = test.token_of(MailKind::ChangeEmail).await;
        let mut links = Vec::new();
        for _ in 0..2 {
            test.clock.advance(61 * SECOND);
            ask(&test, &caller, "countess@example.org").await;
            links.push(test.token_of(MailKind::ChangeEmail).await);
        }
        assert_refused!(follow(&test, mistyped).await, Error::Validation(_));
        assert_eq!(follow(&test, links.remove(0)).await.unwrap(), "countess@example.org");
        assert_refused!(follow(&test, links.remove(0)).await, Error::Validation(_));
    }

    async fn what_the_version_before_has_asked_for_goes_on_and_ends_with_the_sessions(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        for way in ["followed", "ended", "ended before it was sent"] {
            test.clock.advance(61 * SECOND);
            let new = format!("{}@example.org", way.replace(' ', "-"));
            ask(&test, &caller, &new).await;
            // It told nothing to the old address.
            test.execute("DELETE FROM auth_mail WHERE kind = 'email_change_asked'").await;
            if way == "ended before it was sent" {
                test.auth.logout_all(caller.user_id(), nobody()).await.unwrap();
                assert_eq!(test.kinds_of_mails().await, [""; 0]);
                continue;
            }
            let link = test.token_of(MailKind::ChangeEmail).await;
            if way == "ended" {
                test.auth.end_other_sessions(&caller, nobody()).await.unwrap();
                assert_refused!(follow(&test, link).await, Error::Validation(_));
            } else {
                assert_eq!(follow(&test, link).await.unwrap(), new);
                assert_eq!(test.kinds_of_mails().await, ["email_changed"]);
            }
        }
    }
}
