//! A client that leaves: hyper drops the future of its request, at any await. Each flow is dropped after its
//! first poll, its second, and so on until it gets through; after each drop the promises are checked.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use auth_core::{
    Algorithm, Auth, ClientInfo, CreateUser, Error, Login, ProfileChange, Register,
    factor::{Answer, Method, PasskeyLogin, StepUp},
    machine::RotateApiKey,
    test_util::{Authenticator, ManualClock},
};
use auth_migration::{each_database, test_util::TestDatabase};
use tokio::time::timeout;

use crate::support::{EMAIL, PASSWORD, PAST_GRACE, SECOND, TestAuth, keys};
use crate::{factor, passkey};

/// Polls a future at most `left` times, then drops it.
pub(crate) struct Leaves<F> {
    future: Option<Pin<Box<F>>>,
    left: usize,
}

impl<F> Leaves<F> {
    pub(crate) fn after(polls: usize, future: F) -> Self {
        Self { future: Some(Box::pin(future)), left: polls }
    }
}

impl<F: Future> Future for Leaves<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            self.future = None;
            return Poll::Ready(None);
        }
        self.left -= 1;
        let Some(future) = self.future.as_mut() else { return Poll::Ready(None) };
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                if self.left == 0 {
                    self.future = None;
                    return Poll::Ready(None);
                }
                Poll::Pending
            }
        }
    }
}

/// Prepares, drops `flow` after one poll, checks; and again with two polls, three, ... until it gets through.
async fn at_each_await<P, T, F>(
    mut prepare: impl AsyncFnMut(usize) -> P,
    mut flow: impl FnMut(&P) -> F,
    mut check: impl AsyncFnMut(P),
) where
    F: Future<Output = Result<T, Error>>,
{
    for polls in 1.. {
        let prepared = prepare(polls).await;
        let outcome = Leaves::after(polls, flow(&prepared)).await;
        check(prepared).await;
        if let Some(outcome) = outcome {
            assert!(outcome.is_ok(), "nobody else is at work");
            break;
        }
    }
}

each_database! {
    async fn a_key_that_is_rotated_and_dropped_leaves_two_that_are_good_or_one_that_can_be_rotated(db: &TestDatabase) {
        let world = crate::machine::World::new(db).await;
        let (machines, nobody) = (&world.machines, crate::machine::nobody);
        at_each_await(
            async |_| world.key(&["read:todos"]).await,
            |made| machines.rotate_key(&world.caller, RotateApiKey::new(made.key.id), nobody()),
            async |made| {
                machines.verify(made.secret.expose(), &nobody()).await.unwrap();
                let rotated = machines.rotate_key(&world.caller, RotateApiKey::new(made.key.id), nobody()).await;
                let both = machines.keys(&world.caller).await.unwrap().len();
                assert!(both == 2 && matches!(rotated, Ok(_) | Err(Error::Refused(auth_core::machine::API_KEY_ROTATED))), "{both} {rotated:?}");
                for key in machines.keys(&world.caller).await.unwrap() {
                    machines.end_key(&world.caller, key.id, nobody()).await.unwrap();
                }
            },
        )
        .await;
    }

    async fn a_key_that_is_shown_and_dropped_is_as_good_the_next_time(db: &TestDatabase) {
        let world = crate::machine::World::new(db).await;
        let (machines, nobody) = (&world.machines, crate::machine::nobody);
        at_each_await(
            async |_| world.key(&[]).await,
            |made| {
                let (machines, text) = (machines.clone(), made.secret.expose().to_owned());
                async move { machines.verify(&text, &nobody()).await }
            },
            async |made| drop(machines.verify(made.secret.expose(), &nobody()).await.unwrap()),
        )
        .await;
    }

    async fn a_change_of_a_profile_that_is_dropped_is_made_or_not(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| (config.profile.enabled, config.profile.usernames) = (true, true))
        }).await;
        let (_, caller) = test.caller().await;
        let nobody = ClientInfo::default;
        at_each_await(
            async |polls| format!("user{polls}"),
            |name| {
                let (auth, caller, change) = (test.auth.clone(), caller.clone(), ProfileChange::default());
                let change = change.username(&**name).data(serde_json::json!({ "name": name }));
                async move { auth.change_profile(&caller, change, nobody()).await }
            },
            async |_| {
                // A lost connection would hold the row.
                let profile = test.auth.change_profile(&caller, ProfileChange::default(), nobody()).await.unwrap().profile.unwrap();
                let named = profile.data.get("name").and_then(|name| name.as_str());
                assert_eq!(named, profile.username.as_deref(), "half a change");
            },
        )
        .await;
    }

    async fn a_registration_that_is_dropped_leaves_a_whole_user_or_none(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        at_each_await(
            async |polls| format!("user{polls}@example.com"),
            |email| test.auth.register(Register::new(email, PASSWORD)),
            async |email| {
                // A half user would be taken and could not sign in.
                match test.auth.register(Register::new(&email, PASSWORD)).await {
                    Ok(_) | Err(Error::Refused(auth_core::refusal::EMAIL_TAKEN)) => {}
                    other => panic!("{other:?}"),
                }
                test.try_login(&email, PASSWORD).await.unwrap();
            },
        )
        .await;
        assert_eq!(test.count("auth_user").await, test.count("auth_password").await);
    }

    async fn a_sign_in_that_is_dropped_leaves_the_old_session_or_a_new_one_in_its_place(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        at_each_await(
            async |polls| {
                let email = format!("user{polls}@example.com");
                test.auth.register(Register::new(&email, PASSWORD)).await.unwrap();
                let old = test.try_login(&email, PASSWORD).await.unwrap();
                (email, old)
            },
            |(email, old)| test.auth.login(Login::new(email, PASSWORD).replacing(old.refresh.clone())),
            async |(email, _)| {
                let own = format!("(SELECT id FROM auth_user WHERE email = '{email}')");
                let live = format!("auth_session WHERE revoked_at IS NULL AND user_id = {own}");
                assert_eq!(test.count(&live).await, 1);
            },
        )
        .await;
    }

    async fn a_passkey_that_is_dropped_signs_in_once_or_not_and_the_next_does(db: &TestDatabase) {
        let world = passkey::World::new(db).await;
        let mut authenticator = world.authenticator.clone();
        at_each_await(
            async |_| authenticator.clone().sign(&world.begin()),
            |signed| {
                let (passkeys, signed) = (world.passkeys(), signed.clone());
                async move { passkeys.login(PasskeyLogin::new(signed)).await }
            },
            async |signed| {
                let (before, first) = (world.test.count("auth_session").await, world.test.sign_in(&signed).await);
                assert!(matches!(first, Ok(_) | Err(Error::InvalidCredentials)), "{first:?}");
                assert!(world.test.sign_in(&signed).await.is_err());
                assert!(world.test.count("auth_session").await <= before + 1);
            },
        )
        .await;
        let signed = authenticator.sign(&world.begin());
        world.test.sign_in(signed).await.unwrap();
    }

    async fn a_second_factor_that_is_dropped_locks_nobody_out(db: &TestDatabase) {
        let world = factor::World::new(db).await;
        at_each_await(
            async |_| Answer::new(world.challenge().await.auth_session, Method::Totp, world.app.next_code()),
            |answer| {
                let (factors, answer) = (world.factors(), answer.clone());
                async move { factors.answer(answer).await }
            },
            // Whatever became of that code, the next one is good.
            async |_| drop(world.sign_in().await),
        )
        .await;
        assert_eq!(world.test.count("auth_factor_failure").await, 0);
    }

    async fn a_device_that_leaves_before_it_is_remembered_is_so_or_not_and_signs_in_either_way(db: &TestDatabase) {
        let world = factor::World::new(db).await;
        at_each_await(
            async |_| {
                let answer = Answer::new(world.challenge().await.auth_session, Method::Totp, world.app.next_code());
                answer.remembering_device()
            },
            |answer| {
                let (factors, answer) = (world.factors(), answer.clone());
                async move { factors.answer(answer).await }
            },
            async |_| {
                let answer = Answer::new(world.challenge().await.auth_session, Method::Totp, world.app.next_code());
                let tokens = world.factors().answer(answer.remembering_device()).await.unwrap().tokens;
                let on_it = ClientInfo::default().device(tokens.device.unwrap());
                let mut polls = 1;
                let login = || world.test.auth.login(Login::new(EMAIL, PASSWORD).client(on_it.clone()));
                while Leaves::after(polls, login()).await.is_none() {
                    polls += 1;
                }
                world.sign_in().await;
            },
        )
        .await;
    }

    async fn a_change_of_factors_that_is_dropped_happens_as_a_whole_or_not_at_all(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let nobody = ClientInfo::default;
        // An app comes with ten codes and goes with them.
        let whole = async |email: &str| {
            let apps = "(SELECT COUNT(*) FROM auth_totp t WHERE t.user_id = u.id AND t.pending_until IS NULL)";
            let codes = "(SELECT COUNT(*) FROM auth_recovery_code c WHERE c.user_id = u.id)";
            assert_eq!(test.count(&format!("auth_user u WHERE u.email = '{email}' AND {apps} * 10 = {codes}")).await, 1);
        };
        let signed_up = async |email: &str| {
            let user = test.auth.create_user(CreateUser::new(email).password(PASSWORD).verified()).await.unwrap();
            (user.id, test.verify(&test.try_login(email, PASSWORD).await.unwrap().access))
        };
        at_each_await(
            async |polls| {
                let email = format!("confirms{polls}@example.com");
                let (_, caller) = signed_up(&email).await;
                let setup = test.auth.factors().unwrap().begin_totp(&caller).await.unwrap();
                (email, caller, Authenticator::new(&setup, &test.clock).code())
            },
            |(_, caller, code)| {
                let (factors, caller, code) = (test.auth.factors().unwrap(), caller.clone(), code.clone());
                async move { factors.confirm_totp(&caller, code, nobody()).await.map(drop) }
            },
            async |(email, ..)| whole(&email).await,
        )
        .await;
        for name in ["removes", "renews", "reset"] {
            at_each_await(
                async |polls| {
                    let email = format!("{name}{polls}@example.com");
                    let (user, caller) = signed_up(&email).await;
                    let (_, _, caller) = factor::enrolled(&test, &caller).await;
                    (email, user, caller)
                },
                |(_, user, caller)| {
                    let (auth, user, caller) = (test.auth.clone(), *user, caller.clone());
                    async move {
                        let factors = auth.factors().unwrap();
                        match name {
                            "removes" => factors.remove_totp(&caller, nobody()).await,
                            "renews" => factors.new_recovery_codes(&caller, nobody()).await.map(drop),
                            _ => auth.reset_factors(user, nobody()).await,
                        }
                    }
                },
                async |(email, ..)| whole(&email).await,
            )
            .await;
        }
        let required = TestAuth::instance(db, keys(), &test.clock, 5, factor::required).await;
        at_each_await(
            async |polls| {
                let email = format!("enrols{polls}@example.com");
                signed_up(&email).await;
                let token = factor::challenged(required.auth.login(Login::new(&*email, PASSWORD)).await).auth_session;
                let setup = required.auth.factors().unwrap().enrol(token.clone(), nobody()).await.unwrap();
                let code = Authenticator::new(&setup, &test.clock).code();
                (email, Answer::new(token, Method::Totp, code).remembering_device())
            },
            |(_, answer)| {
                let (factors, answer) = (required.auth.factors().unwrap(), answer.clone());
                async move { factors.answer(answer).await }
            },
            async |(email, _)| whole(&email).await,
        )
        .await;
    }

    async fn a_step_up_that_is_dropped_locks_nobody_out_and_nor_does_a_device_that_is_forgotten(db: &TestDatabase) {
        let world = factor::World::new(db).await;
        let nobody = ClientInfo::default;
        at_each_await(
            async |_| world.app.next_code(),
            |code| {
                let (auth, caller) = (world.test.auth.clone(), world.caller.clone());
                let by = StepUp::Code(Method::Totp, code.clone().into());
                async move { auth.step_up(&caller, by, nobody()).await.map(drop) }
            },
            async |_| drop(world.sign_in().await),
        )
        .await;
        at_each_await(
            async |_| (),
            |()| {
                let (factors, caller) = (world.factors(), world.caller.clone());
                async move { factors.forget_devices(&caller, nobody()).await }
            },
            async |()| drop(world.sign_in().await),
        )
        .await;
    }

    async fn a_refresh_that_is_dropped_loses_nobody(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let kept = test.signed_in().await.refresh;
        at_each_await(
            async |_| test.clock.advance(PAST_GRACE),
            |()| test.auth.refresh(kept.clone(), ClientInfo::default()),
            async |()| {
                test.clock.advance(PAST_GRACE);
                test.refresh(&kept).await.unwrap();
            },
        )
        .await;
    }

    async fn a_sign_in_of_the_hosts_own_that_is_dropped_keeps_nobody_out(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await.id;
        at_each_await(
            async |_| {},
            |()| test.auth.sign_in(user, "ldap", ClientInfo::default()),
            async |()| drop(test.login().await),
        )
        .await;
    }

    async fn a_logout_that_is_dropped_can_be_repeated(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        at_each_await(
            async |_| {},
            |()| test.auth.logout(tokens.refresh.clone(), ClientInfo::default()),
            async |()| {},
        )
        .await;
        assert!(test.refresh(&tokens.refresh).await.is_err());
    }

    async fn what_is_written_after_a_dropped_operation_stays_written(db: &TestDatabase) {
        // One connection, so that the next operation gets the one on which the last was dropped.
        let one = TestAuth::instance(db, keys(), &ManualClock::new(), 1, |builder| builder).await;
        let other = TestAuth::instance(db, keys(), &one.clock, 1, |builder| builder).await;
        let user = one.register().await;
        for polls in 1..12 {
            let roles = one.auth.set_roles(user.id, &["editor"], ClientInfo::default());
            Leaves { future: Some(Box::pin(roles)), left: polls }.await;
            let tokens = one.login().await;
            other.refresh(&tokens.refresh).await.unwrap();
        }
    }

    async fn a_key_whose_maker_leaves_is_in_the_ring_whole_or_not_at_all(db: &TestDatabase) {
        let keys = keys().key_ring(Algorithm::EdDsa);
        let test = TestAuth::instance(db, keys, &ManualClock::new(), 2, |builder| builder).await;
        test.register().await;
        at_each_await(
            async |_| {},
            |()| {
                let ring = test.auth.key_ring();
                async move { ring.rotate(Algorithm::EdDsa).await }
            },
            async |()| {
                test.auth.poll_keys().await.unwrap();
                test.login().await;
            },
        )
        .await;
    }

    async fn a_thief_who_leaves_at_once_raises_the_alarm_all_the_same(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let mut polls = 1;
        loop {
            let stolen = test.login().await.refresh;
            let next = test.refresh(&stolen).await.unwrap().refresh;
            test.clock.advance(PAST_GRACE);
            test.refresh(&next).await.unwrap();
            let alarms = test.events.count("refresh_reused");
            let replay = test.auth.refresh(stolen.clone(), ClientInfo::default());
            let answered = Leaves { future: Some(Box::pin(replay)), left: polls }.await.is_some();
            let alarm = async {
                while test.events.count("refresh_reused") == alarms {
                    tokio::task::yield_now().await;
                }
            };
            timeout(60 * SECOND, alarm).await.expect("no alarm");
            if answered {
                break;
            }
            polls += 1;
        }
    }

    async fn a_guess_whose_client_leaves_is_counted_before_it_is_checked(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        for polls in 1..60 {
            let email = format!("user{polls}@example.com");
            let guess = test.auth.login(Login::new(email, "wrong"));
            Leaves { future: Some(Box::pin(guess)), left: polls % 12 + 1 }.await;
            let checked = test.hasher.verifications();
            let counted = test.count("auth_throttle").await;
            assert!(usize::try_from(counted).unwrap() >= checked, "{counted} counted, {checked} checked");
        }
        assert!(test.hasher.verifications() > 0);
    }

    async fn a_sign_in_that_is_dropped_locks_nobody_out(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        for polls in 1..10 {
            Leaves { future: Some(Box::pin(test.auth.login(Login::new(EMAIL, PASSWORD)))), left: polls }.await;
        }
        test.login().await;
    }

    async fn neither_slots_nor_connections_leak(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| {
            config.hashing.slots = 1;
            config.hashing.queue = 0;
            config.insecure_no_throttle = true;
        })).await;
        test.register().await;
        for polls in 1..200 {
            let login = test.auth.login(Login::new(EMAIL, PASSWORD));
            Leaves { future: Some(Box::pin(login)), left: polls % 5 + 1 }.await;
        }
        // One slot and no queue: a leaked one would refuse for ever. The work of the last drop may still run.
        let again = async {
            loop {
                match test.try_login(EMAIL, PASSWORD).await {
                    Err(Error::Overloaded { .. }) => tokio::task::yield_now().await,
                    granted => break drop(granted.unwrap()),
                }
            }
        };
        timeout(60 * SECOND, again).await.expect("a slot is missing");
        // More at once than the pool has connections.
        let logout = |auth: Auth| async move { auth.logout("garbage".into(), ClientInfo::default()).await };
        let all: Vec<_> = (0..32).map(|_| tokio::spawn(logout(test.auth.clone()))).collect();
        for one in all {
            one.await.unwrap().unwrap();
        }
        assert_eq!(test.count("auth_user").await, 1);
    }
}
