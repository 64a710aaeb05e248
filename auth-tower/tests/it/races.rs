use auth_migration::test_util::TestDatabase;
use tokio::task::JoinSet;

use crate::support::{ADA, PASSWORD, Req, Transport, World};

auth_migration::each_database! {
    async fn of_twenty_registrations_of_one_address_one_wins_and_nineteen_are_told(database: &TestDatabase) {
        let world = World::new(database).await;
        let mut racers = JoinSet::new();
        for number in 0..20 {
            let transport = Transport::direct(world.service());
            // The same address in writings that mean the same.
            let email = if number % 2 == 0 { ADA } else { " ADA@Example.COM" };
            let body = serde_json::json!({"email": email, "password": PASSWORD}).to_string();
            racers.spawn(async move { transport.send(Req::post("/register").json(body).build()).await });
        }
        let mut statuses: Vec<u16> =
            racers.join_all().await.into_iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 201);
        assert_eq!(statuses[1..], [409; 19]);
        world.ada_signs_in().await;
    }

    async fn a_burst_of_refreshes_with_one_cookie_gets_one_successor(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (_, cookie) = world.ada_signs_in().await;
        let mut racers = JoinSet::new();
        for _ in 0..10 {
            let transport = Transport::direct(world.service());
            let request = Req::post("/refresh-token").cookie(&cookie).build();
            racers.spawn(async move { transport.send(request).await.expect(200).cookie().unwrap() });
        }
        let mut successors = racers.join_all().await;
        successors.dedup();
        assert_eq!(successors.len(), 1);
        assert_ne!(successors[0], cookie);
    }
}
