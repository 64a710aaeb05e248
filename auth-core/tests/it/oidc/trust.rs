//! How far a provider's word about addresses goes.

use auth_core::{
    Assurance, Auth, AuthBuilder, ClientInfo, CreateUser, Error, ExportedValue, SecondFactor, SignIn,
    UserChange,
    oidc::{Config, Failure, Outcome, Provider, TrustEmail},
};
use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::{Value, json};

use super::{
    CALLBACKS, World, idp,
    issuer::{Issuer, Person, Trick, add, set},
    providers, refused,
};
use crate::{
    assert_refused,
    support::{EMAIL, HOUR, PASSWORD, TestAuth, keys},
};

fn ada() -> Person {
    Person::new("1", EMAIL)
}

each_database! {
    async fn no_provider_joins_or_takes_over_an_account_with_a_role(db: &TestDatabase) {
        let world = World::new(db).await;
        let accounts = [("1@example.com", "admin", false), ("2@example.com", "admin", true), ("3@example.com", "editor", false)];
        for (email, role, verified) in accounts {
            let new = CreateUser::new(email).password(PASSWORD).role(role);
            let user = world.test.auth.create_user(if verified { new.verified() } else { new }).await.unwrap();
            let session = world.test.try_login(email, PASSWORD).await.unwrap();
            assert_eq!(world.refusal(&Person::new(email, email)).await, Failure::LinkRequired, "{email}");
            // Nothing of it has changed.
            assert_eq!(world.test.auth.user(user.id).await.unwrap(), user);
            world.test.refresh(&session.refresh).await.unwrap();
            if !verified {
                continue;
            }
            // Who is signed in to it links it.
            let caller = world.principal(&world.test.try_login(email, PASSWORD).await.unwrap());
            world.link(&caller, Some(PASSWORD), &Person::new(email, email)).await.unwrap();
            assert_eq!(world.sign_in(&Person::new(email, email)).await.user_id, user.id);
        }
        assert_eq!(world.test.count("auth_identity").await, 1);
        assert_eq!(world.test.events.count("reclaimed"), 0);
        // Without a role it is joined as before.
        let user = world.test.auth.create_user(CreateUser::new(EMAIL).role("editor").verified()).await.unwrap();
        assert_eq!(world.refusal(&ada()).await, Failure::LinkRequired);
        world.test.auth.set_roles(user.id, &[], ClientInfo::default()).await.unwrap();
        assert_eq!(world.sign_in(&ada()).await.user_id, user.id);
    }

    async fn with_known_identities_only_an_account_with_a_role_is_told_as_such_too(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| builder.oidc(providers(issuer).known_identities_only())).await;
        world.test.auth.create_user(CreateUser::new(EMAIL).verified().role("admin")).await.unwrap();
        assert_eq!(world.refusal(&ada()).await, Failure::LinkRequired);
    }

    async fn a_role_that_is_given_names_the_identities_that_have_it_now(db: &TestDatabase) {
        let audited = |builder: AuthBuilder, issuer: &Issuer| {
            builder.oidc(providers(issuer)).configure(|config| config.audit_retention = Some(HOUR))
        };
        let world = World::with(db, audited).await;
        let auth = &world.test.auth;
        let user = world.sign_in(&ada()).await.user_id;
        let give = async |roles: &[&str]| {
            let change = UserChange::default().roles(roles.iter().copied());
            auth.update_user(user, change, ClientInfo::default()).await.unwrap()
        };
        let changed = give(&["editor"]).await;
        assert_eq!(changed.user.roles, ["user", "editor"]);
        let (_, rows) = changed.ways_in.iter().find(|(name, _)| *name == "identities").unwrap();
        assert!(rows[0].contains(&("provider", ExportedValue::Text("idp".to_owned()))), "{rows:?}");
        assert!(rows[0].contains(&("email", ExportedValue::Text(EMAIL.to_owned()))), "{rows:?}");
        assert!(give(&[]).await.ways_in.is_empty());
        let events = auth.events(user, None, 10).await.unwrap();
        let reasons = events.iter().filter(|event| event.code == "roles_changed").map(|event| event.reason.as_deref());
        assert_eq!(reasons.collect::<Vec<_>>(), [None, Some("idp")], "the latest first");
    }
}

async fn with(provider: impl FnOnce(Provider) -> Provider) -> World {
    let db = TestDatabase::sqlite().await;
    let world = World::with(&db, |builder, issuer| {
        builder.oidc(Config::new(CALLBACKS).provider(provider(idp(issuer))))
    })
    .await;
    World { own_db: Some(db), ..world }
}

#[tokio::test]
async fn addresses_count_as_it_is_set_for_the_provider() {
    use TrustEmail::{Always, Never, Verified};
    let (silent, yes, no) = (Value::Null, json!(true), json!(false));
    for (trust, domains, email, verified, expected) in [
        (Verified, &[][..], EMAIL, &yes, None),
        (Verified, &[], EMAIL, &silent, Some(Failure::EmailUnverified)),
        (Verified, &["example.com"], "Ada@EXAMPLE.com", &yes, None),
        (Verified, &["EXAMPLE.com", "example.net"], EMAIL, &yes, None),
        (Verified, &["example.net"], EMAIL, &yes, Some(Failure::EmailDomain)),
        (Verified, &["example.com"], "ada@mail.example.com", &yes, Some(Failure::EmailDomain)),
        (Verified, &["example.com"], "ada@notexample.com", &yes, Some(Failure::EmailDomain)),
        (Verified, &["example.com"], "ada@example.com.evil.example", &yes, Some(Failure::EmailDomain)),
        (Verified, &["bücher.example"], "ada@xn--bcher-kva.example", &yes, None),
        (Always, &["example.com"], EMAIL, &silent, None),
        (Always, &["example.com"], EMAIL, &yes, None),
        (Always, &["example.com"], EMAIL, &no, Some(Failure::EmailUnverified)),
        (Always, &["example.com"], EMAIL, &json!("false"), Some(Failure::EmailUnverified)),
        (Always, &["example.com"], "ada@example.net", &silent, Some(Failure::EmailDomain)),
        (Never, &[], EMAIL, &yes, Some(Failure::LinkRequired)),
        (Never, &["example.com"], EMAIL, &yes, Some(Failure::LinkRequired)),
    ] {
        let world =
            with(|idp| domains.iter().fold(idp.trust_email(trust), |idp, domain| idp.domain(*domain))).await;
        let what = format!("{trust:?} {domains:?} {email} {verified}");
        let claims = add(json!({"email_verified": verified}));
        world.issuer.does(|behaviour| (behaviour.claims, behaviour.user_info) = (claims.clone(), claims));
        let outcome = world.arrive(&Person::new("1", email)).await;
        match expected {
            None => drop(outcome.unwrap_or_else(|refused| panic!("{what}: {refused:?}"))),
            Some(expected) => {
                assert_eq!(refused(outcome), expected, "{what}");
                assert_eq!(world.test.count("auth_user").await, 0, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn where_the_host_vouches_a_no_of_the_user_info_wins_and_must_not_be_missed() {
    let world = with(|idp| idp.trust_email(TrustEmail::Always).domain("example.com")).await;
    world.issuer.does(|behaviour| {
        behaviour.claims = set("email_verified", Value::Null);
        behaviour.user_info = set("email_verified", json!(false));
    });
    assert_eq!(world.refusal(&ada()).await, Failure::EmailUnverified);
    world.issuer.does(|behaviour| drop(behaviour.tricks.insert("/userinfo", Trick::Status(503))));
    assert_eq!(world.refusal(&ada()).await, Failure::ProviderUnavailable);
}

#[tokio::test]
async fn an_address_that_does_not_count_proves_nothing_of_a_known_identity_either() {
    for (provider, email) in [
        ((|idp: Provider| idp.trust_email(TrustEmail::Never)) as fn(Provider) -> Provider, EMAIL),
        (|idp| idp.domain("example.net"), EMAIL),
    ] {
        let world = with(provider).await;
        let (_, caller) = world.test.caller().await;
        let before = world.before_mail(world.own_db.as_ref().unwrap()).await;
        before.link(&caller, Some(PASSWORD), &Person::new("1", email)).await.unwrap();
        assert_eq!(world.sign_in(&Person::new("1", email)).await.user_id, caller.user_id());
        assert!(!world.test.auth.user(caller.user_id()).await.unwrap().email_verified);
    }
}

#[tokio::test]
async fn nobody_vouches_for_every_address_or_for_those_of_other_tenants() {
    let db = TestDatabase::sqlite().await;
    let connection = db.connect().await;
    let build = |issuer: &str, domain: Option<&str>| {
        let provider = Provider::oidc("entra", issuer, "id", "secret").trust_email(TrustEmail::Always);
        let provider = domain.into_iter().fold(provider, Provider::domain);
        let builder = auth_core::Auth::builder(connection.clone(), keys());
        builder
            .oidc(Config::new(CALLBACKS).provider(provider))
            .build()
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let tenant = "https://login.microsoftonline.com/2fd4e1c6-7a2d-48fc-ade9-1ee67a28d1bb/v2.0";
    assert!(build(tenant, None).unwrap_err().contains("domains"));
    build(tenant, Some("example.com")).unwrap();
    build("https://id.example.com/realms/common", Some("example.com")).unwrap();
    for everybody in
        ["common", "organizations", "consumers", "Common", "9188040d-6c67-4c5b-b112-36a304b66dad"]
    {
        for host in ["login.microsoftonline.com", "login.microsoftonline.us", "sts.windows.net"] {
            let problem =
                build(&format!("https://{host}/{everybody}/v2.0"), Some("example.com")).unwrap_err();
            assert!(problem.contains("tenant"), "{problem}");
        }
    }
    db.drop_database().await;
}

#[tokio::test]
async fn whoever_may_not_join_by_address_is_not_told_whether_there_is_an_account() {
    let world = with(|idp| idp.trust_email(TrustEmail::Never)).await;
    world.test.register().await;
    for email in [EMAIL, "nobody@example.com"] {
        assert_eq!(world.refusal(&Person::new("1", email)).await, Failure::LinkRequired);
    }
    assert_refused!(world.test.auth.find_user("nobody@example.com").await, Error::Refused(_));
}

#[tokio::test]
async fn a_second_factor_at_the_provider_counts_where_its_word_is_taken_and_nowhere_else() {
    let several =
        |world: &World, amr: Value| world.issuer.does(|behaviour| behaviour.claims = set("amr", amr.clone()));
    let db = TestDatabase::sqlite().await;
    let trusting = World::with(&db, |builder, issuer| {
        let builder = builder.configure(|config| config.factors.policy = SecondFactor::Required);
        builder.oidc(Config::new(CALLBACKS).provider(idp(issuer).trust_amr()))
    })
    .await;
    let asked = async |world: &World| {
        let Outcome::SignedIn(sign_in) = world.arrive(&ada()).await.unwrap().outcome else {
            panic!("a sign-in")
        };
        match sign_in {
            SignIn::Challenge(_) => None,
            SignIn::Granted(tokens) => {
                let caller = world.principal(&tokens);
                Some((caller.assurance(), caller.methods().to_vec()))
            }
            other => panic!("{other:?}"),
        }
    };
    several(&trusting, json!(["pwd", "otp", "mfa"]));
    let methods = ["fed", "mfa"].map(str::to_owned).to_vec();
    assert_eq!(asked(&trusting).await, Some((Assurance::Aal2, methods)));
    for amr in [
        Value::Null,
        json!("mfa"),
        json!(["pwd", "otp"]),
        json!(["MFA"]),
        json!([["mfa"]]),
        json!({"mfa": true}),
    ] {
        several(&trusting, amr.clone());
        assert_eq!(asked(&trusting).await, None, "{amr}");
    }
    // Another instance, which does not take its word.
    let doubting = TestAuth::instance(&db, keys(), &trusting.test.clock, 2, |builder| {
        let builder = builder.configure(|config| config.factors.policy = SecondFactor::Required);
        builder.oidc(providers(&trusting.issuer))
    });
    let doubting = trusting.beside(doubting.await);
    several(&doubting, json!(["pwd", "otp", "mfa"]));
    assert_eq!(asked(&doubting).await, None);
    db.drop_database().await;
}

#[tokio::test]
async fn a_provider_without_id_tokens_cannot_be_trusted_with_a_second_factor() {
    let db = TestDatabase::sqlite().await;
    let config = Config::new(CALLBACKS).provider(Provider::github("id", "secret").trust_amr());
    let builder = Auth::builder(auth_core::connect(db.url()).await.unwrap(), keys()).oidc(config);
    assert!(builder.build().unwrap_err().to_string().contains("`github` has no ID tokens"));
    db.drop_database().await;
}
