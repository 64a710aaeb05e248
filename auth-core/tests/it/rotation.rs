//! The schedules of `flow/rotation/proof.rs`, fewer, on real stores: two instances, one cookie jar with several
//! tabs, lost and late answers, and a thief. A failure prints the schedule.

use std::time::Duration;

use auth_core::{ClientInfo, Error, Login, RefreshToken, Tokens};
use auth_migration::{each_database, test_util::TestDatabase};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, PAST_GRACE, TestAuth, granted, keys},
};

const SCHEDULES: usize = 25;
const GRACE: u64 = 10_000;
/// An answer that is later may overwrite a cookie that has moved on twice.
const LATEST_ANSWER: u64 = GRACE / 2;

/// One request: after so many milliseconds, on this instance; the answer arrives so much later or never.
#[derive(Debug, Clone)]
struct Step {
    pause: u64,
    other_instance: bool,
    travel: Option<u64>,
    thief: bool,
}

fn schedules() -> Vec<Vec<Step>> {
    let pause = prop_oneof![3 => 0..500_u64, 3 => GRACE - 500..GRACE + 500, 2 => 0..3 * GRACE];
    let travel = prop_oneof![2 => Just(None), 3 => Just(Some(0)), 3 => (0..LATEST_ANSWER).prop_map(Some)];
    let step = (pause, any::<bool>(), travel, any::<bool>())
        .prop_map(|(pause, other_instance, travel, thief)| Step { pause, other_instance, travel, thief });
    let schedule = prop::collection::vec(step, 5..25);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..SCHEDULES).map(|_| schedule.new_tree(&mut runner).unwrap().current()).collect()
}

/// Two instances on one database and clock.
async fn two(db: &TestDatabase) -> [TestAuth; 2] {
    let one = TestAuth::new(db).await;
    let other = TestAuth::instance(db, keys(), &one.clock, 5, |builder| builder).await;
    one.register().await;
    [one, other]
}

fn rotations_of(instances: &[TestAuth; 2]) -> usize {
    instances.iter().map(|instance| instance.events.count("refreshed")).sum()
}

async fn refresh(instances: &[TestAuth; 2], step: &Step, token: &RefreshToken) -> Result<Tokens, Error> {
    instances[usize::from(step.other_instance)].refresh(token).await
}

each_database! {
    async fn an_honest_client_keeps_its_session_until_it_signs_out_on_whatever_instances(db: &TestDatabase) {
        let instances = two(db).await;
        let clock = &instances[0].clock;
        for schedule in schedules() {
            let first = instances[0].login().await.refresh;
            let mut jar = first.clone();
            let (mut now, mut on_their_way) = (0, Vec::<(u64, RefreshToken)>::new());
            for step in &schedule {
                now += step.pause;
                clock.advance(Duration::from_millis(step.pause));
                on_their_way.sort_by_key(|(at, _)| *at);
                while on_their_way.first().is_some_and(|(at, _)| *at <= now) {
                    jar = on_their_way.remove(0).1;
                }
                let answer = refresh(&instances, step, &jar).await;
                let token = answer.unwrap_or_else(|error| panic!("{error} at {now} in {schedule:#?}")).refresh;
                match step.travel {
                    Some(0) => jar = token,
                    Some(travel) => on_their_way.push((now + travel, token)),
                    None => {}
                }
            }
            // A sign-in from the same jar ends it, or a logout by the very first token.
            if schedule[0].thief {
                granted(instances[1].auth.login(Login::new(EMAIL, PASSWORD).replacing(jar.clone())).await).unwrap();
            } else {
                instances[1].auth.logout(first.clone(), ClientInfo::default()).await.unwrap();
            }
            clock.advance(PAST_GRACE);
            for token in [&first, &jar] {
                assert_refused!(instances[0].refresh(token).await, Error::SessionOver);
            }
        }
        let alarms = instances.iter().map(|instance| instance.events.count("refresh_reused")).sum::<usize>();
        assert_eq!(alarms, 0, "nobody stole anything");
    }

    async fn a_thief_and_the_owner_do_not_both_go_on_whatever_instances_they_use(db: &TestDatabase) {
        let instances = two(db).await;
        for schedule in schedules() {
            let stolen = instances[0].login().await.refresh;
            let mut held = [stolen.clone(), stolen];
            // Steps of each since one of them last acted within the grace of the other.
            let (mut apart, mut rotated_by, mut rotations) = ([0, 0], None, rotations_of(&instances));
            for step in &schedule {
                instances[0].clock.advance(Duration::from_millis(step.pause));
                let who = usize::from(step.thief);
                let Ok(tokens) = refresh(&instances, step, &held[who]).await else { break };
                held[who] = tokens.refresh;
                let so_far = rotations_of(&instances);
                if so_far > rotations {
                    (rotations, rotated_by) = (so_far, Some(who));
                    apart[who] += 1;
                } else if rotated_by != Some(who) {
                    apart = [0, 0];
                }
                assert!(apart[0] < 2 || apart[1] < 2, "both go on in {schedule:#?}");
            }
        }
    }
}
