//! Refreshing: the rules of rotation on real stores, alone, in bursts and across instances.

use std::time::Duration;

use auth_core::{ClientInfo, Error, EventKind, Keys, RefreshToken, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::DbBackend;

use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, PAST_GRACE, SECOND, TestAuth, keys, secret},
};

each_database! {
    async fn a_refresh_hands_out_a_successor_of_the_same_session(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let first = test.signed_in().await;
        test.clock.advance(SECOND);
        let second = test.refresh(&first.refresh).await.unwrap();
        assert_eq!((second.session_id, second.user_id), (first.session_id, first.user_id));
        assert_ne!(second.refresh.expose(), first.refresh.expose());
        let verify = |tokens: &auth_core::Tokens| test.auth.verifier().verify(tokens.access.expose()).unwrap();
        assert_eq!(verify(&second).authenticated_at(), verify(&first).authenticated_at());
        assert!(verify(&second).issued_at() > verify(&first).issued_at());
        assert_eq!(test.count("auth_session").await, 1, "one row, whatever the number of refreshes");
    }

    async fn within_the_grace_parent_and_child_get_the_same_successor_and_nothing_is_written(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let parent = test.signed_in().await.refresh;
        let child = test.refresh(&parent).await.unwrap().refresh;
        test.clock.advance(9 * SECOND);
        test.statements();
        for token in [&parent, &child, &parent] {
            assert_eq!(test.refresh(token).await.unwrap().refresh.expose(), child.expose());
        }
        assert_eq!(test.statements().len(), 3, "one read each");
        assert_eq!(test.events.count("refreshed"), 1);
    }

    async fn a_lost_answer_never_signs_anyone_out_however_late_the_retry(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let kept = test.signed_in().await.refresh;
        test.refresh(&kept).await.unwrap();
        for late in [PAST_GRACE, HOUR, 6 * DAY] {
            test.clock.advance(late);
            test.refresh(&kept).await.unwrap();
        }
    }

    async fn a_replay_after_the_grace_ends_the_session_for_both(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let stolen = test.signed_in().await;
        let second = test.refresh(&stolen.refresh).await.unwrap().refresh;
        test.clock.advance(PAST_GRACE);
        let third = test.refresh(&second).await.unwrap();
        assert_refused!(test.refresh(&stolen.refresh).await, Error::SessionOver);
        for token in [&stolen.refresh, &second, &third.refresh] {
            assert_refused!(test.refresh(token).await, Error::SessionOver);
        }
        let caller = test.auth.verifier().verify(third.access.expose()).unwrap();
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        let (user, session) = (stolen.user_id, stolen.session_id);
        let alarms = test.events.kinds().into_iter().filter(|kind| kind.code() == "refresh_reused");
        assert_eq!(alarms.collect::<Vec<_>>(), [EventKind::RefreshReused { user, session }]);
    }

    async fn of_two_successors_the_first_one_used_wins_and_the_other_is_a_replay(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let parent = test.signed_in().await.refresh;
        let owners = test.refresh(&parent).await.unwrap().refresh;
        test.clock.advance(PAST_GRACE);
        let thiefs = test.refresh(&parent).await.unwrap().refresh;
        assert_ne!(owners.expose(), thiefs.expose());
        test.clock.advance(PAST_GRACE);
        test.refresh(&thiefs).await.unwrap();
        assert_refused!(test.refresh(&owners).await, Error::SessionOver);
        assert_eq!(test.events.count("refresh_reused"), 1);
    }

    async fn without_a_grace_every_replay_ends_the_session(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.sessions.refresh_grace = Duration::ZERO)).await;
        let first = test.signed_in().await.refresh;
        let second = test.refresh(&first).await.unwrap().refresh;
        let third = test.refresh(&second).await.unwrap().refresh;
        assert_refused!(test.refresh(&second).await, Error::SessionOver);
        assert_refused!(test.refresh(&third).await, Error::SessionOver);
    }

    async fn an_idle_session_is_over_and_use_keeps_it_alive(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let mut tokens = test.signed_in().await;
        for _ in 0..4 {
            test.clock.advance(6 * DAY);
            tokens = test.refresh(&tokens.refresh).await.unwrap();
        }
        let idle = test.login().await;
        test.clock.advance(7 * DAY);
        assert_refused!(test.refresh(&idle.refresh).await, Error::SessionOver);
    }

    async fn no_refresh_extends_the_absolute_lifetime(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.tokens.access_ttl = 2 * HOUR)).await;
        let mut tokens = test.signed_in().await;
        for _ in 0..5 {
            test.clock.advance(5 * DAY);
            tokens = test.refresh(&tokens.refresh).await.unwrap();
        }
        test.clock.advance(119 * HOUR);
        tokens = test.refresh(&tokens.refresh).await.unwrap();
        assert_eq!((tokens.access_expires_in, tokens.refresh_expires_in), (HOUR, HOUR));
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        test.clock.advance(HOUR);
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        assert_refused!(test.auth.verifier().verify(tokens.access.expose()), Error::InvalidToken);
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
    }

    async fn what_is_not_ours_is_refused_and_ends_nothing(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let stranger = TestAuth::instance(db, Keys::new(secret(9)), &test.clock, 5, |builder| builder).await;
        let foreign = stranger.login().await;
        assert_refused!(test.refresh(&foreign.refresh).await, Error::InvalidToken);
        for text in ["", "garbage", "\0", &"A".repeat(82), &"A".repeat(100_000), tokens.access.expose()] {
            let refused = test.refresh(&RefreshToken::from(text)).await;
            assert!(matches!(refused, Err(Error::InvalidToken)), "{text:.40}: {refused:?}");
        }
        test.refresh(&tokens.refresh).await.unwrap();
    }

    async fn a_token_newer_than_its_row_goes_on_after_a_failover_and_an_older_copy_ends_the_session(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let first = test.signed_in().await;
        let second = test.refresh(&first.refresh).await.unwrap();
        test.clock.advance(PAST_GRACE);
        let third = test.refresh(&second.refresh).await.unwrap();
        test.execute(
            "UPDATE auth_session SET newest = 1, oldest_unused = 1, last_used = 0, rotated_at = NULL",
        )
        .await;
        let fourth = test.refresh(&third.refresh).await.unwrap();
        assert_eq!(test.refresh(&third.refresh).await.unwrap().refresh.expose(), fourth.refresh.expose(), "tabs share it");
        assert_eq!(test.events.count("row_was_older"), 1);
        test.clock.advance(PAST_GRACE);
        test.refresh(&fourth.refresh).await.unwrap();
        assert_refused!(test.refresh(&first.refresh).await, Error::SessionOver);
        assert_eq!(test.events.count("refresh_reused"), 1);
    }

    async fn a_refresh_writes_no_index_on_postgres(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        if test.db.get_database_backend() != DbBackend::Postgres {
            return;
        }
        // One connection, which counts what it does.
        let test = TestAuth::instance(db, keys(), &test.clock, 1, |builder| builder).await;
        let mut tokens = test.signed_in().await;
        for _ in 0..5 {
            test.clock.advance(PAST_GRACE);
            tokens = test.refresh(&tokens.refresh).await.unwrap();
        }
        test.execute("SELECT pg_stat_force_next_flush()").await;
        let updates = "auth_session WHERE pg_stat_get_tuples_updated('auth_session'::regclass) = 5 \
             AND pg_stat_get_tuples_hot_updated('auth_session'::regclass) = 5";
        assert_eq!(test.count(updates).await, 1, "HOT updates");
    }

    async fn a_changed_secret_signs_nobody_out_while_the_old_one_is_kept(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let both = Keys::new(secret(2)).previous(secret(1));
        let rotated = TestAuth::instance(db, both, &test.clock, 5, |builder| builder).await;
        rotated.auth.verifier().verify(tokens.access.expose()).unwrap();
        let next = rotated.refresh(&tokens.refresh).await.unwrap();
        assert_refused!(test.auth.verifier().verify(next.access.expose()), Error::InvalidToken);
        let new_only = TestAuth::instance(db, Keys::new(secret(2)), &test.clock, 5, |builder| builder).await;
        new_only.refresh(&next.refresh).await.unwrap();
        assert_refused!(new_only.refresh(&tokens.refresh).await, Error::InvalidToken);
    }

    async fn instances_whose_clocks_differ_sign_nobody_out(db: &TestDatabase) {
        let one = TestAuth::new(db).await;
        let ahead = TestAuth::new(db).await;
        for apart in [5, 30, 50] {
            ahead.clock.set(&one.clock, apart * SECOND);
            let mut token = if apart == 5 { one.signed_in().await } else { one.login().await }.refresh;
            for round in 0..20 {
                let (first, then) = if round % 2 == 0 { (&ahead, &one) } else { (&one, &ahead) };
                let (a, b) = (first.refresh(&token).await.unwrap(), then.refresh(&token).await.unwrap());
                token = if round % 3 == 0 { a.refresh } else { b.refresh };
                for test in [&one, &ahead] {
                    test.clock.advance(7 * SECOND);
                }
            }
        }
    }

    async fn fifty_at_once_over_two_instances_all_get_the_same_successor(db: &TestDatabase) {
        let one = TestAuth::new(db).await;
        let other = TestAuth::instance(db, keys(), &one.clock, 5, |builder| builder).await;
        let token = one.signed_in().await.refresh;
        for round in 0..3 {
            let tasks: Vec<_> = (0..50)
                .map(|n| {
                    let auth = if n % 2 == 0 { one.auth.clone() } else { other.auth.clone() };
                    let token = token.clone();
                    tokio::spawn(async move { auth.refresh(token, ClientInfo::default()).await })
                })
                .collect();
            let mut successors = std::collections::BTreeSet::new();
            for task in tasks {
                successors.insert(task.await.unwrap().unwrap().refresh.expose().to_owned());
            }
            assert_eq!(successors.len(), 1, "round {round}");
            assert_eq!(one.events.count("refreshed") + other.events.count("refreshed"), round + 1);
            // The answers were lost, all fifty of them; the retry comes after the grace.
            one.clock.advance(PAST_GRACE);
        }
    }

    async fn a_refresh_that_races_a_logout_leaves_the_session_over(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        for _ in 0..10 {
            let tokens = test.login().await;
            let (auth, token) = (test.auth.clone(), tokens.refresh.clone());
            let refresh = tokio::spawn(async move { auth.refresh(token, ClientInfo::default()).await });
            test.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
            let successor = refresh.await.unwrap();
            assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionLeft);
            if let Ok(successor) = successor {
                assert_refused!(test.refresh(&successor.refresh).await, Error::SessionLeft);
            }
        }
    }

    async fn a_sign_in_that_races_the_end_of_all_sessions_does_not_survive_it_by_its_old_epoch(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await;
        for _ in 0..10 {
            let auth = test.auth.clone();
            let login = tokio::spawn(async move { auth.login(auth_core::Login::new(EMAIL, PASSWORD)).await });
            test.auth.logout_all(user.id, ClientInfo::default()).await.unwrap();
            crate::support::granted(login.await.unwrap()).unwrap();
        }
        test.auth.logout_all(user.id, ClientInfo::default()).await.unwrap();
        // Every session row carries an epoch of the past, whichever of the two came first.
        let alive = "auth_session s JOIN auth_user u ON u.id = s.user_id WHERE s.epoch = u.epoch";
        assert_eq!(test.count(alive).await, 0);
    }
}

each_database! {
    async fn a_longer_secret_for_another_algorithm_signs_nobody_out(db: &TestDatabase) {
        use auth_core::{Algorithm, SecretKey};
        let short = || SecretKey::new([1; 32]).unwrap();
        let before = TestAuth::instance(db, Keys::new(short()), &ManualClock::new(), 5, |builder| builder).await;
        let tokens = before.signed_in().await;
        let moved = Keys::new(secret(2)).algorithm(Algorithm::Hs512).previous(short());
        let moved = moved.also_verify_hmac(Algorithm::Hs256);
        let after = TestAuth::instance(db, moved, &before.clock, 5, |builder| builder).await;
        after.auth.verifier().verify(tokens.access.expose()).unwrap();
        let next = after.refresh(&tokens.refresh).await.unwrap();
        after.auth.verifier().verify(next.access.expose()).unwrap();
    }
}
