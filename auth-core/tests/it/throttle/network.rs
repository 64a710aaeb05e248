use auth_core::{ClientInfo, DeviceToken, Error, Register};
use auth_migration::{each_database, test_util::TestDatabase};

use super::at;
use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, PAST_GRACE, SECOND, TestAuth, rename},
};

/// Wrong passwords for ever new accounts, as with a list of leaked ones.
async fn stuff(test: &TestAuth, client: &ClientInfo, times: usize) {
    for number in 0..times {
        let outcome = test.login_from(client.clone(), &format!("leaked{number}@example.com"), "leaked").await;
        assert_refused!(outcome, Error::InvalidCredentials);
    }
}

each_database! {
    async fn a_network_has_a_hundred_failures_and_then_waits_before_anything_is_read(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let known = test.known_device().await;
        stuff(&test, &at("2001:db8:0:1::1"), 100).await;
        test.statements();
        let hashed = test.hasher.verifications();
        for ip in ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2"] {
            let Err(Error::Throttled { retry_after }) = test.login_from(at(ip), EMAIL, PASSWORD).await else {
                panic!("{ip} is of the same network")
            };
            assert_eq!(retry_after, 9 * SECOND);
            assert_refused!(test.login_from(at(ip), "no address", PASSWORD).await, Error::Throttled { .. });
            let outcome = test.auth.register(Register::new("new@example.com", PASSWORD).client(at(ip))).await;
            assert_refused!(outcome, Error::Throttled { .. });
        }
        assert_eq!((test.statements().len(), test.hasher.verifications() - hashed), (0, 0));
        let elsewhere = at("2001:db8:0:2::1");
        test.login_from(elsewhere, EMAIL, PASSWORD).await.expect("another network");
        let moved = known.ip("2001:db8:0:1::3".parse().unwrap());
        test.login_from(moved, EMAIL, PASSWORD).await.expect("a known device");

        test.clock.advance(9 * SECOND);
        test.login_from(at("2001:db8:0:1::1"), EMAIL, PASSWORD).await.unwrap();
        test.login_from(at("2001:db8:0:1::1"), EMAIL, PASSWORD).await.expect("a success costs nothing");
        stuff(&test, &at("2001:db8:0:1::1"), 1).await;
        assert_refused!(test.login_from(at("2001:db8:0:1::1"), EMAIL, PASSWORD).await, Error::Throttled { .. });
    }

    async fn an_account_that_waits_uses_up_no_network_and_a_network_that_waits_no_account(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let client = at("203.0.113.1");
        for _ in 0..200 {
            let _ = test.login_from(client.clone(), EMAIL, "wrong").await;
        }
        stuff(&test, &client, 90).await;
        assert_refused!(test.login_from(client, "other@example.com", "x").await, Error::Throttled { .. });
        assert_eq!(test.counted().await, 100);
    }

    async fn an_ipv4_address_is_one_network_in_both_its_forms(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        stuff(&test, &at("192.0.2.1"), 50).await;
        stuff(&test, &at("::ffff:192.0.2.1"), 50).await;
        for ip in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert_refused!(test.login_from(at(ip), EMAIL, PASSWORD).await, Error::Throttled { .. });
        }
        stuff(&test, &at("192.0.2.2"), 1).await;
    }

    async fn a_network_registers_a_hundred_accounts_at_once_whatever_device_it_has(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let client = test.known_device().await;
        let register = async |email: &str, password| {
            test.auth.register(Register::new(email, password).client(client.clone())).await
        };
        for _ in 0..10 {
            assert_refused!(register("bob@example.com", "short").await, Error::Validation(_));
        }
        for number in 0..60 {
            register(&format!("user{number}@example.com"), PASSWORD).await.unwrap();
        }
        for _ in 0..40 {
            assert_refused!(register(EMAIL, PASSWORD).await, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
        }
        let hashes = test.hasher.hashes();
        assert_refused!(register("bob@example.com", PASSWORD).await, Error::Throttled { .. });
        assert_eq!(test.hasher.hashes(), hashes);
        test.clock.advance(9 * SECOND);
        register("bob@example.com", PASSWORD).await.unwrap();
    }

    async fn refused_refreshes_wait_and_good_ones_of_a_known_device_do_not(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let (client, known) = (at("198.51.100.1"), test.known_device().await);
        let mut kept = test.login().await.refresh;
        for _ in 0..120 {
            test.clock.advance(PAST_GRACE / 100);
            kept = test.auth.refresh(kept, client.clone()).await.expect("good ones cost nothing").refresh;
        }
        let garbage = async |client: &ClientInfo| test.auth.refresh("garbage".into(), client.clone()).await;
        for _ in 0..100 {
            assert_refused!(garbage(&client).await, Error::InvalidToken);
        }
        assert_refused!(garbage(&client).await, Error::Throttled { .. });
        test.statements();
        assert_refused!(test.auth.refresh(kept.clone(), client.clone()).await, Error::Throttled { .. });
        assert_eq!(test.statements().len(), 0);
        test.auth.refresh(kept.clone(), known.clone()).await.expect("the device is known");
        test.auth.refresh(kept.clone(), at("198.51.100.2")).await.expect("another network");
        test.login_from(client.clone(), EMAIL, PASSWORD).await.expect("a sign-in is another matter");
        test.clock.advance(9 * SECOND);
        test.auth.refresh(kept, client).await.unwrap();
    }

    async fn a_device_that_is_made_up_or_too_old_lifts_no_limit_of_refused_refreshes(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let (real, good) = (test.login().await.device.unwrap(), test.login().await.refresh);
        let refresh = async |device: &str| {
            let client = at("198.51.100.7").device(DeviceToken::new(device));
            test.auth.refresh("garbage".into(), client).await
        };
        let made_up = format!("B{}", &real.expose()[1..]);
        for device in ["", "x", &*made_up, good.expose()].into_iter().cycle().take(100) {
            assert_refused!(refresh(device).await, Error::InvalidToken);
        }
        for device in ["", "x", &*made_up, good.expose()] {
            assert_refused!(refresh(device).await, Error::Throttled { .. });
        }
        assert_refused!(refresh(real.expose()).await, Error::InvalidToken);
        test.clock.advance(365 * DAY);
        for _ in 0..100 {
            assert_refused!(refresh(real.expose()).await, Error::InvalidToken);
        }
        assert_refused!(refresh(real.expose()).await, Error::Throttled { .. });
    }

    async fn refreshes_of_sessions_that_ended_wait_like_garbage(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (left, ended, late) = (test.signed_in().await, test.login().await, test.login().await);
        test.auth.logout(left.refresh.clone(), ClientInfo::default()).await.unwrap();
        test.auth.logout_session(ended.session_id, ClientInfo::default()).await.unwrap();
        for (number, token) in [left.refresh, ended.refresh].into_iter().enumerate() {
            let client = at(&format!("198.51.100.{number}"));
            for _ in 0..100 {
                let refused = test.auth.refresh(token.clone(), client.clone()).await;
                assert_refused!(refused, Error::SessionOver | Error::SessionLeft);
            }
            assert_refused!(test.auth.refresh(token, client.clone()).await, Error::Throttled { .. });
            assert_refused!(test.auth.refresh(late.refresh.clone(), client).await, Error::Throttled { .. });
        }
        let elsewhere = at("198.51.100.9");
        test.auth.refresh(late.refresh.clone(), elsewhere.clone()).await.unwrap();
        test.clock.advance(7 * DAY);
        for _ in 0..100 {
            let refused = test.auth.refresh(late.refresh.clone(), elsewhere.clone()).await;
            assert_refused!(refused, Error::SessionOver);
        }
        assert_refused!(test.auth.refresh(late.refresh, elsewhere).await, Error::Throttled { .. });
    }

    async fn a_refresh_that_the_database_does_not_answer_is_no_failure_of_its_network(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let kept = test.signed_in().await.refresh;
        rename(db, "auth_session", "away").await;
        for _ in 0..120 {
            let refused = test.auth.refresh(kept.clone(), at("198.51.100.1")).await;
            assert_refused!(refused, Error::Internal(_));
        }
        rename(db, "away", "auth_session").await;
        test.auth.refresh(kept, at("198.51.100.1")).await.unwrap();
    }

    async fn without_an_address_only_accounts_are_counted(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        stuff(&test, &ClientInfo::default(), 150).await;
        for _ in 0..150 {
            assert_refused!(test.refresh(&"garbage".into()).await, Error::InvalidToken);
        }
    }
}
