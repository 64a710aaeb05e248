//! A passkey as a second factor, where one has to be set up, and for a step-up.

use auth_core::{
    Assurance, AuthBuilder, AuthSession, CreateUser, Error, Login, SecondFactor,
    factor::{Answer, FACTOR_LOCKED, FACTOR_REQUIRED, INVALID_CODE, Method, StepUp},
    test_util::SoftwareAuthenticator,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{ORIGIN, World, fields, nobody, read, site};
use crate::{
    assert_refused,
    factor::{STEP, challenged, enrolled, required},
    support::{EMAIL, HOUR, PASSWORD, TestAuth},
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
