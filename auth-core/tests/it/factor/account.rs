//! What people do with their factors, and what others do for them.

use auth_core::{
    ClientInfo, CreateUser, Error, Login,
    factor::{Answer, FACTOR_NOT_FOUND, INVALID_CODE, Method, OWN_FACTORS, TOTP_EXISTS},
    refusal::USER_NOT_FOUND,
    test_util::Authenticator,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, nobody, wrong};
use crate::{
    assert_refused,
    oidc::{self, issuer::Person, providers},
    support::{EMAIL, HOUR, Halting, PASSWORD, SECOND, TestAuth},
};

each_database! {
    async fn an_app_is_asked_for_from_its_first_right_code_on(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let caller = test.verify(&test.login().await.access);
        let factors = test.auth.factors().unwrap();
        let setup = factors.begin_totp(&caller).await.unwrap();
        assert_eq!(setup.secret.expose().len(), 32);
        assert!(setup.uri.expose().starts_with("otpauth://totp/"), "{}", setup.uri.expose());
        assert!(setup.uri.expose().contains(setup.secret.expose()));
        let app = Authenticator::new(&setup, &test.clock);
        let refused = factors.confirm_totp(&caller, wrong(&app.code()), nobody()).await.unwrap_err();
        assert!(matches!(&refused, Error::Validation(errors) if errors[0].field == "code"), "{refused:?}");
        test.login().await;
        assert_eq!(factors.list(&caller).await.unwrap().totp, None);
        factors.confirm_totp(&caller, app.code(), nobody()).await.unwrap();
        let list = factors.list(&caller).await.unwrap();
        assert!((list.totp.is_some(), list.recovery_codes_left, list.is_required) == (true, 10, false), "{list:?}");
        super::challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        assert_refused!(factors.begin_totp(&caller).await, Error::Refused(TOTP_EXISTS));
        assert_eq!(test.mails().await, ["factor_added"]);
        // The code that set it up is not one to sign in with.
        let challenge = super::challenged(test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let answer = Answer::new(challenge.auth_session, Method::Totp, app.code());
        assert_refused!(factors.answer(answer).await, Error::Refused(INVALID_CODE));
    }

    async fn a_secret_that_is_not_confirmed_within_an_hour_never_stands(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let caller = test.verify(&test.login().await.access);
        let factors = test.auth.factors().unwrap();
        let app = Authenticator::new(&factors.begin_totp(&caller).await.unwrap(), &test.clock);
        test.clock.advance(HOUR);
        assert!(factors.confirm_totp(&caller, app.code(), nobody()).await.is_err());
        test.clock.advance(SECOND);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_totp").await, 0);
    }

    async fn guesses_at_an_unconfirmed_secret_are_counted_too(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let caller = test.verify(&test.login().await.access);
        let factors = test.auth.factors().unwrap();
        factors.begin_totp(&caller).await.unwrap();
        for _ in 0..5 {
            assert!(matches!(factors.confirm_totp(&caller, "000", nobody()).await, Err(Error::Validation(_))));
        }
        assert_refused!(factors.confirm_totp(&caller, "000", nobody()).await, Error::Throttled { .. });
        assert!(test.mails().await.is_empty(), "nobody who guesses passwords is at work");
    }

    async fn who_takes_the_app_away_takes_the_recovery_codes_with_it(db: &TestDatabase) {
        let world = World::new(db).await;
        world.factors().remove_totp(&world.caller, nobody()).await.unwrap();
        assert_eq!((world.count("auth_totp").await, world.count("auth_recovery_code").await), (0, 0));
        assert_eq!(world.test.mails().await, ["factor_removed"]);
        world.test.login().await;
        assert_refused!(world.factors().remove_totp(&world.caller, nobody()).await, Error::Refused(FACTOR_NOT_FOUND));
        let refused = world.factors().new_recovery_codes(&world.caller, nobody()).await;
        assert_refused!(refused, Error::Refused(FACTOR_NOT_FOUND));
    }

    async fn new_recovery_codes_take_the_place_of_the_old(db: &TestDatabase) {
        let world = World::new(db).await;
        let new = world.factors().new_recovery_codes(&world.caller, nobody()).await.unwrap();
        assert_eq!((new.len(), world.count("auth_recovery_code").await), (10, 10));
        assert_eq!(world.test.mails().await, ["recovery_codes_made"]);
        let old = world.answer(Method::RecoveryCode, world.codes[0].expose()).await;
        assert_refused!(old, Error::Refused(INVALID_CODE));
        world.answer(Method::RecoveryCode, new[0].expose()).await.unwrap();
    }

    async fn who_is_signed_out_while_new_codes_are_hashed_gets_none_and_the_old_stay(db: &TestDatabase) {
        let world = World::new(db).await;
        let halting = Halting::beside(&world.test, db).await;
        let (factors, caller) = (halting.auth.factors().unwrap(), world.caller.clone());
        let asked = async move { factors.new_recovery_codes(&caller, nobody()).await };
        let outcome = halting.run(("SELECT", "auth_totp"), asked, async {
            world.test.auth.logout_all(world.user.id, nobody()).await.unwrap();
        }).await;
        assert_refused!(outcome, Error::SessionOver);
        world.answer(Method::RecoveryCode, world.codes[0].expose()).await.unwrap();
    }

    async fn an_administrator_takes_everything_away_but_not_for_themselves(db: &TestDatabase) {
        let world = World::new(db).await;
        let auth = &world.test.auth;
        let pending = world.challenge().await.auth_session;
        let own = ClientInfo::default().actor(world.user.id);
        assert_refused!(auth.reset_factors(world.user.id, own).await, Error::Refused(OWN_FACTORS));
        auth.reset_factors(world.user.id, nobody()).await.unwrap();
        assert_eq!(world.test.mails().await, ["factors_reset"]);
        for table in ["auth_totp", "auth_recovery_code", "auth_factor_failure"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
        assert_refused!(world.test.refresh(&world.tokens.refresh).await, Error::SessionOver);
        let answer = Answer::new(pending, Method::Totp, world.app.next_code());
        assert_refused!(world.factors().answer(answer).await, Error::InvalidToken);
        world.test.login().await;
        let nobodys = auth_core::UserId::from(sea_orm::prelude::Uuid::nil());
        assert_refused!(auth.reset_factors(nobodys, nobody()).await, Error::Refused(USER_NOT_FOUND));
    }

    async fn the_rows_go_with_the_account_and_the_export_tells_of_them(db: &TestDatabase) {
        let world = World::new(db).await;
        world.answer(Method::Totp, "000").await.unwrap_err();
        let export = world.test.auth.export(&world.caller).await.unwrap();
        let rows = |member| export.rooms.iter().find(|(name, _)| *name == member).unwrap().1.len();
        assert_eq!((rows("authenticator_apps"), rows("recovery_codes"), rows("wrong_codes")), (1, 10, 1));
        world.test.auth.delete_user(world.user.id, nobody()).await.unwrap();
        for table in ["auth_challenge", "auth_totp", "auth_recovery_code", "auth_factor_failure"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
    }

    async fn challenges_are_swept_once_they_are_over(db: &TestDatabase) {
        let world = World::new(db).await;
        world.challenge().await;
        assert_eq!((world.test.auth.sweep().await.unwrap(), world.count("auth_challenge").await), (0, 1));
        world.test.clock.advance(301 * SECOND);
        assert_eq!((world.test.auth.sweep().await.unwrap(), world.count("auth_challenge").await), (1, 0));
    }

    async fn the_proven_owner_of_an_address_is_not_asked_for_the_codes_of_who_had_the_account(db: &TestDatabase) {
        let world = oidc::World::with(db, |builder, issuer| builder.oidc(providers(issuer))).await;
        // The address was never proved, and the factor is from a time when no mail was sent.
        let thief = world.test.signed_in().await;
        let caller = world.test.verify(&thief.access);
        world.test.execute("UPDATE auth_user SET email_verified_at = 1").await;
        super::enrolled(&world.test, &caller).await;
        world.test.execute("UPDATE auth_user SET email_verified_at = NULL").await;
        world.sign_in(&Person::new("1", EMAIL)).await;
        for table in ["auth_totp", "auth_recovery_code"] {
            assert_eq!(world.test.count(table).await, 0, "{table}");
        }
    }
}
