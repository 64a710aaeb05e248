//! What is in the database, and under which key.

use auth_core::{
    Error,
    factor::{INVALID_CODE, Method},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, nobody};
use crate::{
    assert_refused,
    support::{TestAuth, keys, secret},
};

each_database! {
    async fn neither_the_secret_nor_a_code_is_in_the_database(db: &TestDatabase) {
        let world = World::new(db).await;
        let stored = world.test.bytes("SELECT secret FROM auth_totp").await;
        // Nonce, twenty bytes, tag.
        assert_eq!(stored.len(), 12 + 20 + 16);
        let rows = world.test.dump("auth_recovery_code").await;
        for code in &world.codes {
            assert!(!rows.contains(code.expose()) && !rows.contains(&code.expose().replace('-', "")));
        }
        let challenge = world.challenge().await;
        assert!(!world.test.dump("auth_challenge").await.contains(challenge.auth_session.expose()));
    }

    async fn a_former_secret_key_still_opens_and_a_use_stores_the_secret_anew(db: &TestDatabase) {
        let world = World::new(db).await;
        let newer = auth_core::Keys::new(secret(2)).previous(secret(1));
        let beside = TestAuth::instance(db, newer, &world.test.clock, 2, |builder| builder).await;
        let before = world.test.bytes("SELECT secret FROM auth_totp").await;
        let world = World { test: beside, ..world };
        world.answer(Method::Totp, world.app.next_code()).await.unwrap();
        assert_ne!(world.test.bytes("SELECT secret FROM auth_totp").await, before);
        let anew = world.test.bytes("SELECT secret FROM auth_totp").await;
        world.answer(Method::Totp, world.app.next_code()).await.unwrap();
        assert_eq!(world.test.bytes("SELECT secret FROM auth_totp").await, anew);
        // The former is needed no longer, and alone it opens nothing any more.
        let newest = auth_core::Keys::new(secret(2));
        let newest = TestAuth::instance(db, newest, &world.test.clock, 2, |builder| builder).await;
        let world = World { test: newest, ..world };
        world.answer(Method::Totp, world.app.next_code()).await.unwrap();
        let former = TestAuth::instance(db, keys(), &world.test.clock, 2, |builder| builder).await;
        let world = World { test: former, ..world };
        let refused = world.answer(Method::Totp, world.app.next_code()).await;
        assert_refused!(refused, Error::Refused(INVALID_CODE));
        // Recovery codes hang on no key.
        world.answer(Method::RecoveryCode, world.codes[0].expose()).await.unwrap();
    }

    async fn a_secret_that_was_moved_to_another_account_opens_nothing(db: &TestDatabase) {
        let world = World::new(db).await;
        let other = world.test.auth.create_user(auth_core::CreateUser::new("bob@example.com").password("correct horse battery")).await.unwrap();
        let sql = "UPDATE auth_totp SET user_id = (SELECT id FROM auth_user WHERE email = 'bob@example.com')";
        world.test.execute(sql).await;
        let login = auth_core::Login::new("bob@example.com", "correct horse battery");
        let challenge = super::challenged(world.test.auth.login(login).await);
        let answer = auth_core::factor::Answer::new(challenge.auth_session, Method::Totp, world.app.next_code());
        assert_refused!(world.factors().answer(answer).await, Error::Refused(INVALID_CODE));
        world.test.auth.reset_factors(other.id, nobody()).await.unwrap();
    }
}
