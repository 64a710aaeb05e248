//! Devices on which no second factor is asked for.

use auth_core::{
    Assurance, ClientInfo, CreateUser, DeviceToken, Error, Login, Register, SecondFactor, SignIn, Tokens,
    factor::{Answer, DEVICE_NOT_FOUND, Method, RememberedDevice},
    mail::MailKind,
    oidc::{Config, Outcome, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::json;

use super::{STEP, World, challenged, nobody};
use crate::{
    assert_refused,
    oidc::{
        self, CALLBACKS, idp,
        issuer::{Person, set},
        providers,
    },
    support::{DAY, EMAIL, PASSWORD, PAST_GRACE, SECOND, TestAuth, granted, keys, rename},
};

fn on(device: &DeviceToken) -> ClientInfo {
    nobody().device(device.clone()).user_agent("Tea/1.0")
}

impl World {
    /// Both factors, on a device that is remembered from then on.
    async fn remembered(&self) -> Tokens {
        let answer = self.with_code(nobody().user_agent("Tea/1.0")).await;
        self.factors().answer(answer.remembering_device()).await.unwrap().tokens
    }

    async fn with_code(&self, client: ClientInfo) -> Answer {
        let challenge = self.challenge().await;
        Answer::new(challenge.auth_session, Method::Totp, self.app.next_code()).client(client)
    }

    async fn sign_in_on(&self, device: &DeviceToken) -> SignIn {
        self.test.auth.login(Login::new(EMAIL, PASSWORD).client(on(device))).await.unwrap()
    }

    async fn is_asked_on(&self, device: &DeviceToken) -> bool {
        matches!(self.sign_in_on(device).await, SignIn::Challenge(_))
    }

    async fn devices(&self) -> Vec<RememberedDevice> {
        self.factors().devices(&self.caller, &nobody()).await.unwrap()
    }

    async fn with_policy(&self, db: &TestDatabase, policy: SecondFactor) -> TestAuth {
        let settings =
            |builder: auth_core::AuthBuilder| builder.configure(|config| config.factors.policy = policy);
        TestAuth::instance(db, keys(), &self.test.clock, 2, settings).await
    }
}

each_database! {
    async fn a_remembered_device_signs_in_with_one_factor_and_is_never_more_than_that(db: &TestDatabase) {
        let world = World::new(db).await;
        let first = world.remembered().await;
        assert_eq!(world.test.verify(&first.access).assurance(), Assurance::Aal2);
        let mut device = first.device.unwrap();
        for _ in 0..3 {
            let tokens = granted(Ok(world.sign_in_on(&device).await)).unwrap();
            let caller = world.test.verify(&tokens.access);
            assert_eq!((caller.assurance(), caller.methods()), (Assurance::Aal1, &["pwd".to_owned()][..]));
            let proof = world.test.auth.require_recent_proof(&caller).await;
            assert!(matches!(proof, Err(Error::StepUpRequired { level: Assurance::Aal2, .. })), "{proof:?}");
            // Each cookie is good for one sign-in, which gives the next one.
            assert!(world.is_asked_on(&device).await);
            device = tokens.device.unwrap();
        }
        assert_eq!(world.devices().await.len(), 1);
        // Nobody else's device, and none whose owner did not want so.
        assert!(world.is_asked_on(&world.sign_in().await.device.unwrap()).await);
        world.challenge().await;
        assert_eq!(world.test.events.count("device_remembered"), 1);
    }

    async fn of_two_who_show_the_same_cookie_at_once_on_two_instances_one_is_not_asked(db: &TestDatabase) {
        let world = World::new(db).await;
        let device = world.remembered().await.device.unwrap();
        let other = TestAuth::instance(db, keys(), &world.test.clock, 5, |builder| builder).await;
        let tasks: Vec<_> = (0..8).map(|number| {
            let auth = if number % 2 == 0 { world.test.auth.clone() } else { other.auth.clone() };
            let login = Login::new(EMAIL, PASSWORD).client(on(&device));
            tokio::spawn(async move { auth.login(login).await })
        }).collect();
        let mut granted = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(SignIn::Granted(_)) => granted += 1,
                Ok(_) | Err(Error::Throttled { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(granted, 1);
    }

    async fn a_sign_in_that_fails_leaves_the_token_of_the_device_good(db: &TestDatabase) {
        let audited = |config: &mut auth_core::Config| config.audit_retention = Some(DAY);
        let world = World::with(db, |builder| builder.configure(audited)).await;
        let device = world.remembered().await.device.unwrap();
        // What happened cannot be written down, so it does not happen.
        rename(db, "auth_event", "auth_gone").await;
        world.test.auth.login(Login::new(EMAIL, PASSWORD).client(on(&device))).await.unwrap_err();
        rename(db, "auth_gone", "auth_event").await;
        assert!(!world.is_asked_on(&device).await);
    }

    async fn its_time_counts_from_the_code_and_no_sign_in_makes_it_longer(db: &TestDatabase) {
        let world = World::new(db).await;
        let mut device = world.remembered().await.device.unwrap();
        for _ in 0..29 {
            world.test.clock.advance(DAY);
            device = granted(Ok(world.sign_in_on(&device).await)).unwrap().device.unwrap();
        }
        world.test.clock.advance(DAY);
        assert!(world.is_asked_on(&device).await);
        world.test.clock.advance(SECOND);
        world.test.auth.sweep().await.unwrap();
        assert_eq!(world.count("auth_device").await, 0);
    }

    async fn none_is_remembered_where_the_setting_says_so_whatever_was_before(db: &TestDatabase) {
        let world = World::new(db).await;
        let device = world.remembered().await.device.unwrap();
        let never = TestAuth::instance(db, keys(), &world.test.clock, 2, |builder| {
            builder.configure(|config| config.factors.remember_device = std::time::Duration::ZERO)
        }).await;
        challenged(never.auth.login(Login::new(EMAIL, PASSWORD).client(on(&device))).await);
        let answer = world.with_code(nobody()).await.remembering_device();
        never.auth.factors().unwrap().answer(answer).await.unwrap();
        assert_eq!(never.events.count("device_remembered"), 0);
    }

    async fn whatever_changes_password_address_or_factors_forgets_the_devices(db: &TestDatabase) {
        let world = World::new(db).await;
        let auth = world.test.auth.clone();
        let expect_none = async |world: &World, device: &DeviceToken, by: &str| {
            assert!(world.devices_of(&world.sign_in().await).await.is_empty(), "listed after {by}");
            assert!(world.is_asked_on(device).await, "not asked after {by}");
        };

        let device = world.remembered().await.device.unwrap();
        let by = world.sign_in().await;
        assert_eq!(world.devices_of(&by).await.len(), 1);
        auth.change_password(&world.test.verify(&by.access), PASSWORD, "another horse battery", nobody()).await.unwrap();
        assert!(world.devices_of(&by).await.is_empty());
        auth.change_password(&world.test.verify(&by.access), "another horse battery", PASSWORD, nobody()).await.unwrap();
        expect_none(&world, &device, "a new password").await;

        let device = world.remembered().await.device.unwrap();
        auth.forgot_password(EMAIL, nobody()).await.unwrap();
        let link = world.test.token_of(MailKind::ResetPassword).await;
        auth.reset_password(link, PASSWORD, nobody()).await.unwrap();
        expect_none(&world, &device, "a reset").await;

        let device = world.remembered().await.device.unwrap();
        auth.logout_all(world.user.id, nobody()).await.unwrap();
        expect_none(&world, &device, "the end of all sessions").await;

        let device = world.remembered().await.device.unwrap();
        let by = world.test.verify(&world.sign_in().await.access);
        auth.request_email_change(&by, "new@example.com", Some(PASSWORD.into()), nobody()).await.unwrap();
        let link = world.test.token_of(MailKind::ChangeEmail).await;
        auth.verify_email(link, nobody()).await.unwrap();
        // Also when it has the old one again.
        world.test.execute(&format!("UPDATE auth_user SET email = '{EMAIL}', email_normalized = '{EMAIL}'")).await;
        expect_none(&world, &device, "another address").await;

        let device = world.remembered().await.device.unwrap();
        let by = world.test.verify(&world.sign_in().await.access);
        world.factors().remove_totp(&by, nobody()).await.unwrap();
        let world = world.enrolled_anew().await;
        expect_none(&world, &device, "another app").await;

        let device = world.remembered().await.device.unwrap();
        auth.reset_factors(world.user.id, nobody()).await.unwrap();
        let world = world.enrolled_anew().await;
        expect_none(&world, &device, "a reset of factors").await;
    }

    async fn a_session_that_was_let_in_for_a_device_is_asked_at_its_next_refresh_once_that_is_forgotten(db: &TestDatabase) {
        let world = World::new(db).await;
        let device = world.remembered().await.device.unwrap();
        let tokens = granted(Ok(world.sign_in_on(&device).await)).unwrap();
        world.test.clock.advance(PAST_GRACE);
        let tokens = world.test.refresh(&tokens.refresh).await.unwrap();
        let [remembered] = &world.devices().await[..] else { panic!("one device") };
        world.factors().forget_device(&world.caller, remembered.id, nobody()).await.unwrap();
        let challenge = match world.test.refresh(&tokens.refresh).await {
            Err(Error::SecondFactorRequired(challenge)) => challenge,
            other => panic!("{other:?}"),
        };
        let answer = Answer::new(challenge.auth_session, Method::Totp, world.app.next_code());
        let answer = answer.holding(tokens.refresh.clone()).remembering_device();
        let lifted = world.factors().answer(answer).await.unwrap().tokens;
        assert_eq!(world.test.verify(&lifted.access).assurance(), Assurance::Aal2);
        // Remembered anew by it.
        assert!(!world.is_asked_on(&lifted.device.unwrap()).await);
        // One that showed both is asked for nothing more.
        world.test.refresh(&world.sign_in().await.refresh).await.unwrap();
    }

    async fn where_a_factor_is_required_a_remembered_device_is_let_in_and_on(db: &TestDatabase) {
        let world = World::new(db).await;
        let strict = world.with_policy(db, SecondFactor::Required).await;
        let device = world.remembered().await.device.unwrap();
        world.test.clock.advance(60 * SECOND);
        let tokens = granted(strict.auth.login(Login::new(EMAIL, PASSWORD).client(on(&device))).await).unwrap();
        world.test.clock.advance(PAST_GRACE);
        let next = strict.refresh(&tokens.refresh).await.unwrap();
        assert_eq!(strict.verify(&next.access).assurance(), Assurance::Aal1);
        world.test.clock.advance(29 * DAY);
        world.test.execute("UPDATE auth_session SET last_used_at = last_used_at + 2505600000").await;
        strict.refresh(&next.refresh).await.unwrap();
        // The session has half a minute left, the device none.
        world.test.clock.advance(DAY.checked_sub(PAST_GRACE + 30 * SECOND).unwrap());
        assert_refused!(strict.refresh(&next.refresh).await, Error::SecondFactorRequired(_));
    }

    async fn when_the_factor_is_gone_a_session_of_a_device_goes_on(db: &TestDatabase) {
        let world = World::new(db).await;
        let device = world.remembered().await.device.unwrap();
        let tokens = granted(Ok(world.sign_in_on(&device).await)).unwrap();
        world.factors().remove_totp(&world.caller, nobody()).await.unwrap();
        world.test.refresh(&tokens.refresh).await.unwrap();
        let strict = world.with_policy(db, SecondFactor::Required).await;
        let refused = strict.refresh(&tokens.refresh).await;
        assert_refused!(refused, Error::Refused(auth_core::factor::SECOND_FACTOR_ENROLMENT_REQUIRED));
        let off = world.with_policy(db, SecondFactor::Off).await;
        off.refresh(&tokens.refresh).await.unwrap();
    }

    async fn its_owner_sees_and_forgets_devices_and_nobody_else_does(db: &TestDatabase) {
        let world = World::new(db).await;
        let (one, two) = (world.remembered().await.device.unwrap(), world.remembered().await.device.unwrap());
        let seen = world.factors().devices(&world.caller, &on(&one)).await.unwrap();
        let current: Vec<_> = seen.iter().map(|device| device.is_current).collect();
        assert_eq!((current, seen[0].name.as_deref()), (vec![false, true], Some("Tea/1.0")));
        assert_eq!(seen[0].remembered_until, seen[0].created_at + 30 * DAY);
        world.test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        let bob = world.test.verify(&world.test.try_login("bob@example.com", PASSWORD).await.unwrap().access);
        assert!(world.factors().devices(&bob, &on(&one)).await.unwrap().is_empty());
        let forget = async |caller, id| world.factors().forget_device(caller, id, nobody()).await;
        assert_refused!(forget(&bob, seen[0].id).await, Error::Refused(DEVICE_NOT_FOUND));
        world.factors().forget_devices(&bob, nobody()).await.unwrap();
        assert_eq!(world.test.events.count("device_forgotten"), 0);
        forget(&world.caller, seen[1].id).await.unwrap();
        assert_refused!(forget(&world.caller, seen[1].id).await, Error::Refused(DEVICE_NOT_FOUND));
        assert!(world.is_asked_on(&one).await && !world.is_asked_on(&two).await);
        world.factors().forget_devices(&world.caller, nobody()).await.unwrap();
        assert_eq!((world.count("auth_device").await, world.test.events.count("device_forgotten")), (0, 2));
    }

    async fn a_browser_is_one_device_and_an_account_has_twenty(db: &TestDatabase) {
        let world = World::new(db).await;
        let mut last = world.remembered().await.device.unwrap();
        for _ in 0..2 {
            let answer = world.with_code(on(&last)).await.remembering_device();
            last = world.factors().answer(answer).await.unwrap().tokens.device.unwrap();
            assert_eq!(world.devices().await.len(), 1);
        }
        for _ in 0..21 {
            world.remembered().await;
        }
        assert_eq!(world.devices().await.len(), 20);
        assert!(world.is_asked_on(&last).await, "the one that was used the longest ago");
    }

    async fn the_export_tells_of_devices_and_the_rows_go_with_the_account(db: &TestDatabase) {
        let world = World::new(db).await;
        world.remembered().await;
        let export = world.test.auth.export(&world.caller).await.unwrap();
        let rows = &export.rooms.iter().find(|(name, _)| *name == "remembered_devices").unwrap().1;
        assert_eq!(rows.len(), 1);
        world.test.auth.delete_user(world.user.id, nobody()).await.unwrap();
        assert_eq!(world.count("auth_device").await, 0);
    }

    async fn who_signs_in_at_a_provider_is_known_by_the_device_that_left_for_it(db: &TestDatabase) {
        let world = oidc::World::with(db, |builder, issuer| builder.oidc(providers(issuer))).await;
        let ada = Person::new("1", EMAIL);
        let tokens = world.sign_in(&ada).await;
        let caller = world.test.verify(&tokens.access);
        world.test.execute("UPDATE auth_user SET email_verified_at = 1").await;
        world.test.execute("UPDATE auth_session SET auth_time = 9000000000000").await;
        let (app, _, _) = super::enrolled(&world.test, &caller).await;
        world.test.clock.advance(STEP);
        let arrive = async |client: ClientInfo| {
            let start = Start::new("idp").redirect_to("/app").client(client);
            let begun = world.oidc().start(start).await.unwrap();
            let query = world.issuer.approve(&begun.url, &ada);
            // A browser that comes back from another site sends no strict cookie along.
            match world.come_back(&query, Some(begun.browser)).await.unwrap().outcome {
                Outcome::SignedIn(sign_in) => Ok(sign_in),
                other => panic!("{other:?}"),
            }
        };
        let challenge = challenged(arrive(nobody()).await);
        let answer = Answer::new(challenge.auth_session, Method::Totp, app.next_code()).remembering_device();
        let device = world.test.auth.factors().unwrap().answer(answer).await.unwrap().tokens.device.unwrap();
        granted(arrive(on(&device)).await).unwrap();
        challenged(arrive(on(&device)).await);
    }

    async fn a_sign_in_with_two_factors_at_a_provider_leaves_the_device_remembered(db: &TestDatabase) {
        let world = oidc::World::with(db, |builder, issuer| {
            builder.oidc(Config::new(CALLBACKS).provider(idp(issuer).trust_amr()))
        }).await;
        let ada = Person::new("1", EMAIL);
        world.test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        world.sign_in(&ada).await;
        let caller = world.test.verify(&world.test.login().await.access);
        let (app, _, _) = super::enrolled(&world.test, &caller).await;
        world.test.clock.advance(STEP);
        let challenge = challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD)).await);
        let answer = Answer::new(challenge.auth_session, Method::Totp, app.next_code()).remembering_device();
        let device = world.test.auth.factors().unwrap().answer(answer).await.unwrap().tokens.device.unwrap();
        world.issuer.does(|behaviour| behaviour.claims = set("amr", json!(["pwd", "otp", "mfa"])));
        let begun = world.oidc().start(Start::new("idp").redirect_to("/app").client(on(&device))).await.unwrap();
        let query = world.issuer.approve(&begun.url, &ada);
        let Outcome::SignedIn(sign_in) = world.come_back(&query, Some(begun.browser)).await.unwrap().outcome else {
            panic!("a sign-in")
        };
        let next = granted(Ok(sign_in)).unwrap().device.unwrap();
        challenged(world.test.auth.login(Login::new(EMAIL, PASSWORD).client(on(&device))).await);
        granted(world.test.auth.login(Login::new(EMAIL, PASSWORD).client(on(&next))).await).unwrap();
    }
}

impl World {
    async fn devices_of(&self, tokens: &Tokens) -> Vec<RememberedDevice> {
        self.factors().devices(&self.test.verify(&tokens.access), &nobody()).await.unwrap()
    }

    async fn enrolled_anew(self) -> Self {
        let caller = self.test.verify(&self.test.login().await.access);
        let (app, codes, caller) = super::enrolled(&self.test, &caller).await;
        self.test.clock.advance(STEP);
        Self { app, codes, caller, ..self }
    }
}
