//! The pages for administrators: who gets in, and what they do there.

use std::time::Duration;

use auth_core::{
    AuthBuilder, ClientInfo, CreateUser, UserId,
    mail::MailKind,
    test_util::{Authenticator, Outbox},
    webhooks,
};
use auth_migration::test_util::TestDatabase;
use auth_tower::{AccountPages, Endpoint};

use super::walker::Walker;
use crate::support::{ADA, PASSWORD, Req, World};

const BOB: &str = "bob@example.com";
const NOBODY: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
const HOOK: &str = "https://hooks.example.com/auth";

/// Ada, who administers and has just signed in, and Bob.
struct Office {
    world: World,
    ada: UserId,
    bob: UserId,
    /// Ada's browser.
    desk: Walker,
    outbox: Outbox,
}

fn telling(builder: AuthBuilder) -> AuthBuilder {
    builder
        .configure(|config| {
            config.audit_retention = Some(Duration::from_hours(24));
            (config.profile.enabled, config.profile.usernames) = (true, true);
        })
        .webhooks(webhooks::Config::new())
}

impl Office {
    async fn open(database: &TestDatabase) -> Self {
        let (world, outbox) = World::with_mail(database, telling).await;
        let make = async |email: &str| {
            world.auth.create_user(CreateUser::new(email).password(PASSWORD).verified()).await.unwrap().id
        };
        let (ada, bob) = (make(ADA).await, make(BOB).await);
        world.auth.set_roles(ada, &["admin"], ClientInfo::default()).await.unwrap();
        let desk = signs_in(&world, ADA).await;
        outbox.take();
        Self { world, ada, bob, desk, outbox }
    }

    /// The page of Bob's account.
    fn of_bob(&self) -> String {
        format!("/admin/users/{}", self.bob)
    }
}

async fn signs_in(world: &World, email: &str) -> Walker {
    let mut browser = Walker::new(world);
    browser.go("/sign-in").await;
    browser.submit("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
    browser.sees(200, "Your account");
    browser
}

/// The one that a page has told this once.
fn told_once(browser: &Walker) -> String {
    browser.sees(200, "It is not shown again.");
    let secret = browser.answer.body.split_once("<code>").unwrap().1;
    secret.split_once("</code>").unwrap().0.to_owned()
}

/// The routes below `/admin`, each with a path of something.
fn routes(id: &str) -> Vec<(&'static str, String)> {
    AccountPages::routes()
        .filter_map(|(method, name)| Some((method, name.strip_prefix("/account")?)))
        .filter(|(_, path)| path.starts_with("/admin"))
        .map(|(method, path)| (method, path.replace("{id}", id)))
        .collect()
}

auth_migration::each_database! {
    async fn an_administrator_finds_an_account_by_how_it_begins_and_goes_through_all_by_pages(database: &TestDatabase) {
        let Office { world, mut desk, .. } = Office::open(database).await;
        for number in 10..33 {
            world.auth.create_user(CreateUser::new(format!("tea{number}@example.com"))).await.unwrap();
        }
        desk.sees(200, "href=\"/account/admin/users\"");
        desk.go("/admin/users").await;
        desk.sees(200, "href=\"/account/admin/services\"");
        let rows = |desk: &Walker| desk.answer.body.matches("href=\"/account/admin/users/").count();
        assert_eq!(rows(&desk), 20);
        let next = desk.answer.body.split_once("href=\"/account/admin/users?q=").unwrap().1.split('"').next().unwrap();
        let next = format!("/admin/users?q={}", next.replace("&#38;", "&"));
        desk.go(&next).await;
        assert_eq!(rows(&desk), 5, "{}", desk.answer.body);
        assert!(!desk.answer.body.contains("Next page"));
        desk.go("/admin/users?q=TEA1").await;
        assert_eq!(rows(&desk), 10);
        desk.sees(200, "value=\"TEA1\"");
        desk.go("/admin/users?q=nobody").await;
        desk.sees(200, "Nobody was found.");
        desk.go(&format!("/admin/users?q={}", "x".repeat(255))).await;
        desk.sees(422, "Please enter fewer characters.");
    }

    async fn an_administrator_sees_to_an_account(database: &TestDatabase) {
        let mut office = Office::open(database).await;
        let (one, desk, auth) = (office.of_bob(), &mut office.desk, &office.world.auth);
        let (mut first, mut second) = (signs_in(&office.world, BOB).await, signs_in(&office.world, BOB).await);
        desk.go(&one).await;
        desk.sees(200, "bob@example.com (confirmed)");
        desk.sees(200, "The account was created for its owner");

        desk.submit(&one, &[("do", "roles"), ("roles", "editor, support")]).await;
        desk.sees(200, "The roles are saved.");
        desk.sees(200, "value=\"editor support\"");
        assert_eq!(auth.user(office.bob).await.unwrap().roles, ["user", "editor", "support"]);
        desk.submit(&one, &[("do", "roles"), ("roles", "Not a role!")]).await;
        desk.sees(422, "<a href=\"#roles\">A role has 1 to 64");
        desk.go(&one).await;
        desk.submit(&one, &[("do", "roles"), ("roles", "")]).await;
        assert_eq!(auth.user(office.bob).await.unwrap().roles, ["user"]);

        assert_eq!(desk.answer.body.matches("name=\"session\"").count(), 2);
        let latest = desk.answer.body.split_once("name=\"session\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        desk.submit(&one, &[("session", &latest)]).await;
        desk.sees(200, "It has ended.");
        let mut left = 0;
        for browser in [&mut first, &mut second] {
            left += usize::from(browser.go("/").await.body.contains("Your account"));
        }
        assert_eq!(left, 1);
        desk.submit(&one, &[("do", "end")]).await;
        desk.sees(200, "Not signed in anywhere.");

        desk.submit(&one, &[("do", "link")]).await;
        desk.sees(200, "A message with a link is on its way to the owner.");
        auth.deliver_mail().await.unwrap();
        let mails = office.outbox.take();
        assert_eq!((mails.len(), mails[0].0.kind, mails[0].0.to.as_str()), (1, MailKind::ResetPassword, BOB));

        for _ in 0..10 {
            office.world.login(BOB, "wrong").await.expect(401);
        }
        office.world.login(BOB, PASSWORD).await.expect(429);
        desk.submit(&one, &[("do", "unlock")]).await;
        desk.sees(200, "Failed attempts are forgotten.");
        office.world.login(BOB, PASSWORD).await.expect(200);

        desk.submit(&one, &[("do", "disable")]).await;
        desk.sees(200, "The account is disabled.");
        office.world.login(BOB, PASSWORD).await.expect(401);
        assert!(!desk.answer.body.contains("value=\"link\""), "no link that would not work");
        desk.submit(&one, &[("do", "link")]).await;
        desk.sees(422, "The account is disabled. Enable it first.");
        desk.go(&one).await;
        desk.submit(&one, &[("do", "enable")]).await;
        office.world.login(BOB, PASSWORD).await.expect(200);
        // What was done, and by whom.
        desk.go(&one).await;
        desk.sees(200, "The account was disabled");
        desk.sees(200, &format!("by {}", office.ada));

        desk.submit(&one, &[("do", "delete")]).await;
        assert!(auth.user(office.bob).await.is_ok(), "not without the box");
        desk.submit(&one, &[("do", "delete"), ("sure", "yes")]).await;
        desk.sees(200, "The account is deleted.");
        auth.user(office.bob).await.unwrap_err();
        desk.go(&one).await;
        desk.sees(404, "There is nothing here");
    }

    async fn factors_that_were_lost_are_taken_away_but_not_ones_own(database: &TestDatabase) {
        let mut office = Office::open(database).await;
        let bob = office.world.login(BOB, PASSWORD).await.expect(200).member("access_token");
        let bob = office.world.auth.verifier().verify(&bob).unwrap();
        let factors = office.world.auth.factors().unwrap();
        let setup = factors.begin_totp(&bob).await.unwrap();
        let app = Authenticator::of_secret(setup.secret.expose().to_owned(), &office.world.clock);
        factors.confirm_totp(&bob, app.code(), ClientInfo::default()).await.unwrap();
        let (one, desk) = (office.of_bob(), &mut office.desk);
        desk.go(&one).await;
        desk.sees(200, "Authenticator app, since ");
        desk.sees(200, "Recovery codes left: 10");
        desk.submit(&one, &[("do", "reset_factors")]).await;
        desk.sees(200, "The second step is taken away.");
        desk.sees(200, "No second step is set up.");
        office.world.login(BOB, PASSWORD).await.expect(200);
        let own = format!("/admin/users/{}", office.ada);
        desk.send(desk.post(&own, "do=reset_factors")).await;
        desk.sees(403, "This is not allowed.");
    }

    async fn somebody_always_administers(database: &TestDatabase) {
        let mut office = Office::open(database).await;
        let own = format!("/admin/users/{}", office.ada);
        office.desk.go(&own).await;
        for form in [[("do", "roles"), ("roles", "")], [("do", "disable"), ("sure", "")], [("do", "delete"), ("sure", "yes")]] {
            office.desk.submit(&own, &form).await;
            office.desk.sees(409, "Somebody has to administer.");
        }
        assert!(office.world.auth.user(office.ada).await.unwrap().roles.contains(&"admin".to_owned()));
    }

    async fn nobody_else_gets_to_any_of_these_pages_and_no_change_is_made_without_recent_proof(database: &TestDatabase) {
        let mut office = Office::open(database).await;
        let mut bob = signs_in(&office.world, BOB).await;
        assert!(!bob.answer.body.contains("/admin/"), "{}", bob.answer.body);
        let (mut nobody, rows) = (Walker::new(&office.world), office.world.rows().await);
        let all = routes(&office.ada.to_string());
        assert_eq!(all.len(), 11, "{all:?}");
        for (method, path) in &all {
            let request = || match *method {
                "GET" => Req::get(path).header("sec-fetch-site", "none"),
                _ => Req::post(path).form("do=disable&label=thief&url=https://thief.example.com/"),
            };
            bob.send(request()).await;
            bob.sees(403, "This is not allowed.");
            nobody.send(request()).await;
            let to = nobody.answer.header("location").unwrap();
            assert!(nobody.answer.status == 303 && to.starts_with("/account/sign-in?redirect_to="), "{to}");
        }
        office.world.clock.advance(Duration::from_mins(6));
        for (_, path) in all.iter().filter(|(method, _)| *method == "POST") {
            office.desk.send(Req::post(path).form("do=disable&label=mine&url=https://mine.example.com/")).await;
            let to = office.desk.answer.header("location").unwrap().to_owned();
            assert!(office.desk.answer.status == 303 && to.starts_with("/account/confirm?redirect_to="), "{to}");
        }
        assert_eq!(office.world.rows().await, rows);
        // Whose role was taken is out at once.
        office.world.auth.set_roles(office.bob, &["admin"], ClientInfo::default()).await.unwrap();
        bob.go("/admin/users").await;
        bob.sees(200, "Accounts");
        office.world.auth.set_roles(office.bob, &[], ClientInfo::default()).await.unwrap();
        bob.go("/admin/users").await;
        bob.sees(403, "This is not allowed.");
        // After the proof it goes on where it was.
        let one = office.of_bob();
        office.desk.go(&one).await;
        office.desk.submit(&one, &[("do", "disable")]).await;
        office.desk.submit("/confirm", &[("password", PASSWORD)]).await;
        office.desk.sees(200, "bob@example.com (confirmed)");
        office.desk.submit(&one, &[("do", "disable")]).await;
        office.desk.sees(200, "The account is disabled.");
    }

    async fn a_service_account_gets_a_key_that_is_told_once(database: &TestDatabase) {
        let mut office = Office::open(database).await;
        let (desk, world) = (&mut office.desk, &office.world);
        desk.go("/admin/services").await;
        desk.sees(200, "There is no service account yet.");
        desk.submit("/admin/services", &[("label", ""), ("roles", "editor")]).await;
        desk.sees(422, "<a href=\"#label\">A name has 1 to 64 characters.</a>");
        desk.submit("/admin/services", &[("label", "billing"), ("roles", "editor")]).await;
        desk.sees(200, "value=\"billing\"");
        let one = desk.path.clone();
        desk.submit(&one, &[("do", "key"), ("key_name", "x".repeat(65).as_str())]).await;
        desk.sees(422, "<a href=\"#key_name\">A name has 1 to 64 characters.</a>");
        desk.submit(&one, &[("do", "key"), ("key_name", "nightly"), ("expires_in_days", "many")]).await;
        desk.sees(422, "<a href=\"#expires_in_days\">");
        desk.submit(&one, &[("do", "key"), ("key_name", "nightly"), ("scopes", "read:todos")]).await;
        let key = told_once(desk);
        assert_eq!(world.me(&key).await.expect(200).member("name"), "billing");
        desk.go(&one).await;
        desk.sees(200, "nightly");
        assert!(!desk.answer.body.contains(&key));
        let id = desk.answer.body.split_once("name=\"rotate\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        desk.submit(&one, &[("rotate", &id)]).await;
        let second = told_once(desk);
        world.me(&second).await.expect(200);
        desk.go(&one).await;
        desk.submit(&one, &[("rotate", &id)]).await;
        desk.sees(409, "This key has been replaced already.");
        desk.go(&one).await;
        desk.submit(&one, &[("end", &id)]).await;
        world.me(&key).await.expect(401);
        desk.submit(&one, &[("do", "disable")]).await;
        desk.sees(200, "disabled");
        world.me(&second).await.expect(401);
        desk.submit(&one, &[("do", "enable"), ("label", "")]).await;
        desk.submit(&one, &[("do", "change"), ("label", "books"), ("roles", "")]).await;
        desk.sees(200, "value=\"books\"");
        desk.submit(&one, &[("do", "delete"), ("sure", "yes")]).await;
        desk.sees(200, "There is no service account yet.");
        world.me(&second).await.expect(401);
    }

    async fn a_webhook_is_added_switched_off_and_on_told_again_and_removed(database: &TestDatabase) {
        let mut office = Office::open(database).await;
        let desk = &mut office.desk;
        desk.go("/admin/webhooks").await;
        desk.submit("/admin/webhooks", &[("url", "http://hooks.example.com/")]).await;
        desk.sees(422, "<a href=\"#url\">This has to be an https address");
        desk.submit("/admin/webhooks", &[("url", HOOK), ("types", "deletd")]).await;
        desk.sees(422, "<a href=\"#types\">One of these is not the code of an event.</a>");
        desk.submit("/admin/webhooks", &[("url", HOOK), ("types", "deleted disabled")]).await;
        assert!(told_once(desk).starts_with("whsec_"));
        let webhooks = office.world.auth.webhooks().unwrap();
        let id = webhooks.list().await.unwrap()[0].id;
        let one = format!("/admin/webhooks/{id}");
        desk.go(&one).await;
        desk.sees(200, "value=\"deleted disabled\"");
        assert!(!desk.answer.body.contains("whsec_"));
        desk.submit(&one, &[("do", "off")]).await;
        desk.sees(200, "switched off");
        desk.submit(&one, &[("do", "on")]).await;
        assert_eq!(webhooks.find(id).await.unwrap().off, None);
        desk.submit(&one, &[("do", "change"), ("url", HOOK), ("types", "")]).await;
        assert!(webhooks.find(id).await.unwrap().types.is_empty());
        desk.submit(&one, &[("do", "rotate")]).await;
        assert!(told_once(desk).starts_with("whsec_"));
        desk.go(&one).await;
        desk.submit(&one, &[("do", "replay"), ("after", "first")]).await;
        desk.sees(422, "<a href=\"#after\">Please enter a whole number.</a>");
        desk.submit(&one, &[("do", "replay"), ("after", "999")]).await;
        desk.sees(410, "Events after this place are no longer kept.");
        desk.go(&one).await;
        desk.submit(&one, &[("do", "replay"), ("after", "0")]).await;
        desk.sees(200, "It begins again from there.");
        desk.submit(&one, &[("do", "test")]).await;
        desk.sees(200, "The test has not arrived.");
        desk.sees(200, "No answer");
        desk.submit(&one, &[("do", "delete"), ("sure", "yes")]).await;
        desk.sees(200, "The webhook is deleted.");
    }
}

#[tokio::test]
async fn they_are_there_as_the_doors_of_the_same_are_and_not_where_the_host_takes_them_away() {
    let database = TestDatabase::sqlite().await;
    let office = Office::open(&database).await;
    let service = office.world.service();
    let without_admin = AccountPages::builder(&service).without_admin().build().unwrap();
    let builder = || auth_tower::AuthService::builder(office.world.auth.clone());
    let without_doors = AccountPages::builder(&builder().without_admin().build().unwrap()).build().unwrap();
    for pages in [without_admin, without_doors] {
        let mut ada = Walker::through(pages);
        ada.jar.clone_from(&office.desk.jar);
        ada.go("/").await;
        ada.sees(200, "Your account");
        assert!(!ada.answer.body.contains("/admin/"));
        for (method, path) in routes(NOBODY) {
            let request = if method == "GET" { Req::get(&path) } else { Req::post(&path).form("do=end") };
            ada.send(request.header("sec-fetch-site", "same-origin")).await;
            ada.sees(404, "There is nothing here");
        }
    }
    let no_hooks = builder().without(Endpoint::WEBHOOKS).without(Endpoint::WEBHOOK).build().unwrap();
    let mut ada = Walker::through(AccountPages::builder(&no_hooks).build().unwrap());
    ada.jar.clone_from(&office.desk.jar);
    ada.go("/admin/users").await;
    ada.sees(200, "/admin/services");
    assert!(!ada.answer.body.contains("/admin/webhooks"));
    ada.go("/admin/webhooks").await;
    ada.sees(404, "There is nothing here");
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let database = TestDatabase::sqlite().await;
    let mut office = Office::open(&database).await;
    for kind in ["users", "services", "webhooks"] {
        let path = format!("/admin/{kind}/{NOBODY}");
        office.desk.go(&path).await;
        office.desk.sees(404, "There is nothing here");
        let body = if kind == "webhooks" { "do=off" } else { "do=disable" };
        office.desk.send(office.desk.post(&path, body)).await;
        office.desk.sees(404, "There is nothing here");
        office.desk.go(&format!("/admin/{kind}/me")).await;
        office.desk.sees(404, "There is nothing here");
    }
}
