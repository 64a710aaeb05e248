use auth_core::{ClientInfo, DeviceToken, Error, Register, mail::MailKind};
use auth_migration::{each_database, test_util::TestDatabase};

use super::at;
use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, TestAuth},
};

/// One of version 1 for Ada, made with the secret of the tests at the moment in which their clock starts.
const OF_THE_VERSION_BEFORE: &str =
    "Acgz5cYHBwcHBwcHBwcHBwcHBwcHnRqIDsiGtgFomjNxn62bAAAAAZt22qgA94jnidLhZh-wqlM074hmdjK8wtmkW9bU_xF4x2iq4BA";

impl TestAuth {
    /// Whether the right password gets in there while strangers have to wait.
    async fn is_known(&self, client: &ClientInfo, password: &str) -> bool {
        self.guess_until_throttled(&at("203.0.113.1"), EMAIL).await;
        match self.login_from(client.clone(), EMAIL, password).await {
            Ok(_) => true,
            Err(Error::Throttled { .. }) => {
                self.clock.advance(HOUR);
                false
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

each_database! {
    async fn a_hundred_guesses_are_checked_whatever_number_of_devices_somebody_has(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let mut devices = Vec::new();
        for _ in 0..30 {
            devices.push(test.known_device().await);
        }
        let before = test.hasher.verifications();
        for _ in 0..150 {
            for device in &devices {
                let _ = test.login_from(device.clone(), EMAIL, "a wrong guess").await;
            }
            test.clock.advance(HOUR);
        }
        assert_eq!(test.hasher.verifications() - before, 100, "NIST SP 800-63B-4");
        assert_eq!(test.events.count("account_closed"), 1);
    }

    async fn guesses_at_once_on_many_devices_are_counted_exactly(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.hashing.queue = 200)).await;
        test.register().await;
        let mut devices = Vec::new();
        for _ in 0..6 {
            devices.push(test.known_device().await);
        }
        let before = test.hasher.verifications();
        let mut guesses = tokio::task::JoinSet::new();
        for device in devices {
            for _ in 0..12 {
                let guess = auth_core::Login::new(EMAIL, "a wrong guess").client(device.clone());
                let auth = test.auth.clone();
                guesses.spawn(async move { auth.login(guess).await });
            }
        }
        while let Some(guess) = guesses.join_next().await {
            guess.unwrap().unwrap_err();
        }
        assert_eq!(test.hasher.verifications() - before, 20 + 10, "of all devices, and of strangers before they wait");
    }

    async fn what_a_thief_uses_up_on_one_device_leaves_something_for_the_others(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let (stolen, own) = (test.known_device().await, test.known_device().await);
        test.guess_until_throttled(&stolen, EMAIL).await;
        for _ in 0..9 {
            assert_refused!(test.login_from(own.clone(), EMAIL, "mistyped").await, Error::InvalidCredentials);
        }
        test.login_from(own, EMAIL, PASSWORD).await.unwrap();
    }

    async fn whatever_ends_all_sessions_makes_devices_strangers(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (tokens, caller) = test.caller().await;
        let (auth, user, nobody) = (&test.auth, tokens.user_id, ClientInfo::default);

        let device = test.known_device().await;
        assert!(test.is_known(&device, PASSWORD).await);
        auth.change_password(&caller, PASSWORD, "another horse battery", nobody()).await.unwrap();
        assert!(!test.is_known(&device, "another horse battery").await);

        auth.forgot_password(EMAIL, nobody()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        auth.reset_password(token, PASSWORD, nobody()).await.unwrap();
        assert!(!test.is_known(&device, PASSWORD).await, "still");

        let device = test.known_device().await;
        assert!(test.is_known(&device, PASSWORD).await);
        auth.forgot_password(EMAIL, nobody()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        auth.reset_password(token, PASSWORD, nobody()).await.unwrap();
        assert!(!test.is_known(&device, PASSWORD).await, "after a reset");

        let device = test.known_device().await;
        auth.logout_all(user, nobody()).await.unwrap();
        assert!(!test.is_known(&device, PASSWORD).await, "after the end of all sessions");

        let device = test.known_device().await;
        auth.disable(user, nobody()).await.unwrap();
        auth.enable(user, nobody()).await.unwrap();
        assert!(!test.is_known(&device, PASSWORD).await, "after having been kept out");

        let device = test.known_device().await;
        assert!(test.is_known(&device, PASSWORD).await);
        auth.delete_user(user, nobody()).await.unwrap();
        test.register().await;
        assert!(!test.is_known(&device, PASSWORD).await, "to the next account of the address");
    }

    async fn a_device_of_the_version_before_is_a_stranger_until_its_next_sign_in(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let before = at("198.51.100.1").device(DeviceToken::new(OF_THE_VERSION_BEFORE));
        assert!(!test.is_known(&before, PASSWORD).await);
        let tokens = test.login_from(before, EMAIL, PASSWORD).await.unwrap();
        assert!(test.is_known(&at("198.51.100.1").device(tokens.device.unwrap()), PASSWORD).await);
    }

    async fn an_operator_gives_devices_their_budget_back_too(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await.id;
        for _ in 0..2 {
            let stolen = test.known_device().await;
            for _ in 0..10 {
                let guess = test.login_from(stolen.clone(), EMAIL, "a wrong guess").await;
                assert_refused!(guess, Error::InvalidCredentials);
            }
        }
        test.auth.unlock(user, ClientInfo::default()).await.unwrap();
        let device = test.known_device().await;
        assert!(test.is_known(&device, PASSWORD).await);
    }

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
