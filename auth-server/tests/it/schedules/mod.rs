//! The schedules of auth-core's model, against two processes on one database through real sockets: an honest client
//! with several tabs on one jar, answers that are late or lost, sign-ins with a live cookie, sign-outs with an older one,
//! and a thief. What a client may expect here never depends on how fast the machine is.
//!
//! A process has the system's clock, so letting the grace pass takes real time. Therefore all schedules are played side
//! by side, round by round, and one wait after each round does for all of them. A failure tells the seed of the plans.

mod honest;
mod pair;
mod plan;
mod thief;

use std::{sync::Arc, time::Duration};

use auth_migration::{each_database, test_util::TestDatabase};
use tokio::task::JoinSet;

use self::{
    honest::{Client, Tally},
    pair::{Cookie, Pair},
    thief::Victim,
};

/// The shortest there is.
const GRACE: Duration = Duration::from_secs(1);
/// In which no server answers anything.
const PAST_GRACE: Duration = Duration::from_millis(1100);

/// Lets all of them do something at the same time.
async fn side_by_side<C, D, F>(all: Vec<C>, act: impl Fn(C) -> F) -> Vec<D>
where
    D: Send + 'static,
    F: Future<Output = D> + Send + 'static,
{
    let mut acting = JoinSet::new();
    for one in all {
        acting.spawn(act(one));
    }
    acting.join_all().await
}

each_database! {
    async fn over_two_processes_an_honest_client_keeps_its_session_until_it_leaves_it(database: &TestDatabase) {
        const ROUNDS: usize = 5;
        const SCHEDULES: usize = 100;
        let plans = plan::draw(SCHEDULES, plan::honest(ROUNDS));
        let pair = Arc::new(Pair::start(database, GRACE).await);
        pair.register_for(SCHEDULES).await;
        let numbered = plans.into_iter().enumerate().collect();
        let mut clients =
            side_by_side(numbered, |(number, plan)| Client::start(Arc::clone(&pair), number, plan, GRACE)).await;
        for round in 0..ROUNDS {
            clients = side_by_side(clients, |client| client.play(round)).await;
            tokio::time::sleep(PAST_GRACE).await;
        }
        let tallies = side_by_side(clients, Client::finish).await;

        let total = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
        let happened = [
            ("rotated", total(|tally| tally.rotated)),
            ("repeated", total(|tally| tally.repeated)),
            ("refused", total(|tally| tally.refused)),
            ("lost", total(|tally| tally.lost)),
            ("kept", total(|tally| tally.kept)),
        ];
        assert!(happened.iter().all(|(_, times)| *times > 0), "{happened:?}");
        assert_eq!(pair.alarms().await, [""; 0], "nobody stole anything");
    }

    async fn over_two_processes_a_thief_and_the_owner_do_not_both_go_on(database: &TestDatabase) {
        const RANDOM_ROUNDS: usize = 3;
        const SCHEDULES: usize = 60;
        let plans = plan::draw(SCHEDULES, plan::theft(RANDOM_ROUNDS));
        let pair = Arc::new(Pair::start(database, GRACE).await);
        pair.register_for(SCHEDULES).await;
        let numbered = plans.into_iter().enumerate().collect();
        let mut victims =
            side_by_side(numbered, |(number, plan)| Victim::start(Arc::clone(&pair), number, plan)).await;
        for round in 0..RANDOM_ROUNDS + 4 {
            victims = side_by_side(victims, |victim| victim.play(round)).await;
            tokio::time::sleep(PAST_GRACE).await;
        }
        let mut stolen = side_by_side(victims, Victim::finish).await;
        let alarms = pair.alarms().await;
        stolen.retain(|session| alarms.iter().filter(|alarm| alarm.contains(session)).count() != 1);
        assert_eq!((alarms.len(), stolen), (SCHEDULES, Vec::new()), "one alarm for each: {alarms:#?}");
    }

    async fn over_two_processes_without_a_grace_each_token_is_good_once(database: &TestDatabase) {
        const SCHEDULES: usize = 60;
        let plans = plan::draw(SCHEDULES, plan::uses());
        let pair = Arc::new(Pair::start(database, Duration::ZERO).await);
        pair.register_for(SCHEDULES).await;
        let numbered = plans.into_iter().enumerate().collect();
        let over = side_by_side(numbered, |(number, plan)| use_up(Arc::clone(&pair), number, plan)).await;
        assert!(over.iter().any(|over| *over) && over.iter().any(|over| !over), "some schedules replay a token");
        assert_eq!(pair.alarms().await.len(), SCHEDULES);
    }
}

/// Without a grace time plays no part, and what comes of each use is known. Tells whether there was a replay.
async fn use_up(pair: Arc<Pair>, number: usize, plan: Vec<plan::Use>) -> bool {
    let mut had = vec![Cookie::of(&pair.sign_in(number, number % 2, None).await)];
    let mut over = false;
    for plan::Use { server, back } in &plan {
        let which = had.len().saturating_sub(1 + back);
        let newest = which == had.len() - 1;
        let (answer, _) = pair.refresh(*server, &had[which].text).await;
        let good = newest && !over;
        assert_eq!(answer.status, if good { 200 } else { 401 }, "{which} of {} in {plan:#?}", had.len());
        over |= !newest;
        had.extend(good.then(|| Cookie::of(&answer)));
    }
    if !over {
        // Of several at once one at most is answered, and then the session is over.
        let last = had.last().unwrap().text.clone();
        let asks = (0..4).map(|number| (Arc::clone(&pair), number % 2, last.clone())).collect();
        let answers = side_by_side(asks, async |(pair, server, cookie): (Arc<Pair>, usize, String)| {
            pair.refresh(server, &cookie).await.0.status.as_u16()
        });
        let answers = answers.await;
        assert!(answers.iter().filter(|status| **status == 200).count() <= 1, "{answers:?}");
    }
    for (number, cookie) in had.iter().enumerate() {
        pair.expect_over(number % 2, cookie, true).await;
    }
    over
}
