//! What stands between an account and others, seen to on pages.

use std::time::Duration;

use auth_core::test_util::Authenticator;
use auth_migration::test_util::TestDatabase;

use super::{CREDENTIALS, walker::Walker};
use crate::support::{ADA, PASSWORD, World};

const NEW: &str = "staple by staple";

async fn signed_in(world: &World) -> Walker {
    let mut ada = Walker::new(world);
    ada.go("/sign-in").await;
    ada.submit("/sign-in", CREDENTIALS).await;
    ada.sees(200, "Your account");
    ada
}

impl Walker {
    /// The secret that the page shows.
    pub(super) fn app(&self, action: &str, world: &World) -> Authenticator {
        let body = self.filled(action, &[]);
        let secret =
            url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "secret").unwrap().1;
        Authenticator::of_secret(secret.into_owned(), &world.clock)
    }
}

auth_migration::each_database! {
    async fn an_app_is_set_up_asked_for_and_taken_away_with_fresh_proof_each_time(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let mut ada = signed_in(&world).await;
        world.clock.advance(Duration::from_mins(10));
        ada.go("/security").await;
        ada.sees(200, "With an authenticator app they also need your phone.");
        ada.submit("/authenticator", &[("begin", "totp")]).await;
        assert!(ada.path.starts_with("/confirm"), "{}", ada.path);
        ada.submit("/confirm", &[("password", "wrong")]).await;
        ada.sees(422, "The password is wrong.");
        ada.submit("/confirm", &[("password", PASSWORD)]).await;
        ada.sees(200, "Security");
        ada.submit("/authenticator", &[("begin", "totp")]).await;
        ada.sees(200, "<svg");
        let app = ada.app("/authenticator", &world);
        ada.submit("/authenticator", &[("code", "000000")]).await;
        ada.sees(422, "The code is wrong");
        ada.submit("/authenticator", &[("code", &app.code())]).await;
        ada.sees(200, "Keep these recovery codes");
        assert_eq!(ada.answer.body.matches("<li>").count(), 10);
        ada.go("/security").await;
        ada.sees(200, "Recovery codes left: 10");

        world.clock.advance(Duration::from_mins(10));
        ada.submit("/recovery-codes", &[]).await;
        ada.sees(200, "Enter a code of your authenticator app, or a recovery code.");
        ada.submit("/confirm", &[("code", "00000-00000")]).await;
        ada.sees(422, "The code is wrong");
        ada.submit("/confirm", &[("code", &app.next_code())]).await;
        ada.sees(200, "Recovery codes left: 10");
        ada.submit("/recovery-codes", &[]).await;
        ada.sees(200, "Keep these recovery codes");
        ada.go("/security").await;
        ada.submit("/authenticator", &[("remove", "totp")]).await;
        ada.sees(200, "The authenticator app is not asked for any more.");
        let mut elsewhere = signed_in(&world).await;
        elsewhere.go("/security").await;
        elsewhere.sees(200, "Set up an authenticator app");
    }

    async fn a_new_password_ends_the_other_sessions_and_is_asked_for_from_then_on(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (mut ada, mut other) = (signed_in(&world).await, signed_in(&world).await);
        ada.go("/security").await;
        ada.go("/password").await;
        ada.submit("/password", &[("current_password", "wrong"), ("new_password", NEW)]).await;
        ada.sees(422, "<a href=\"#current_password\">The password is wrong.</a>");
        ada.submit("/password", &[("current_password", PASSWORD), ("new_password", "short")]).await;
        ada.sees(422, "<a href=\"#new_password\">The password is too short. Characters needed: 8.</a>");
        ada.submit("/password", &[("current_password", PASSWORD), ("new_password", NEW)]).await;
        ada.sees(200, "Your password is changed.");
        other.go("/").await;
        assert!(other.path.starts_with("/sign-in"), "{}", other.path);
        other.submit("/sign-in", CREDENTIALS).await;
        other.sees(422, "is wrong");
        other.submit("/sign-in", &[("email", ADA), ("password", NEW)]).await;
        other.sees(200, "Your account");
    }

    async fn sessions_are_listed_and_end_one_by_one_or_all_others_and_none_of_somebody_else(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        world.register("grace@example.com", PASSWORD).await.expect(201);
        let grace = world.login("grace@example.com", PASSWORD).await.expect(200);
        let of_grace = world.auth.verifier().verify(&grace.member("access_token")).unwrap().session_id().unwrap();
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let mut ada = Walker::new(&world).saying("user-agent", firefox);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", CREDENTIALS).await;
        let (mut second, mut third) = (signed_in(&world).await, signed_in(&world).await);
        ada.go("/security").await;
        ada.sees(200, "Firefox, Linux <strong>(this browser)</strong>");
        assert_eq!(ada.answer.body.matches("name=\"session\"").count(), 3, "{}", ada.answer.body);
        // No link of a script: nobody else's ends, and nothing tells whether it is there.
        ada.submit("/sessions", &[("session", &of_grace.to_string())]).await;
        world.refresh(&grace.cookie().unwrap()).await.expect(200);
        let cookie = format!("__Host-refresh_token={}", second.jar["__Host-refresh_token"]);
        let access = world.refresh(&cookie).await.expect(200).member("access_token");
        let of_second = world.auth.verifier().verify(&access).unwrap().session_id().unwrap().to_string();
        ada.submit("/sessions", &[("session", &of_second)]).await;
        ada.sees(200, "It has ended.");
        second.go("/").await;
        assert!(second.path.starts_with("/sign-in"));
        third.go("/").await;
        third.sees(200, "Your account");
        ada.submit("/sessions", &[("others", "all")]).await;
        third.go("/").await;
        assert!(third.path.starts_with("/sign-in"));
        ada.sees(200, "It has ended.");
        assert_eq!(ada.answer.body.matches("name=\"session\"").count(), 1);
        let body = ada.answer.body.split_once("name=\"session\" value=\"").unwrap().1;
        let own = body.split('"').next().unwrap().to_owned();
        ada.submit("/sessions", &[("session", &own)]).await;
        ada.sees(200, "You are signed out.");
        assert!(!ada.jar.contains_key("__Host-refresh_token"));
    }
}
