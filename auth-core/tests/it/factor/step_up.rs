//! Showing again who one is.

use auth_core::{
    Assurance, Error,
    factor::{FACTOR_LOCKED, Method, StepUp},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, nobody, wrong};
use crate::{
    assert_refused,
    support::{PASSWORD, SECOND, TestAuth},
};

fn code(code: impl Into<auth_core::Password>) -> StepUp {
    StepUp::Code(Method::Totp, code.into())
}

fn field(refused: Error) -> &'static str {
    match refused {
        Error::Validation(errors) => errors[0].field,
        other => panic!("{other:?}"),
    }
}

each_database! {
    async fn a_step_up_lifts_the_session_and_moves_the_time_of_the_last_proof(db: &TestDatabase) {
        let world = World::new(db).await;
        let auth = &world.test.auth;
        world.test.execute("UPDATE auth_session SET methods = 'pwd', auth_time = NULL").await;
        world.test.clock.advance(3600 * SECOND);
        let caller = world.test.verify(&world.test.refresh(&world.tokens.refresh).await.unwrap().access);
        assert!(matches!(
            auth.require_recent_proof(&caller).await.unwrap_err(),
            Error::StepUpRequired { level: Assurance::Aal2, max_age } if max_age == 300 * SECOND
        ));
        let stepped = auth.step_up(&caller, code(world.app.next_code()), nobody()).await.unwrap();
        let lifted = world.test.verify(&stepped.access);
        assert_eq!((lifted.assurance(), lifted.session_id()), (Assurance::Aal2, caller.session_id()));
        assert_eq!(lifted.methods(), ["pwd", "otp", "mfa"]);
        assert!(lifted.authenticated_at() > caller.authenticated_at());
        auth.require_recent_proof(&lifted).await.unwrap();
        // The session's, and so with every token of it.
        auth.require_recent_proof(&caller).await.unwrap();
        world.test.clock.advance(300 * SECOND);
        assert_refused!(auth.require_recent_proof(&lifted).await, Error::StepUpRequired { .. });
        assert_eq!(world.test.events.count("stepped_up"), 1);
    }

    async fn who_has_a_second_factor_steps_up_by_it_and_nobody_else_can(db: &TestDatabase) {
        let world = World::with(db, |builder| builder.configure(|config| config.factors.max_failures = 2)).await;
        let auth = &world.test.auth;
        let refused = auth.step_up(&world.caller, StepUp::Password(PASSWORD.into()), nobody()).await;
        assert_eq!(field(refused.unwrap_err()), "method");
        let right = world.app.next_code();
        let refused = auth.step_up(&world.caller, code(wrong(&right)), nobody()).await;
        assert_eq!(field(refused.unwrap_err()), "code");
        auth.step_up(&world.caller, code(right.clone()), nobody()).await.unwrap();
        let refused = auth.step_up(&world.caller, code(right), nobody()).await;
        assert_eq!(field(refused.unwrap_err()), "code");
        let by = StepUp::Code(Method::RecoveryCode, world.codes[0].clone());
        auth.step_up(&world.caller, by, nobody()).await.unwrap();
        for _ in 0..2 {
            auth.step_up(&world.caller, code("000"), nobody()).await.unwrap_err();
        }
        let refused = auth.step_up(&world.caller, code(world.app.next_code()), nobody()).await;
        assert_refused!(refused, Error::Refused(FACTOR_LOCKED));
    }

    async fn wrong_codes_of_a_step_up_are_counted_with_those_of_sign_ins(db: &TestDatabase) {
        let world = World::new(db).await;
        for _ in 0..5 {
            world.test.auth.step_up(&world.caller, code("000"), nobody()).await.unwrap_err();
        }
        let answer = world.answer(Method::Totp, world.app.code()).await;
        assert_refused!(answer, Error::Throttled { .. });
    }

    async fn without_a_second_factor_the_password_steps_up_and_is_counted(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        test.clock.advance(600 * SECOND);
        assert!(matches!(
            test.auth.require_recent_proof(&caller).await.unwrap_err(),
            Error::StepUpRequired { level: Assurance::Aal1, .. }
        ));
        let refused = test.auth.step_up(&caller, StepUp::Password("wrong".into()), nobody()).await;
        assert_eq!(field(refused.unwrap_err()), "password");
        assert_eq!(test.count("auth_throttle").await, 1);
        let refused = test.auth.step_up(&caller, code("000000"), nobody()).await;
        assert_eq!(field(refused.unwrap_err()), "method");
        let stepped = test.auth.step_up(&caller, StepUp::Password(PASSWORD.into()), nobody()).await.unwrap();
        let lifted = test.verify(&stepped.access);
        assert_eq!((lifted.assurance(), lifted.methods()), (Assurance::Aal1, &["pwd".to_owned()][..]));
        test.auth.require_recent_proof(&lifted).await.unwrap();
    }

    async fn an_account_without_a_password_cannot_make_a_sign_in_recent_with_any(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (_, caller) = test.caller().await;
        test.execute("DELETE FROM auth_password").await;
        let refused = test.auth.step_up(&caller, StepUp::Password("anything".into()), nobody()).await;
        assert_eq!(field(refused.unwrap_err()), "method");
        assert_eq!(test.events.count("stepped_up"), 0);
    }

    async fn proof_of_zero_minutes_is_asked_where_there_is_a_second_factor_only(db: &TestDatabase) {
        let world = World::with(db, |builder| {
            builder.configure(|config| config.factors.step_up = std::time::Duration::ZERO)
        }).await;
        world.test.clock.advance(600 * SECOND);
        assert_refused!(world.test.auth.require_recent_proof(&world.caller).await, Error::StepUpRequired { .. });
        world.test.execute("DELETE FROM auth_totp").await;
        world.test.auth.require_recent_proof(&world.caller).await.unwrap();
    }

    async fn a_session_that_is_over_does_not_step_up(db: &TestDatabase) {
        let world = World::new(db).await;
        world.test.auth.logout_session(world.caller.session_id().unwrap(), nobody()).await.unwrap();
        let refused = world.test.auth.step_up(&world.caller, code(world.app.next_code()), nobody()).await;
        assert_refused!(refused, Error::SessionOver);
        world.sign_in().await;
    }
}
