//! Linking identities to an account, and taking them away.

use auth_core::{
    ClientInfo, CreateUser, Error,
    mail::MailKind,
    oidc::{Failure, Outcome, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, issuer::Person, refused};
use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD},
};

fn at_work() -> Person {
    Person::new("w", "ada@work.example").unverified()
}

impl World {
    /// Why a link comes to nothing whose account or session became another while the person was at the provider.
    async fn link_after(&self, change: &str) -> Failure {
        let (_, caller) = self.test.proved_caller().await;
        let begun = self.oidc().start_link(&caller, Some(PASSWORD.into()), Start::new("idp")).await.unwrap();
        let query = self.issuer.approve(&begun.url, &at_work());
        self.test.execute(change).await;
        let failure = refused(self.come_back(&query, Some(begun.browser)).await);
        assert_eq!(self.test.count("auth_identity").await, 0);
        failure
    }
}

each_database! {
    async fn an_identity_is_linked_by_who_is_signed_in_whatever_its_address(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = world.test.proved_caller().await;
        let finished = world.link(&caller, Some(PASSWORD), &at_work()).await.unwrap();
        assert!(matches!(finished.outcome, Outcome::Linked));
        assert_eq!(finished.redirect_to, "/app");
        assert_eq!(world.test.count("auth_session").await, 1, "no session of it");
        assert_eq!(world.sign_in(&at_work()).await.user_id, caller.user_id());
        // Once more is no harm.
        world.link(&caller, Some(PASSWORD), &at_work()).await.unwrap();
        assert_eq!(world.test.count("auth_identity").await, 1);
        assert_eq!(world.test.events.count("identity_linked"), 1);
        world.test.auth.deliver_mail().await.unwrap();
        assert!(world.test.outbox.take().iter().any(|(mail, _)| mail.kind == MailKind::IdentityLinked && mail.to == EMAIL));
    }

    async fn an_identity_of_somebody_else_is_not_taken_from_them(db: &TestDatabase) {
        let world = World::new(db).await;
        let bob = world.sign_in(&Person::new("2", "bob@example.com")).await;
        let (_, ada) = world.test.proved_caller().await;
        let outcome = world.link(&ada, Some(PASSWORD), &Person::new("2", "bob@example.com")).await;
        assert_eq!(refused(outcome), Failure::IdentityTaken);
        assert_eq!(world.sign_in(&Person::new("2", "bob@example.com")).await.user_id, bob.user_id);
    }

    async fn to_link_takes_the_password_again_or_a_sign_in_just_now(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = world.test.proved_caller().await;
        let start = || Start::new("idp");
        for password in [None, Some("wrong".into())] {
            assert_refused!(world.oidc().start_link(&caller, password, start()).await, Error::Validation(_));
        }
        assert_eq!(world.test.count("auth_one_time_token").await, 0);
        let without_password = world.principal(&world.sign_in(&Person::new("2", "bob@example.com")).await);
        world.link(&without_password, None, &Person::new("3", "bob@work.example")).await.unwrap();
        world.test.clock.advance(std::time::Duration::from_mins(6));
        assert_refused!(world.oidc().start_link(&without_password, None, start()).await, Error::StepUpRequired { .. });
    }

    async fn to_unlink_takes_the_password_again_or_a_sign_in_just_now(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = world.test.proved_caller().await;
        world.link(&caller, Some(PASSWORD), &at_work()).await.unwrap();
        let identity = world.oidc().identities(&caller).await.unwrap()[0].id;
        for password in [None, Some("wrong")] {
            assert_refused!(world.unlink(&caller, password, identity).await, Error::Validation(_));
        }
        let bob = world.principal(&world.sign_in(&Person::new("2", "bob@example.com")).await);
        world.link(&bob, None, &Person::new("3", "bob@work.example")).await.unwrap();
        let of_bob = world.oidc().identities(&bob).await.unwrap()[0].id;
        world.test.clock.advance(std::time::Duration::from_mins(6));
        assert_refused!(world.unlink(&bob, None, of_bob).await, Error::StepUpRequired { .. });
        assert_eq!(world.test.count("auth_identity").await, 3);
        world.unlink(&caller, Some(PASSWORD), identity).await.unwrap();
        let bob = world.principal(&world.sign_in(&Person::new("2", "bob@example.com")).await);
        world.unlink(&bob, None, of_bob).await.unwrap();
    }

    async fn a_link_under_way_does_not_outlive_the_epoch_of_its_session(db: &TestDatabase) {
        let world = World::new(db).await;
        assert_eq!(world.link_after("UPDATE auth_user SET epoch = epoch + 1").await, Failure::SessionOver);
    }

    async fn a_link_under_way_is_of_no_use_to_an_account_that_is_disabled(db: &TestDatabase) {
        let world = World::new(db).await;
        assert_eq!(world.link_after("UPDATE auth_user SET disabled_at = 1").await, Failure::SessionOver);
    }

    async fn a_link_under_way_is_for_the_account_of_its_session_and_no_other(db: &TestDatabase) {
        let world = World::new(db).await;
        world.test.auth.create_user(CreateUser::new("bob@example.com").verified()).await.unwrap();
        let to_bob = "UPDATE auth_one_time_token SET user_id = (SELECT id FROM auth_user WHERE email = 'bob@example.com') \
                      WHERE purpose = 'oidc'";
        assert_eq!(world.link_after(to_bob).await, Failure::SessionOver);
    }

    async fn a_session_that_ended_meanwhile_links_nothing(db: &TestDatabase) {
        let world = World::new(db).await;
        let (tokens, caller) = world.test.proved_caller().await;
        let begun = world.oidc().start_link(&caller, Some(PASSWORD.into()), Start::new("idp")).await.unwrap();
        let query = world.issuer.approve(&begun.url, &at_work());
        world.test.auth.logout(tokens.refresh, ClientInfo::default()).await.unwrap();
        assert_eq!(refused(world.come_back(&query, Some(begun.browser)).await), Failure::SessionOver);
        assert_eq!(world.test.count("auth_identity").await, 0);
    }

    async fn the_last_way_in_stays(db: &TestDatabase) {
        let world = World::new(db).await;
        let caller = world.principal(&world.sign_in(&Person::new("1", EMAIL)).await);
        let only = world.oidc().identities(&caller).await.unwrap()[0].id;
        assert_refused!(world.unlink(&caller, None, only).await, Error::Refused(auth_core::refusal::LAST_WAY_IN));
        world.link(&caller, None, &at_work()).await.unwrap();
        world.unlink(&caller, None, only).await.unwrap();
        let left = world.oidc().identities(&caller).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_refused!(world.unlink(&caller, None, only).await, Error::Refused(auth_core::oidc::IDENTITY_NOT_FOUND));
        assert_refused!(world.unlink(&caller, None, left[0].id).await, Error::Refused(auth_core::refusal::LAST_WAY_IN));
        assert_eq!(world.test.events.count("identity_unlinked"), 1);
        world.test.auth.deliver_mail().await.unwrap();
        assert!(world.test.outbox.take().iter().any(|(mail, _)| mail.kind == MailKind::IdentityUnlinked));
        // With a password it may go.
        world.test.auth.forgot_password(EMAIL, ClientInfo::default()).await.unwrap();
        let token = world.test.token_of(MailKind::ResetPassword).await;
        world.test.auth.reset_password(token, PASSWORD, ClientInfo::default()).await.unwrap();
        let caller = world.principal(&world.test.login().await);
        world.unlink(&caller, Some(PASSWORD), left[0].id).await.unwrap();
    }

    async fn an_identity_of_a_provider_that_is_gone_is_no_way_in(db: &TestDatabase) {
        let world = World::new(db).await;
        let caller = world.principal(&world.sign_in(&Person::new("1", EMAIL)).await);
        world.test.execute("UPDATE auth_identity SET issuer = 'https://former.example'").await;
        world.test.clock.advance(std::time::Duration::from_secs(1));
        world.sign_in(&Person::new("1", EMAIL)).await;
        let all = world.oidc().identities(&caller).await.unwrap();
        let (former, current) = (&all[0], &all[1]);
        assert_eq!(former.issuer, "https://former.example");
        assert_refused!(world.unlink(&caller, None, current.id).await, Error::Refused(auth_core::refusal::LAST_WAY_IN));
        world.unlink(&caller, None, former.id).await.unwrap();
    }

    async fn an_identity_is_its_owners_to_see_and_to_remove(db: &TestDatabase) {
        let world = World::new(db).await;
        let ada = world.principal(&world.sign_in(&Person::new("1", EMAIL)).await);
        let bob = world.principal(&world.sign_in(&Person::new("2", "bob@example.com")).await);
        let of_ada = world.oidc().identities(&ada).await.unwrap()[0].id;
        assert_refused!(world.unlink(&bob, None, of_ada).await, Error::Refused(auth_core::oidc::IDENTITY_NOT_FOUND));
        assert_eq!(world.oidc().identities(&bob).await.unwrap().len(), 1);
    }

    async fn tokens_of_a_provider_are_kept_only_if_asked_for_and_never_in_clear(db: &TestDatabase) {
        let world = World::new(db).await;
        let person = Person::new("1", EMAIL);
        let caller = world.principal(&world.sign_in(&person).await);
        let identity = world.oidc().identities(&caller).await.unwrap()[0].id;
        assert!(world.oidc().provider_tokens(caller.user_id(), identity).await.unwrap().is_none());

        let keeps = crate::support::TestAuth::instance(db, crate::support::keys(), &world.test.clock, 2, |builder| {
            builder.oidc(auth_core::oidc::Config::new(super::CALLBACKS).provider(super::idp(&world.issuer).keep_tokens()))
        }).await;
        let keeps = world.beside(keeps);
        keeps.sign_in(&person).await;
        let kept = keeps.oidc().provider_tokens(caller.user_id(), identity).await.unwrap().unwrap();
        assert_eq!(kept.refresh_token.as_ref().unwrap().expose(), "r1");
        assert!(kept.access_token.expose().starts_with("access-"));
        assert_eq!(kept.expires_in, Some(3600));
        assert!(!format!("{kept:?}").contains("access-"));
        let other = keeps.oidc().provider_tokens(auth_core::UserId::from(identity), identity).await.unwrap();
        assert!(other.is_none(), "of another user");
        let bytes = keeps.test.bytes("SELECT tokens FROM auth_identity").await;
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
        assert!(bytes.len() > 28 && !has(b"access") && !has(b"token"));
    }
}

#[test]
fn what_cannot_work_is_refused_when_the_handle_is_built() {
    use auth_core::oidc::{Config, Provider};
    let build = |config: Config| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = TestDatabase::sqlite().await;
            let builder = auth_core::Auth::builder(db.connect().await, crate::support::keys());
            let built = builder.oidc(config).build().map(|_| ()).map_err(|error| error.to_string());
            db.drop_database().await;
            built
        })
    };
    let idp = |issuer: &str| Provider::oidc("idp", issuer, "id", "secret");
    let with = |provider| Config::new(super::CALLBACKS).provider(provider);
    for (config, part) in [
        (Config::new("app.example.com/oauth"), "callback_url must be a whole address"),
        (Config::new("https://app.example.com/oauth?x=1"), "callback_url"),
        (with(idp("http://id.example.com")), "https"),
        (with(idp("id.example.com")), "https"),
        (with(idp("https://id.example.com?x=1")), "query"),
        (with(idp("https://user@id.example.com")), "https"),
        (with(Provider::oidc("My Idp", "https://id.example.com", "id", "secret")), "[a-z0-9_-]"),
        (with(Provider::oidc("idp", "https://id.example.com", "", "secret")), "client id"),
        (with(Provider::oidc("idp", "https://id.example.com", "id", "")), "client secret"),
        (with(idp("https://id.example.com").scope("two words")), "scope"),
        (with(idp("https://id.example.com").root_certificate("no PEM")), "root_certificate"),
        (with(idp("https://id.example.com")).provider(idp("https://id2.example.com")), "twice"),
        (with(idp("https://id.example.com").domain("example.com@")), "domain"),
        (with(idp("https://id.example.com").domain("")), "domain"),
        (with(idp("https://id.example.com").audience("")), "audience"),
        (Config::new(super::CALLBACKS).redirect_origin("https://app.example.com/x"), "redirect_origin"),
        (Config::new(super::CALLBACKS).default_redirect("https://elsewhere.example/"), "default_redirect"),
    ] {
        let problem = build(config).unwrap_err();
        assert!(problem.contains(part), "{problem}");
    }
    build(with(idp("http://id.example.com").insecure_http())).unwrap();
    build(with(idp("http://[::1]:8080/realms/x"))).unwrap();
}
