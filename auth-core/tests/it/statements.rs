//! The number of statements of each operation, as the manual's architecture page states it. `BEGIN` and
//! `COMMIT` are not counted here; only registration and a sign-in that replaces a session use them.

use auth_core::{
    Algorithm, ClientInfo, Error, Login, ProfileChange,
    factor::{Answer, Method},
    test_util::ManualClock,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::oidc::{World, issuer::Person};
use crate::support::{EMAIL, PASSWORD, PAST_GRACE, TestAuth, granted, keys};
use crate::{email_code, factor};

each_database! {
    async fn each_operation_takes_as_few_statements_as_the_manual_says(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let verbs = || -> Vec<String> {
            let statements = test.statements();
            statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        test.register().await;
        assert_eq!(verbs(), ["INSERT", "INSERT"], "register");

        test.login().await;
        assert_eq!(verbs(), ["SELECT", "INSERT", "DELETE", "INSERT", "UPDATE"], "the first login");

        let tokens = test.login().await;
        assert_eq!(verbs(), ["SELECT", "INSERT", "DELETE", "INSERT"], "login");

        test.auth.sign_in(tokens.user_id, "ldap", ClientInfo::default()).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "INSERT"], "sign-in by a proof of the host's own");

        let known = || Login::new(EMAIL, PASSWORD).client(ClientInfo::default().device(tokens.device.clone().unwrap()));
        test.auth.login(known()).await.unwrap();
        let known_device = ["SELECT", "INSERT", "INSERT", "DELETE", "DELETE", "INSERT"];
        assert_eq!(verbs(), known_device, "login on a known device");

        for email in [EMAIL, "nobody@example.com"] {
            test.try_login(email, "wrong").await.unwrap_err();
            assert_eq!(verbs(), ["SELECT", "INSERT"], "login refused, the first time");
            test.try_login(email, "wrong").await.unwrap_err();
            assert_eq!(verbs(), ["SELECT", "UPDATE"], "login refused, again");
        }
        test.auth.login(known()).await.unwrap();
        let after_failures = ["SELECT", "INSERT", "INSERT", "DELETE", "DELETE", "DELETE", "INSERT"];
        assert_eq!(verbs(), after_failures, "known device, after failures elsewhere");
        for email in [EMAIL, "nobody@example.com"] {
            for _ in 0..10 {
                let _ = test.try_login(email, "wrong").await;
            }
            verbs();
            assert!(matches!(test.try_login(email, "wrong").await, Err(Error::Throttled { .. })));
            assert_eq!(verbs(), ["SELECT"], "login throttled");
        }
        test.auth.unlock(tokens.user_id, ClientInfo::default()).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "DELETE"], "unlock");

        let next = test.refresh(&tokens.refresh).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "UPDATE"], "refresh with a current token");

        test.refresh(&tokens.refresh).await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "refresh within the grace");

        let caller = test.auth.verifier().verify(next.access.expose()).unwrap();
        assert_eq!(verbs(), [""; 0], "verify");

        let bounded = test.auth.verifier().bounded(test.auth.revocations());
        bounded.verify(next.access.expose()).unwrap();
        assert_eq!(verbs(), [""; 0], "verify, bounded");

        for read in [&["SELECT"][..], &[]] {
            test.auth.verify_browser(&next.browser).await.unwrap();
            assert_eq!(verbs(), read, "verify the cookie of a browser, and again");
        }

        test.auth.verify_session(&caller).await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "verify, strict");

        test.auth.current_user(&caller).await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "me");

        test.auth.sessions(&caller).await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "list the sessions");

        test.auth.end_other_sessions(&caller, ClientInfo::default()).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "SELECT", "UPDATE", "UPDATE", "UPDATE"], "end the other sessions");

        let login = Login::new(EMAIL, PASSWORD).replacing(next.refresh.clone());
        let replaced = granted(test.auth.login(login).await).unwrap();
        assert_eq!(verbs(), ["SELECT", "INSERT", "SELECT", "DELETE", "INSERT", "UPDATE"], "login that replaces a session");

        let login = Login::new(EMAIL, PASSWORD).replacing(next.refresh.clone());
        granted(test.auth.login(login).await).unwrap();
        let two_updates = ["SELECT", "INSERT", "SELECT", "DELETE", "INSERT", "UPDATE", "UPDATE"];
        assert_eq!(verbs(), two_updates, "login that replaces a session that is over");

        test.auth.logout(replaced.refresh.clone(), ClientInfo::default()).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "UPDATE"], "logout");

        test.auth.logout_session(replaced.session_id, ClientInfo::default()).await.unwrap();
        assert_eq!(verbs(), ["UPDATE"], "logout of a session by its id");

        test.auth.logout_all(replaced.user_id, ClientInfo::default()).await.unwrap();
        assert_eq!(verbs(), ["UPDATE", "UPDATE"], "logout everywhere");

        test.clock.advance(PAST_GRACE);
        assert!(test.refresh(&replaced.refresh).await.is_err());
        assert_eq!(verbs(), ["SELECT"], "refresh of a session that is over");
    }

    async fn a_profile_takes_as_few_statements_as_the_manual_says(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| (config.profile.enabled, config.profile.usernames) = (true, true))
        }).await;
        let verbs = || -> Vec<String> {
            let statements = test.statements();
            statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        let (_, caller) = test.caller().await;
        verbs();
        test.auth.current_user(&caller).await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "me");

        test.auth.verify_session(&caller).await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "verify, strict");

        let change = |change| test.auth.change_profile(&caller, change, ClientInfo::default());
        change(ProfileChange::default().name("Ada")).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "SELECT", "SELECT", "INSERT"], "the first change of a profile");

        change(ProfileChange::default().username("countess")).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "SELECT", "SELECT", "UPDATE", "DELETE"], "a user name");

        test.try_login("countess", PASSWORD).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "SELECT", "INSERT", "DELETE", "INSERT"], "login by a user name");
    }

    async fn a_second_factor_takes_as_few_statements_as_the_manual_says(db: &TestDatabase) {
        let world = factor::World::new(db).await;
        let verbs = || -> Vec<String> {
            let statements = world.test.statements();
            statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        verbs();
        let challenge = world.challenge().await;
        assert_eq!(verbs(), ["SELECT", "INSERT", "INSERT", "SELECT", "DELETE"], "to the challenge");
        let answer = Answer::new(challenge.auth_session, Method::Totp, world.app.next_code());
        world.factors().answer(answer).await.unwrap();
        let guess = ["SELECT", "SELECT", "INSERT"];
        let answered = [&["SELECT", "SELECT"], &guess[..], &["SELECT", "DELETE", "UPDATE", "DELETE", "INSERT"]].concat();
        assert_eq!(verbs(), answered, "the answer to it");

        let challenge = world.challenge().await;
        verbs();
        let answer = Answer::new(challenge.auth_session, Method::Totp, world.app.next_code());
        let tokens = world.factors().answer(answer.remembering_device()).await.unwrap().tokens;
        let remembered = [&["SELECT", "SELECT"], &guess[..], &["SELECT", "DELETE", "UPDATE", "SELECT", "INSERT", "DELETE", "INSERT"]].concat();
        assert_eq!(verbs(), remembered, "the answer that has the device remembered");

        let client = ClientInfo::default().device(tokens.device.unwrap());
        let tokens = granted(world.test.auth.login(Login::new(EMAIL, PASSWORD).client(client)).await).unwrap();
        let on_it = ["SELECT", "INSERT", "INSERT", "SELECT", "DELETE", "DELETE", "INSERT", "UPDATE"];
        assert_eq!(verbs(), on_it, "login on a remembered device");

        world.test.clock.advance(PAST_GRACE);
        world.test.refresh(&tokens.refresh).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "SELECT", "UPDATE"], "refresh of a session that was let in for its device");
    }

    async fn a_code_in_a_mail_takes_as_few_statements_as_the_manual_says(db: &TestDatabase) {
        let test = TestAuth::with(db, email_code::on).await;
        let verbs = || -> Vec<String> {
            let statements = test.statements();
            statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        test.proved().await;
        // The first sign-in makes a seed for devices.
        test.login().await;
        let asked = test.ask(EMAIL).await;
        verbs();
        for email in [EMAIL, "nobody@example.com"] {
            let flow = test.start(email).await;
            assert_eq!(verbs(), ["SELECT", "INSERT", "INSERT"], "to ask for a code");
            test.by_code(email, "00000000", &flow.token).await.unwrap_err();
            assert_eq!(verbs(), ["SELECT", "INSERT", "SELECT", "UPDATE"], "a wrong code, the first time");
            test.by_code(email, "00000000", &flow.token).await.unwrap_err();
            assert_eq!(verbs(), ["SELECT", "UPDATE", "SELECT", "UPDATE"], "a wrong code, again");
        }
        test.execute("DELETE FROM auth_throttle").await;
        verbs();
        test.by_code(EMAIL, &asked.code, &asked.flow).await.unwrap();
        let right = ["SELECT", "INSERT", "SELECT", "UPDATE", "SELECT", "DELETE", "SELECT", "DELETE", "INSERT"];
        assert_eq!(verbs(), right, "a right code");
    }

    async fn the_key_ring_takes_as_few_statements_as_the_manual_says(db: &TestDatabase) {
        let keys = keys().key_ring(Algorithm::EdDsa);
        let test = TestAuth::instance(db, keys, &ManualClock::new(), 5, |builder| builder).await;
        let verbs = || -> Vec<String> {
            let statements = test.statements();
            statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        let ring = test.auth.key_ring();
        test.auth.poll_keys().await.unwrap();
        assert_eq!(verbs(), ["SELECT", "INSERT", "SELECT"], "the first poll of an empty ring");

        test.auth.poll_keys().await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "poll");

        let next = ring.rotate(Algorithm::EdDsa).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "INSERT", "SELECT"], "rotate");

        ring.revoke(&next.id).await.unwrap();
        assert_eq!(verbs(), ["UPDATE", "SELECT"], "revoke");

        ring.list().await.unwrap();
        assert_eq!(verbs(), ["SELECT"], "list");
    }

    async fn a_sign_in_at_a_provider_takes_as_few_statements_as_the_manual_says(db: &TestDatabase) {
        let world = World::new(db).await;
        let ada = Person::new("1", EMAIL);
        world.sign_in(&ada).await;
        let verbs = || -> Vec<String> {
            let statements = world.test.statements();
            statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        verbs();
        let begun = world.start().await;
        assert_eq!(verbs(), ["INSERT"], "begin");
        let query = world.issuer.approve(&begun.url, &ada);
        world.come_back(&query, Some(begun.browser)).await.unwrap();
        assert_eq!(verbs(), ["SELECT", "UPDATE", "SELECT", "UPDATE", "SELECT", "SELECT", "INSERT"], "end");
    }
}
