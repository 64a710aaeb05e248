use auth_core::{DeviceToken, Error, Register};
use auth_migration::{each_database, test_util::TestDatabase};

use super::at;
use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, TestAuth},
};

each_database! {
    async fn a_stolen_device_has_ten_guesses_and_is_then_a_stranger(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let (stolen, new) = (test.known_device().await, test.known_device().await);
        // The account is closed to strangers for a while.
        test.guess_until_throttled(&at("203.0.113.1"), EMAIL).await;
        let before = test.hasher.verifications();
        test.guess_until_throttled(&stolen, EMAIL).await;
        assert_eq!(test.hasher.verifications() - before, 10);

        // That the owner signs in gives the thief no new budget.
        test.login_from(new.clone(), EMAIL, PASSWORD).await.unwrap();
        let before = test.hasher.verifications();
        test.guess_until_throttled(&stolen, EMAIL).await;
        assert_eq!(test.hasher.verifications() - before, 10, "the budget of a stranger, which the owner gave back");
        assert_refused!(test.login_from(stolen, EMAIL, PASSWORD).await, Error::Throttled { .. });
        test.login_from(new, EMAIL, PASSWORD).await.unwrap();
    }

    async fn the_right_password_gives_a_device_its_budget_back(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let known = test.known_device().await;
        test.guess_until_throttled(&at("203.0.113.1"), EMAIL).await;
        for _ in 0..5 {
            for _ in 0..9 {
                let outcome = test.login_from(known.clone(), EMAIL, "mistyped").await;
                assert_refused!(outcome, Error::InvalidCredentials);
            }
            test.login_from(known.clone(), EMAIL, PASSWORD).await.unwrap();
        }
        assert_eq!(test.counted().await, 0);
    }

    async fn a_device_of_one_account_is_a_stranger_to_another(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let known = test.known_device().await;
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        for victim in ["bob@example.com", "nobody@example.com"] {
            let before = test.hasher.verifications();
            test.guess_until_throttled(&known, victim).await;
            assert_eq!(test.hasher.verifications() - before, 10, "counted for the account");
            let outcome = test.login_from(at("203.0.113.9"), victim, PASSWORD).await;
            assert_refused!(outcome, Error::Throttled { .. });
        }
        test.login_from(known, EMAIL, PASSWORD).await.unwrap();
    }

    async fn what_is_no_device_of_ours_or_too_old_is_a_stranger(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let tokens = test.login().await;
        let real = tokens.device.unwrap();
        test.guess_until_throttled(&at("203.0.113.1"), EMAIL).await;
        let cut = &real.expose()[1..];
        for text in ["", "x", cut, &format!("B{cut}"), tokens.refresh.expose(), tokens.access.expose()] {
            let client = at("203.0.113.2").device(DeviceToken::new(text));
            assert_refused!(test.login_from(client, EMAIL, PASSWORD).await, Error::Throttled { .. });
        }
        test.login_from(at("203.0.113.2").device(real.clone()), EMAIL, PASSWORD).await.unwrap();
        test.clock.advance(365 * DAY);
        test.guess_until_throttled(&at("203.0.113.1"), EMAIL).await;
        let client = at("203.0.113.2").device(real.clone());
        assert_refused!(test.login_from(client, EMAIL, PASSWORD).await, Error::Throttled { .. });

        // It opens no other door.
        assert_refused!(test.auth.verifier().verify(real.expose()), Error::InvalidToken);
        assert_refused!(test.refresh(&real.expose().into()).await, Error::InvalidToken);
    }

    async fn who_listens_to_events_is_not_told_the_token_of_a_device(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let known = test.known_device().await;
        test.login_from(known.clone(), EMAIL, PASSWORD).await.unwrap();
        assert_refused!(test.login_from(known, EMAIL, "wrong").await, Error::InvalidCredentials);
        for event in test.events.events().iter().rev().take(2) {
            assert_eq!(event.client, at("198.51.100.1"));
        }
    }
}
