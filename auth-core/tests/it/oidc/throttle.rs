//! How often somebody may go to a provider and come back: counted apart from passwords.

use auth_core::{
    AuthBuilder, ClientInfo, Error, Login, Register, ThrottleConfig,
    oidc::{Callback, Failure, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{
    World,
    issuer::{Issuer, Person, Trick},
    providers, refused, tokens,
};
use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, rename},
};

/// Of whom each network has so many, for whatever is counted.
const MANY: u32 = 4;

fn few(builder: AuthBuilder, issuer: &Issuer) -> AuthBuilder {
    let mut throttle = ThrottleConfig::default();
    throttle.network_failures = MANY;
    builder.configure(|config| config.throttle = throttle).oidc(providers(issuer))
}

fn client(ip: &str) -> ClientInfo {
    ClientInfo::default().ip(ip.parse().unwrap())
}

async fn start(world: &World, ip: &str) -> Result<auth_core::oidc::Authorization, Error> {
    world.oidc().start(Start::new("idp").client(client(ip))).await
}

each_database! {
    async fn sign_ins_at_providers_make_no_password_wait_and_passwords_none_of_them(db: &TestDatabase) {
        let world = World::with(db, few).await;
        let (auth, one, other) = (&world.test.auth, "192.0.2.1", "198.51.100.1");
        auth.register(Register::new(EMAIL, PASSWORD)).await.unwrap();
        for _ in 0..2 * MANY {
            let callback = Callback::new("idp", "state=x&code=1").client(client(one));
            world.oidc().finish(callback).await.unwrap_err();
        }
        assert_refused!(start(&world, one).await, Error::Throttled { .. });
        auth.login(Login::new(EMAIL, PASSWORD).client(client(one))).await.unwrap();

        for _ in 0..MANY {
            let login = Login::new(EMAIL, "wrong password").client(client(other));
            assert_refused!(auth.login(login).await, Error::InvalidCredentials);
        }
        assert_refused!(auth.login(Login::new(EMAIL, PASSWORD).client(client(other))).await, Error::Throttled { .. });
        start(&world, other).await.unwrap();
    }

    async fn what_is_our_fault_or_the_providers_does_not_count(db: &TestDatabase) {
        let world = World::with(db, few).await;
        let ip = "192.0.2.1";
        let document = "/.well-known/openid-configuration";
        world.issuer.does(|behaviour| drop(behaviour.tricks.insert(document, Trick::Status(503))));
        for _ in 0..2 * MANY {
            let failure = start(&world, ip).await.err().as_ref().and_then(Failure::of);
            assert_eq!(failure, Some(Failure::ProviderUnavailable));
        }
        world.issuer.does(|behaviour| behaviour.tricks.clear());
        world.test.clock.advance(std::time::Duration::from_secs(5));
        for (trick, expected) in [
            (Trick::Status(503), Failure::ProviderUnavailable),
            (Trick::Text("no JSON".to_owned()), Failure::ProviderAnswerInvalid),
        ] {
            world.issuer.does(|behaviour| drop(behaviour.tricks.insert("/token", trick)));
            for _ in 0..2 * MANY {
                let begun = start(&world, ip).await.unwrap();
                let query = world.issuer.approve(&begun.url, &Person::new("1", EMAIL));
                let callback = Callback::new("idp", &query).browser(Some(begun.browser)).client(client(ip));
                assert_eq!(refused(world.oidc().finish(callback).await), expected);
            }
        }
        world.issuer.does(|behaviour| behaviour.tricks.clear());
        let begun = start(&world, ip).await.unwrap();
        let query = world.issuer.approve(&begun.url, &Person::new("1", EMAIL));
        let finish = async || {
            let callback = Callback::new("idp", &query).browser(Some(begun.browser.clone())).client(client(ip));
            world.oidc().finish(callback).await
        };
        rename(db, "auth_one_time_token", "gone").await;
        for _ in 0..2 * MANY {
            assert_refused!(start(&world, ip).await, Error::Internal(_));
            assert_eq!(finish().await.unwrap_err().redirect_to, "/?error=internal");
        }
        rename(db, "gone", "auth_one_time_token").await;
        tokens(finish().await.unwrap());
    }
}
