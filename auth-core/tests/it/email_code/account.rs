//! Whose account it is that a code signs in to.

use std::sync::{Arc, Mutex};

use auth_core::{
    Asking, BeforeRegister, BeforeSignIn, ClientInfo, EmailSignIn, Error, Hooks, Register, Registration,
    Verdict, email_code::Confirm, refusal,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{MINUTE, on, tokens, with};
use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, TestAuth},
};

const NEW: &str = "another horse battery";

/// Refuses what it is told to refuse.
#[derive(Clone, Default)]
struct House(Arc<Mutex<Option<&'static str>>>);

impl House {
    fn says<'a>(&self, what: &str) -> Asking<'a, Verdict> {
        let refuses = *self.0.lock().unwrap() == Some(what);
        let verdict = if refuses { Verdict::deny("wrong_house", "Not from here.") } else { Verdict::Allow };
        Box::pin(std::future::ready(Ok(verdict)))
    }
}

impl Hooks for House {
    fn before_register<'a>(&'a self, _: &'a BeforeRegister) -> Asking<'a, Verdict> {
        self.says("register")
    }

    fn before_sign_in<'a>(&'a self, _: &'a BeforeSignIn) -> Asking<'a, Verdict> {
        self.says("sign in")
    }
}

each_database! {
    async fn what_ends_the_sessions_disables_moves_or_deletes_an_account_ends_its_codes(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        for what in ["signed out everywhere", "a new password", "disabled", "another address", "deleted"] {
            let user = test.register().await;
            test.login().await;
            let (by_code, by_link) = (test.ask(EMAIL).await, { test.clock.advance(MINUTE); test.ask(EMAIL).await });
            let waiting = test.start(EMAIL).await;
            match what {
                "signed out everywhere" => test.auth.logout_all(user.id, ClientInfo::default()).await.unwrap(),
                "a new password" => {
                    let caller = test.login().await;
                    let caller = test.verify(&caller.access);
                    test.auth.change_password(&caller, PASSWORD, NEW, ClientInfo::default()).await.map(drop).unwrap();
                }
                "disabled" => test.auth.disable(user.id, ClientInfo::default()).await.unwrap(),
                "another address" => {
                    test.execute("UPDATE auth_user SET email = 'eve@example.com', email_normalized = 'eve@example.com'").await;
                }
                _ => test.auth.delete_user(user.id, ClientInfo::default()).await.unwrap(),
            }
            let rows = test.count("auth_email_code").await;
            assert_eq!(rows, if what == "deleted" { 0 } else { 3 }, "{what}");
            assert_refused!(test.by_code(EMAIL, &by_code.code, &by_code.flow).await, Error::Refused(refusal::INVALID_CODE));
            assert_refused!(test.by_link(&by_link.link).await, Error::Validation(_));
            test.clock.advance(2 * MINUTE);
            assert_eq!(test.codes_mailed().await.len(), 0, "{what}: {waiting:?}");
            test.execute("DELETE FROM auth_email_code").await;
            test.execute("DELETE FROM auth_user").await;
            test.clock.advance(DAY);
        }
    }

    async fn who_reads_the_mail_takes_an_account_from_who_claimed_its_address(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let thief = test.signed_in().await;
        let asked = test.ask(EMAIL).await;
        let owner = test.by_code(EMAIL, &asked.code, &asked.flow).await.unwrap();
        assert_eq!(owner.user_id, thief.user_id);
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        assert_refused!(test.refresh(&thief.refresh).await, Error::SessionOver);
        test.auth.deliver_mail().await.unwrap();
        let (mail, _) = test.outbox.take().remove(0);
        assert_eq!((mail.kind.code(), mail.ways_in.as_deref()), ("ways_in_removed", Some("password")));
        assert_eq!((test.events.count("reclaimed"), test.events.count("ways_in_removed")), (1, 1));
    }

    async fn who_is_signed_in_to_the_account_proves_the_address_and_keeps_the_password(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let before = test.signed_in().await;
        let asked = test.ask(EMAIL).await;
        let confirm = Confirm::code(EMAIL, &asked.code, Some(asked.flow)).replacing(before.refresh.clone());
        let after = tokens(test.codes().confirm(confirm).await).unwrap();
        assert!(test.auth.user(after.user_id).await.unwrap().email_verified);
        assert_refused!(test.refresh(&before.refresh).await, Error::SessionLeft);
        test.login().await;
        assert_eq!(test.events.count("reclaimed"), 0);
    }

    async fn a_session_of_another_account_keeps_nothing(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        test.auth.register(Register::new("eve@example.com", PASSWORD)).await.unwrap();
        let eve = test.try_login("eve@example.com", PASSWORD).await.unwrap();
        let asked = test.ask(EMAIL).await;
        let confirm = Confirm::code(EMAIL, &asked.code, Some(asked.flow)).replacing(eve.refresh);
        tokens(test.codes().confirm(confirm).await).unwrap();
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
    }

    async fn an_account_that_was_proved_keeps_its_password_and_its_sessions(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let (before, _) = test.proved_caller().await;
        let asked = test.ask(EMAIL).await;
        test.by_link(&asked.link).await.unwrap();
        test.refresh(&before.refresh).await.unwrap();
        test.login().await;
        assert_eq!(test.events.count("email_verified"), 0);
    }

    async fn an_address_that_nobody_has_gets_a_mail_and_an_account_only_where_that_is_wanted(db: &TestDatabase) {
        for (sign_in, registration, is_wanted) in [
            (EmailSignIn::On, Registration::Open, false),
            (EmailSignIn::SignUp, Registration::Closed, false),
            (EmailSignIn::SignUp, Registration::Open, true),
        ] {
            let test = TestAuth::with(db, |builder| {
                with(sign_in)(builder).configure(|config| config.registration = registration)
            }).await;
            let flow = test.start(EMAIL).await.token;
            let mut mails = test.codes_mailed().await;
            assert_eq!(mails.len(), usize::from(is_wanted), "{sign_in:?} {registration:?}");
            let Some(mail) = mails.pop() else { continue };
            assert_eq!(test.count("auth_user").await, 0, "nothing before the code is right");
            let signed_in = test.by_code(EMAIL, mail.code.unwrap().expose(), &flow).await.unwrap();
            let user = test.auth.user(signed_in.user_id).await.unwrap();
            assert_eq!((user.email.as_str(), user.email_verified), (EMAIL, true));
            assert_eq!(test.events.count("registered"), 1);
            // From now on it is an account like any other.
            test.clock.advance(MINUTE);
            let again = test.ask(EMAIL).await;
            assert_eq!(test.by_link(&again.link).await.unwrap().user_id, user.id);
        }
    }

    async fn a_code_from_when_accounts_were_made_makes_none_any_more(db: &TestDatabase) {
        let test = TestAuth::with(db, with(EmailSignIn::SignUp)).await;
        let asked = test.ask(EMAIL).await;
        let closed = TestAuth::instance(db, crate::support::keys(), &test.clock, 5, on).await;
        assert_refused!(closed.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Refused(refusal::INVALID_CODE));
        assert_refused!(closed.by_link(&asked.link).await, Error::Validation(_));
        test.by_link(&asked.link).await.unwrap();
    }

    async fn a_code_from_before_somebody_took_the_address_is_worth_nothing(db: &TestDatabase) {
        let test = TestAuth::with(db, with(EmailSignIn::SignUp)).await;
        let asked = test.ask(EMAIL).await;
        test.register().await;
        assert_refused!(test.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Refused(refusal::INVALID_CODE));
        assert_refused!(test.by_link(&asked.link).await, Error::Validation(_));
        test.login().await;
    }

    async fn the_house_is_asked_before_an_account_is_made_and_before_somebody_is_let_in(db: &TestDatabase) {
        let house = House::default();
        let hooks = Arc::new(house.clone());
        let test = TestAuth::with(db, |builder| with(EmailSignIn::SignUp)(builder).hooks(hooks)).await;
        let asked = test.ask(EMAIL).await;
        *house.0.lock().unwrap() = Some("register");
        assert_refused!(test.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Denied(_));
        assert_eq!(test.count("auth_user").await, 0);
        *house.0.lock().unwrap() = Some("sign in");
        assert_refused!(test.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Denied(_));
        assert_eq!((test.count("auth_user").await, test.count("auth_session").await), (1, 0));
        *house.0.lock().unwrap() = None;
        test.clock.advance(MINUTE);
        let again = test.ask(EMAIL).await;
        test.by_link(&again.link).await.unwrap();
    }

    async fn an_export_tells_of_sign_ins_under_way_and_of_no_secret(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let (_, caller) = test.caller().await;
        let asked = test.ask(EMAIL).await;
        let export = test.auth.export(&caller).await.unwrap();
        let (_, rows) = export.rooms.iter().find(|(member, _)| *member == "email_sign_ins").unwrap();
        assert_eq!(rows.len(), 1);
        let text = format!("{export:?}");
        for secret in [&asked.code, asked.flow.expose(), asked.link.expose()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
