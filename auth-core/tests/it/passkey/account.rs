//! What people do with their passkeys, and what others do for them.

use auth_core::{
    Error, Export, Login, Severity,
    factor::{FACTOR_NOT_FOUND, PASSKEY_NOT_FOUND, StepUp, TOO_MANY_PASSKEYS},
    refusal::{LAST_WAY_IN, VERIFICATION_NEEDED},
    test_util::SoftwareAuthenticator,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{ORIGIN, World, fields, nobody, read, site, somebody};
use crate::{
    assert_refused,
    factor::{challenged, enrolled, required},
    oidc::{self, issuer::Person, providers},
    support::{EMAIL, HOUR, PASSWORD, SECOND, TestAuth, keys},
};

each_database! {
    async fn a_passkey_is_made_for_who_has_lately_shown_who_they_are(db: &TestDatabase) {
        let test = TestAuth::with(db, site).await;
        let (user, caller) = somebody(&test).await;
        let mut authenticator = SoftwareAuthenticator::on(ORIGIN);
        let options = test.passkeys().begin_registration(&caller).await.unwrap();
        let asked = read(&options);
        assert_eq!(asked["rp"]["id"], "example.com");
        assert_eq!(asked["user"]["name"], EMAIL);
        assert_eq!(asked["attestation"], "none");
        assert_eq!(asked["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
        let algorithms: Vec<_> =
            asked["pubKeyCredParams"].as_array().unwrap().iter().map(|one| one["alg"].as_i64().unwrap()).collect();
        assert_eq!(algorithms, [-7, -8, -257]);
        let made = authenticator.create(&options);
        let name = Some(" My telephone ".to_owned());
        let added = test.passkeys().register(&caller, made, name, nobody()).await.unwrap();
        assert_eq!((added.passkey.name.as_str(), added.recovery_codes.len()), ("My telephone", 10));
        assert_eq!(added.passkey.transports, ["hybrid", "internal"]);
        assert_eq!((test.mails().await, test.events.count("factor_added")), (vec!["passkey_added"], 1));
        // A passkey is two factors, which this session has not shown: and the account has them now.
        assert_refused!(test.passkeys().begin_registration(&caller).await, Error::StepUpRequired { .. });
        let signed = authenticator.sign(&test.passkeys().begin_login().unwrap());
        let caller = test.verify(&test.sign_in(signed).await.unwrap().access);
        let options = test.passkeys().begin_registration(&caller).await.unwrap();
        assert_eq!(read(&options)["excludeCredentials"].as_array().unwrap().len(), 1);
        let second = test.passkeys().register(&caller, authenticator.create(&options), None, nobody()).await.unwrap();
        assert_eq!((second.recovery_codes.len(), second.passkey.name.as_str()), (0, "Passkey"));
        // A password alone is let in as before, and a session of it has one factor.
        let aal1 = test.verify(&test.login().await.access);
        assert_eq!(aal1.user_id(), user.id);
        assert_refused!(test.passkeys().begin_registration(&aal1).await, Error::StepUpRequired { .. });
        test.clock.advance(HOUR);
        assert_refused!(test.passkeys().begin_registration(&caller).await, Error::StepUpRequired { .. });
    }

    async fn what_was_not_asked_for_of_this_account_is_no_passkey(db: &TestDatabase) {
        let world = World::new(db).await;
        let passkeys = world.passkeys();
        let options = passkeys.begin_registration(&world.caller).await.unwrap();
        let made = |change: fn(&mut SoftwareAuthenticator)| {
            let mut authenticator = SoftwareAuthenticator::on(ORIGIN);
            change(&mut authenticator);
            authenticator.create(&options)
        };
        let register = async |made: String| passkeys.register(&world.caller, made, None, nobody()).await;
        for (why, made) in [
            ("no JSON", String::new()),
            ("not verified", made(|it| it.verifies_user = false)),
            ("another page", made(|it| it.origin = "https://evil.example".to_owned())),
            ("backed up what may not be", made(|it| it.backup_eligible = false)),
            ("to sign in", SoftwareAuthenticator::on(ORIGIN).create_for(
                &options.json().replace(read(&options)["challenge"].as_str().unwrap(), read(&world.begin())["challenge"].as_str().unwrap()),
            )),
        ] {
            assert_eq!(fields(register(made).await), ["credential"], "{why}");
        }
        let good = made(|_| {});
        for name in ["", " ", "a\nb", &"a".repeat(65)] {
            let refused = passkeys.register(&world.caller, good.clone(), Some(name.to_owned()), nobody()).await;
            assert_eq!(fields(refused), ["name"], "{name:?}");
        }
        register(good.clone()).await.unwrap();
        assert_eq!(fields(register(good).await), ["credential"], "a challenge is answered once");
        let late = passkeys.begin_registration(&world.caller).await.unwrap();
        world.test.clock.advance(299 * SECOND);
        let mut authenticator = world.authenticator.clone();
        let signed = authenticator.sign(&world.begin());
        let caller = world.test.verify(&world.test.sign_in(signed).await.unwrap().access);
        world.test.clock.advance(SECOND);
        let made = authenticator.create(&late);
        assert_eq!(fields(passkeys.register(&caller, made, None, nobody()).await), ["credential"]);
    }

    async fn an_account_has_at_most_twenty(db: &TestDatabase) {
        let mut world = World::new(db).await;
        for _ in 1..20 {
            world.test.make(&world.caller, &mut world.authenticator).await.unwrap();
        }
        let refused = world.test.make(&world.caller, &mut world.authenticator).await;
        assert_refused!(refused, Error::Refused(TOO_MANY_PASSKEYS));
    }

    async fn an_address_has_to_be_proved_first_where_it_can_be(db: &TestDatabase) {
        let test = TestAuth::with(db, site).await;
        let (_, caller) = test.caller().await;
        assert_refused!(test.passkeys().begin_registration(&caller).await, Error::Refused(VERIFICATION_NEEDED));
        assert_eq!(test.mails().await, ["verify_email"]);
    }

    async fn a_passkey_gets_another_name_from_its_owner_alone(db: &TestDatabase) {
        let world = World::new(db).await;
        let id = world.passkey.id;
        let renamed = world.passkeys().rename(&world.caller, id, "Left drawer").await.unwrap();
        assert_eq!(renamed.name, "Left drawer");
        let same = world.passkeys().rename(&world.caller, id, "Left drawer").await.unwrap();
        assert_eq!(same.name, "Left drawer");
        assert_eq!(fields(world.passkeys().rename(&world.caller, id, "").await), ["name"]);
        let other = auth_core::CreateUser::new("grace@example.com").password(PASSWORD).verified();
        world.test.auth.create_user(other).await.unwrap();
        let tokens = world.test.try_login("grace@example.com", PASSWORD).await.unwrap();
        let grace = world.test.verify(&tokens.access);
        assert_refused!(world.passkeys().rename(&grace, id, "Mine").await, Error::Refused(PASSKEY_NOT_FOUND));
        assert_refused!(world.passkeys().remove(&grace, id, nobody()).await, Error::Refused(PASSKEY_NOT_FOUND));
        assert_eq!(world.passkeys().list(&world.caller).await.unwrap()[0].name, "Left drawer");
        assert!(world.passkeys().list(&grace).await.unwrap().is_empty());
    }

    async fn who_takes_the_last_one_away_takes_the_recovery_codes_with_it(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let second = world.test.make(&world.caller, &mut world.authenticator).await.unwrap().passkey.id;
        let signal = world.passkeys().remove(&world.caller, second, nobody()).await.unwrap();
        assert_eq!((signal.rp_id.as_str(), signal.all_accepted_credential_ids.len()), ("example.com", 1));
        assert_eq!(world.test.count("auth_recovery_code").await, 10);
        world.passkeys().remove(&world.caller, world.passkey.id, nobody()).await.unwrap();
        assert_eq!(world.test.count("auth_recovery_code").await, 0);
        let gone = world.passkeys().remove(&world.caller, second, nobody()).await;
        assert_refused!(gone, Error::Refused(PASSKEY_NOT_FOUND));
        assert_eq!(world.test.kinds_of_mails().await, ["passkey_added", "passkey_removed", "passkey_removed"]);
        let factors = world.test.auth.factors().unwrap();
        let refused = factors.new_recovery_codes(&world.caller, nobody()).await;
        assert_refused!(refused, Error::Refused(FACTOR_NOT_FOUND));
    }

    async fn an_app_leaves_the_recovery_codes_to_a_passkey_and_the_other_way_round(db: &TestDatabase) {
        let world = World::new(db).await;
        let (app, _, caller) = enrolled(&world.test, &world.caller).await;
        let factors = world.test.auth.factors().unwrap();
        let list = factors.list(&caller).await.unwrap();
        assert_eq!((list.passkeys.len(), list.totp.is_some(), list.recovery_codes_left), (1, true, 10));
        factors.remove_totp(&caller, nobody()).await.unwrap();
        assert_eq!(world.test.count("auth_recovery_code").await, 10);
        drop(app);
        enrolled(&world.test, &caller).await;
        world.passkeys().remove(&caller, world.passkey.id, nobody()).await.unwrap();
        assert_eq!(world.test.count("auth_recovery_code").await, 10);
    }

    async fn a_password_goes_where_a_passkey_stays_and_neither_as_the_last_way_in(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let auth = world.test.auth.clone();
        let aal1 = world.test.verify(&world.test.login().await.access);
        assert_refused!(auth.remove_password(&aal1, nobody()).await, Error::StepUpRequired { .. });
        auth.remove_password(&world.caller, nobody()).await.unwrap();
        auth.remove_password(&world.caller, nobody()).await.unwrap();
        assert_eq!((world.test.mails().await, world.test.events.count("password_removed")), (vec!["password_removed"], 1));
        assert_refused!(world.test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        let refused = world.passkeys().remove(&world.caller, world.passkey.id, nobody()).await;
        assert_refused!(refused, Error::Refused(LAST_WAY_IN));
        world.sign_in().await.unwrap();
        // Without a password, a passkey is shown for what asks for one.
        auth.delete_account(&world.caller, None, nobody()).await.unwrap();
        assert_eq!(world.test.count("auth_passkey").await, 0);
        assert_refused!(world.sign_in().await, Error::InvalidCredentials);
    }

    async fn who_has_no_other_way_in_keeps_the_password(db: &TestDatabase) {
        let test = TestAuth::with(db, site).await;
        let (_, caller) = somebody(&test).await;
        assert_refused!(test.auth.remove_password(&caller, nobody()).await, Error::Refused(LAST_WAY_IN));
        test.login().await;
        // Nor does a passkey for another site count as one.
        let world = TestAuth::instance(db, crate::support::keys(), &test.clock, 5, site).await;
        world.make(&caller, &mut SoftwareAuthenticator::on(ORIGIN)).await.unwrap();
        test.execute("UPDATE auth_passkey SET rp_id = 'example.net'").await;
        test.execute("UPDATE auth_session SET methods = 'pop user mfa'").await;
        assert_refused!(test.auth.remove_password(&caller, nobody()).await, Error::Refused(LAST_WAY_IN));
    }

    async fn a_passkey_for_another_site_is_no_factor_here_and_keeps_nobody_out(db: &TestDatabase) {
        let world = World::new(db).await;
        let moved = |builder: auth_core::AuthBuilder| builder.configure(|config| {
            config.passkeys.rp_id = Some("example.net".to_owned());
            config.passkeys.origins = vec!["https://example.net".to_owned()];
        });
        let other = TestAuth::instance(db, keys(), &world.test.clock, 5, moved).await;
        let caller = other.verify(&other.login().await.access);
        // By the password, as of who has no factor; and the new one is the first.
        world.test.clock.advance(HOUR);
        other.auth.step_up(&caller, StepUp::Password(PASSWORD.into()), nobody()).await.unwrap();
        let refused = other.auth.factors().unwrap().new_recovery_codes(&caller, nobody()).await;
        assert_refused!(refused, Error::Refused(FACTOR_NOT_FOUND));
        let strict = |builder| required(moved(builder));
        let strict = TestAuth::instance(db, keys(), &world.test.clock, 5, strict).await;
        let challenge = challenged(strict.auth.login(Login::new(EMAIL, PASSWORD)).await);
        assert_eq!((challenge.enrol, challenge.methods), (true, vec!["totp", "passkey"]));
        let mut authenticator = SoftwareAuthenticator::on("https://example.net");
        let added = other.make(&caller, &mut authenticator).await.unwrap();
        assert_eq!(added.recovery_codes.len(), 10);
        let refused = other.auth.step_up(&caller, StepUp::Password(PASSWORD.into()), nobody()).await;
        assert_eq!(fields(refused), ["method"]);
        // Where there can be none at all, the same.
        let off = TestAuth::instance(db, keys(), &world.test.clock, 5, |builder| builder).await;
        off.auth.step_up(&caller, StepUp::Password(PASSWORD.into()), nobody()).await.unwrap();
        // The last that is of use here takes the codes with it, whatever is left for elsewhere.
        let signed = authenticator.sign(&other.passkeys().begin_login().unwrap());
        let caller = other.verify(&other.sign_in(signed).await.unwrap().access);
        let signal = other.passkeys().remove(&caller, added.passkey.id, nobody()).await.unwrap();
        assert_eq!((signal.all_accepted_credential_ids.len(), other.count("auth_recovery_code").await), (0, 0));
    }

    async fn an_administrator_takes_them_away_with_all_factors(db: &TestDatabase) {
        let mut world = World::new(db).await;
        world.test.auth.reset_factors(world.user.id, nobody()).await.unwrap();
        assert_eq!(world.test.count("auth_passkey").await, 0);
        assert_refused!(world.sign_in().await, Error::InvalidCredentials);
        world.test.login().await;
    }

    async fn the_export_tells_of_them_without_their_keys(db: &TestDatabase) {
        let world = World::new(db).await;
        let Export { rooms, .. } = world.test.auth.export(&world.caller).await.unwrap();
        let (_, rows) = rooms.into_iter().find(|(name, _)| *name == "passkeys").unwrap();
        let names: Vec<_> = rows[0].iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["id", "rp_id", "name", "aaguid", "transports", "created_at", "last_used_at"]);
    }

    async fn the_proven_owner_of_an_address_keeps_no_passkey_of_who_had_the_account(db: &TestDatabase) {
        let world = oidc::World::with(db, |builder, issuer| site(builder.oidc(providers(issuer)))).await;
        let thief = world.test.signed_in().await;
        let caller = world.test.verify(&thief.access);
        world.test.execute("UPDATE auth_user SET email_verified_at = 1").await;
        let mut authenticator = SoftwareAuthenticator::on(ORIGIN);
        world.test.make(&caller, &mut authenticator).await.unwrap();
        world.test.execute("UPDATE auth_user SET email_verified_at = NULL").await;
        world.sign_in(&Person::new("1", EMAIL)).await;
        assert_eq!((world.test.count("auth_passkey").await, world.test.count("auth_recovery_code").await), (0, 0));
        let signed = authenticator.sign(&world.test.passkeys().begin_login().unwrap());
        assert_refused!(world.test.sign_in(signed).await, Error::InvalidCredentials);
    }

    async fn a_check_tells_of_a_site_that_cannot_be_one_and_of_passkeys_for_another(db: &TestDatabase) {
        let world = World::new(db).await;
        let found = async |name: &str| {
            let settings = |builder: auth_core::AuthBuilder| builder.configure(|config| {
                config.passkeys.rp_id = Some(name.to_owned());
                config.passkeys.origins = vec![format!("https://{name}")];
            });
            let other = TestAuth::instance(db, crate::support::keys(), &world.test.clock, 5, settings).await;
            let codes = ["passkeys_off", "passkeys_stranded"];
            let mut found = other.auth.check().await;
            found.retain(|finding| codes.contains(&finding.code));
            found.into_iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
        };
        assert_eq!(found("example.com").await, []);
        assert_eq!(found("example.org").await, [("passkeys_stranded", Severity::Warning)]);
        let off = [("passkeys_stranded", Severity::Warning), ("passkeys_off", Severity::Note)];
        assert_eq!(found("192.0.2.1").await, off);
        assert_eq!(found("co.uk").await, off);
    }

    async fn a_passkey_for_another_site_is_of_no_use_and_none_is_there_where_none_can_be(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let moved = |builder: auth_core::AuthBuilder| builder.configure(|config| {
            config.passkeys.rp_id = Some("example.net".to_owned());
            config.passkeys.origins = vec!["https://example.net".to_owned(), ORIGIN.to_owned()];
        });
        let other = TestAuth::instance(db, crate::support::keys(), &world.test.clock, 5, moved).await;
        assert_eq!(other.passkeys().related_origins(), [ORIGIN]);
        let signed = world.signed();
        assert_refused!(other.sign_in(signed).await, Error::InvalidCredentials);
        let off = TestAuth::instance(db, crate::support::keys(), &world.test.clock, 5, |builder| builder).await;
        assert!(off.auth.passkeys().is_none());
        let unfit = |builder: auth_core::AuthBuilder| {
            builder.configure(|config| config.passkeys.rp_id = Some("127.0.0.1".to_owned()))
        };
        assert!(TestAuth::instance(db, crate::support::keys(), &world.test.clock, 5, unfit).await.auth.passkeys().is_none());
        off.auth.login(Login::new(EMAIL, PASSWORD)).await.unwrap();
    }
}
