//! The audit: events as rows.

use auth_core::{AuditEvent, AuthBuilder, ClientInfo, Error, EventKind, LinkRefusal, Login, Register};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, PAST_GRACE, SECOND, TestAuth, granted},
};

fn audited(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| config.audit_retention = Some(DAY))
}

/// Codes with their reasons, the latest first.
fn told(events: &[AuditEvent]) -> Vec<(&str, Option<&str>)> {
    events.iter().map(|event| (event.code.as_str(), event.reason.as_deref())).collect()
}

each_database! {
    async fn what_happened_is_a_row_with_time_actor_subject_address_and_request(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let client = || ClientInfo::default().ip([192, 0, 2, 7].into()).request_id("req-1");
        let admin = test.auth.register(Register::new("admin@example.com", PASSWORD)).await.unwrap().id;
        let user = test.auth.register(Register::new(EMAIL, PASSWORD).client(client())).await.unwrap().id;
        test.clock.advance(SECOND);
        test.auth.disable(user, client().actor(admin)).await.unwrap();
        let events = test.auth.events(user, None, 10).await.unwrap();
        let seen: Vec<_> = events.iter().map(|event| (event.code.as_str(), event.actor, event.request_id.as_deref())).collect();
        assert_eq!(seen, [("disabled", Some(admin), Some("req-1")), ("registered", None, Some("req-1"))]);
        assert_eq!(events[0].ip, Some([192, 0, 2, 7].into()));
        assert_eq!(events[0].at.duration_since(events[1].at).unwrap(), SECOND);
    }

    async fn every_security_event_is_written_and_refreshes_and_throttling_are_not(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let tokens = test.signed_in().await;
        test.refresh(&tokens.refresh).await.unwrap();
        for _ in 0..12 {
            test.try_login(EMAIL, "wrong").await.unwrap_err();
        }
        test.clock.advance(PAST_GRACE);
        let next = test.refresh(&tokens.refresh).await.unwrap();
        test.clock.advance(PAST_GRACE);
        let last = test.refresh(&next.refresh).await.unwrap();
        test.clock.advance(PAST_GRACE);
        test.refresh(&last.refresh).await.unwrap();
        test.clock.advance(PAST_GRACE);
        test.refresh(&tokens.refresh).await.unwrap_err();
        let events = test.auth.events(tokens.user_id, None, 100).await.unwrap();
        let mut codes: Vec<_> = events.iter().map(|event| event.code.as_str()).collect();
        codes.dedup();
        assert_eq!(codes, ["refresh_reused", "sign_in_failed", "signed_in", "registered"]);
        assert_eq!(events.iter().filter(|event| event.code == "sign_in_failed").count(), 10);
        assert_eq!(events[1].reason.as_deref(), Some("wrong_password"));
        assert_eq!(test.auth.events(tokens.user_id, Some(events[0].id), 1).await.unwrap()[0], events[1]);
    }

    async fn the_end_of_a_session_is_written_to_the_account_that_it_is_of(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        let ada = test.signed_in().await;
        let bob = test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap().id;
        let login = Login::new("bob@example.com", PASSWORD).replacing(ada.refresh.clone());
        granted(test.auth.login(login).await).unwrap();
        assert_eq!(told(&test.auth.events(bob, None, 9).await.unwrap()), [("signed_in", Some("pwd")), ("registered", None)]);
        let events = test.auth.events(ada.user_id, None, 1).await.unwrap();
        assert_eq!((told(&events), events[0].session), (vec![("signed_out", Some("replaced"))], Some(ada.session_id)));
        assert_eq!(test.events.events().iter().filter(|event| event.kind.user() == Some(bob)).count(), 2, "nor to the sink");

        let again = test.login().await;
        test.auth.logout_session(again.session_id, ClientInfo::default()).await.unwrap();
        let events = test.auth.events(ada.user_id, None, 1).await.unwrap();
        assert_eq!((told(&events), events[0].session), (vec![("signed_out", Some("revoked"))], Some(again.session_id)));
    }

    async fn what_is_asked_for_is_a_row_at_the_account_and_tells_no_address(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        let (tokens, caller) = test.caller().await;
        let client = || ClientInfo::default().ip([192, 0, 2, 7].into());
        test.auth.forgot_password(EMAIL, client()).await.unwrap();
        test.auth.forgot_password("nobody@example.com", client()).await.unwrap();
        test.auth.request_email_verification(EMAIL, client()).await.unwrap();
        let new = "ada@example.org";
        test.auth.request_email_change(&caller, new, Some(PASSWORD.into()), client().actor(tokens.user_id)).await.unwrap();
        let events = test.auth.events(tokens.user_id, None, 3).await.unwrap();
        let asked = [("email_change_asked", None), ("link_asked", Some("verify_email")), ("link_asked", Some("reset_password"))];
        assert_eq!(told(&events), asked);
        assert_eq!((events[0].actor, events[1].actor, events[1].ip), (Some(tokens.user_id), None, Some([192, 0, 2, 7].into())));
        assert_eq!(test.count("auth_event WHERE code = 'link_asked' AND user_id IS NULL AND address IS NOT NULL").await, 1);
        let rows = test.dump("auth_event").await;
        assert!(["example", "nobody"].iter().all(|word| !rows.contains(word)), "{rows}");
    }

    async fn a_token_that_is_refused_is_a_row_with_the_reason(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        let user = test.register().await.id;
        let nobody = ClientInfo::default;
        let link = async || test.auth.reset_link(user, nobody()).await.unwrap().token;
        let refused = async |token| {
            assert_refused!(test.auth.reset_password(token, PASSWORD, nobody()).await, Error::Validation(_));
            told(&test.auth.events(user, None, 1).await.unwrap())[0].1.unwrap_or_default().to_owned()
        };
        let used = link().await;
        test.auth.reset_password(used.clone(), PASSWORD, nobody()).await.unwrap();
        assert_eq!(refused(used).await, "used");
        let (replaced, old) = (link().await, link().await);
        assert_eq!(refused(replaced).await, "used");
        assert_refused!(test.auth.verify_email(old.clone(), nobody()).await, Error::Validation(_));
        assert_eq!(told(&test.auth.events(user, None, 1).await.unwrap()), [("link_refused", Some("other_purpose"))]);
        test.clock.advance(DAY / 2);
        assert_eq!(refused(old.clone()).await, "too_old");
        let waits = link().await;
        test.auth.disable(user, nobody()).await.unwrap();
        assert_eq!(refused(waits).await, "used", "ended with the sessions");
        // Whoever has an id and no mac leaves nothing at the account.
        let before = test.auth.events(user, None, 100).await.unwrap().len();
        let mut forged = old.expose().to_owned();
        let last = forged.len() - 4;
        forged.replace_range(last..=last, if &forged[last..=last] == "A" { "B" } else { "A" });
        for token in [forged.as_str(), "garbage"] {
            assert_refused!(test.auth.reset_password(token.into(), PASSWORD, nobody()).await, Error::Validation(_));
        }
        assert_eq!(test.auth.events(user, None, 100).await.unwrap().len(), before);
        assert_eq!(test.count("auth_event WHERE code = 'link_refused' AND user_id IS NULL AND reason = 'unknown'").await, 2);
        assert_eq!(test.events.kinds().last(), Some(&EventKind::LinkRefused { user: None, reason: LinkRefusal::Unknown }));
    }

    async fn guesses_at_an_address_that_nobody_has_are_found_by_a_name_that_tells_nothing(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        let ada = test.register().await.id;
        for email in ["nobody@example.com", " NOBODY@example.com", "else@example.com", "no address", EMAIL] {
            test.try_login(email, "wrong").await.unwrap_err();
        }
        let of = "auth_event WHERE code = 'sign_in_failed' AND user_id IS NULL";
        assert_eq!(test.count(of).await, 4);
        assert_eq!(test.count(&format!("{of} AND address IS NULL")).await, 1, "what is no address");
        assert_eq!(test.count(&format!("(SELECT DISTINCT address FROM {of} AND address IS NOT NULL) AS names")).await, 2);
        let names: Vec<_> = test.events.events().iter().map(|event| event.client.address).collect();
        assert!(names[1].is_some() && names[1] == names[2] && names[1] != names[3], "the sink finds them too");
        assert_eq!(test.auth.events(ada, None, 1).await.unwrap()[0].address, None);
        let rows = test.dump("auth_event").await;
        assert!(["nobody", "else", "example"].iter().all(|word| !rows.contains(word)), "{rows}");
        let throttled = test.dump("auth_throttle").await;
        assert!(names.iter().flatten().all(|name| !throttled.contains(&name.to_string())), "of no use elsewhere");
    }

    async fn who_takes_data_out_is_written_down_before_it_is_given(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| audited(builder).operator("cli:ada")).await;
        let (tokens, caller) = test.caller().await;
        let export = test.auth.export_for(&caller, ClientInfo::default().request_id("req-1")).await.unwrap();
        assert_eq!(told(&export.events), [("exported", None), ("signed_in", Some("pwd")), ("registered", None)]);
        let events = test.auth.events(tokens.user_id, None, 1).await.unwrap();
        assert_eq!(told(&events), [("exported", None)]);
        assert_eq!((events[0].actor, events[0].request_id.as_deref()), (Some(tokens.user_id), Some("req-1")));

        for (with_hashes, reason) in [(true, "with_hashes"), (false, "without_hashes")] {
            let page = test.auth.export_users(None, with_hashes).await.unwrap();
            test.auth.export_users(page.last().and_then(|last| last.id), with_hashes).await.unwrap();
            let of = format!("auth_event WHERE code = 'users_exported' AND reason = '{reason}' AND actor_name = 'cli:ada'");
            assert_eq!(test.count(&of).await, 1, "one row for a run");
        }
        test.execute("DROP TABLE auth_event").await;
        assert_refused!(test.auth.export_users(None, true).await, Error::Internal(_));
    }

    async fn what_is_done_at_the_command_line_names_who_did_it(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| audited(builder).operator("cli:ada\n")).await;
        let (tokens, caller) = test.caller().await;
        test.auth.set_roles(tokens.user_id, &["editor"], ClientInfo::default()).await.unwrap();
        test.auth.set_roles(tokens.user_id, &["author"], ClientInfo::default().actor(tokens.user_id)).await.unwrap();
        let actors = |events: Vec<AuditEvent>| -> Vec<_> {
            events.into_iter().map(|event| (event.actor, event.operator)).collect()
        };
        let seen = actors(test.auth.events(tokens.user_id, None, 2).await.unwrap());
        assert_eq!(seen, [(Some(tokens.user_id), None), (None, Some("cli:ada".to_owned()))]);
        let own = actors(test.auth.own_events(&caller, None, 2).await.unwrap());
        assert_eq!(own[1], (None, Some("cli".to_owned())), "whose account it was is not for users");
        let sink: Vec<_> = test.events.events().into_iter().rev().take(2).map(|event| event.client.operator).collect();
        assert_eq!(sink, [None, Some("cli:ada".to_owned())]);
    }

    async fn rows_go_with_their_time(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        test.register().await;
        test.clock.advance(DAY / 2);
        test.login().await;
        test.clock.advance(DAY / 2 + SECOND);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_event").await, 1);
    }

    async fn no_rows_are_written_unless_somebody_says_how_long_to_keep_them(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.signed_in().await;
        assert_eq!(test.count("auth_event").await, 0);
    }

    async fn a_row_that_cannot_be_written_stops_what_it_would_tell_of(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        test.register().await;
        test.execute("DROP TABLE auth_event").await;
        test.try_login(EMAIL, PASSWORD).await.unwrap_err();
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap_err();
        assert_eq!((test.count("auth_user").await, test.count("auth_session").await), (1, 0));
    }
}
