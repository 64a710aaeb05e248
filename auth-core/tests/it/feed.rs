//! The feed: the audit in an order in which nobody who reads on misses an event.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use auth_core::{
    AuthBuilder, ClientInfo, Error, FeedEvent, FeedQuery, Register, refusal::CURSOR_TOO_OLD,
    test_util::ManualClock,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, TestAuth, keys, polling},
};

fn audited(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| config.audit_retention = Some(DAY))
}

fn told(events: &[FeedEvent]) -> Vec<(i64, &str)> {
    events.iter().map(|event| (event.seq, event.event.code.as_str())).collect()
}

async fn make(test: &TestAuth, number: usize) {
    let register = Register::new(format!("{number}@example.com"), PASSWORD);
    test.auth.register(register).await.unwrap();
}

each_database! {
    async fn events_have_places_one_after_the_other_and_are_read_on_from_there(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        let tokens = test.signed_in().await;
        let begin = test.auth.events_after(FeedQuery::from_now()).await.unwrap();
        assert_eq!((begin.events.len(), begin.next), (0, 0), "none has a place before it is given");
        assert_eq!(test.auth.place_events().await.unwrap(), 2);
        let page = test.auth.events_after(FeedQuery::after(0).limit(1)).await.unwrap();
        assert_eq!((told(&page.events), page.next), (vec![(1, "registered")], 1));
        test.auth.logout(tokens.refresh, ClientInfo::default()).await.unwrap();
        test.auth.place_events().await.unwrap();
        let page = test.auth.events_after(FeedQuery::after(page.next)).await.unwrap();
        assert_eq!((told(&page.events), page.next), (vec![(2, "signed_in"), (3, "signed_out")], 3));
        assert_eq!(page.events[0].event.session, Some(tokens.session_id));
        let page = test.auth.events_after(FeedQuery::after(3)).await.unwrap();
        assert_eq!((page.events.len(), page.next), (0, 3));
        assert_eq!(test.auth.events_after(FeedQuery::from_now()).await.unwrap().next, 3);
    }

    async fn who_asks_for_some_types_reads_on_over_the_others(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        test.signed_in().await;
        test.auth.place_events().await.unwrap();
        let page = test.auth.events_after(FeedQuery::after(0).types(["registered", "deleted"])).await.unwrap();
        assert_eq!((told(&page.events), page.next), (vec![(1, "registered")], 2));
        let page = test.auth.events_after(FeedQuery::after(0).types(["registered"]).limit(1)).await.unwrap();
        assert_eq!(page.next, 1, "a full page ends with its last event");
    }

    async fn who_waits_for_what_never_comes_is_told_so(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        for code in ["registerd", "", "refreshed", "throttled", "Registered"] {
            assert_refused!(test.auth.events_after(FeedQuery::after(0).types(["registered", code])).await, Error::Validation(_));
        }
    }

    async fn an_event_that_commits_late_comes_after_those_that_were_read(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        make(&test, 1).await;
        make(&test, 2).await;
        test.auth.place_events().await.unwrap();
        // By its id and its time it was the first.
        test.execute("UPDATE auth_event SET seq = NULL WHERE seq = 1").await;
        test.execute("UPDATE auth_event SET seq = 1 WHERE seq = 2").await;
        test.execute("UPDATE auth_feed SET last_seq = 1").await;
        let read = test.auth.events_after(FeedQuery::after(0)).await.unwrap();
        test.auth.place_events().await.unwrap();
        let late = test.auth.events_after(FeedQuery::after(read.next)).await.unwrap();
        assert!(late.events[0].event.id < read.events[0].event.id);
        assert_eq!(late.events[0].seq, 2);
    }

    async fn who_reads_while_many_instances_write_and_place_misses_nothing_and_has_nothing_twice(db: &TestDatabase) {
        let clock = ManualClock::new();
        let mut instances = Vec::new();
        for _ in 0..3 {
            instances.push(TestAuth::instance(db, keys(), &clock, 4, |builder| audited(polling(builder))).await);
        }
        let done = AtomicBool::new(false);
        let write = async |instance: usize| {
            for number in 0..20 {
                make(&instances[instance], instance * 100 + number).await;
                if number % 3 == instance {
                    instances[instance].auth.place_events().await.unwrap();
                }
            }
        };
        let read = async || {
            let (mut seen, mut next) = (Vec::new(), 0);
            loop {
                let was_done = done.load(Relaxed);
                let page = instances[0].auth.events_after(FeedQuery::after(next).limit(7)).await.unwrap();
                if page.events.is_empty() && was_done {
                    return seen;
                }
                next = page.next;
                seen.extend(page.events);
                tokio::task::yield_now().await;
            }
        };
        let write_all = async {
            tokio::join!(write(0), write(1), write(2));
            instances[0].auth.place_events().await.unwrap();
            done.store(true, Relaxed);
        };
        let (seen, ()) = tokio::join!(read(), write_all);
        let places: Vec<i64> = seen.iter().map(|event| event.seq).collect();
        assert_eq!(places, (1..=60).collect::<Vec<_>>());
        let mut users: Vec<_> = seen.iter().map(|event| event.event.user).collect();
        users.sort();
        users.dedup();
        assert_eq!(users.len(), 60);
    }

    async fn a_reader_who_stayed_away_for_too_long_or_comes_from_the_future_is_told_so(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        make(&test, 1).await;
        test.clock.advance(DAY / 2);
        make(&test, 2).await;
        test.auth.place_events().await.unwrap();
        assert_refused!(test.auth.events_after(FeedQuery::after(3)).await, Error::Refused(CURSOR_TOO_OLD));
        test.clock.advance(DAY * 3 / 4);
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
        assert_refused!(test.auth.events_after(FeedQuery::after(0)).await, Error::Refused(CURSOR_TOO_OLD));
        let page = test.auth.events_after(FeedQuery::after(1)).await.unwrap();
        assert_eq!(told(&page.events), [(2, "registered")], "what is kept is read on");
        test.clock.advance(DAY);
        test.auth.sweep().await.unwrap();
        assert_refused!(test.auth.events_after(FeedQuery::after(1)).await, Error::Refused(CURSOR_TOO_OLD));
        assert_eq!(test.auth.events_after(FeedQuery::after(2)).await.unwrap().next, 2, "nothing is missing after the last");
        make(&test, 3).await;
        test.auth.place_events().await.unwrap();
        let page = test.auth.events_after(FeedQuery::after(2)).await.unwrap();
        assert_eq!(told(&page.events), [(3, "registered")], "no place is given twice");
    }

    async fn what_has_no_place_yet_is_not_swept_before_it_has_one(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        make(&test, 1).await;
        test.clock.advance(2 * DAY);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.auth.events_after(FeedQuery::from_now()).await.unwrap().next, 1);
        assert_refused!(test.auth.events_after(FeedQuery::after(0)).await, Error::Refused(CURSOR_TOO_OLD));
    }

    async fn what_happened_before_there_was_a_feed_is_not_in_it_and_goes_in_its_time(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        make(&test, 1).await;
        test.execute("UPDATE auth_event SET seq = 0").await;
        make(&test, 2).await;
        test.auth.place_events().await.unwrap();
        let page = test.auth.events_after(FeedQuery::after(0)).await.unwrap();
        assert_eq!(told(&page.events), [(1, "registered")]);
        test.clock.advance(2 * DAY);
        assert_eq!(test.auth.sweep().await.unwrap(), 2);
    }

    async fn who_waits_is_answered_when_something_happens(db: &TestDatabase) {
        let test = TestAuth::with(db, audited).await;
        let (auth, background) = (test.auth.clone(), test.auth.clone());
        let background = tokio::spawn(async move { background.run_background().await });
        let waiting = tokio::spawn(async move { auth.events_after(FeedQuery::after(0).wait(Duration::from_mins(1))).await });
        test.auth.register(Register::new(EMAIL, PASSWORD)).await.unwrap();
        let page = waiting.await.unwrap().unwrap();
        assert_eq!(told(&page.events), [(1, "registered")]);
        let empty = test.auth.events_after(FeedQuery::after(1).wait(Duration::from_millis(50))).await.unwrap();
        assert_eq!((empty.events.len(), empty.next), (0, 1));
        background.abort();
    }
}
