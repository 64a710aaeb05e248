//! What the clients are going to do, drawn before anything is sent.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngSeed, TestRunner},
};

/// Draws plans, other ones each time, and prints the seed that draws them again: a test that fails shows it.
#[expect(clippy::print_stdout, reason = "what a test prints is shown when it fails")]
pub(super) fn draw<T: Debug>(number: usize, plan: impl Strategy<Value = T>) -> Vec<T> {
    let config = Config::default();
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => TestRunner::new(config.clone()).new_rng().next_u64(),
    };
    println!("PROPTEST_RNG_SEED={seed}");
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..config });
    (0..number).map(|_| plan.new_tree(&mut runner).unwrap().current()).collect()
}

/// What becomes of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The answer reaches the jar with the others of this action.
    Arrives,
    /// It reaches the jar after the answers to the next action.
    Late,
    /// The connection is dropped when the answer begins.
    Unread,
    /// The connection is dropped as soon as the request is sent; whether it is handled is not known.
    Dropped,
}

/// A request: to which of the two servers, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tab {
    pub(super) server: usize,
    pub(super) fate: Fate,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Tabs that refresh at the same time, with the one cookie that the jar holds.
    Refresh(Vec<Tab>),
    /// A sign-in with the cookie in the jar, beside tabs that refresh with it. Its answer arrives before or after
    /// theirs.
    SignIn { tab: Tab, first: bool, beside: Vec<Tab> },
}

/// Of an honest client: what it does in each round, and which of its cookies it signs out with in the end.
#[derive(Debug, Clone)]
pub(super) struct Honest {
    pub(super) rounds: Vec<Vec<Action>>,
    pub(super) signs_out_with: usize,
}

fn server() -> impl Strategy<Value = usize> {
    0..2_usize
}

fn tab() -> impl Strategy<Value = Tab> {
    let fate = prop_oneof![
        4 => Just(Fate::Arrives),
        2 => Just(Fate::Late),
        1 => Just(Fate::Unread),
        1 => Just(Fate::Dropped),
    ];
    (server(), fate).prop_map(|(server, fate)| Tab { server, fate })
}

pub(super) fn honest(rounds: usize) -> impl Strategy<Value = Honest> {
    let tabs = |range| prop::collection::vec(tab(), range);
    let action = prop_oneof![
        9 => tabs(1..4).prop_map(Action::Refresh),
        2 => (tab(), any::<bool>(), tabs(0..3))
            .prop_map(|(tab, first, beside)| Action::SignIn { tab, first, beside }),
    ];
    let rounds = prop::collection::vec(prop::collection::vec(action, 0..3), rounds);
    (rounds, 0..100_usize).prop_map(|(rounds, signs_out_with)| Honest { rounds, signs_out_with })
}

/// A refresh by the thief or by the owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) thief: bool,
    pub(super) server: usize,
}

/// A cookie is copied at the beginning of a round, and both refresh on their own.
#[derive(Debug, Clone)]
pub(super) struct Theft {
    pub(super) round: usize,
    pub(super) rounds: Vec<Vec<Step>>,
}

/// After the random rounds each of the two acts in two rounds of its own.
pub(super) fn theft(random_rounds: usize) -> impl Strategy<Value = Theft> {
    let step = (any::<bool>(), server()).prop_map(|(thief, server)| Step { thief, server });
    let random = prop::collection::vec(prop::collection::vec(step, 0..3), random_rounds);
    (0..random_rounds, random, any::<bool>(), server()).prop_map(|(round, mut rounds, thief, server)| {
        let turn = |thief| vec![Step { thief, server }];
        rounds.extend([thief, !thief, thief, !thief].map(turn));
        Theft { round, rounds }
    })
}

/// A refresh with the newest cookie, or with an earlier one counted from the newest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) server: usize,
    pub(super) back: usize,
}

pub(super) fn uses() -> impl Strategy<Value = Vec<Use>> {
    let back = prop_oneof![9 => Just(0), 1 => 1..5_usize];
    prop::collection::vec((server(), back).prop_map(|(server, back)| Use { server, back }), 5..15)
}
