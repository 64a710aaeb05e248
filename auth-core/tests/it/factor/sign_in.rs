//! A sign-in in two steps.

use auth_core::{
    Assurance, ClientInfo, Error, Login,
    factor::{Answer, INVALID_CODE, Method},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{STEP, World, challenged, nobody, wrong};
use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, SECOND, TestAuth, keys, secret},
};

each_database! {
    async fn the_password_alone_makes_no_session_and_the_code_makes_one_of_two_factors(db: &TestDatabase) {
        let world = World::new(db).await;
        let before = world.count("auth_session").await;
        let challenge = world.challenge().await;
        assert_eq!((challenge.methods, challenge.enrol), (vec!["totp", "recovery_code"], false));
        assert_eq!(world.count("auth_session").await, before);
        let answer = Answer::new(challenge.auth_session, Method::Totp, world.app.next_code());
        let answered = world.factors().answer(answer).await.unwrap();
        assert!(answered.recovery_codes.is_empty());
        let caller = world.test.verify(&answered.tokens.access);
        assert_eq!(caller.methods(), ["pwd", "otp", "mfa"]);
        assert_eq!(caller.assurance(), Assurance::Aal2);
        let next = world.test.refresh(&answered.tokens.refresh).await.unwrap();
        assert_eq!(world.test.verify(&next.access).assurance(), Assurance::Aal2);
        assert_eq!(world.count("auth_challenge").await, 0);
    }

    async fn a_code_is_taken_once_whatever_challenge_it_is_given_to(db: &TestDatabase) {
        let world = World::new(db).await;
        let code = world.app.next_code();
        world.answer(Method::Totp, code.clone()).await.unwrap();
        assert_refused!(world.answer(Method::Totp, code).await, Error::Refused(INVALID_CODE));
        // Nor one of the step before.
        world.test.clock.advance(STEP);
        let older = world.app.code();
        let newer = world.app.next_code();
        world.answer(Method::Totp, newer).await.unwrap();
        assert_refused!(world.answer(Method::Totp, older).await, Error::Refused(INVALID_CODE));
    }

    async fn of_many_who_give_the_same_code_at_once_on_two_instances_one_gets_in(db: &TestDatabase) {
        let world = World::new(db).await;
        let other = TestAuth::instance(db, keys(), &world.test.clock, 5, |builder| builder).await;
        let code = world.app.next_code();
        let (mut tasks, before) = (Vec::new(), world.count("auth_session").await);
        for number in 0..64_u8 {
            let auth = if number % 2 == 0 { &world.test.auth } else { &other.auth };
            let challenge = challenged(auth.login(Login::new(EMAIL, PASSWORD)).await);
            let client = nobody().ip([10, 0, 0, number].into());
            let answer = Answer::new(challenge.auth_session, Method::Totp, code.clone()).client(client);
            let factors = auth.factors().unwrap();
            tasks.push(tokio::spawn(async move { factors.answer(answer).await }));
        }
        let mut granted = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => granted += 1,
                Err(Error::Refused(INVALID_CODE) | Error::Throttled { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(granted, 1);
        assert_eq!(world.count("auth_session").await, before + 1);
    }

    async fn of_many_who_answer_one_challenge_at_once_one_gets_in(db: &TestDatabase) {
        let world = World::new(db).await;
        let (challenge, code) = (world.challenge().await, world.app.next_code());
        let before = world.count("auth_session").await;
        let tasks: Vec<_> = (0..4)
            .map(|number| {
                let code = if number % 2 == 0 { code.clone() } else { world.codes[number].expose().to_owned() };
                let method = if number % 2 == 0 { Method::Totp } else { Method::RecoveryCode };
                let answer = Answer::new(challenge.auth_session.clone(), method, code);
                let factors = world.factors();
                tokio::spawn(async move { factors.answer(answer).await })
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            granted += usize::from(task.await.unwrap().is_ok());
        }
        assert_eq!(granted, 1);
        assert_eq!(world.count("auth_session").await, before + 1);
    }

    async fn a_challenge_lives_through_a_wrong_code_and_is_over_once_it_was_answered(db: &TestDatabase) {
        let world = World::new(db).await;
        let token = world.challenge().await.auth_session;
        let code = world.app.next_code();
        let give = async |code: &str| {
            world.factors().answer(Answer::new(token.clone(), Method::Totp, code)).await
        };
        assert_refused!(give(&wrong(&code)).await, Error::Refused(INVALID_CODE));
        assert_refused!(give("").await, Error::Refused(INVALID_CODE));
        // As apps show it.
        give(&format!("{} {}", &code[..3], &code[3..])).await.unwrap();
        assert_refused!(give(&world.app.next_code()).await, Error::InvalidToken);
    }

    async fn a_challenge_is_over_after_five_minutes_and_with_whatever_ends_the_sessions(db: &TestDatabase) {
        let world = World::new(db).await;
        let auth = &world.test.auth;
        for way in ["time", "ended", "disabled", "reset"] {
            let token = world.challenge().await.auth_session;
            match way {
                "time" => {
                    world.test.clock.advance(300 * SECOND);
                }
                "ended" => auth.logout_all(world.user.id, nobody()).await.unwrap(),
                "disabled" => {
                    auth.disable(world.user.id, nobody()).await.unwrap();
                    let answer = Answer::new(token.clone(), Method::Totp, world.app.next_code());
                    assert_refused!(world.factors().answer(answer).await, Error::InvalidToken);
                    auth.enable(world.user.id, nobody()).await.unwrap();
                }
                _ => {
                    let link = auth.reset_link(world.user.id, nobody()).await.unwrap();
                    auth.reset_password(link.token, PASSWORD, nobody()).await.unwrap();
                }
            }
            let answer = Answer::new(token, Method::Totp, world.app.next_code());
            assert_refused!(world.factors().answer(answer).await, Error::InvalidToken);
        }
        // A new password lifts nothing.
        world.challenge().await;
    }

    async fn what_is_no_token_of_a_challenge_answers_none(db: &TestDatabase) {
        let world = World::new(db).await;
        let real = world.challenge().await.auth_session;
        let link = world.test.auth.reset_link(world.user.id, nobody()).await.unwrap().token;
        let (begin, end) = real.expose().split_at(60);
        let changed = format!("{begin}{}", end.chars().rev().collect::<String>());
        for token in ["", "x", changed.as_str(), link.expose(), world.tokens.refresh.expose(), world.tokens.access.expose()] {
            let answer = Answer::new(token, Method::Totp, world.app.next_code());
            assert_refused!(world.factors().answer(answer).await, Error::InvalidToken);
        }
        // The secret of before is still taken, one of somebody else is not.
        let others = TestAuth::instance(db, auth_core::Keys::new(secret(9)), &world.test.clock, 2, |builder| builder).await;
        let answer = Answer::new(real, Method::Totp, world.app.next_code());
        assert_refused!(others.auth.factors().unwrap().answer(answer).await, Error::InvalidToken);
    }

    async fn a_recovery_code_works_once_in_any_writing_and_the_owner_is_told(db: &TestDatabase) {
        let world = World::new(db).await;
        let code = world.codes[3].expose().to_owned();
        assert_eq!((world.codes.len(), code.len(), code.as_bytes()[5]), (10, 11, b'-'));
        let typed = code.to_lowercase().replace('-', " ");
        let answered = world.answer(Method::RecoveryCode, typed).await.unwrap();
        assert_eq!(world.test.verify(&answered.tokens.access).methods(), ["pwd", "rc", "mfa"]);
        assert_eq!(world.test.mails().await, ["recovery_code_used"]);
        assert_eq!(world.count("auth_recovery_code").await, 9);
        assert_refused!(world.answer(Method::RecoveryCode, code).await, Error::Refused(INVALID_CODE));
        assert_refused!(world.answer(Method::Totp, world.codes[4].expose()).await, Error::Refused(INVALID_CODE));
        for code in world.codes.iter().filter(|other| other.expose() != world.codes[3].expose()) {
            world.test.auth.unlock_factors(world.user.id, nobody()).await.unwrap();
            world.answer(Method::RecoveryCode, code.expose()).await.unwrap();
        }
        // None is left to be offered.
        assert_eq!(world.challenge().await.methods, ["totp"]);
    }

    async fn the_session_that_the_client_held_ends_when_both_factors_were_shown(db: &TestDatabase) {
        let world = World::new(db).await;
        let held = world.sign_in().await;
        let login = Login::new(EMAIL, PASSWORD).replacing(held.refresh.clone());
        let challenge = challenged(world.test.auth.login(login).await);
        world.test.refresh(&held.refresh).await.unwrap();
        let answer = Answer::new(challenge.auth_session, Method::Totp, world.app.next_code());
        world.factors().answer(answer).await.unwrap();
        assert_refused!(world.test.refresh(&held.refresh).await, Error::SessionLeft);
    }

    async fn what_happened_is_told(db: &TestDatabase) {
        let world = World::new(db).await;
        let client = ClientInfo::default().user_agent("curl");
        let challenge = world.challenge().await;
        let code = world.app.next_code();
        let answer = Answer::new(challenge.auth_session.clone(), Method::Totp, wrong(&code)).client(client.clone());
        world.factors().answer(answer).await.unwrap_err();
        let answer = Answer::new(challenge.auth_session, Method::Totp, code).client(client);
        world.factors().answer(answer).await.unwrap();
        let events = world.test.events.events();
        let told: Vec<_> = events.iter().rev().take(2).map(|event| {
            (event.kind.code(), event.kind.reason().map(str::to_owned), event.client.user_agent.clone())
        }).collect();
        let curl = Some("curl".to_owned());
        assert_eq!(told, [
            ("signed_in", Some("pwd otp mfa".to_owned()), curl.clone()),
            ("second_factor_failed", Some("totp".to_owned()), curl),
        ]);
    }
}
