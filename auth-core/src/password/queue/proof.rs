//! The promises of the queue, tried out on random schedules of networks that send, clients that leave and hashes
//! that end. A failure prints its seed and the shortest schedule that still fails.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{Arrival, Network, Queue, Ticket, network};

/// What a schedule is made of.
#[derive(Debug, Clone)]
enum Step {
    /// A client of this network arrives, with a job for so many slots.
    Arrive(u8, usize),
    /// One of those who wait leaves, or its time is up.
    Leave(prop::sample::Index),
    /// One of those that run is done.
    Finish(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Network 0 is the flood: most of the arrivals are its.
    let network = prop_oneof![3 => Just(0), 2 => 1_u8..6];
    let slots = prop_oneof![4 => Just(1_usize), 1 => 2_usize..6];
    let arrive = (network, slots).prop_map(|(from, slots)| Step::Arrive(from, slots));
    let leave = any::<prop::sample::Index>().prop_map(Step::Leave);
    let finish = any::<prop::sample::Index>().prop_map(Step::Finish);
    prop::collection::vec(prop_oneof![4 => arrive, 1 => leave, 2 => finish], 1..100)
}

fn address(network: u8) -> Network {
    (network > 0).then(|| [192, 0, 2, network].into())
}

/// One who waits, as the rules see it.
struct Waiting {
    job: usize,
    from: u8,
    slots: usize,
    ticket: Ticket,
}

/// The rules in the plainest form: a list in the order of arrival, and when each network was last served.
#[derive(Default)]
struct Model {
    waiting: Vec<Waiting>,
    /// How many slots each of those has that run.
    running: Vec<usize>,
    /// When a network was last served or, if that is later, began to wait.
    since: HashMap<u8, usize>,
    gone: usize,
}

impl Model {
    fn taken(&self) -> usize {
        self.running.iter().sum()
    }

    fn count(&self, of: u8) -> usize {
        self.waiting.iter().filter(|one| one.from == of).count()
    }

    fn most(&self) -> usize {
        self.waiting.iter().map(|one| self.count(one.from)).max().unwrap_or(0)
    }

    fn remove(&mut self, job: usize) -> Waiting {
        let place = self.waiting.iter().position(|one| one.job == job).expect("it waits");
        self.gone += 1;
        self.waiting.remove(place)
    }

    /// The oldest job of the network that has waited longest for its turn, if it can begin.
    fn next(&self, slots: usize) -> Option<usize> {
        let first = self.waiting.iter().min_by_key(|one| (self.since[&one.from], one.job))?;
        (self.taken() + first.slots <= slots).then_some(first.job)
    }
}

fn follows_the_rules(slots: usize, capacity: usize, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut queue = Queue::new(slots, capacity);
    let mut model = Model::default();
    let (mut arrived, mut turned_away, mut begun) = (0, 0, 0);
    for (now, step) in steps.into_iter().enumerate() {
        match step {
            Step::Arrive(from, needed) => {
                arrived += 1;
                let own = model.count(from);
                let foretold = queue.is_full_for(address(from));
                let needed = queue.granted(needed);
                let fits = model.taken() + needed <= slots && model.waiting.is_empty();
                let arrival = queue.arrive(address(from), needed, now);
                prop_assert!(needed > 1 || foretold == matches!(arrival, Arrival::Full));
                match arrival {
                    Arrival::Runs(job) => {
                        prop_assert_eq!(job, now);
                        prop_assert!(fits);
                        model.running.push(needed);
                    }
                    Arrival::Waits { ticket, displaced } => {
                        prop_assert!(!fits, "nobody waits who could begin");
                        prop_assert_eq!(displaced.is_some(), model.waiting.len() == capacity);
                        if let Some(job) = displaced {
                            let most = model.most();
                            let out = model.remove(job);
                            prop_assert_eq!(model.count(out.from) + 1, most, "of the one with the most");
                            prop_assert!(model.count(out.from) > own, "who still has no fewer");
                            prop_assert!(
                                !model.waiting.iter().any(|one| one.from == out.from && one.job > job)
                            );
                        }
                        if own == 0 {
                            model.since.insert(from, now * 100);
                        }
                        model.waiting.push(Waiting { job: now, from, slots: needed, ticket });
                    }
                    Arrival::Full => {
                        prop_assert!(!fits && model.waiting.len() == capacity);
                        prop_assert!(own + 1 >= model.most(), "it holds its share");
                        turned_away += 1;
                    }
                }
            }
            Step::Leave(which) if !model.waiting.is_empty() => {
                let job = model.waiting[which.index(model.waiting.len())].job;
                let one = model.remove(job);
                prop_assert_eq!(queue.leave(&one.ticket), Some(job));
                prop_assert_eq!(queue.leave(&one.ticket), None, "nobody leaves twice");
            }
            Step::Finish(which) if !model.running.is_empty() => {
                let done = model.running.swap_remove(which.index(model.running.len()));
                // Each that begins in the same step has its turn after the one before.
                for (turn, job) in queue.finish(done).into_iter().enumerate() {
                    prop_assert_eq!(Some(job), model.next(slots));
                    let one = model.remove(job);
                    model.since.insert(one.from, now * 100 + turn);
                    prop_assert_eq!(queue.leave(&one.ticket), None, "what has begun is not taken back");
                    model.gone -= 1;
                    begun += 1;
                    model.running.push(one.slots);
                }
                prop_assert_eq!(model.next(slots), None, "nobody waits who could begin");
            }
            Step::Leave(_) | Step::Finish(_) => {}
        }
        prop_assert!(queue.running() <= slots && queue.waiting() <= capacity);
        prop_assert_eq!((queue.running(), queue.waiting()), (model.taken(), model.waiting.len()));
        prop_assert!(model.waiting.is_empty() || queue.running() > 0, "somebody is about to make room");
        prop_assert!(queue.lines.len() == queue.turns.len() && queue.lines.len() <= queue.waiting());
    }
    // Let all that is left run: every job came out once, and every slot is free again.
    let at_once = arrived - turned_away - model.gone - model.waiting.len() - begun;
    let mut waited = 0;
    while let Some(done) = model.running.pop() {
        for job in queue.finish(done) {
            let one = model.waiting.iter().find(|one| one.job == job).expect("it waited");
            model.running.push(one.slots);
            waited += 1;
        }
    }
    prop_assert_eq!(waited, model.waiting.len());
    prop_assert_eq!(at_once + begun + waited + turned_away + model.gone, arrived);
    prop_assert_eq!((queue.running(), queue.waiting(), queue.lines.len()), (0, 0, 0));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nothing_is_lost_no_slot_leaks_and_turns_are_kept(
        slots in 1..4_usize, capacity in 0..12_usize, steps in steps(),
    ) {
        follows_the_rules(slots, capacity, steps)?;
    }

    #[test]
    fn a_lone_login_is_served_after_at_most_one_round(
        slots in 1..4_usize, capacity in 1..40_usize, others in prop::collection::vec(0..6_u8, 0..80),
    ) {
        let mut queue = Queue::new(slots, capacity);
        for _ in 0..slots {
            queue.arrive(address(0), 1, u8::MAX);
        }
        for other in others {
            queue.arrive(address(other), 1, other);
        }
        let round = queue.lines.len();
        let lone = 200;
        // Only where nobody has more than one in the queue is there none to make room.
        if matches!(queue.arrive(address(lone), 1, lone), Arrival::Full) {
            prop_assert_eq!(round, capacity);
        } else {
            let served: Vec<_> = (0..=round).map_while(|_| queue.finish(1).pop_front()).collect();
            prop_assert!(served.contains(&lone), "{served:?}");
        }
    }
}

#[test]
fn ipv6_counts_by_its_network_of_64_bits_and_a_mapped_address_is_the_one_it_stands_for() {
    let of = |ip: &str| network(Some(ip.parse().unwrap()));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    assert_ne!(of("0.0.0.0"), network(None));
}
