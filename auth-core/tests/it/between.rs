//! What happens between the reading and the writing of an operation.

use auth_core::{ClientInfo, Error, Login, Register, factor::StepUp};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    oidc::{World, issuer::Person, providers},
    support::{DAY, EMAIL, Halting, PASSWORD, PAST_GRACE, SECOND, TestAuth, granted},
};

const NEW: &str = "another horse battery";
/// Made with Python's bcrypt 5.0.0 from "correct horse", cost 4.
const OUTDATED: &str = "$2b$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

each_database! {
    async fn a_session_that_ends_between_reading_and_rotating_it_is_not_refreshed(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        test.register().await;
        for way in ["logout", "by id", "replaced", "all", "disabled"] {
            let tokens = test.login().await;
            test.clock.advance(PAST_GRACE);
            let (auth, token) = (halting.auth.clone(), tokens.refresh.clone());
            let refresh = async move { auth.refresh(token, nobody()).await };
            let refreshed = halting.run(("SELECT", "auth_session"), refresh, async {
                match way {
                    "logout" => test.auth.logout(tokens.refresh.clone(), nobody()).await.unwrap(),
                    "by id" => test.auth.logout_session(tokens.session_id, nobody()).await.unwrap(),
                    "all" => test.auth.logout_all(tokens.user_id, nobody()).await.unwrap(),
                    "disabled" => test.auth.disable(tokens.user_id, nobody()).await.unwrap(),
                    _ => {
                        let login = Login::new(EMAIL, PASSWORD).replacing(tokens.refresh.clone());
                        granted(test.auth.login(login).await).unwrap();
                    }
                }
            }).await;
            assert_refused!(refreshed, Error::SessionOver | Error::SessionLeft);
        }
        assert_eq!(test.count("auth_session WHERE newest > 1").await, 0);
    }

    async fn a_sign_in_that_began_before_all_sessions_were_ended_begins_none(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        let user = test.register().await.id;
        for way in ["ended", "disabled", "password", "reset"] {
            let auth = halting.auth.clone();
            let password = if way == "reset" { NEW } else { PASSWORD };
            let login = async move { auth.login(Login::new(EMAIL, password)).await };
            let tokens = halting.run(("SELECT", "auth_password"), login, async {
                match way {
                    "ended" => test.auth.logout_all(user, nobody()).await.unwrap(),
                    "disabled" => {
                        test.auth.disable(user, nobody()).await.unwrap();
                        test.auth.enable(user, nobody()).await.unwrap();
                    }
                    "password" => {
                        let own = test.try_login(EMAIL, PASSWORD).await.unwrap();
                        let caller = test.auth.verifier().verify(own.access.expose()).unwrap();
                        test.auth.change_password(&caller, PASSWORD, NEW, nobody()).await.unwrap();
                    }
                    _ => {
                        let link = test.auth.reset_link(user, nobody()).await.unwrap();
                        test.auth.reset_password(link.token, PASSWORD, nobody()).await.unwrap();
                    }
                }
            }).await;
            if let Ok(tokens) = granted(tokens) {
                assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
            }
        }
    }

    async fn a_new_password_is_not_undone_by_a_sign_in_that_makes_the_old_ones_hash_anew(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        let (_, caller) = test.caller().await;
        let outdated = format!("UPDATE auth_password SET hash = '{OUTDATED}'");
        test.execute(&outdated).await;
        let auth = halting.auth.clone();
        let login = async move { auth.login(Login::new(EMAIL, "correct horse")).await };
        let _ = halting.run(("SELECT", "auth_password"), login, async {
            test.auth.change_password(&caller, "correct horse", NEW, nobody()).await.unwrap();
        }).await;
        assert_refused!(test.try_login(EMAIL, "correct horse").await, Error::InvalidCredentials);
        test.try_login(EMAIL, NEW).await.unwrap();
    }

    async fn a_failure_while_old_ones_are_swept_stays_counted(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
        test.clock.advance(DAY + SECOND);
        let auth = halting.auth.clone();
        let swept = halting.run(("SELECT", "auth_throttle"), async move { auth.sweep().await }, async {
            assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
        }).await;
        assert_eq!((swept.unwrap(), test.count("auth_throttle WHERE failures = 2").await), (0, 1));
    }

    async fn who_is_deleted_while_signing_in_has_no_account_to_sign_in_to(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        let user = test.register().await.id;
        let auth = halting.auth.clone();
        let login = async move { auth.login(Login::new(EMAIL, PASSWORD)).await };
        let outcome = halting.run(("SELECT", "auth_password"), login, async {
            test.auth.delete_user(user, nobody()).await.unwrap();
        }).await;
        assert_refused!(outcome, Error::InvalidCredentials);
        assert_eq!(test.count("auth_session").await, 0);
    }

    async fn a_link_that_grows_too_old_while_it_is_looked_at_is_too_old(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        let user = test.register().await.id;
        let (auth, link) = (halting.auth.clone(), test.auth.reset_link(user, nobody()).await.unwrap().token);
        test.clock.advance(59 * 60 * SECOND);
        let reset = async move { auth.reset_password(link, NEW, nobody()).await };
        // What follows the reading of the token: that of its user.
        let outcome = halting.run(("SELECT", "auth_user_role"), reset, async {
            test.clock.advance(60 * SECOND);
        }).await;
        assert_refused!(outcome, Error::Validation(_));
        test.login().await;
    }

    async fn what_is_asked_for_in_a_session_that_ends_while_the_password_is_checked_is_not_done(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        let ways = ["all", "others", "disabled", "by id", "signed out"];
        let deeds = ["password", "address", "account"];
        for (number, (way, deed)) in ways.into_iter().flat_map(|way| deeds.map(|deed| (way, deed))).enumerate() {
            let email = format!("ada{number}@example.com");
            let user = test.auth.register(Register::new(&*email, PASSWORD)).await.unwrap().id;
            let other = test.try_login(&email, PASSWORD).await.unwrap();
            let tokens = test.try_login(&email, PASSWORD).await.unwrap();
            let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
            let (auth, own) = (halting.auth.clone(), caller.clone());
            let asked = async move {
                match deed {
                    "password" => auth.change_password(&own, PASSWORD, NEW, nobody()).await,
                    "address" => auth.request_email_change(&own, format!("new-{number}@example.com"), Some(PASSWORD.into()), nobody()).await,
                    _ => auth.delete_account(&own, Some(PASSWORD.into()), nobody()).await,
                }
            };
            let outcome = halting.run(("SELECT", "auth_password"), asked, async {
                let owner = test.auth.verifier().verify(other.access.expose()).unwrap();
                match way {
                    "all" => test.auth.logout_all(user, nobody()).await.unwrap(),
                    "others" => test.auth.end_other_sessions(&owner, nobody()).await.unwrap(),
                    "disabled" => {
                        test.auth.disable(user, nobody()).await.unwrap();
                        test.auth.enable(user, nobody()).await.unwrap();
                    }
                    "by id" => test.auth.end_session(&owner, tokens.session_id, nobody()).await.unwrap(),
                    _ => test.auth.logout(tokens.refresh.clone(), nobody()).await.unwrap(),
                }
            }).await;
            assert!(matches!(outcome, Err(Error::SessionOver)), "{way}, {deed}: {outcome:?}");
            assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
            test.try_login(&email, PASSWORD).await.unwrap();
            assert_eq!(test.kinds_of_mails().await, [""; 0], "{way}, {deed}");
        }
    }

    async fn who_is_signed_out_while_the_password_is_checked_does_not_step_up(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        let (_, caller) = test.caller().await;
        let (auth, own) = (halting.auth.clone(), caller.clone());
        let by = StepUp::Password(PASSWORD.into());
        let stepping = async move { auth.step_up(&own, by, nobody()).await };
        let outcome = halting.run(("SELECT", "auth_password"), stepping, async {
            test.auth.logout_all(caller.user_id(), nobody()).await.unwrap();
        }).await;
        assert_refused!(outcome, Error::SessionOver);
        assert_eq!(test.events.count("stepped_up"), 0);
    }

    async fn an_identity_stays_if_the_session_ends_while_the_password_is_checked_for_taking_it_away(db: &TestDatabase) {
        let world = World::new(db).await;
        let halting = Halting::with(&world.test, db, |builder| builder.oidc(providers(&world.issuer))).await;
        let (_, caller) = world.test.proved_caller().await;
        world.link(&caller, Some(PASSWORD), &Person::new("w", "ada@work.example").unverified()).await.unwrap();
        let identity = world.oidc().identities(&caller).await.unwrap().remove(0).id;
        let (oidc, own) = (halting.auth.oidc().unwrap(), caller.clone());
        let unlink = async move { oidc.unlink(&own, identity, Some(PASSWORD.into()), nobody()).await };
        let outcome = halting.run(("SELECT", "auth_password"), unlink, async {
            world.test.auth.logout_all(caller.user_id(), nobody()).await.unwrap();
        }).await;
        assert_refused!(outcome, Error::SessionOver);
        assert_eq!(world.test.count("auth_identity").await, 1);
    }

    async fn who_is_disabled_while_the_new_password_is_hashed_redeems_nothing(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let halting = Halting::beside(&test, db).await;
        let user = test.register().await.id;
        for way in ["disabled", "and enabled", "by hand"] {
            let (auth, link) = (halting.auth.clone(), test.auth.reset_link(user, nobody()).await.unwrap().token);
            let reset = async move { auth.reset_password(link, NEW, nobody()).await };
            let outcome = halting.run(("SELECT", "auth_user_role"), reset, async {
                match way {
                    "by hand" => test.execute("UPDATE auth_user SET disabled_at = 1").await,
                    _ => test.auth.disable(user, nobody()).await.unwrap(),
                }
                if way == "and enabled" {
                    test.auth.enable(user, nobody()).await.unwrap();
                }
            }).await;
            assert!(matches!(outcome, Err(Error::Validation(_))), "{way}: {outcome:?}");
            test.auth.enable(user, nobody()).await.unwrap();
            test.login().await;
        }
    }
}
