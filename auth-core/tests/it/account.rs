//! What a signed-in user does to the account itself.

use auth_core::{Assurance, ClientInfo, Error, Register, mail::MailKind, refusal};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::DbBackend;

use crate::{
    assert_refused,
    secrecy::Heard,
    support::{DAY, EMAIL, HOUR, PASSWORD, SECOND, TestAuth, keys},
};

const NEW: &str = "another horse battery";

fn field_and_code(error: Error) -> (&'static str, &'static str) {
    let Error::Validation(errors) = error else { panic!("{error:?}") };
    (errors[0].field, errors[0].code)
}

/// A table of a host's, with a foreign key that lets nobody go.
async fn keep(test: &TestAuth, table: &str, rule: &str) {
    let kind = match test.db.get_database_backend() {
        DbBackend::Postgres => "uuid",
        DbBackend::MySql => "binary(16)",
        _ => "blob",
    };
    test.execute(&format!(
        "CREATE TABLE {table} (user_id {kind}, FOREIGN KEY (user_id) REFERENCES auth_user (id) {rule})"
    ))
    .await;
    test.execute(&format!("INSERT INTO {table} SELECT id FROM auth_user WHERE email = '{EMAIL}'")).await;
}

each_database! {
    async fn an_account_stays_that_rows_of_the_host_refer_to_and_the_log_names_their_table(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        for (table, rule) in [("host_list", ""), ("host_order", "ON DELETE RESTRICT")] {
            keep(&test, table, rule).await;
            for by in ["the owner", "an administrator"] {
                let heard = Heard::default();
                let listening = heard.listen();
                let refused = match by {
                    "the owner" => test.auth.delete_account(&caller, Some(PASSWORD.into()), ClientInfo::default()).await,
                    _ => test.auth.delete_user(caller.user_id(), ClientInfo::default()).await,
                };
                drop(listening);
                assert_refused!(refused, Error::Refused(refusal::USER_IN_USE));
                let lines = heard.text();
                assert!(lines.contains("WARN") && lines.contains(table) && !lines.contains(EMAIL), "{by}: {lines}");
            }
            test.auth.current_user(&caller).await.unwrap();
            test.execute(&format!("DROP TABLE {table}")).await;
        }
        assert_eq!((test.events.count("deleted"), test.kinds_of_mails().await), (0, vec![]));
        keep(&test, "host_note", "ON DELETE CASCADE").await;
        test.auth.delete_user(caller.user_id(), ClientInfo::default()).await.unwrap();
        assert_eq!(test.count("host_note").await, 0);
    }

    async fn an_account_that_the_host_keeps_holds_up_no_sweep(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| config.unverified_account_ttl = Some(DAY))
        }).await;
        test.register().await;
        keep(&test, "host_list", "").await;
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        test.clock.advance(2 * DAY);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.text("SELECT email FROM auth_user").await, EMAIL);
    }

    async fn a_new_password_ends_all_other_sessions_and_no_link_survives(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (own, caller) = test.caller().await;
        let other = test.login().await;
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let link = test.token_of(MailKind::ResetPassword).await;
        test.auth.change_password(&caller, PASSWORD, NEW, ClientInfo::default()).await.unwrap();
        test.refresh(&own.refresh).await.unwrap();
        test.auth.current_user(&caller).await.unwrap();
        assert_refused!(test.refresh(&other.refresh).await, Error::SessionOver);
        assert_refused!(test.auth.reset_password(link, NEW, ClientInfo::default()).await, Error::Validation(_));
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        test.try_login(EMAIL, NEW).await.unwrap();
        test.auth.deliver_mail().await.unwrap();
        assert_eq!(test.outbox.take().remove(0).0.kind, MailKind::PasswordChanged);
    }

    async fn a_wrong_current_password_is_an_error_of_its_field_and_counts_as_a_failure(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        for _ in 0..10 {
            let refused = test.auth.change_password(&caller, "wrong", NEW, ClientInfo::default()).await;
            assert_eq!(field_and_code(refused.unwrap_err()), ("current_password", "wrong_password"));
        }
        let refused = test.auth.change_password(&caller, PASSWORD, NEW, ClientInfo::default()).await;
        assert_refused!(refused, Error::Throttled { .. });
        assert_eq!(test.events.count("password_not_confirmed"), 10);
        test.clock.advance(10 * SECOND);
        let weak = test.auth.change_password(&caller, PASSWORD, "short", ClientInfo::default()).await;
        assert_eq!(field_and_code(weak.unwrap_err()), ("new_password", "too_short"));
    }

    async fn of_two_changes_at_once_one_wins(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        let tries: Vec<_> = (0..5).map(|number| {
            let (auth, caller) = (test.auth.clone(), caller.clone());
            let new = format!("{NEW} {number}");
            tokio::spawn(async move {
                auth.change_password(&caller, PASSWORD, new.as_str(), ClientInfo::default()).await.map(|()| new)
            })
        }).collect();
        let mut winners = Vec::new();
        for one in tries {
            match one.await.unwrap() {
                Ok(new) => winners.push(new),
                Err(error) => assert!(matches!(error, Error::Validation(_)), "{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        test.try_login(EMAIL, &winners[0]).await.unwrap();
    }

    async fn a_deleted_account_is_gone_with_all_that_hangs_on_it_and_known_to_be(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let (tokens, caller) = test.caller().await;
        test.auth.poll_revocations().await.unwrap();
        let bounded = test.auth.verifier().bounded(test.auth.revocations());
        bounded.verify(tokens.access.expose()).unwrap();
        let refused = test.auth.delete_account(&caller, None, ClientInfo::default()).await;
        assert_eq!(field_and_code(refused.unwrap_err()), ("password", "required"));
        let refused = test.auth.delete_account(&caller, Some("wrong".into()), ClientInfo::default()).await;
        assert_eq!(field_and_code(refused.unwrap_err()), ("password", "wrong_password"));
        test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        test.token_of(MailKind::ResetPassword).await;

        test.auth.delete_account(&caller, Some(PASSWORD.into()), ClientInfo::default()).await.unwrap();
        for table in ["auth_user", "auth_password", "auth_session", "auth_one_time_token"] {
            assert_eq!(test.count(table).await, 0, "{table}");
        }
        bounded.verify(tokens.access.expose()).unwrap_err();
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        test.auth.deliver_mail().await.unwrap();
        let (mail, _) = test.outbox.take().remove(0);
        assert_eq!((mail.kind, mail.to.as_str()), (MailKind::AccountDeleted, EMAIL));
        let events = test.auth.events(caller.user_id(), None, 100).await.unwrap();
        assert_eq!(events[0].code, "deleted");
        test.register().await;
        test.clock.advance(2 * HOUR);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_deleted_user").await, 0);
    }

    async fn without_a_password_a_recent_sign_in_will_do(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        test.execute("DELETE FROM auth_password").await;
        test.auth.delete_account(&caller, None, ClientInfo::default()).await.unwrap();
        assert_eq!(test.count("auth_user").await, 0);
    }

    async fn without_a_password_an_old_sign_in_will_not_do(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        test.execute("DELETE FROM auth_password").await;
        test.clock.advance(301 * SECOND);
        let late = test.auth.delete_account(&caller, None, ClientInfo::default()).await;
        let wanted = Error::StepUpRequired { level: Assurance::Aal1, max_age: 300 * SECOND };
        assert_eq!(format!("{:?}", late.unwrap_err()), format!("{wanted:?}"));
        // Also where nobody else is asked.
        let lax = TestAuth::instance(db, keys(), &test.clock, 2, |builder| {
            builder.configure(|config| config.factors.step_up = std::time::Duration::ZERO)
        }).await;
        let late = lax.auth.delete_account(&caller, None, ClientInfo::default()).await;
        assert_refused!(late, Error::StepUpRequired { .. });
        assert_eq!(test.count("auth_user").await, 1);
    }

    async fn the_last_administrator_can_neither_leave_nor_be_demoted_or_disabled(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        let (ada, client) = (caller.user_id(), ClientInfo::default);
        test.auth.set_roles(ada, &["admin"], client()).await.unwrap();
        assert_refused!(test.auth.set_roles(ada, &["editor"], client()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
        assert_refused!(test.auth.disable(ada, client()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
        assert_refused!(test.auth.delete_user(ada, client()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
        let own = test.auth.delete_account(&caller, Some(PASSWORD.into()), client()).await;
        assert_refused!(own, Error::Refused(auth_core::refusal::LAST_ADMIN));
        let bob = test.auth.register(auth_core::Register::new("bob@example.com", PASSWORD)).await.unwrap().id;
        test.auth.set_roles(bob, &["admin"], client()).await.unwrap();
        test.auth.disable(bob, client()).await.unwrap();
        assert_refused!(test.auth.set_roles(ada, &[], client()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
        test.auth.enable(bob, client()).await.unwrap();
        test.auth.set_roles(ada, &[], client()).await.unwrap();
    }

    async fn of_two_administrators_who_leave_at_once_one_stays(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        for round in 0..5 {
            let mut both = Vec::new();
            for name in ["a", "b"] {
                let new = auth_core::Register::new(format!("{name}{round}@example.com"), PASSWORD);
                let id = test.auth.register(new).await.unwrap().id;
                test.auth.set_roles(id, &["admin"], ClientInfo::default()).await.unwrap();
                both.push(id);
            }
            let leaving: Vec<_> = both.iter().map(|id| {
                let (auth, id) = (test.auth.clone(), *id);
                tokio::spawn(async move { auth.set_roles(id, &[], ClientInfo::default()).await })
            }).collect();
            let mut left = 0;
            for one in leaving {
                match one.await.unwrap() {
                    Ok(()) => left += 1,
                    Err(error) => assert!(matches!(error, Error::Refused(auth_core::refusal::LAST_ADMIN)), "{error:?}"),
                }
            }
            assert_eq!((left, test.count("auth_user_role").await), (1, 1));
            test.execute("DELETE FROM auth_user_role").await;
        }
    }

    async fn the_export_has_all_that_is_stored_and_no_secret(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let (_, caller) = test.caller().await;
        test.login().await;
        let export = test.auth.export(&caller).await.unwrap();
        assert_eq!((export.user.email.as_str(), export.sessions.len()), (EMAIL, 2));
        let codes: Vec<_> = export.events.iter().map(|event| event.code.as_str()).collect();
        assert_eq!(codes, ["exported", "signed_in", "signed_in", "registered"], "that it was asked for too");
        let text = format!("{export:?}");
        assert!(!text.contains(&test.stored_hash().await));
    }
}
