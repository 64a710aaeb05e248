//! The second step of a sign-in, on pages.

use std::sync::Arc;

use auth_core::{SecondFactor, test_util::Authenticator};
use auth_migration::test_util::TestDatabase;

use super::{CREDENTIALS, walker::Walker};
use crate::{
    second_factor::enrol,
    support::{ADA, PASSWORD, World},
};

auth_migration::each_database! {
    async fn whoever_has_a_second_factor_is_asked_for_it_and_comes_where_they_wanted(database: &TestDatabase) {
        let ada = enrol(World::new(database).await.with_ada().await).await;
        let mut walker = Walker::new(&ada.world);
        walker.go("/sign-in?redirect_to=%2Fapp").await;
        walker.submit("/sign-in", CREDENTIALS).await;
        walker.sees(200, "Confirm that it is you");
        assert!(!walker.jar.contains_key("__Host-refresh_token"));
        // What names the sign-in is in the jar only.
        let session = walker.jar["__Host-auth_challenge"].clone();
        assert!(!walker.answer.body.contains(&session) && !walker.path.contains(&session));
        walker.submit("/challenge", &[("code", "000000")]).await;
        walker.sees(422, "The code is wrong or was used already.");
        walker.submit("/challenge", &[]).await;
        walker.sees(422, "Enter the code.");
        let body = walker.filled("/challenge", &[("code", &ada.app.next_code())]);
        walker.send(walker.post("/challenge", &body)).await;
        assert_eq!((walker.answer.status.as_u16(), walker.answer.header("location")), (303, Some("/app")));
        assert!(!walker.jar.contains_key("__Host-auth_challenge"));
        walker.go("/").await;
        walker.sees(200, "Your account");
        // It works once.
        walker.jar.clear();
        walker.jar.insert("__Host-auth_challenge".to_owned(), session);
        walker.go("/challenge").await;
        walker.sees(200, "That took too long.");
    }

    async fn a_recovery_code_opens_the_door_and_a_device_may_be_remembered(database: &TestDatabase) {
        let ada = enrol(World::new(database).await.with_ada().await).await;
        let mut walker = Walker::new(&ada.world);
        walker.go("/sign-in").await;
        walker.submit("/sign-in", CREDENTIALS).await;
        walker.go("/challenge?method=recovery_code").await;
        walker.sees(200, "Each works once.");
        let code = ada.codes[0].expose().to_owned();
        walker.submit("/challenge", &[("code", &code), ("remember", "yes")]).await;
        walker.sees(200, "Your account");
        walker.submit("/sign-out", &[]).await;
        walker.submit("/sign-in", CREDENTIALS).await;
        walker.sees(200, "Your account");
        walker.jar.clear();
        walker.go("/sign-in").await;
        walker.submit("/sign-in", CREDENTIALS).await;
        walker.go("/challenge?method=recovery_code").await;
        walker.submit("/challenge", &[("code", &code)]).await;
        walker.sees(422, "The code is wrong or was used already.");
    }

    async fn whoever_has_to_have_a_second_factor_sets_one_up_before_they_are_in(database: &TestDatabase) {
        let required = |builder: auth_core::AuthBuilder| {
            builder.configure(|config| config.factors.policy = SecondFactor::Required)
        };
        let (world, _) = World::with_mail(database, required).await;
        let new = auth_core::CreateUser::new(ADA).password(PASSWORD).verified();
        world.auth.create_user(new).await.unwrap();
        let mut walker = Walker::new(&world);
        walker.go("/sign-in").await;
        walker.submit("/sign-in", CREDENTIALS).await;
        walker.sees(200, "Set up a second step");
        let rows = world.rows().await;
        walker.go("/challenge").await;
        assert_eq!(world.rows().await, rows, "to look at a page changes nothing");
        walker.submit("/challenge", &[("begin", "totp")]).await;
        walker.sees(200, "<svg");
        walker.submit("/challenge", &[("code", "000000")]).await;
        walker.sees(422, "<svg");
        let body = walker.filled("/challenge", &[]);
        let secret = url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "secret").unwrap().1;
        let app = Authenticator::of_secret(secret.into_owned(), &world.clock);
        walker.submit("/challenge", &[("code", &app.code())]).await;
        walker.sees(200, "Keep these recovery codes");
        assert_eq!(walker.answer.body.matches("<li>").count(), 10);
        assert_eq!(walker.answer.header("cache-control"), Some("no-store"));
        walker.go("/").await;
        walker.sees(200, "Your account");
    }
}

#[tokio::test]
async fn a_session_that_a_second_factor_became_due_in_goes_on_after_it_is_shown() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let mut walker = Walker::new(&world);
    walker.go("/sign-in").await;
    walker.submit("/sign-in", CREDENTIALS).await;
    walker.sees(200, "Your account");
    let ada = enrol(world).await;
    // Of one factor, and everybody has to have two now.
    let (world, _) = World::with_mail(&database, |builder| {
        builder
            .clock(Arc::new(ada.world.clock.clone()))
            .configure(|config| config.factors.policy = SecondFactor::Required)
    })
    .await;
    let mut walker = walker.at(&world);
    walker.go("/").await;
    walker.sees(200, "Confirm that it is you");
    walker.submit("/challenge", &[("code", &ada.app.next_code())]).await;
    walker.sees(200, "Your account");
}
