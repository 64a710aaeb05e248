//! How a session ends before its time, and what a refresh with a token of it is told.

use auth_core::{ClientInfo, EndReason, Error, EventKind, Login, RefreshToken, Tokens};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, PAST_GRACE, SECOND, TestAuth, granted},
};

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

async fn sign_in_anew(test: &TestAuth, jar: &RefreshToken) -> Tokens {
    granted(test.auth.login(Login::new(EMAIL, PASSWORD).replacing(jar.clone())).await).unwrap()
}

async fn rows_with(test: &TestAuth, reason: EndReason) -> i64 {
    let rows = format!("auth_session WHERE revoked_at IS NOT NULL AND revoked_reason = '{}'", reason.code());
    test.count(&rows).await
}

/// Why this session ended, as its event tells.
fn told(test: &TestAuth, ended: &Tokens) -> Option<EndReason> {
    test.events.kinds().into_iter().find_map(|kind| match kind {
        EventKind::SignedOut { session, reason, .. } => (session == ended.session_id).then_some(reason),
        _ => None,
    })
}

each_database! {
    async fn a_session_that_its_own_client_left_is_told_apart_from_one_that_was_ended(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.sessions.max_sessions = 8)).await;
        let oldest = test.signed_in().await;
        test.clock.advance(SECOND);
        let (out, replaced) = (test.login().await, test.login().await);
        test.auth.logout(out.refresh.clone(), nobody()).await.unwrap();
        sign_in_anew(&test, &replaced.refresh).await;
        for (left, reason) in [(out, EndReason::SignedOut), (replaced, EndReason::Replaced)] {
            assert_refused!(test.refresh(&left.refresh).await, Error::SessionLeft);
            assert_eq!((told(&test, &left), rows_with(&test, reason).await), (Some(reason), 1));
        }

        let (by_host, by_owner, reused) = (test.login().await, test.login().await, test.login().await);
        test.auth.logout_session(by_host.session_id, nobody()).await.unwrap();
        let caller = test.auth.verifier().verify(reused.access.expose()).unwrap();
        test.auth.end_session(&caller, by_owner.session_id, nobody()).await.unwrap();
        for ended in [by_host, by_owner] {
            assert_refused!(test.refresh(&ended.refresh).await, Error::SessionOver);
            assert_eq!(told(&test, &ended), Some(EndReason::Revoked));
        }
        assert_eq!(rows_with(&test, EndReason::Revoked).await, 2);

        let next = test.refresh(&reused.refresh).await.unwrap();
        test.clock.advance(PAST_GRACE);
        test.refresh(&next.refresh).await.unwrap();
        for token in [&reused, &next] {
            assert_refused!(test.refresh(&token.refresh).await, Error::SessionOver);
        }
        assert_eq!((told(&test, &reused), rows_with(&test, EndReason::Reused).await), (None, 1));
        assert_eq!(test.events.count("refresh_reused"), 1);

        while test.refresh(&oldest.refresh).await.is_ok() {
            test.login().await;
        }
        assert_refused!(test.refresh(&oldest.refresh).await, Error::SessionOver);
        assert_eq!((told(&test, &oldest), rows_with(&test, EndReason::TooMany).await), (Some(EndReason::TooMany), 1));

        // Of sessions of the same moment any may be taken for the oldest.
        test.clock.advance(SECOND);
        let (kept, other) = (test.login().await, test.login().await);
        let caller = test.auth.verifier().verify(kept.access.expose()).unwrap();
        test.auth.end_other_sessions(&caller, nobody()).await.unwrap();
        assert_refused!(test.refresh(&other.refresh).await, Error::SessionOver);
        assert_eq!(told(&test, &other), None, "one event for all of them");
        test.auth.logout_all(kept.user_id, nobody()).await.unwrap();
        assert_refused!(test.refresh(&kept.refresh).await, Error::SessionOver);
    }

    async fn a_session_that_was_over_when_its_client_signed_in_anew_was_left_too(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        for way in ["revoked", "signed out everywhere", "too old"] {
            let jar = test.login().await;
            match way {
                "revoked" => test.auth.logout_session(jar.session_id, nobody()).await.unwrap(),
                "too old" => test.clock.advance(7 * DAY),
                _ => test.auth.logout_all(jar.user_id, nobody()).await.unwrap(),
            }
            assert_refused!(test.refresh(&jar.refresh).await, Error::SessionOver);
            let fresh = sign_in_anew(&test, &jar.refresh).await;
            assert_refused!(test.refresh(&jar.refresh).await, Error::SessionLeft);
            test.refresh(&fresh.refresh).await.unwrap();
        }
        assert_eq!(rows_with(&test, EndReason::Replaced).await, 3);
    }

    async fn a_token_that_is_not_genuine_learns_nothing_of_how_its_session_ended(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let jar = test.signed_in().await;
        sign_in_anew(&test, &jar.refresh).await;
        let mut forged = jar.refresh.expose().to_owned();
        forged.replace_range(60..61, if &forged[60..61] == "A" { "B" } else { "A" });
        assert_refused!(test.refresh(&RefreshToken::new(forged)).await, Error::InvalidToken);
    }

    async fn a_refresh_that_races_the_sign_in_that_takes_its_place_never_says_that_it_is_over(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let mut jar = test.signed_in().await.refresh;
        for _ in 0..10 {
            let refreshes: Vec<_> = (0..4)
                .map(|_| {
                    let (auth, token) = (test.auth.clone(), jar.clone());
                    tokio::spawn(async move { auth.refresh(token, nobody()).await })
                })
                .collect();
            jar = sign_in_anew(&test, &jar).await.refresh;
            for refresh in refreshes {
                let refreshed = refresh.await.unwrap();
                assert!(matches!(refreshed, Ok(_) | Err(Error::SessionLeft)), "{refreshed:?}");
            }
            test.refresh(&jar).await.unwrap();
            test.clock.advance(PAST_GRACE);
        }
    }
}
