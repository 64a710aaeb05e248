//! Signing in with a passkey.

use auth_core::{
    Assurance, ClientInfo, Error, UserChange, factor::PasskeyLogin, test_util::SoftwareAuthenticator,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{ORIGIN, World, nobody, read, site};
use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, SECOND, TestAuth},
};

each_database! {
    async fn a_passkey_signs_in_with_two_factors_and_no_name(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let options = read(&world.begin());
        assert_eq!(options["rpId"], "example.com");
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["allowCredentials"], serde_json::json!([]));
        let tokens = world.sign_in().await.unwrap();
        let caller = world.test.verify(&tokens.access);
        assert_eq!((caller.user_id(), caller.assurance()), (world.user.id, Assurance::Aal2));
        assert_eq!(caller.methods(), ["pop", "user", "mfa"]);
        assert!(tokens.device.is_some());
        let list = world.passkeys().list(&caller).await.unwrap();
        assert_eq!(list.len(), 1);
        assert!(list[0].last_used_at.is_some() && list[0].backed_up);
        world.test.refresh(&tokens.refresh).await.unwrap();
    }

    async fn options_cost_no_statement_and_a_sign_in_a_few(db: &TestDatabase) {
        let mut world = World::new(db).await;
        world.test.statements();
        for _ in 0..1000 {
            world.begin();
        }
        assert_eq!(world.test.statements(), [""; 0]);
        let signed = world.signed();
        world.test.sign_in(signed).await.unwrap();
        let statements = world.test.statements();
        let verbs: Vec<_> = statements.iter().map(|sql| sql.split(' ').next().unwrap()).collect();
        assert_eq!(verbs, ["SELECT", "SELECT", "INSERT", "UPDATE", "INSERT"]);
        // Who has no passkey, and whose is another's, learns nothing from how long it takes.
        let (signed, stranger) = (world.signed(), stranger(&world));
        for refused in [stranger, signed.replace("\"signature\":\"", "\"signature\":\"AAAA")] {
            world.test.statements();
            assert_refused!(world.test.sign_in(refused).await, Error::InvalidCredentials);
            assert_eq!(world.test.statements().len(), 1);
        }
    }

    async fn whatever_is_wrong_is_refused_with_one_answer(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let good = world.authenticator.clone();
        let changed = |change: fn(&mut SoftwareAuthenticator)| {
            let mut authenticator = good.clone();
            change(&mut authenticator);
            authenticator.sign(&world.begin())
        };
        let mut refused = vec![
            ("no JSON", "passkey".to_owned()),
            ("another's credential", stranger(&world)),
            ("not verified", changed(|it| it.verifies_user = false)),
            ("nobody there", changed(|it| it.user_is_present = false)),
            ("backed up what may not be", changed(|it| it.backup_eligible = false)),
            ("another page", changed(|it| it.origin = "https://example.com".to_owned())),
            ("another page", changed(|it| it.origin = "https://app.example.com.evil.example".to_owned())),
            ("another app", changed(|it| it.origin = "android:apk-key-hash:AAAB".to_owned())),
        ];
        let signed = changed(|_| {});
        let user_handle = read_member(&signed, "userHandle");
        for (why, text) in [("no handle", "null".to_owned()), ("another's handle", "\"AAAAAAAAAAAAAAAAAAAAAA\"".to_owned())] {
            refused.push((why, signed.replace(&format!("\"{user_handle}\""), &text)));
        }
        for (why, signed) in refused {
            assert!(matches!(world.test.sign_in(signed).await, Err(Error::InvalidCredentials)), "{why}");
        }
        assert_eq!(world.test.events.count("sign_in_failed"), 10);
        for origin in [ORIGIN, "https://example.net", "android:apk-key-hash:AAAA"] {
            world.authenticator.origin = origin.to_owned();
            world.sign_in().await.unwrap();
        }
    }

    async fn a_challenge_is_good_once_for_five_minutes_and_for_nothing_else(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let signed = world.signed();
        world.test.sign_in(&signed).await.unwrap();
        assert_refused!(world.test.sign_in(&signed).await, Error::InvalidCredentials);
        let in_time = world.signed();
        let too_late = world.signed();
        world.test.clock.advance(299 * SECOND);
        world.test.sign_in(in_time).await.unwrap();
        world.test.clock.advance(SECOND);
        assert_refused!(world.test.sign_in(too_late).await, Error::InvalidCredentials);
        let for_step_up = world.passkeys().begin_step_up(&world.caller).await.unwrap();
        let signed = world.authenticator.sign(&for_step_up);
        assert_refused!(world.test.sign_in(signed).await, Error::InvalidCredentials);
        // Of another service with other secrets.
        let other = TestDatabase::sqlite().await;
        let keys = auth_core::Keys::new(crate::support::secret(9));
        let other = TestAuth::instance(&other, keys, &world.test.clock, 5, site).await;
        let signed = world.authenticator.sign(&other.passkeys().begin_login().unwrap());
        assert_refused!(world.test.sign_in(signed).await, Error::InvalidCredentials);
        assert!(world.test.count("auth_passkey_challenge").await > 0);
        world.test.clock.advance(301 * SECOND);
        world.test.auth.sweep().await.unwrap();
        assert_eq!(world.test.count("auth_passkey_challenge").await, 0);
    }

    async fn a_disabled_account_stays_out_and_a_session_that_the_client_holds_ends(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let held = world.tokens.refresh.clone();
        let signed = world.signed();
        world.passkeys().login(PasskeyLogin::new(signed).replacing(held.clone())).await.unwrap();
        assert_refused!(world.test.refresh(&held).await, Error::SessionLeft);
        let change = UserChange::default().disabled(true);
        world.test.auth.update_user(world.user.id, change, nobody()).await.unwrap();
        assert_refused!(world.sign_in().await, Error::InvalidCredentials);
    }

    async fn failures_count_in_the_network_and_not_for_the_account(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let from = || ClientInfo::default().ip("192.0.2.1".parse().unwrap());
        let mut throttled = false;
        for _ in 0..1000 {
            let outcome = world.passkeys().login(PasskeyLogin::new("{}").client(from())).await;
            throttled |= matches!(outcome, Err(Error::Throttled { .. }));
            if throttled {
                break;
            }
        }
        assert!(throttled);
        world.sign_in().await.unwrap();
        world.test.try_login(EMAIL, PASSWORD).await.unwrap();
    }

    async fn a_counter_that_does_not_go_up_and_another_kind_of_passkey_are_told_and_let_in(db: &TestDatabase) {
        let mut world = World::new(db).await;
        (world.authenticator.counter, world.authenticator.counter_step) = (5, 1);
        world.sign_in().await.unwrap();
        let mut copy = world.authenticator.clone();
        world.sign_in().await.unwrap();
        assert!(world.test.mails().await.is_empty(), "it goes up");
        let signed = copy.sign(&world.begin());
        world.test.sign_in(signed).await.unwrap();
        assert_eq!(world.test.mails().await, ["passkey_counter"]);
        assert_eq!(world.test.events.count("passkey_counter"), 1);
        world.authenticator.counter = 9;
        (world.authenticator.backup_eligible, world.authenticator.backed_up) = (false, false);
        world.sign_in().await.unwrap();
        assert_eq!(world.test.mails().await, ["passkey_backup_changed"]);
        world.sign_in().await.unwrap();
        assert!(world.test.mails().await.is_empty(), "told once");
    }

    async fn where_copies_are_refused_the_owner_is_told_and_nobody_gets_in(db: &TestDatabase) {
        let mut world = World::with(db, |builder| builder.configure(|config| config.passkeys.refuse_counter = true)).await;
        world.sign_in().await.unwrap();
        (world.authenticator.counter, world.authenticator.counter_step) = (5, 1);
        world.sign_in().await.unwrap();
        let mut copy = world.authenticator.clone();
        world.sign_in().await.unwrap();
        let signed = copy.sign(&world.begin());
        assert_refused!(world.test.sign_in(signed).await, Error::InvalidCredentials);
        assert_eq!(world.test.mails().await, ["passkey_counter"]);
        world.sign_in().await.unwrap();
    }

    async fn what_is_sent_again_is_no_copy_and_a_copy_is_told_once(db: &TestDatabase) {
        let mut world = World::with(db, |builder| builder.configure(|config| config.passkeys.refuse_counter = true)).await;
        (world.authenticator.counter, world.authenticator.counter_step) = (5, 1);
        let signed = world.signed();
        world.test.sign_in(&signed).await.unwrap();
        // The answer was lost, and the client repeats what it sent.
        assert_refused!(world.test.sign_in(&signed).await, Error::InvalidCredentials);
        assert_eq!((world.test.mails().await.len(), world.test.events.count("passkey_counter")), (0, 0));
        let mut copy = world.authenticator.clone();
        world.sign_in().await.unwrap();
        let signed = copy.sign(&world.begin());
        for _ in 0..2 {
            assert_refused!(world.test.sign_in(&signed).await, Error::InvalidCredentials);
        }
        assert_eq!((world.test.mails().await, world.test.events.count("passkey_counter")), (vec!["passkey_counter"], 1));
    }
}

/// What somebody signs who has no passkey here.
fn stranger(world: &World) -> String {
    let mut stranger = SoftwareAuthenticator::on(ORIGIN);
    let creation = serde_json::json!({
        "rp": {"id": "example.com"}, "user": {"id": "AAAAAAAAAAAAAAAAAAAAAA"}, "challenge": "AAAA",
    });
    stranger.create_for(&creation.to_string());
    stranger.sign(&world.begin())
}

fn read_member(signed: &str, member: &str) -> String {
    let signed: serde_json::Value = serde_json::from_str(signed).unwrap();
    signed["response"][member].as_str().unwrap().to_owned()
}
