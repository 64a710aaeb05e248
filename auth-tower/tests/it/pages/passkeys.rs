//! Passkeys on pages: what a script would do with the options in a form is done here by an authenticator of the test.

use std::time::Duration;

use auth_core::{
    AuthBuilder, CreateUser, SecondFactor,
    test_util::{Outbox, SoftwareAuthenticator},
};
use auth_migration::test_util::TestDatabase;

use super::{CREDENTIALS, walker::Walker};
use crate::{
    passkeys::{ORIGIN, site},
    support::{ADA, PASSWORD, World},
};

async fn world(database: &TestDatabase, settings: fn(AuthBuilder) -> AuthBuilder) -> (World, Outbox) {
    let (world, outbox) = World::with_mail(database, |builder| settings(site(builder))).await;
    world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
    (world, outbox)
}

async fn signed_in(world: &World) -> Walker {
    let mut ada = Walker::new(world);
    ada.go("/sign-in").await;
    ada.submit("/sign-in", CREDENTIALS).await;
    ada
}

impl Walker {
    /// What the script makes of the options in the form.
    fn made(&self, action: &str, authenticator: &mut SoftwareAuthenticator) -> String {
        let options = self.data(action, "data-options");
        if self.form(action).split('>').next().unwrap().contains(" data-makes") {
            authenticator.create_for(&options)
        } else {
            authenticator.sign_for(&options)
        }
    }
}

auth_migration::each_database! {
    async fn a_passkey_is_added_renamed_and_removed_and_asked_for_where_there_is_one(database: &TestDatabase) {
        let (world, _) = world(database, |builder| builder).await;
        let mut key = SoftwareAuthenticator::on(ORIGIN);
        let mut ada = signed_in(&world).await;
        world.clock.advance(Duration::from_mins(10));
        ada.go("/security").await;
        ada.sees(200, "With a passkey you sign in by fingerprint");
        ada.go("/passkeys").await;
        assert!(ada.path.starts_with("/confirm"), "{}", ada.path);
        ada.submit("/confirm", &[("password", PASSWORD)]).await;
        assert_eq!(ada.path, "/passkeys", "goes on where it was asked");
        ada.submit("/passkeys", &[("credential", "{}"), ("name", "Key")]).await;
        ada.sees(422, "That did not work with this passkey.");
        ada.sees(422, "value=\"Key\"");
        let made = ada.made("/passkeys", &mut key);
        ada.submit("/passkeys", &[("credential", &made), ("name", "Drawer <1>")]).await;
        ada.sees(200, "Keep these recovery codes");
        ada.go("/security").await;
        ada.sees(200, "Drawer &#60;1&#62;");
        ada.sees(200, "Never used");

        // From now on one factor is not enough for what wants recent proof.
        let page = ada.link("/passkey?id=");
        ada.go(&page).await;
        ada.submit("/passkey", &[("name", "")]).await;
        ada.sees(422, "A name has at most 64 characters");
        ada.submit("/passkey", &[("name", "Telephone")]).await;
        ada.sees(200, "Your changes are saved.");
        ada.sees(200, "Telephone");
        ada.go(&page).await;
        ada.submit("/passkey", &[("remove", "yes")]).await;
        assert!(ada.path.starts_with("/confirm"), "{}", ada.path);
        let shown = ada.with_credential("/confirm", &mut key);
        ada.send(ada.post("/confirm", &shown)).await;
        assert_eq!(ada.answer.header("location"), Some(format!("/account{page}").as_str()));
        ada.go(&page).await;
        ada.submit("/passkey", &[("remove", "yes")]).await;
        ada.sees(200, "The passkey does not sign you in any more.");
        ada.go(&page).await;
        assert_eq!(ada.answer.status, 404);
    }

    async fn of_somebody_else_no_passkey_is_seen_renamed_or_removed(database: &TestDatabase) {
        let (world, _) = world(database, |builder| builder).await;
        let mut key = SoftwareAuthenticator::on(ORIGIN);
        let mut ada = signed_in(&world).await;
        ada.go("/passkeys").await;
        let made = ada.made("/passkeys", &mut key);
        ada.submit("/passkeys", &[("credential", &made)]).await;
        ada.go("/security").await;
        let page = ada.link("/passkey?id=");
        let id = page.split_once('=').unwrap().1;
        world.auth.create_user(CreateUser::new("eve@example.com").password(PASSWORD).verified()).await.unwrap();
        let mut eve = Walker::new(&world);
        eve.go("/sign-in").await;
        eve.submit("/sign-in", &[("email", "eve@example.com"), ("password", PASSWORD)]).await;
        eve.go(&page).await;
        assert_eq!(eve.answer.status, 404);
        for what in ["remove=yes", "name=mine"] {
            eve.send(eve.post("/passkey", &format!("id={id}&{what}"))).await;
            assert_eq!(eve.answer.status, 404);
        }
        ada.go("/security").await;
        ada.sees(200, "/passkey?id=");
    }

    async fn where_a_second_factor_is_asked_for_a_passkey_is_made_on_the_way_in_and_shown_the_next_time(database: &TestDatabase) {
        let required = |builder: AuthBuilder| {
            builder.configure(|config| config.factors.policy = SecondFactor::Required)
        };
        let (world, _) = world(database, required).await;
        let mut key = SoftwareAuthenticator::on(ORIGIN);
        let mut ada = signed_in(&world).await;
        ada.sees(200, "Set up a second step");
        let body = "begin=passkey";
        ada.send(ada.post("/challenge", body)).await;
        ada.sees(200, "data-makes");
        ada.submit("/challenge", &[("credential", "{}"), ("name", "Key")]).await;
        ada.sees(422, "That did not work with this passkey.");
        let made = ada.made("/challenge", &mut key);
        ada.submit("/challenge", &[("credential", &made), ("name", "Key")]).await;
        ada.sees(200, "Keep these recovery codes");
        ada.go("/security").await;
        ada.sees(200, "Key<br>");
        ada.sees(200, "You are asked for a passkey");

        let mut again = Walker::new(&world);
        again.go("/sign-in?redirect_to=%2Fapp").await;
        again.submit("/sign-in", CREDENTIALS).await;
        again.sees(200, "Confirm that it is you");
        again.submit("/challenge", &[("credential", "{}"), ("method", "passkey")]).await;
        again.sees(422, "That did not work with this passkey.");
        let shown = again.with_credential("/challenge", &mut key);
        again.send(again.post("/challenge", &shown)).await;
        assert_eq!((again.answer.status.as_u16(), again.answer.header("location")), (303, Some("/app")));
        again.go("/").await;
        again.sees(200, "Your account");
    }
}

impl Walker {
    /// The body of the form of a passkey, which may stand beside another of the same page.
    fn with_credential(&self, action: &str, authenticator: &mut SoftwareAuthenticator) -> String {
        let (before, rest) = self.answer.body.split_once(" data-options=\"").unwrap();
        let options = super::walker::unescaped(rest.split('"').next().unwrap());
        assert!(before.ends_with(&format!("action=\"/account{action}\"")), "{before}");
        let mut fields =
            vec![("method", "passkey".to_owned()), ("credential", authenticator.sign_for(&options))];
        if let Some((_, place)) =
            rest.split("</form>").next().unwrap().split_once("name=\"redirect_to\" value=\"")
        {
            fields.push(("redirect_to", super::walker::unescaped(place.split('"').next().unwrap())));
        }
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        body.finish()
    }
}
