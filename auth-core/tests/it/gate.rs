//! The gate before the one door: whoever is kept out is kept out on every way in.

use auth_core::{
    ClientInfo, CreateUser, EmailVerification, Error, Login, SignIn,
    oidc::{Failure, Outcome},
    test_util::CHALLENGED_ROLE,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    oidc::{World, issuer::Person, providers},
    support::{EMAIL, PASSWORD},
};

/// An account with a password and an identity, for whom a second factor is due if they have the role for it.
async fn world(db: &TestDatabase) -> World {
    World::with(db, |builder, issuer| builder.oidc(providers(issuer)).second_factor_due()).await
}

fn ada() -> Person {
    Person::new("1", EMAIL)
}

each_database! {
    async fn a_challenge_comes_from_every_way_in_and_no_session_is_made(db: &TestDatabase) {
        let world = world(db).await;
        let auth = &world.test.auth;
        let user = auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        // Known before anything is due: no account with a role is joined.
        world.sign_in(&ada()).await;
        auth.set_roles(user.id, &[CHALLENGED_ROLE], ClientInfo::default()).await.unwrap();
        let SignIn::Challenge(challenge) = auth.login(Login::new(EMAIL, PASSWORD)).await.unwrap() else {
            panic!("the password alone let somebody in")
        };
        assert_eq!((challenge.methods, challenge.enrol), (vec!["totp", "recovery_code"], false));
        let finished = world.arrive(&ada()).await.unwrap();
        assert!(matches!(finished.outcome, Outcome::SignedIn(SignIn::Challenge(_))), "{finished:?}");
        assert_eq!(world.test.count("auth_session").await, 1, "that of before");
        assert_eq!(world.test.events.count("signed_in"), 1);
    }

    async fn who_has_nothing_due_passes_the_same_gate(db: &TestDatabase) {
        let world = world(db).await;
        world.test.register().await;
        world.test.login().await;
        world.sign_in(&Person::new("2", "bob@example.com")).await;
        assert_eq!(world.test.count("auth_session").await, 2);
    }

    async fn a_challenge_forgets_the_failures_before_the_right_password(db: &TestDatabase) {
        let world = world(db).await;
        let auth = &world.test.auth;
        let new = CreateUser::new(EMAIL).password(PASSWORD).verified().role(CHALLENGED_ROLE);
        auth.create_user(new).await.unwrap();
        assert_refused!(auth.login(Login::new(EMAIL, "wrong")).await, Error::InvalidCredentials);
        assert_eq!(world.test.count("auth_throttle").await, 1);
        auth.login(Login::new(EMAIL, PASSWORD)).await.unwrap();
        assert_eq!(world.test.count("auth_throttle").await, 0);
    }

    async fn a_disabled_account_is_refused_on_every_way_in(db: &TestDatabase) {
        let world = world(db).await;
        let user = world.sign_in(&ada()).await.user_id;
        let auth = &world.test.auth;
        auth.disable(user, ClientInfo::default()).await.unwrap();
        assert_eq!(world.refusal(&ada()).await, Failure::AccountDisabled);
        let new = CreateUser::new("bob@example.com").password(PASSWORD);
        let bob = auth.create_user(new).await.unwrap();
        auth.disable(bob.id, ClientInfo::default()).await.unwrap();
        let refused = auth.login(Login::new("bob@example.com", PASSWORD)).await;
        assert_refused!(refused, Error::InvalidCredentials);
        assert_eq!(world.test.events.count("sign_in_failed"), 2);
    }

    async fn an_address_that_has_to_be_proved_is_on_every_way_in(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| {
            builder.oidc(providers(issuer)).configure(|config| config.email_verification = EmailVerification::Required)
        })
        .await;
        let auth = &world.test.auth;
        let new = CreateUser::new(EMAIL).password(PASSWORD);
        let user = auth.create_user(new).await.unwrap();
        assert_refused!(auth.login(Login::new(EMAIL, PASSWORD)).await, Error::InvalidCredentials);
        // An identity from a time when nobody had to prove anything, at a provider that vouches for another address.
        let sql = format!(
            "INSERT INTO auth_identity (id, user_id, provider, issuer, subject, created_at) \
             SELECT id, id, 'idp', '{}', '1', 0 FROM auth_user", world.issuer.url()
        );
        world.test.execute(&sql).await;
        assert_eq!(world.refusal(&Person::new("1", "elsewhere@example.com")).await, Failure::EmailUnverified);
        assert!(!auth.user(user.id).await.unwrap().email_verified);
        assert_eq!(world.test.count("auth_session").await, 0);
    }
}
