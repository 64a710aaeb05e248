//! The browser door: whose session a token of it is of, and how often that is read.

use auth_core::{BrowserSession, ClientInfo, Error, ProfileChange, SecondFactor};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::support::{DAY, EMAIL, HOUR, SECOND, TestAuth, keys, secret};

impl TestAuth {
    /// How often sessions were read and written since the last call.
    fn looks(&self) -> (usize, usize) {
        let statements = self.statements();
        let count = |verb: &str| statements.iter().filter(|sql| sql.starts_with(verb)).count();
        (count("SELECT"), count("UPDATE"))
    }
}

each_database! {
    async fn a_session_is_told_with_what_is_proved_of_its_user(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.profile.enabled = true)).await;
        let (tokens, caller) = test.caller().await;
        let told = test.auth.verify_browser(&tokens.browser).await.unwrap();
        assert_eq!((told.user_id, told.email, told.name), (tokens.user_id, None, None));
        assert_eq!(told.roles, ["user"]);

        test.execute("UPDATE auth_user SET email_verified_at = 1").await;
        test.auth.change_profile(&caller, ProfileChange::default().name("Ada"), ClientInfo::default()).await.unwrap();
        test.auth.set_roles(tokens.user_id, &["editor"], ClientInfo::default()).await.unwrap();
        test.clock.advance(SECOND);
        let told = test.auth.verify_browser(&tokens.browser).await.unwrap();
        assert_eq!((told.email.as_deref(), told.name.as_deref()), (Some(EMAIL), Some("Ada")));
        assert_eq!(told.roles, ["user", "editor"]);
    }

    async fn a_session_is_read_once_in_the_time_of_a_poll_however_often_it_is_shown(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        test.looks();
        let shown = |_| {
            let (auth, token) = (test.auth.clone(), tokens.browser.clone());
            async move { auth.verify_browser(&token).await }
        };
        let all = (0..30).map(shown).collect::<tokio::task::JoinSet<_>>().join_all().await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(test.looks(), (1, 0));
        test.clock.advance(SECOND);
        test.auth.verify_browser(&tokens.browser).await.unwrap();
        assert_eq!(test.looks(), (1, 0));

        // One that is over is no other.
        test.execute("UPDATE auth_session SET revoked_at = 1, revoked_reason = 'revoked'").await;
        test.clock.advance(SECOND);
        test.looks();
        for _ in 0..30 {
            assert!(matches!(test.auth.verify_browser(&tokens.browser).await, Err(Error::SessionOver)));
        }
        assert_eq!(test.looks(), (1, 0));
    }

    async fn what_was_not_made_here_is_refused_and_nothing_is_read(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        test.looks();
        let mut forged = tokens.browser.expose().to_owned();
        forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
        for other in [forged.as_str(), tokens.refresh.expose(), tokens.access.expose(), ""] {
            let refused = test.auth.verify_browser(&BrowserSession::new(other)).await;
            assert!(matches!(refused, Err(Error::InvalidToken)), "{refused:?}");
        }
        assert_eq!(test.looks(), (0, 0));

        let other = TestAuth::instance(db, auth_core::Keys::new(secret(2)), &test.clock, 1, |builder| builder).await;
        assert!(matches!(other.auth.verify_browser(&tokens.browser).await, Err(Error::InvalidToken)));
    }

    async fn a_sign_out_is_seen_here_at_once_and_elsewhere_within_the_time_of_a_poll(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.auth.poll_revocations().await.unwrap();
        let elsewhere = TestAuth::instance(db, keys(), &test.clock, 1, |builder| builder).await;
        let tokens = test.signed_in().await;
        for instance in [&test, &elsewhere] {
            instance.auth.verify_browser(&tokens.browser).await.unwrap();
        }
        test.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        assert!(matches!(test.auth.verify_browser(&tokens.browser).await, Err(Error::SessionOver)));
        elsewhere.auth.verify_browser(&tokens.browser).await.unwrap();
        test.clock.advance(SECOND);
        assert!(matches!(elsewhere.auth.verify_browser(&tokens.browser).await, Err(Error::SessionOver)));
    }

    async fn a_session_ends_by_its_browser_token_too(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        test.auth.logout_browser(&tokens.browser, ClientInfo::default()).await.unwrap();
        test.auth.logout_browser(&BrowserSession::new("another"), ClientInfo::default()).await.unwrap();
        assert!(matches!(test.refresh(&tokens.refresh).await, Err(Error::SessionLeft)));
    }

    async fn use_keeps_a_session_alive_and_is_noted_once_an_hour(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        test.looks();
        for _ in 0..4 {
            test.clock.advance(HOUR / 2 + SECOND);
            test.auth.verify_browser(&tokens.browser).await.unwrap();
        }
        assert_eq!(test.looks(), (4, 2));
        // For longer than a session may rest, and no longer than it may last.
        for _ in 0..29 {
            test.clock.advance(DAY);
            test.auth.verify_browser(&tokens.browser).await.unwrap();
        }
        test.clock.advance(DAY);
        assert!(matches!(test.auth.verify_browser(&tokens.browser).await, Err(Error::SessionOver)));
    }

    async fn a_session_that_nobody_uses_ends(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        test.clock.advance(7 * DAY);
        assert!(matches!(test.auth.verify_browser(&tokens.browser).await, Err(Error::SessionOver)));
    }

    async fn the_gate_is_asked_as_at_a_refresh(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let strict = TestAuth::instance(db, keys(), &test.clock, 1, |builder| {
            builder.configure(|config| config.factors.policy = SecondFactor::Required)
        })
        .await;
        let by_door = strict.auth.verify_browser(&tokens.browser).await.unwrap_err();
        assert_eq!(by_door.code(), strict.refresh(&tokens.refresh).await.unwrap_err().code());
        assert_eq!(by_door.code(), "second_factor_enrolment_required");
    }

    async fn a_new_secret_makes_another_token_and_the_former_stays_good(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let before = test.signed_in().await;
        let both = auth_core::Keys::new(secret(2)).previous(secret(1));
        let later = TestAuth::instance(db, both, &test.clock, 1, |builder| builder).await;
        let after = later.refresh(&before.refresh).await.unwrap();
        assert_ne!(before.browser.expose(), after.browser.expose());
        for tokens in [&before, &after] {
            later.auth.verify_browser(&tokens.browser).await.unwrap();
        }
    }
}
