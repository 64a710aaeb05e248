//! A passkey as a second factor, where one has to be set up, and for a step-up.

use auth_core::{
    Assurance, AuthBuilder, AuthSession, CreateUser, DeviceToken, Error, Login, SecondFactor,
    factor::{
        Answer, FACTOR_LOCKED, FACTOR_REQUIRED, INVALID_CODE, Method, PasskeyLogin, StepUp, TOTP_EXISTS,
    },
    test_util::{Authenticator, SoftwareAuthenticator},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{ORIGIN, World, fields, nobody, read, site};
use crate::{
    assert_refused,
    factor::{STEP, challenged, enrolled, required},
    support::{DAY, EMAIL, HOUR, Halting, PASSWORD, TestAuth, granted, keys},
};

fn required_site(builder: AuthBuilder) -> AuthBuilder {
    site(required(builder))
}

each_database! {
    async fn who_has_an_app_may_answer_with_a_passkey(db: &TestDatabase) {
        let mut world = World::new(db).await;
        enrolled(&world.test, &world.caller).await;
        let factors = world.test.auth.factors().unwrap();
        let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        assert_eq!(challenge.methods, ["totp", "passkey", "recovery_code"]);
        let options = challenge.passkey_options.unwrap();
        assert_eq!(read(&options)["allowCredentials"].as_array().unwrap().len(), 1);
        // What was signed for something else is no answer, and the challenge lives on.
        let other = world.signed();
        let session = challenge.auth_session.expose().to_owned();
        let refused = factors.answer(Answer::new(session.as_str(), Method::Passkey, other)).await;
        assert_refused!(refused, Error::Refused(INVALID_CODE));
        let signed = world.authenticator.sign(&options);
        let tokens = factors.answer(Answer::new(session.as_str(), Method::Passkey, &signed)).await.unwrap().tokens;
        let caller = world.test.verify(&tokens.access);
        assert_eq!(caller.methods(), ["pwd", "pop", "user", "mfa"]);
        let again = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let refused = factors.answer(Answer::new(again.auth_session, Method::Passkey, signed)).await;
        assert_refused!(refused, Error::Refused(INVALID_CODE));
        assert_refused!(world.test.sign_in("{}").await, Error::InvalidCredentials);
    }

    async fn a_passkey_alone_is_asked_for_after_a_password_where_a_policy_says_so(db: &TestDatabase) {
        let mut world = World::new(db).await;
        world.test.login().await;
        let strict = TestAuth::instance(db, crate::support::keys(), &world.test.clock, 5, required_site).await;
        let challenge = challenged(strict.auth.login(Login::new(EMAIL, PASSWORD)).await);
        assert_eq!((challenge.enrol, challenge.methods), (false, vec!["passkey", "recovery_code"]));
        let signed = world.authenticator.sign(&challenge.passkey_options.unwrap());
        let factors = strict.auth.factors().unwrap();
        factors.answer(Answer::new(challenge.auth_session, Method::Passkey, signed)).await.unwrap();
        let challenge = challenged(strict.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let code = world.codes[0].expose();
        factors.answer(Answer::new(challenge.auth_session, Method::RecoveryCode, code)).await.unwrap();
        let refused = strict.passkeys().remove(&world.caller, world.passkey.id, nobody()).await;
        assert_refused!(refused, Error::Refused(FACTOR_REQUIRED));
        let signed = world.authenticator.sign(&strict.passkeys().begin_login().unwrap());
        strict.sign_in(signed).await.unwrap();
    }

    async fn one_is_made_on_the_way_in_where_a_factor_is_required(db: &TestDatabase) {
        let test = TestAuth::with(db, required_site).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let factors = test.auth.factors().unwrap();
        let challenge = challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        assert_eq!((challenge.enrol, challenge.methods), (true, vec!["totp", "passkey"]));
        assert_eq!(challenge.passkey_options, None);
        let session = challenge.auth_session.expose().to_owned();
        let options = factors.enrol_passkey(AuthSession::new(&session), nobody()).await.unwrap();
        let mut authenticator = SoftwareAuthenticator::on(ORIGIN);
        let mut unverified = authenticator.clone();
        unverified.verifies_user = false;
        let bad = Answer::new(session.as_str(), Method::Passkey, unverified.create(&options));
        assert_eq!(fields(factors.answer(bad).await), ["credential"]);
        let made = authenticator.create(&options);
        let answer = Answer::new(session.as_str(), Method::Passkey, &made).name("My key");
        let answered = factors.answer(answer).await.unwrap();
        assert_eq!(answered.recovery_codes.len(), 10);
        let caller = test.verify(&answered.tokens.access);
        assert_eq!(caller.assurance(), Assurance::Aal2);
        assert_eq!(test.passkeys().list(&caller).await.unwrap()[0].name, "My key");
        let refused = factors.enrol_passkey(AuthSession::new(&session), nobody()).await;
        assert_refused!(refused, Error::InvalidToken);
        let signed = authenticator.sign(&test.passkeys().begin_login().unwrap());
        test.sign_in(signed).await.unwrap();
    }

    async fn an_account_with_a_passkey_steps_up_by_it_and_not_by_its_password(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let auth = world.test.auth.clone();
        let caller = world.test.verify(&world.test.login().await.access);
        assert_refused!(auth.require_recent_proof(&caller).await, Error::StepUpRequired { level: Assurance::Aal2, .. });
        let refused = auth.step_up(&caller, StepUp::Password(PASSWORD.into()), nobody()).await;
        assert_eq!(fields(refused), ["method"]);
        let options = world.passkeys().begin_step_up(&caller).await.unwrap();
        let other = world.signed();
        let refused = auth.step_up(&caller, StepUp::Code(Method::Passkey, other.into()), nobody()).await;
        assert_eq!(fields(refused), ["credential"]);
        let signed = world.authenticator.sign(&options);
        let by = || StepUp::Code(Method::Passkey, signed.as_str().into());
        let stepped = auth.step_up(&caller, by(), nobody()).await.unwrap();
        let stepped = world.test.verify(&stepped.access);
        assert_eq!((stepped.session_id(), stepped.methods().join(" ")), (caller.session_id(), "pwd pop user mfa".to_owned()));
        auth.require_recent_proof(&caller).await.unwrap();
        assert_eq!(fields(auth.step_up(&caller, by(), nobody()).await), ["credential"]);
        world.test.clock.advance(HOUR);
        let code = world.codes[0].expose().into();
        auth.step_up(&caller, StepUp::Code(Method::RecoveryCode, code), nobody()).await.unwrap();
    }

    async fn who_has_no_passkey_cannot_step_up_by_one(db: &TestDatabase) {
        let test = TestAuth::with(db, site).await;
        let (_, caller) = super::somebody(&test).await;
        let refused = test.auth.step_up(&caller, StepUp::Code(Method::Passkey, "{}".into()), nobody()).await;
        assert_eq!(fields(refused), ["method"]);
    }

    async fn a_passkey_opens_codes_that_were_locked(db: &TestDatabase) {
        let limited = |builder: AuthBuilder| builder.configure(|config| config.factors.max_failures = 4);
        let mut world = World::with(db, limited).await;
        let (app, ..) = enrolled(&world.test, &world.caller).await;
        let factors = world.test.auth.factors().unwrap();
        for _ in 0..4 {
            let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
            let wrong = factors.answer(Answer::new(challenge.auth_session, Method::Totp, "000")).await;
            assert!(wrong.is_err());
            world.test.clock.advance(HOUR);
        }
        let answer = async || {
            let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
            factors.answer(Answer::new(challenge.auth_session, Method::Totp, app.next_code())).await
        };
        assert_refused!(answer().await, Error::Refused(FACTOR_LOCKED));
        let signed = world.authenticator.sign(&world.test.passkeys().begin_login().unwrap());
        world.test.sign_in(signed).await.unwrap();
        assert_eq!(world.test.events.count("factor_unlocked"), 1);
        world.test.clock.advance(STEP);
        answer().await.unwrap();
    }

    async fn codes_are_locked_also_where_there_is_no_app_and_stay_so_until_a_passkey_or_an_administrator_opens_them(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let limited = |builder| required_site(builder).configure(|config| config.factors.max_failures = 4);
        world.test = TestAuth::instance(db, keys(), &world.test.clock, 5, limited).await;
        let factors = world.test.auth.factors().unwrap();
        let answer = async |code: &str| {
            let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
            factors.answer(Answer::new(challenge.auth_session, Method::RecoveryCode, code)).await
        };
        let lock = async || {
            for _ in 0..4 {
                assert_refused!(answer("AAAAA-AAAAA").await, Error::Refused(INVALID_CODE));
            }
            assert_eq!(world.test.mails().await, ["factor_locked"]);
            assert_refused!(answer(world.codes[0].expose()).await, Error::Refused(FACTOR_LOCKED));
            // Also when what was counted is forgotten.
            world.test.clock.advance(40 * DAY);
            world.test.auth.sweep().await.unwrap();
            assert_refused!(answer(world.codes[0].expose()).await, Error::Refused(FACTOR_LOCKED));
            assert!(world.test.mails().await.is_empty(), "told once");
        };
        lock().await;
        assert_eq!(world.test.events.count("factor_locked"), 1);
        let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let signed = world.authenticator.clone().sign(&challenge.passkey_options.unwrap());
        let opened = factors.answer(Answer::new(challenge.auth_session, Method::Passkey, signed)).await.unwrap();
        assert_eq!(world.test.events.count("factor_unlocked"), 1);
        assert!(!factors.list(&world.test.verify(&opened.tokens.access)).await.unwrap().is_locked);
        lock().await;
        world.test.auth.unlock_factors(world.user.id, nobody()).await.unwrap();
        assert_eq!(world.test.events.count("factor_unlocked"), 2);
        answer(world.codes[0].expose()).await.unwrap();
        world.sign_in().await.unwrap();
    }

    async fn wrong_passkeys_are_counted_as_wrong_codes_are_and_a_right_one_never_waits(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let (app, _, caller) = enrolled(&world.test, &world.caller).await;
        world.test.outbox_is_empty().await;
        let factors = world.test.auth.factors().unwrap();
        let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let answer = async |method, shown: &str| {
            factors.answer(Answer::new(challenge.auth_session.clone(), method, shown)).await
        };
        let step_up = async |shown: &str| {
            world.test.auth.step_up(&caller, StepUp::Code(Method::Passkey, shown.into()), nobody()).await
        };
        for _ in 0..3 {
            assert_refused!(answer(Method::Passkey, "{}").await, Error::Refused(INVALID_CODE));
        }
        for _ in 0..2 {
            assert_eq!(fields(step_up("{}").await), ["credential"]);
        }
        assert_eq!(world.test.mails().await, ["second_factor_failed"]);
        assert_eq!(world.test.events.count("second_factor_failed"), 5);
        assert_refused!(answer(Method::Passkey, "{}").await, Error::Throttled { .. });
        assert_refused!(answer(Method::Totp, &app.code()).await, Error::Throttled { .. });
        assert_refused!(step_up("{}").await, Error::Throttled { .. });
        let signed = world.authenticator.sign(challenge.passkey_options.as_ref().unwrap());
        answer(Method::Passkey, &signed).await.unwrap();
        assert_eq!(world.test.count("auth_factor_failure").await, 0);
    }

    async fn a_challenge_is_told_once_more_to_who_has_nothing_but_its_token(db: &TestDatabase) {
        let mut world = World::new(db).await;
        world.test = TestAuth::instance(db, keys(), &world.test.clock, 5, required_site).await;
        let factors = world.test.auth.factors().unwrap();
        let first = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let again = factors.challenge(first.auth_session.clone(), nobody()).await.unwrap();
        assert_eq!((again.auth_session.expose(), &again.methods), (first.auth_session.expose(), &first.methods));
        assert_eq!((again.enrol, again.expires_at), (first.enrol, first.expires_at));
        assert_ne!(again.passkey_options, first.passkey_options);
        let signed = world.authenticator.sign(&again.passkey_options.unwrap());
        factors.answer(Answer::new(again.auth_session, Method::Passkey, signed)).await.unwrap();
        assert_refused!(factors.challenge(first.auth_session, nobody()).await, Error::InvalidToken);
    }

    async fn a_sign_in_with_a_passkey_leaves_the_device_remembered(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let (app, ..) = enrolled(&world.test, &world.caller).await;
        let factors = world.test.auth.factors().unwrap();
        let login = async |device: &DeviceToken| {
            world.test.auth.login(Login::new(EMAIL, PASSWORD).client(nobody().device(device.clone()))).await
        };
        let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let answer = Answer::new(challenge.auth_session, Method::Totp, app.next_code()).remembering_device();
        let device = factors.answer(answer).await.unwrap().tokens.device.unwrap();
        let signed = world.authenticator.sign(&world.passkeys().begin_login().unwrap());
        let on_it = PasskeyLogin::new(signed).client(nobody().device(device.clone()));
        let next = granted(world.passkeys().login(on_it).await).unwrap();
        challenged(login(&device).await);
        granted(login(&next.device.unwrap()).await).unwrap();
    }

    async fn a_session_from_before_a_passkey_does_not_lift_itself_by_an_app(db: &TestDatabase) {
        let test = TestAuth::with(db, site).await;
        let (user, caller) = super::somebody(&test).await;
        let factors = test.auth.factors().unwrap();
        let app = Authenticator::new(&factors.begin_totp(&caller).await.unwrap(), &test.clock);
        let own = test.verify(&test.login().await.access);
        // Once while its code is looked at, and once before.
        let halting = Halting::with(&test, db, site).await;
        let (beside, old, code) = (halting.auth.factors().unwrap(), caller.clone(), app.code());
        let mut authenticator = SoftwareAuthenticator::on(ORIGIN);
        let meanwhile = async {
            test.make(&own, &mut authenticator).await.unwrap();
        };
        let confirmed = async move { beside.confirm_totp(&old, code, nobody()).await };
        let outcome = halting.run(("DELETE", "auth_factor_failure"), confirmed, meanwhile).await;
        assert_refused!(outcome, Error::StepUpRequired { level: Assurance::Aal2, .. });
        test.clock.advance(STEP);
        let refused = factors.confirm_totp(&caller, app.code(), nobody()).await;
        assert_refused!(refused, Error::StepUpRequired { level: Assurance::Aal2, .. });
        assert_eq!(test.count("auth_totp WHERE pending_until IS NULL").await, 0);
        assert_eq!(test.count("auth_session WHERE methods <> 'pwd'").await, 0);
        // Who shows the passkey may.
        let signed = authenticator.sign(&test.passkeys().begin_login().unwrap());
        let caller = test.verify(&test.sign_in(signed).await.unwrap().access);
        assert_eq!(caller.user_id(), user.id);
        factors.confirm_totp(&caller, app.code(), nobody()).await.unwrap();
    }

    async fn of_two_factors_that_are_set_up_on_the_way_in_the_first_stands(db: &TestDatabase) {
        let test = TestAuth::with(db, required_site).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let halting = Halting::with(&test, db, required_site).await;
        let (factors, slow) = (test.auth.factors().unwrap(), halting.auth.factors().unwrap());
        let begin = async || challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await).auth_session;
        let by_app = async |session: &AuthSession| {
            let setup = factors.enrol(session.clone(), nobody()).await.unwrap();
            Answer::new(session.clone(), Method::Totp, Authenticator::new(&setup, &test.clock).code())
        };
        let by_passkey = async |session: &AuthSession| {
            let options = factors.enrol_passkey(session.clone(), nobody()).await.unwrap();
            Answer::new(session.clone(), Method::Passkey, SoftwareAuthenticator::on(ORIGIN).create(&options))
        };
        let stand = async || {
            let apps = test.count("auth_totp WHERE pending_until IS NULL").await;
            (apps, test.count("auth_passkey").await, test.count("auth_recovery_code").await)
        };
        let (one, two) = (begin().await, begin().await);
        let (late, first) = (by_app(&one).await, by_passkey(&two).await);
        let answered = { let slow = slow.clone(); async move { slow.answer(late).await } };
        let outcome = halting.run(("SELECT", "auth_totp"), answered, async {
            factors.answer(first).await.unwrap();
        }).await;
        assert_refused!(outcome, Error::Refused(TOTP_EXISTS));
        assert_eq!(stand().await, (0, 1, 10));

        let user = test.auth.find_user(EMAIL).await.unwrap().id;
        test.auth.reset_factors(user, nobody()).await.unwrap();
        let (one, two) = (begin().await, begin().await);
        let (late, first) = (by_passkey(&one).await, by_app(&two).await);
        let answered = async move { slow.answer(late).await };
        let outcome = halting.run(("SELECT", "auth_totp"), answered, async {
            factors.answer(first).await.unwrap();
        }).await;
        assert_refused!(outcome, Error::Refused(TOTP_EXISTS));
        assert_eq!(stand().await, (1, 0, 10));
    }

    async fn of_many_factors_that_are_set_up_at_once_on_two_instances_one_stands(db: &TestDatabase) {
        let test = TestAuth::with(db, required_site).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let other = TestAuth::instance(db, keys(), &test.clock, 5, required_site).await;
        let mut answers = Vec::new();
        for number in 0..6 {
            let factors = if number % 2 == 0 { &test } else { &other }.auth.factors().unwrap();
            let session = challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await).auth_session;
            let answer = if number == 0 {
                let setup = factors.enrol(session.clone(), nobody()).await.unwrap();
                Answer::new(session, Method::Totp, Authenticator::new(&setup, &test.clock).code())
            } else {
                let options = factors.enrol_passkey(session.clone(), nobody()).await.unwrap();
                Answer::new(session, Method::Passkey, SoftwareAuthenticator::on(ORIGIN).create(&options))
            };
            answers.push((factors, answer));
        }
        let tasks = answers
            .into_iter()
            .map(|(factors, answer)| tokio::spawn(async move { factors.answer(answer).await }));
        let mut stood = 0;
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Ok(_) => stood += 1,
                Err(Error::Refused(TOTP_EXISTS)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        let apps = test.count("auth_totp WHERE pending_until IS NULL").await;
        assert_eq!((stood, apps + test.count("auth_passkey").await), (1, 1));
        assert_eq!(test.count("auth_session").await, 1);
    }

    async fn where_second_factors_are_off_a_passkey_signs_in_and_brings_no_codes(db: &TestDatabase) {
        let off = |builder: AuthBuilder| builder.configure(|config| config.factors.policy = SecondFactor::Off);
        let mut world = World::with(db, off).await;
        assert!(world.codes.is_empty());
        world.sign_in().await.unwrap();
        let caller = world.test.verify(&world.test.login().await.access);
        world.test.auth.step_up(&caller, StepUp::Password(PASSWORD.into()), nobody()).await.unwrap();
        let signed = world.authenticator.sign(&world.passkeys().begin_step_up(&caller).await.unwrap());
        world.test.auth.step_up(&caller, StepUp::Code(Method::Passkey, signed.into()), nobody()).await.unwrap();
    }
}
