//! Who must have a second factor, and what becomes of sessions from before.

use auth_core::{
    Assurance, CreateUser, Error, Login, SecondFactor, UserChange,
    factor::{Answer, FACTOR_REQUIRED, INVALID_CODE, Method, SECOND_FACTOR_ENROLMENT_REQUIRED},
    refusal::VERIFICATION_NEEDED,
    test_util::Authenticator,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{STEP, World, challenged, nobody, required};
use crate::{
    assert_refused,
    support::{EMAIL, Halting, PASSWORD, PAST_GRACE, TestAuth, keys},
};

async fn with_policy(db: &TestDatabase, test: &TestAuth, policy: SecondFactor) -> TestAuth {
    let settings =
        |builder: auth_core::AuthBuilder| builder.configure(|config| config.factors.policy = policy);
    TestAuth::instance(db, keys(), &test.clock, 2, settings).await
}

each_database! {
    async fn where_one_is_required_there_are_no_tokens_before_a_factor_stands(db: &TestDatabase) {
        let test = TestAuth::with(db, required).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let challenge = challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        assert_eq!((challenge.enrol, challenge.methods), (true, vec!["totp"]));
        let factors = test.auth.factors().unwrap();
        let token = challenge.auth_session;
        // Nothing is set up yet that a code could be of.
        let answer = Answer::new(token.clone(), Method::Totp, "000000");
        assert_refused!(factors.answer(answer).await, Error::Refused(INVALID_CODE));
        let setup = factors.enrol(token.clone(), nobody()).await.unwrap();
        let app = Authenticator::new(&setup, &test.clock);
        assert_eq!(test.count("auth_session").await, 0);
        let answered = factors.answer(Answer::new(token.clone(), Method::Totp, app.code())).await.unwrap();
        assert_eq!(answered.recovery_codes.len(), 10);
        assert_eq!(test.verify(&answered.tokens.access).assurance(), Assurance::Aal2);
        assert_eq!(test.mails().await, ["factor_added"]);
        assert_refused!(factors.enrol(token, nobody()).await, Error::InvalidToken);
        let caller = test.verify(&answered.tokens.access);
        assert_refused!(factors.remove_totp(&caller, nobody()).await, Error::Refused(FACTOR_REQUIRED));
        let challenge = challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        assert!(!challenge.enrol);
        assert_refused!(factors.enrol(challenge.auth_session, nobody()).await, Error::InvalidToken);
    }

    async fn a_factor_does_not_stand_if_the_sessions_end_while_its_codes_are_hashed(db: &TestDatabase) {
        let test = TestAuth::with(db, required).await;
        let user = test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let halting = Halting::with(&test, db, required).await;
        let token = challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await).auth_session;
        let factors = halting.auth.factors().unwrap();
        let setup = factors.enrol(token.clone(), nobody()).await.unwrap();
        let app = Authenticator::new(&setup, &test.clock);
        let answer = Answer::new(token, Method::Totp, app.code());
        let answered = async move { factors.answer(answer).await };
        let outcome = halting.run(("SELECT", "auth_totp"), answered, async {
            test.auth.logout_all(user.id, nobody()).await.unwrap();
        }).await;
        assert_refused!(outcome, Error::InvalidToken);
        assert_eq!(test.count("auth_totp WHERE pending_until IS NULL").await, 0);
    }

    async fn a_factor_is_set_up_on_a_proved_address_only_where_mail_is_delivered(db: &TestDatabase) {
        let test = TestAuth::with(db, required).await;
        test.register().await;
        let token = challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await).auth_session;
        let factors = test.auth.factors().unwrap();
        assert_refused!(factors.enrol(token.clone(), nobody()).await, Error::Refused(VERIFICATION_NEEDED));
        let link = test.token_of(auth_core::mail::MailKind::VerifyEmail).await;
        test.auth.verify_email(link, nobody()).await.unwrap();
        factors.enrol(token, nobody()).await.unwrap();

        let silent = TestAuth::without_mail(db).await;
        silent.auth.create_user(CreateUser::new("bob@example.com").password(PASSWORD)).await.unwrap();
        let tokens = silent.try_login("bob@example.com", PASSWORD).await.unwrap();
        let caller = silent.verify(&tokens.access);
        silent.auth.factors().unwrap().begin_totp(&caller).await.unwrap();
    }

    async fn a_policy_for_roles_asks_who_has_one_of_them(db: &TestDatabase) {
        let policy = SecondFactor::RequiredFor(vec!["admin".to_owned(), "editor".to_owned()]);
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.factors.policy = policy)).await;
        let user = test.register().await;
        let tokens = test.login().await;
        test.auth.update_user(user.id, UserChange::default().roles(["editor"]), nobody()).await.unwrap();
        assert!(challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await).enrol);
        assert_refused!(test.refresh(&tokens.refresh).await, Error::Refused(SECOND_FACTOR_ENROLMENT_REQUIRED));
        test.auth.update_user(user.id, UserChange::default().roles(["writer"]), nobody()).await.unwrap();
        test.refresh(&tokens.refresh).await.unwrap();
        test.login().await;
    }

    async fn a_session_from_before_goes_on_with_one_factor_where_none_is_required(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let before = test.login().await;
        let own = test.verify(&test.login().await.access);
        super::enrolled(&test, &own).await;
        let next = test.refresh(&before.refresh).await.unwrap();
        let caller = test.verify(&next.access);
        assert_eq!((caller.assurance(), caller.methods()), (Assurance::Aal1, &["pwd".to_owned()][..]));
        test.auth.current_user(&caller).await.unwrap();
        // What asks for recent proof wants both.
        let wants_both = |error| matches!(error, Error::StepUpRequired { level: Assurance::Aal2, .. });
        let refused = test.auth.change_password(&caller, PASSWORD, "another horse battery", nobody()).await;
        assert!(wants_both(refused.unwrap_err()));
        assert!(wants_both(test.auth.delete_account(&caller, Some(PASSWORD.into()), nobody()).await.unwrap_err()));
        let factors = test.auth.factors().unwrap();
        assert!(wants_both(factors.remove_totp(&caller, nobody()).await.unwrap_err()));
        assert!(wants_both(factors.new_recovery_codes(&caller, nobody()).await.unwrap_err()));
    }

    async fn under_a_policy_that_requires_one_a_session_below_gives_no_tokens_and_is_lifted_by_its_owner(db: &TestDatabase) {
        let world = World::new(db).await;
        let test = with_policy(db, &world.test, SecondFactor::Required).await;
        let factors = test.auth.factors().unwrap();
        // A session that has shown one factor, as of before there was one.
        let session = world.tokens.session_id;
        world.test.execute("UPDATE auth_session SET methods = 'pwd', auth_time = NULL").await;
        let token = &world.tokens.refresh;
        let ask = async || match test.refresh(token).await {
            Err(Error::SecondFactorRequired(challenge)) => *challenge,
            other => panic!("{other:?}"),
        };
        let (first, again) = (ask().await, ask().await);
        assert_eq!(first.auth_session.expose(), again.auth_session.expose(), "one for each session");
        assert_eq!((first.methods, first.enrol), (vec!["totp", "recovery_code"], false));
        assert_eq!(test.count("auth_session WHERE newest > 1").await, 0, "it does not rotate");

        let answer = |code| Answer::new(first.auth_session.clone(), Method::Totp, code);
        let code = world.app.next_code();
        assert_refused!(factors.answer(answer(code.clone())).await, Error::InvalidToken);
        let stolen = with_policy(db, &world.test, SecondFactor::Optional).await;
        let other = stolen.auth.factors().unwrap().answer({
            let challenge = challenged(stolen.auth.login(Login::new(EMAIL, PASSWORD)).await);
            Answer::new(challenge.auth_session, Method::RecoveryCode, world.codes[0].expose())
        }).await.unwrap().tokens;
        let with_another = answer(code.clone()).holding(other.refresh);
        assert_refused!(factors.answer(with_another).await, Error::InvalidToken);
        assert_eq!(world.count("auth_factor_failure").await, 0, "no code was looked at");

        let lifted = factors.answer(answer(code).holding(token.clone())).await.unwrap().tokens;
        assert_eq!(lifted.session_id, session);
        assert_eq!(test.verify(&lifted.access).assurance(), Assurance::Aal2);
        test.clock.advance(PAST_GRACE);
        test.refresh(&lifted.refresh).await.unwrap();
    }

    async fn a_used_up_refresh_token_is_reuse_also_where_a_factor_is_due(db: &TestDatabase) {
        let world = World::new(db).await;
        let first = world.tokens.refresh.clone();
        let mut last = world.tokens.refresh.clone();
        for _ in 0..3 {
            last = world.test.refresh(&last).await.unwrap().refresh;
            world.test.clock.advance(PAST_GRACE);
        }
        world.test.execute("UPDATE auth_session SET methods = 'pwd', auth_time = NULL").await;
        let test = with_policy(db, &world.test, SecondFactor::Required).await;
        assert_refused!(test.refresh(&first).await, Error::SessionOver);
        assert_eq!(test.events.count("refresh_reused"), 1);
    }

    async fn where_none_can_be_set_up_a_refresh_says_to_sign_in_again(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let required = with_policy(db, &test, SecondFactor::Required).await;
        assert_refused!(required.refresh(&tokens.refresh).await, Error::Refused(SECOND_FACTOR_ENROLMENT_REQUIRED));
        let caller = test.verify(&tokens.access);
        let by = auth_core::factor::StepUp::Password(PASSWORD.into());
        let stepped = required.auth.step_up(&caller, by, nobody()).await;
        assert_refused!(stepped, Error::Refused(SECOND_FACTOR_ENROLMENT_REQUIRED));
        assert_eq!(test.count("auth_challenge").await, 0);
        test.refresh(&tokens.refresh).await.unwrap();
    }

    async fn where_they_are_off_none_is_asked_for_and_the_check_counts_who_has_one(db: &TestDatabase) {
        let world = World::new(db).await;
        let test = with_policy(db, &world.test, SecondFactor::Off).await;
        assert!(test.auth.factors().is_none());
        test.login().await;
        let found = test.auth.check().await;
        let finding = found.iter().find(|finding| finding.code == "second_factor_not_asked").unwrap();
        assert!(finding.problem.contains("and 1 accounts"), "{finding}");
        assert!(!world.test.auth.check().await.iter().any(|finding| finding.code.starts_with("second_factor")));
    }

    async fn a_policy_that_reaches_nobody_or_tells_nobody_is_found_by_the_check(db: &TestDatabase) {
        let codes = async |test: &TestAuth| {
            let found = test.auth.check().await.into_iter().map(|finding| finding.code);
            found.filter(|code| code.starts_with("second_factor")).collect::<Vec<_>>()
        };
        let test = TestAuth::with(db, required).await;
        assert_eq!(codes(&test).await, ["second_factor_nobody"]);
        let silent = |builder| required(builder).mailer(std::sync::Arc::new(auth_core::mail::LogMailer));
        let silent = TestAuth::instance(db, keys(), &test.clock, 2, silent).await;
        assert_eq!(codes(&silent).await, ["second_factor_without_mail", "second_factor_nobody"]);
    }

    async fn a_factor_that_was_set_up_meanwhile_is_not_set_up_once_more(db: &TestDatabase) {
        let test = TestAuth::with(db, required).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let factors = test.auth.factors().unwrap();
        let (one, two) = (
            challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await).auth_session,
            challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await).auth_session,
        );
        let first = Authenticator::new(&factors.enrol(one.clone(), nobody()).await.unwrap(), &test.clock);
        let second = Authenticator::new(&factors.enrol(two.clone(), nobody()).await.unwrap(), &test.clock);
        // The last that was begun is the one that counts.
        let of_first = factors.answer(Answer::new(one.clone(), Method::Totp, first.code())).await;
        assert_refused!(of_first, Error::Refused(INVALID_CODE));
        factors.answer(Answer::new(two, Method::Totp, second.code())).await.unwrap();
        test.clock.advance(STEP);
        for code in [first.code(), second.code()] {
            let late = factors.answer(Answer::new(one.clone(), Method::Totp, code)).await;
            assert_refused!(late, Error::Refused(auth_core::factor::TOTP_EXISTS));
        }
        assert_eq!(test.count("auth_totp").await, 1);
    }
}
