//! Whoever registers an address that is somebody else's has no way in left when its owner comes.

use auth_core::{
    Carried, ClientInfo, Error, OneTimeToken, Principal, Register, Tokens, UserId,
    mail::MailKind,
    oidc::{Callback, Failure, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    oidc::{World, issuer::Person},
    support::{EMAIL, PASSWORD},
};

const NEW: &str = "another horse battery";
const IDENTITY: &str = "sign-in with idp";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

fn thief() -> Person {
    Person::new("666", "thief@example.net")
}

/// Somebody has registered the address, and linked an identity when that could be done before the address was proved.
async fn hijacked(world: &World, db: &TestDatabase) -> (Tokens, Principal) {
    let (tokens, caller) = world.test.caller().await;
    world.before_mail(db).await.link(&caller, Some(PASSWORD), &thief()).await.unwrap();
    world.test.auth.deliver_mail().await.unwrap();
    world.test.outbox.take();
    (tokens, caller)
}

async fn proof(world: &World) -> OneTimeToken {
    world.test.auth.request_email_verification(EMAIL, nobody()).await.unwrap();
    world.test.token_of(MailKind::VerifyEmail).await
}

/// Whom the identity of who was first signs in as by now.
async fn thief_is(world: &World) -> UserId {
    world.sign_in(&thief()).await.user_id
}

async fn told(world: &World) -> Vec<(&'static str, String, Option<String>)> {
    world.test.auth.deliver_mail().await.unwrap();
    let mails = world.test.outbox.take().into_iter();
    mails.map(|(mail, _)| (mail.kind.code(), mail.to, mail.ways_in)).collect()
}

each_database! {
    async fn a_reset_of_an_address_that_was_not_proved_leaves_nothing_of_who_was_first(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = hijacked(&world, db).await;
        world.test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
        let link = world.test.token_of(MailKind::ResetPassword).await;
        world.test.auth.reset_password(link, NEW, nobody()).await.unwrap();
        let mut told = told(&world).await;
        told.sort();
        let to = || EMAIL.to_owned();
        assert_eq!(told, [("password_changed", to(), None), ("ways_in_removed", to(), Some(IDENTITY.to_owned()))]);
        let removed = world.test.events.kinds().into_iter().find(|kind| kind.code() == "ways_in_removed").unwrap();
        assert_eq!((removed.user(), removed.reason()), (Some(caller.user_id()), Some(IDENTITY)));
        assert_ne!(thief_is(&world).await, caller.user_id());
        world.test.try_login(EMAIL, NEW).await.unwrap();
    }

    async fn who_proves_the_address_without_being_signed_in_leaves_nothing_of_who_was_first(db: &TestDatabase) {
        let world = World::new(db).await;
        let (tokens, caller) = hijacked(&world, db).await;
        world.test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        let bob = world.test.try_login("bob@example.com", PASSWORD).await.unwrap();
        let over = world.test.login().await;
        world.test.auth.logout(over.refresh.clone(), nobody()).await.unwrap();
        let mut forged = tokens.refresh.expose().to_owned();
        forged.replace_range(60..61, if &forged[60..61] == "A" { "B" } else { "A" });
        // Sessions of somebody else, one that is over, one that is made up.
        let carried = Carried::default()
            .refresh(bob.refresh.clone())
            .refresh(over.refresh)
            .refresh(forged.into())
            .refresh("garbage".into())
            .caller(world.principal(&bob));
        let link = proof(&world).await;
        let user = world.test.auth.verify_email_carrying(link, carried, nobody()).await.unwrap();
        assert!(user.email_verified);
        assert!(told(&world).await.contains(&("ways_in_removed", EMAIL.to_owned(), Some(IDENTITY.to_owned()))));
        assert_eq!(world.test.events.count("ways_in_removed"), 1);
        assert_ne!(thief_is(&world).await, caller.user_id());
        assert_refused!(world.test.refresh(&tokens.refresh).await, Error::SessionOver);
        world.test.refresh(&bob.refresh).await.unwrap();
    }

    async fn who_proves_the_address_and_is_signed_in_keeps_what_is_set_up(db: &TestDatabase) {
        let world = World::new(db).await;
        let (tokens, caller) = hijacked(&world, db).await;
        let by_cookie = || Carried::default().refresh(tokens.refresh.clone());
        let by_token = || Carried::default().caller(caller.clone());
        for carried in [by_cookie(), by_token()] {
            world.test.execute("UPDATE auth_user SET email_verified_at = NULL").await;
            let link = proof(&world).await;
            world.test.auth.verify_email_carrying(link, carried, nobody()).await.unwrap();
            assert_eq!(thief_is(&world).await, caller.user_id());
            assert_eq!(told(&world).await, []);
            world.test.clock.advance(std::time::Duration::from_secs(61));
        }
        world.test.auth.current_user(&caller).await.unwrap();
        assert_eq!(world.test.events.count("ways_in_removed"), 0);
    }

    async fn where_nothing_was_set_up_nobody_is_signed_out_and_nothing_is_told(db: &TestDatabase) {
        let world = World::new(db).await;
        let (tokens, caller) = world.test.caller().await;
        world.test.auth.verify_email(proof(&world).await, nobody()).await.unwrap();
        world.test.refresh(&tokens.refresh).await.unwrap();
        world.test.auth.current_user(&caller).await.unwrap();
        assert_eq!(told(&world).await, []);
        assert_eq!(world.test.events.count("ways_in_removed"), 0);
    }

    async fn an_account_that_moves_to_its_first_proved_address_takes_nothing_along(db: &TestDatabase) {
        let world = World::new(db).await;
        let (tokens, caller) = hijacked(&world, db).await;
        let victim = "victim@example.org";
        world.test.auth.request_email_change(&caller, victim, Some(PASSWORD.into()), nobody()).await.unwrap();
        let link = world.test.token_of(MailKind::ChangeEmail).await;
        world.test.auth.verify_email(link, nobody()).await.unwrap();
        assert!(told(&world).await.contains(&("ways_in_removed", victim.to_owned(), Some(IDENTITY.to_owned()))));
        assert_ne!(thief_is(&world).await, caller.user_id());
        assert_refused!(world.test.refresh(&tokens.refresh).await, Error::SessionOver);
    }

    async fn an_account_whose_address_is_proved_takes_everything_along_to_another(db: &TestDatabase) {
        let world = World::new(db).await;
        let (tokens, caller) = world.test.proved_caller().await;
        world.link(&caller, Some(PASSWORD), &thief()).await.unwrap();
        world.test.auth.request_email_change(&caller, "ada@example.org", Some(PASSWORD.into()), nobody()).await.unwrap();
        let link = world.test.token_of(MailKind::ChangeEmail).await;
        world.test.auth.verify_email(link, nobody()).await.unwrap();
        assert_eq!(thief_is(&world).await, caller.user_id());
        world.test.refresh(&tokens.refresh).await.unwrap();
    }

    async fn a_link_that_was_handed_out_proves_nothing_and_removes_nothing(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = hijacked(&world, db).await;
        let link = world.test.auth.reset_link(caller.user_id(), nobody()).await.unwrap().token;
        world.test.auth.reset_password(link, NEW, nobody()).await.unwrap();
        assert!(!world.test.auth.user(caller.user_id()).await.unwrap().email_verified);
        assert_eq!(told(&world).await, [("password_changed", EMAIL.to_owned(), Some(IDENTITY.to_owned()))]);
        assert_eq!(thief_is(&world).await, caller.user_id());
    }

    async fn a_new_password_for_a_proved_address_names_what_else_signs_in(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = world.test.proved_caller().await;
        world.link(&caller, Some(PASSWORD), &thief()).await.unwrap();
        world.link(&caller, Some(PASSWORD), &Person::new("667", "thief@example.net")).await.unwrap();
        world.test.auth.deliver_mail().await.unwrap();
        world.test.outbox.take();
        let expected = [("password_changed", EMAIL.to_owned(), Some(IDENTITY.to_owned()))];
        world.test.auth.change_password(&caller, PASSWORD, NEW, nobody()).await.unwrap();
        assert_eq!(told(&world).await, expected);
        world.test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
        let link = world.test.token_of(MailKind::ResetPassword).await;
        world.test.auth.reset_password(link, PASSWORD, nobody()).await.unwrap();
        world.test.auth.deliver_mail().await.unwrap();
        let (mail, text) = world.test.outbox.take().remove(0);
        assert_eq!([(mail.kind.code(), mail.to, mail.ways_in)], expected);
        assert!(text.text.contains(IDENTITY), "{}", text.text);
        assert_eq!(thief_is(&world).await, caller.user_id());
    }

    async fn an_owner_who_comes_by_way_of_a_provider_is_told_what_was_there(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = hijacked(&world, db).await;
        let owner = world.sign_in(&Person::new("1", EMAIL)).await;
        assert_eq!(owner.user_id, caller.user_id());
        let named = format!("{IDENTITY}, password");
        assert!(told(&world).await.contains(&("ways_in_removed", EMAIL.to_owned(), Some(named))));
        assert_ne!(thief_is(&world).await, caller.user_id());
    }

    async fn where_mails_reach_people_no_identity_is_linked_before_the_address_is_proved(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = world.test.caller().await;
        let start = || Start::new("idp").redirect_to("/app");
        let refused = world.oidc().start_link(&caller, Some(PASSWORD.into()), start()).await;
        assert_refused!(refused, Error::Refused(auth_core::refusal::VERIFICATION_NEEDED));
        // Begun when there was no mail, and not finished before there is.
        let begun = world.before_mail(db).await.oidc().start_link(&caller, Some(PASSWORD.into()), start()).await.unwrap();
        let query = world.issuer.approve(&begun.url, &thief());
        let refused = world.oidc().finish(Callback::new("idp", &query).browser(Some(begun.browser))).await.unwrap_err();
        assert!(matches!(refused.error, Error::Refused(auth_core::refusal::VERIFICATION_NEEDED)) && Failure::of(&refused.error).is_none());
        assert_eq!(refused.redirect_to, "/app?error=verification_needed");
        assert_eq!(world.test.count("auth_identity").await, 0);
        world.test.auth.verify_email(proof(&world).await, nobody()).await.unwrap();
        world.link(&caller, Some(PASSWORD), &thief()).await.unwrap();
        assert_eq!(thief_is(&world).await, caller.user_id());
    }
}
