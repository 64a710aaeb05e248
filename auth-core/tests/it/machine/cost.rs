//! What a key costs: one read in the bound, and none for what is no key.

use auth_core::Error;
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, key, nobody};
use crate::{
    assert_refused,
    support::{SECOND, TestAuth},
};

fn verbs(test: &TestAuth) -> Vec<String> {
    let statements = test.statements();
    statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
}

each_database! {
    async fn a_key_is_read_once_in_the_bound_and_its_use_noted_once_in_five_minutes(db: &TestDatabase) {
        let world = World::new(db).await;
        let (made, service) = (world.key(&[]).await, world.service(&["editor"]).await);
        let other = world.service_key(service.id, &[]).await;
        verbs(&world.test);
        for made in [&made, &other] {
            world.verify(made).await.unwrap();
            assert_eq!(verbs(&world.test), ["SELECT", "UPDATE"], "for the first time");
            for _ in 0..100 {
                world.verify(made).await.unwrap();
            }
            assert_eq!(verbs(&world.test), [""; 0], "in the bound");
        }
        for second in 1..300 {
            world.test.clock.advance(SECOND);
            let (one, two) = tokio::join!(world.verify(&made), world.verify(&made));
            one.unwrap();
            two.unwrap();
            assert_eq!(verbs(&world.test), ["SELECT"], "after {second} seconds");
        }
        world.test.clock.advance(2 * SECOND);
        world.verify(&made).await.unwrap();
        assert_eq!(verbs(&world.test), ["SELECT", "UPDATE"], "after five minutes");
    }

    async fn of_a_storm_that_begins_when_the_bound_is_over_one_reads(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&[]).await;
        world.verify(&made).await.unwrap();
        world.test.clock.advance(SECOND);
        verbs(&world.test);
        let storm: Vec<_> = (0..64).map(|_| {
            let (machines, text) = (world.machines.clone(), made.secret.expose().to_owned());
            tokio::spawn(async move { machines.verify(&text, &nobody()).await })
        }).collect();
        for one in storm {
            one.await.unwrap().unwrap();
        }
        assert_eq!(verbs(&world.test), ["SELECT"]);
    }

    async fn every_slip_of_the_pen_is_refused_without_the_database(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&[]).await;
        let text = made.secret.expose();
        verbs(&world.test);
        let letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-. ";
        for place in 0..text.len() {
            for letter in letters.chars().filter(|letter| !text[place..].starts_with(*letter)) {
                let typo = format!("{}{letter}{}", &text[..place], &text[place + 1..]);
                assert_refused!(world.machines.verify(&typo, &nobody()).await, Error::InvalidToken);
            }
        }
        assert_eq!(verbs(&world.test), [""; 0]);
    }

    async fn to_make_list_and_end_a_key_takes_as_few_statements_as_the_manual_says(db: &TestDatabase) {
        let world = World::new(db).await;
        verbs(&world.test);
        let made = world.key(&[]).await;
        let proof = ["SELECT", "SELECT"];
        assert_eq!(verbs(&world.test), [&proof[..], &["SELECT", "SELECT", "SELECT", "SELECT", "INSERT", "INSERT"]].concat(), "make, and tell the owner");
        world.machines.keys(&world.caller).await.unwrap();
        assert_eq!(verbs(&world.test), ["SELECT", "SELECT"], "list");
        let rotate = auth_core::machine::RotateApiKey::new(made.key.id);
        world.machines.rotate_key(&world.caller, rotate, nobody()).await.unwrap();
        let rotated = ["SELECT", "SELECT", "SELECT", "SELECT", "UPDATE", "SELECT", "INSERT", "INSERT"];
        assert_eq!(verbs(&world.test), [&proof[..], &rotated].concat(), "rotate");
        world.machines.end_key(&world.caller, made.key.id, nobody()).await.unwrap();
        assert_eq!(verbs(&world.test), ["SELECT", "SELECT", "UPDATE"], "end");

        let service = world.service(&[]).await;
        assert_eq!(verbs(&world.test), ["INSERT"], "make a service account");
        let made = world.service_key(service.id, &["read:todos"]).await;
        verbs(&world.test);
        world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
        assert_eq!(verbs(&world.test), ["SELECT", "UPDATE"], "the first token");
        let token = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
        assert_eq!(verbs(&world.test), [""; 0], "another one");
        world.test.auth.verifier().verify_any(token.access.expose()).unwrap();
        assert_eq!(verbs(&world.test), [""; 0], "verify it");
        world.test.auth.poll_revocations().await.unwrap();
        assert_eq!(verbs(&world.test), ["SELECT"; 7], "poll");
    }

    async fn who_uses_no_keys_pays_for_none(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.api_keys.enabled = false)).await;
        test.auth.poll_revocations().await.unwrap();
        assert_eq!(verbs(&test), ["SELECT"; 4], "poll");
    }
}

/// The index decides, not the number of keys.
#[tokio::test]
async fn a_key_among_a_hundred_thousand_is_found_by_its_index() {
    let db = TestDatabase::sqlite().await;
    let world = World::new(&db).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO auth_api_key \
         (id, user_id, name, hash, hint, scopes, created_at, expires_at) SELECT randomblob(16), (SELECT id FROM auth_user), \
         'x', randomblob(32), 'ak_', '', 0, 9000000000000 FROM n";
    world.test.execute(many).await;
    let made =
        world.machines.create_service_key(world.service(&[]).await.id, key(&[]), nobody()).await.unwrap();
    world.test.statements();
    world.verify(&made).await.unwrap();
    let read = world.test.statements().remove(0);
    let plan = world.test.plan(&read).await;
    assert!(plan.contains("auth_api_key_hash_key") && !plan.contains("SCAN"), "{plan}");
}
