//! The schedules of `token/rotation/proof.rs`, fewer, on real stores: two instances, one cookie jar with several
//! tabs, lost and late answers, sign-ins that carry a live cookie, sign-outs with an older one, and a thief. A failure
//! prints the schedule.

use std::{collections::HashSet, time::Duration};

use auth_core::{ClientInfo, Error, Login, RefreshToken, SessionId, Tokens};
use auth_migration::{each_database, test_util::TestDatabase};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, TestAuth, granted, keys},
};

const SCHEDULES: usize = 60;
const GRACE: u64 = 10_000;
/// An answer that is later may overwrite a cookie that has moved on twice.
const LATEST_ANSWER: u64 = GRACE / 2;

/// One request: after so many milliseconds, to this instance; the answer arrives so much later or never.
#[derive(Debug, Clone)]
struct Step {
    pause: u64,
    other_instance: bool,
    travel: Option<u64>,
    action: Action,
    thief: bool,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Refresh,
    /// With whatever the jar holds.
    SignIn,
    /// With one of the tokens that the session in the jar has had, often an older one.
    SignOut(usize),
}

fn schedules() -> Vec<Vec<Step>> {
    let pause = prop_oneof![3 => 0..500_u64, 3 => GRACE - 500..GRACE + 500, 2 => 0..3 * GRACE];
    let travel = prop_oneof![2 => Just(None), 3 => Just(Some(0)), 3 => (0..LATEST_ANSWER).prop_map(Some)];
    let action = prop_oneof![
        8 => Just(Action::Refresh),
        2 => Just(Action::SignIn),
        1 => (0..10_usize).prop_map(Action::SignOut),
    ];
    let step = (pause, any::<bool>(), travel, action, any::<bool>()).prop_map(
        |(pause, other_instance, travel, action, thief)| Step {
            pause,
            other_instance,
            travel,
            action,
            thief,
        },
    );
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

fn count(instances: &[TestAuth; 2], event: &str) -> usize {
    instances.iter().map(|instance| instance.events.count(event)).sum()
}

async fn refresh(instances: &[TestAuth; 2], step: &Step, token: &RefreshToken) -> Result<Tokens, Error> {
    instances[usize::from(step.other_instance)].refresh(token).await
}

#[derive(Clone)]
struct Cookie {
    session: SessionId,
    token: RefreshToken,
}

impl From<Tokens> for Cookie {
    fn from(tokens: Tokens) -> Self {
        Self { session: tokens.session_id, token: tokens.refresh }
    }
}

/// A cookie jar, and what its owner knows.
#[derive(Default)]
struct Client {
    now: u64,
    jar: Option<Cookie>,
    /// What answers will do to the jar, and when: put a cookie into it, or (only that to a sign-out) clear it.
    on_their_way: Vec<(u64, Option<Cookie>)>,
    /// Every cookie there ever was.
    had: Vec<Cookie>,
    /// Sessions that were signed out, or replaced by a sign-in.
    left: HashSet<SessionId>,
    /// How many refreshes were refused because of that.
    refused: usize,
}

impl Client {
    fn wait(&mut self, pause: u64) {
        self.now += pause;
        self.on_their_way.sort_by_key(|(at, _)| *at);
        while self.on_their_way.first().is_some_and(|(at, _)| *at <= self.now) {
            self.jar = self.on_their_way.remove(0).1;
        }
    }

    fn answered(&mut self, travel: Option<u64>, cookie: Option<Cookie>) {
        self.had.extend(cookie.clone());
        self.on_their_way.extend(travel.map(|travel| (self.now + travel, cookie)));
        self.wait(0);
    }

    async fn act(&mut self, auth: &TestAuth, step: &Step) -> Result<(), String> {
        match (step.action, self.jar.clone()) {
            (Action::Refresh, Some(Cookie { session, token })) => match auth.refresh(&token).await {
                Ok(tokens) if !self.left.contains(&session) => {
                    self.answered(step.travel, Some(tokens.into()));
                }
                // Does nothing to the jar: a newer cookie may be in it when this answer arrives.
                Err(Error::SessionLeft) if self.left.contains(&session) => self.refused += 1,
                other => return Err(format!("left: {}, but {other:?}", self.left.contains(&session))),
            },
            (Action::SignOut(which), Some(Cookie { session, .. })) => {
                let own: Vec<_> = self.had.iter().filter(|cookie| cookie.session == session).collect();
                let token = own[which % own.len()].token.clone();
                auth.auth.logout(token, ClientInfo::default()).await.unwrap();
                self.left.insert(session);
                self.answered(step.travel, None);
            }
            (Action::SignIn, _) | (_, None) => {
                let mut login = Login::new(EMAIL, PASSWORD);
                if let Some(Cookie { session, token }) = self.jar.clone() {
                    login = login.replacing(token);
                    self.left.insert(session);
                }
                let tokens = granted(auth.auth.login(login).await).unwrap();
                self.answered(step.travel, Some(tokens.into()));
            }
        }
        Ok(())
    }
}

each_database! {
    async fn an_honest_client_keeps_its_session_until_it_leaves_it_on_whatever_instances(db: &TestDatabase) {
        let instances = two(db).await;
        let mut refused = 0;
        for schedule in schedules() {
            let mut client = Client { jar: Some(instances[0].login().await.into()), ..Client::default() };
            client.had.extend(client.jar.clone());
            for step in &schedule {
                instances[0].clock.advance(Duration::from_millis(step.pause));
                client.wait(step.pause);
                let acted = client.act(&instances[usize::from(step.other_instance)], step).await;
                acted.unwrap_or_else(|problem| panic!("{problem} at {} in {schedule:#?}", client.now));
            }
            for cookie in client.had.iter().filter(|cookie| client.left.contains(&cookie.session)) {
                assert_refused!(instances[0].refresh(&cookie.token).await, Error::SessionLeft);
            }
            refused += client.refused;
        }
        assert_eq!(count(&instances, "refresh_reused"), 0, "nobody stole anything");
        assert!(refused > 50, "sign-ins and sign-outs race with refreshes: {refused}");
    }

    async fn a_thief_and_the_owner_do_not_both_go_on_whatever_instances_they_use(db: &TestDatabase) {
        let instances = two(db).await;
        for schedule in schedules() {
            let stolen = instances[0].login().await.refresh;
            let mut held = [stolen.clone(), stolen];
            // Steps of each since one of them last acted within the grace of the other.
            let (mut apart, mut rotated_by, mut rotations) = ([0, 0], None, count(&instances, "refreshed"));
            for step in &schedule {
                instances[0].clock.advance(Duration::from_millis(step.pause));
                let who = usize::from(step.thief);
                let Ok(tokens) = refresh(&instances, step, &held[who]).await else { break };
                held[who] = tokens.refresh;
                let so_far = count(&instances, "refreshed");
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
