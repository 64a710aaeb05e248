use std::collections::HashSet;

use auth_core::{Algorithm, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};
use tokio::task::JoinSet;

use super::{instance, kid, ring};
use crate::support::TestAuth;

/// All of them at once.
async fn poll_at_once(instances: &[TestAuth]) {
    let mut polls = JoinSet::new();
    for one in instances {
        let auth = one.auth.clone();
        polls.spawn(async move { auth.poll_keys().await });
    }
    for polled in polls.join_all().await {
        polled.unwrap();
    }
}

/// Every instance signs with one and the same key, and accepts what any signs.
async fn agree(instances: &[TestAuth]) -> String {
    let mut signing = HashSet::new();
    for one in instances {
        let access = one.login().await.access;
        assert!(instances.iter().all(|other| other.accepts(&access)));
        signing.insert(kid(&access));
    }
    assert_eq!(signing.len(), 1);
    signing.into_iter().next().unwrap()
}

async fn several(db: &TestDatabase) -> Vec<TestAuth> {
    let clock = ManualClock::new();
    let mut instances = Vec::new();
    for _ in 0..6 {
        instances.push(TestAuth::instance(db, ring(), &clock, 2, |builder| builder).await);
    }
    instances[0].register().await;
    instances
}

each_database! {
    async fn instances_that_start_at_once_on_an_empty_ring_have_one_first_key(db: &TestDatabase) {
        let instances = several(db).await;
        poll_at_once(&instances).await;
        agree(&instances).await;
        assert_eq!(instances[0].count("auth_key").await, 1);
    }

    async fn instances_that_find_the_active_key_revoked_at_once_make_one_in_its_place(db: &TestDatabase) {
        let instances = several(db).await;
        poll_at_once(&instances).await;
        let revoked = agree(&instances).await;
        instances[0].execute("UPDATE auth_key SET revoked_at = active_at + 1").await;
        instances[0].clock.advance(crate::support::SECOND);
        poll_at_once(&instances).await;
        assert_ne!(agree(&instances).await, revoked);
        assert_eq!(instances[0].count("auth_key").await, 2);
    }

    async fn of_several_who_rotate_at_once_each_adds_a_key(db: &TestDatabase) {
        let instances = several(db).await;
        poll_at_once(&instances).await;
        let mut rotations = JoinSet::new();
        for one in &instances {
            let auth = one.auth.clone();
            rotations.spawn(async move { auth.key_ring().rotate(Algorithm::EdDsa).await.unwrap().id });
        }
        let added: HashSet<_> = rotations.join_all().await.into_iter().collect();
        assert_eq!(added.len(), instances.len());
        assert_eq!(instances[0].count("auth_key").await, 1 + 6);
        poll_at_once(&instances).await;
        instances[0].clock.advance(instances[0].auth.config().tokens.key_publish_ahead);
        assert!(added.contains(&agree(&instances).await));
    }

    async fn a_first_start_beside_a_clock_that_is_ahead_makes_no_second_key(db: &TestDatabase) {
        let (clock, ahead) = (ManualClock::new(), ManualClock::new());
        ahead.set(&clock, std::time::Duration::from_secs(30));
        let early = instance(db, ring(), &ahead).await;
        early.register().await;
        let late = instance(db, ring(), &clock).await;
        agree(&[early, late]).await;
    }
}
