//! The audit: events as rows.

use auth_core::{ClientInfo, Register};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::support::{DAY, EMAIL, PASSWORD, PAST_GRACE, SECOND, TestAuth};

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

    async fn a_row_that_cannot_be_written_stops_a_transaction_and_no_sign_in(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        test.register().await;
        test.execute("DROP TABLE auth_event").await;
        test.login().await;
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap_err();
        assert_eq!(test.count("auth_user").await, 1);
    }
}
