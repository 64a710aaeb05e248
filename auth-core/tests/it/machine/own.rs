//! What people do with keys of their own.

use auth_core::{
    Caller, ClientInfo, Credential, EmailVerification, Error,
    factor::StepUp,
    machine::{API_KEY_LIMIT, API_KEY_NOT_FOUND, API_KEY_ROTATED, NewApiKey, RotateApiKey},
    refusal::VERIFICATION_NEEDED,
};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::ConnectionTrait;

use super::{World, key, nobody};
use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, SECOND, TestAuth},
};

fn fields(error: Error) -> Vec<(&'static str, &'static str)> {
    match error {
        Error::Validation(errors) => errors.iter().map(|error| (error.field, error.code)).collect(),
        other => panic!("{other:?}"),
    }
}

each_database! {
    async fn a_key_is_told_once_and_stored_as_a_digest(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&["write:todos", "read:todos", "read:todos"]).await;
        let text = made.secret.expose();
        assert!(text.starts_with("ak_") && text.len() == 39, "{text}");
        assert_eq!((made.key.hint.as_str(), made.key.scopes.as_slice()), (&text[..8], &["read:todos".to_owned(), "write:todos".to_owned()][..]));
        assert!(!world.test.dump("auth_api_key").await.contains(&text[8..]));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        assert_eq!(world.test.bytes("SELECT hash FROM auth_api_key").await, digest.as_ref());

        let caller = world.verify(&made).await.unwrap();
        assert_eq!((caller.user_id(), caller.caller(), caller.credential()), (world.caller.user_id(), Caller::Person, Credential::ApiKey));
        assert_eq!((caller.session_id(), caller.key_id()), (None, Some(made.key.id)));
        assert!(caller.has_scope("read:todos") && !caller.has_scope("read:other"));
        assert!(world.caller.has_scope("read:other"), "a session is not limited");
        let listed = world.machines.keys(&world.caller).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].id, listed[0].last_used_at.is_some()), (made.key.id, true));
        assert_eq!(world.test.events.count("api_key_created"), 1);
    }

    async fn what_a_key_may_not_be_is_said_all_at_once(db: &TestDatabase) {
        let world = World::new(db).await;
        let wrong = NewApiKey::new(" ").scope("Read").expires_in_days(366);
        let refused = world.machines.create_key(&world.caller, wrong, nobody()).await.unwrap_err();
        assert_eq!(fields(refused), [("name", "invalid_name"), ("scopes", "invalid_scope"), ("expires_in_days", "out_of_range")]);
        let many = (0..21).fold(key(&[]), |new, number| new.scope(format!("scope{number}")));
        let refused = world.machines.create_key(&world.caller, many, nobody()).await.unwrap_err();
        assert_eq!(fields(refused), [("scopes", "too_many_scopes")]);
        for reserved in ["introspect", "events", "admin"] {
            let refused = world.machines.create_key(&world.caller, key(&[reserved]), nobody()).await.unwrap_err();
            assert_eq!(fields(refused), [("scopes", "reserved_scope")], "{reserved}");
        }
        let never = key(&[]).expires_in_days(0);
        assert_eq!(fields(world.machines.create_key(&world.caller, never, nobody()).await.unwrap_err()), [("expires_in_days", "out_of_range")]);
        assert_eq!(world.test.count("auth_api_key").await, 0);
    }

    async fn a_key_ends_after_ninety_days_unless_it_is_said_otherwise(db: &TestDatabase) {
        let world = World::new(db).await;
        let (usual, short) = (world.key(&[]).await, key(&[]).expires_in_days(1));
        let short = world.machines.create_key(&world.caller, short, nobody()).await.unwrap();
        world.test.clock.advance(86_399 * SECOND);
        world.verify(&short).await.unwrap();
        world.test.clock.advance(SECOND);
        assert_refused!(world.verify(&short).await, Error::InvalidToken);
        world.test.clock.advance(88 * DAY + 86_399 * SECOND);
        world.verify(&usual).await.unwrap();
        world.test.clock.advance(SECOND);
        assert_refused!(world.verify(&usual).await, Error::InvalidToken);
        world.test.clock.advance(HOUR);
        world.test.auth.sweep().await.unwrap();
        assert_eq!(world.test.count("auth_api_key").await, 0);
    }

    async fn a_key_is_made_by_who_has_signed_in_a_moment_ago_and_proved_the_address(db: &TestDatabase) {
        let world = World::new(db).await;
        world.test.execute("UPDATE auth_user SET email_verified_at = NULL").await;
        assert_refused!(world.machines.create_key(&world.caller, key(&[]), nobody()).await, Error::Refused(VERIFICATION_NEEDED));
        world.test.execute("UPDATE auth_user SET email_verified_at = 1").await;
        let made = world.key(&[]).await;
        world.test.clock.advance(5 * 60 * SECOND);
        assert_refused!(world.machines.create_key(&world.caller, key(&[]), nobody()).await, Error::StepUpRequired { .. });
        let rotate = RotateApiKey::new(made.key.id);
        assert_refused!(world.machines.rotate_key(&world.caller, rotate, nobody()).await, Error::StepUpRequired { .. });
        world.machines.end_key(&world.caller, made.key.id, nobody()).await.expect("to end one needs none");
    }

    async fn a_key_is_made_in_a_session_that_lives(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&[]).await;
        world.test.auth.logout_session(world.caller.session_id().unwrap(), nobody()).await.unwrap();
        assert_refused!(world.machines.create_key(&world.caller, key(&[]), nobody()).await, Error::SessionOver);
        assert_refused!(world.machines.keys(&world.caller).await, Error::SessionOver);
        assert_refused!(world.machines.end_key(&world.caller, made.key.id, nobody()).await, Error::SessionOver);
        assert_refused!(world.machines.rotate_key(&world.caller, RotateApiKey::new(made.key.id), nobody()).await, Error::SessionOver);
        world.verify(&made).await.expect("a key outlives the session that made it");
    }

    async fn no_key_does_what_wants_a_person(db: &TestDatabase) {
        let world = World::new(db).await;
        world.roles(&["admin"]).await;
        let caller = world.signs_in().await;
        let made = world.machines.create_key(&caller, key(&["admin", "read:todos"]), nobody()).await.unwrap();
        let machine = world.verify(&made).await.unwrap();
        let (auth, machines) = (&world.test.auth, &world.machines);
        let factors = auth.factors().unwrap();
        assert_refused!(machines.create_key(&machine, key(&[]), nobody()).await, Error::SessionRequired);
        assert_refused!(machines.keys(&machine).await, Error::SessionRequired);
        assert_refused!(machines.end_key(&machine, made.key.id, nobody()).await, Error::SessionRequired);
        assert_refused!(machines.rotate_key(&machine, RotateApiKey::new(made.key.id), nobody()).await, Error::SessionRequired);
        assert_refused!(auth.change_password(&machine, PASSWORD, "another horse battery", nobody()).await, Error::SessionRequired);
        assert_refused!(auth.delete_account(&machine, Some(PASSWORD.into()), nobody()).await, Error::SessionRequired);
        assert_refused!(auth.request_email_change(&machine, "new@example.com", Some(PASSWORD.into()), nobody()).await, Error::SessionRequired);
        assert_refused!(auth.sessions(&machine).await, Error::SessionRequired);
        assert_refused!(auth.end_other_sessions(&machine, nobody()).await, Error::SessionRequired);
        assert_refused!(auth.end_session(&machine, caller.session_id().unwrap(), nobody()).await, Error::SessionRequired);
        assert_refused!(auth.export(&machine).await, Error::SessionRequired);
        assert_refused!(auth.own_events(&machine, None, 1).await, Error::SessionRequired);
        assert_refused!(auth.step_up(&machine, StepUp::Password(PASSWORD.into()), nobody()).await, Error::SessionRequired);
        assert_refused!(auth.require_recent_proof(&machine).await, Error::SessionRequired);
        assert_refused!(auth.verify_session(&machine).await, Error::SessionRequired);
        assert_refused!(auth.current_user(&machine).await, Error::SessionRequired);
        assert_refused!(factors.list(&machine).await, Error::SessionRequired);
        assert_refused!(factors.begin_totp(&machine).await, Error::SessionRequired);
        assert_refused!(auth.verifier().verify(made.secret.expose()), Error::SessionRequired);
    }

    async fn a_key_of_another_account_is_none_of_mine(db: &TestDatabase) {
        let world = World::new(db).await;
        let bob = world.other().await;
        let made = world.machines.create_key_for(bob.id, key(&[]), nobody()).await.unwrap();
        assert_refused!(world.machines.end_key(&world.caller, made.key.id, nobody()).await, Error::Refused(API_KEY_NOT_FOUND));
        assert_refused!(world.machines.rotate_key(&world.caller, RotateApiKey::new(made.key.id), nobody()).await, Error::Refused(API_KEY_NOT_FOUND));
        assert_eq!(world.machines.keys(&world.caller).await.unwrap(), []);
        assert_eq!(world.verify(&made).await.unwrap().user_id(), bob.id);
    }

    async fn a_key_that_was_ended_is_over_at_once_and_cannot_be_ended_again(db: &TestDatabase) {
        let world = World::new(db).await;
        let (made, other) = (world.key(&[]).await, world.key(&[]).await);
        world.verify(&made).await.unwrap();
        world.machines.end_key(&world.caller, made.key.id, nobody()).await.unwrap();
        assert_refused!(world.verify(&made).await, Error::InvalidToken);
        assert_refused!(world.machines.end_key(&world.caller, made.key.id, nobody()).await, Error::Refused(API_KEY_NOT_FOUND));
        world.verify(&other).await.unwrap();
        assert_eq!(world.test.events.count("api_key_revoked"), 1);
        world.test.clock.advance(HOUR);
        world.test.auth.sweep().await.unwrap();
        assert_eq!(world.test.count("auth_api_key").await, 1);
    }

    async fn a_key_in_the_place_of_another_is_for_the_same_and_the_old_one_goes_on_for_the_overlap(db: &TestDatabase) {
        let world = World::new(db).await;
        let old = world.machines.create_key(&world.caller, key(&["read:todos"]).expires_in_days(30), nobody()).await.unwrap();
        let new = world.machines.rotate_key(&world.caller, RotateApiKey::new(old.key.id), nobody()).await.unwrap();
        assert_ne!(new.secret.expose(), old.secret.expose());
        assert_eq!((new.key.name.as_str(), &new.key.scopes), ("nightly", &old.key.scopes));
        let lives = |made: &auth_core::machine::MadeApiKey| made.key.expires_at.unwrap().duration_since(made.key.created_at).unwrap();
        assert_eq!(lives(&new), 30 * DAY);
        assert_refused!(world.machines.rotate_key(&world.caller, RotateApiKey::new(old.key.id), nobody()).await, Error::Refused(API_KEY_ROTATED));
        world.test.clock.advance(86_399 * SECOND);
        world.verify(&old).await.unwrap();
        world.test.clock.advance(SECOND);
        assert_refused!(world.verify(&old).await, Error::InvalidToken);
        world.verify(&new).await.unwrap();

        let caller = world.signs_in().await;
        let at_once = RotateApiKey::new(new.key.id).overlap_hours(0);
        let newest = world.machines.rotate_key(&caller, at_once, nobody()).await.unwrap();
        assert_refused!(world.verify(&new).await, Error::InvalidToken);
        world.verify(&newest).await.unwrap();
        let long = RotateApiKey::new(newest.key.id).overlap_hours(169);
        let refused = world.machines.rotate_key(&caller, long, nobody()).await.unwrap_err();
        assert_eq!(fields(refused), [("overlap_hours", "out_of_range")]);
    }

    async fn of_many_who_rotate_one_key_at_once_one_gets_a_new_one(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&[]).await;
        let tasks: Vec<_> = (0..16).map(|_| {
            let (machines, caller, id) = (world.machines.clone(), world.caller.clone(), made.key.id);
            tokio::spawn(async move { machines.rotate_key(&caller, RotateApiKey::new(id), nobody()).await })
        }).collect();
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => won += 1,
                Err(Error::Refused(API_KEY_ROTATED)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((won, world.test.count("auth_api_key").await), (1, 2));
    }

    async fn an_account_has_a_hundred_keys_and_no_more_however_many_ask_at_once(db: &TestDatabase) {
        let world = World::new(db).await;
        for _ in 0..98 {
            world.key(&[]).await;
        }
        let tasks: Vec<_> = (0..8).map(|_| {
            let (machines, caller) = (world.machines.clone(), world.caller.clone());
            tokio::spawn(async move { machines.create_key(&caller, key(&[]), nobody()).await })
        }).collect();
        for task in tasks {
            if let Err(error) = task.await.unwrap() {
                assert!(matches!(error, Error::Refused(API_KEY_LIMIT)), "{error:?}");
            }
        }
        assert_eq!(world.test.count("auth_api_key").await, 100);
    }

    async fn a_rotation_counts_too_for_as_long_as_the_old_key_goes_on(db: &TestDatabase) {
        let world = World::new(db).await;
        let mut made = Vec::new();
        for _ in 0..98 {
            made.push(world.key(&[]).await.key.id);
        }
        let tasks: Vec<_> = made.iter().take(8).map(|id| {
            let (machines, caller, rotate) = (world.machines.clone(), world.caller.clone(), RotateApiKey::new(*id));
            tokio::spawn(async move { machines.rotate_key(&caller, rotate, nobody()).await })
        }).collect();
        for task in tasks {
            if let Err(error) = task.await.unwrap() {
                assert!(matches!(error, Error::Refused(API_KEY_LIMIT)), "{error:?}");
            }
        }
        assert_eq!(world.test.count("auth_api_key").await, 100);
        let at_once = RotateApiKey::new(made[97]).overlap_hours(0);
        world.machines.rotate_key(&world.caller, at_once, nobody()).await.expect("one comes and one goes");
    }

    async fn a_service_account_has_a_hundred_keys_and_no_more_however_many_ask_at_once(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&[]).await.id;
        for _ in 0..98 {
            world.service_key(service, &[]).await;
        }
        let tasks: Vec<_> = (0..8).map(|_| {
            let machines = world.machines.clone();
            tokio::spawn(async move { machines.create_service_key(service, key(&[]), nobody()).await })
        }).collect();
        for task in tasks {
            if let Err(error) = task.await.unwrap() {
                assert!(matches!(error, Error::Refused(API_KEY_LIMIT)), "{error:?}");
            }
        }
        assert_eq!(world.test.count("auth_api_key").await, 100);
    }

    async fn the_owner_of_a_new_key_is_told_by_mail(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&[]).await;
        world.machines.rotate_key(&world.caller, RotateApiKey::new(made.key.id), nobody()).await.unwrap();
        world.machines.create_key_for(world.caller.user_id(), key(&[]), nobody()).await.unwrap();
        let service = world.service(&[]).await;
        world.service_key(service.id, &[]).await;
        assert_eq!(world.test.kinds_of_mails().await, ["api_key_created"; 3], "and nobody of a service's");
    }

    async fn keys_for_the_events_are_found_where_none_are_written(db: &TestDatabase) {
        let world = World::new(db).await;
        let codes = async || -> Vec<&'static str> {
            world.test.auth.check().await.iter().map(|finding| finding.code).collect()
        };
        let service = world.service(&[]).await;
        world.service_key(service.id, &["read:events"]).await;
        assert!(!codes().await.contains(&"feed_off"), "a name that has it in it is another");
        world.service_key(service.id, &["events"]).await;
        assert!(codes().await.contains(&"feed_off"));
    }

    async fn keys_go_with_their_owner_and_with_who_turns_out_not_to_be(db: &TestDatabase) {
        let world = World::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::On)).await;
        let made = world.key(&[]).await;
        world.verify(&made).await.unwrap();
        world.test.execute("UPDATE auth_user SET email_verified_at = NULL").await;
        world.test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
        let token = world.test.token_of(auth_core::mail::MailKind::ResetPassword).await;
        world.test.auth.reset_password(token, "another horse battery", nobody()).await.unwrap();
        assert_refused!(world.verify(&made).await, Error::InvalidToken);
        assert_eq!(world.test.count("auth_api_key").await, 0);
        let removed = world.test.events.count("ways_in_removed");
        assert_eq!(removed, 1);

        let bob = world.other().await;
        let made = world.machines.create_key_for(bob.id, key(&[]), nobody()).await.unwrap();
        world.verify(&made).await.unwrap();
        world.test.auth.delete_user(bob.id, nobody()).await.unwrap();
        assert_refused!(world.verify(&made).await, Error::InvalidToken);
        assert_eq!(world.test.count("auth_api_key").await, 0);
    }

    async fn an_older_program_deletes_a_user_with_the_keys_it_does_not_know(db: &TestDatabase) {
        let world = World::new(db).await;
        let (made, service) = (world.key(&[]).await, world.service(&[]).await);
        let kept = world.service_key(service.id, &[]).await;
        world.test.db.execute_unprepared("DELETE FROM auth_user").await.unwrap();
        assert_refused!(world.verify(&made).await, Error::InvalidToken);
        world.verify(&kept).await.unwrap();
    }

    async fn an_export_tells_of_keys_and_not_what_they_are(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&["read:todos"]).await;
        let export = world.test.auth.export(&world.caller).await.unwrap();
        let (_, rows) = export.rooms.iter().find(|(member, _)| *member == "api_keys").unwrap();
        let told = format!("{rows:?}");
        assert!(rows.len() == 1 && told.contains("nightly") && told.contains("read:todos"));
        assert!(!told.contains(&made.secret.expose()[8..]));
    }

    async fn a_key_that_never_expires_is_made_where_there_is_no_limit_and_found_by_a_check(db: &TestDatabase) {
        let world = World::with(db, |builder| builder.configure(|config| config.api_keys.max_days = 0)).await;
        let codes = async || -> Vec<&'static str> {
            world.test.auth.check().await.iter().map(|finding| finding.code).collect()
        };
        assert!(!codes().await.contains(&"api_key_never_expires"));
        let made = world.machines.create_key(&world.caller, key(&[]).expires_in_days(0), nobody()).await.unwrap();
        assert_eq!(made.key.expires_at, None);
        world.test.clock.advance(3650 * DAY);
        world.verify(&made).await.unwrap();
        assert!(codes().await.contains(&"api_key_never_expires"));
    }

    async fn a_new_prefix_is_for_new_keys_and_the_old_ones_stay_good(db: &TestDatabase) {
        let world = World::new(db).await;
        let old = world.key(&[]).await;
        let clock = world.test.clock.clone();
        let other = TestAuth::instance(db, crate::support::keys(), &clock, 2, |builder| builder.configure(|config| config.api_keys.prefix = "acme_live".to_owned())).await;
        let machines = other.auth.machines().unwrap();
        let new = machines.create_key(&world.caller, key(&[]), nobody()).await.unwrap();
        assert!(new.secret.expose().starts_with("acme_live_"));
        for made in [&old, &new] {
            machines.verify(made.secret.expose(), &nobody()).await.unwrap();
            world.verify(made).await.unwrap();
        }
    }

    async fn who_has_a_second_factor_shows_it_before_a_key_is_made(db: &TestDatabase) {
        let world = crate::factor::World::new(db).await;
        let machines = world.test.auth.machines().unwrap();
        // The session from before has shown one factor, or two at the enrolment that is five minutes ago.
        world.test.clock.advance(5 * 60 * SECOND);
        let refused = machines.create_key(&world.caller, key(&[]), ClientInfo::default()).await;
        assert_refused!(refused, Error::StepUpRequired { level: auth_core::Assurance::Aal2, .. });
    }
}

#[tokio::test]
async fn keys_that_are_switched_off_are_nowhere() {
    let db = TestDatabase::sqlite().await;
    let world = World::new(&db).await;
    let made = world.key(&[]).await;
    let clock = world.test.clock.clone();
    let off = TestAuth::instance(&db, crate::support::keys(), &clock, 2, |builder| {
        builder.configure(|config| config.api_keys.enabled = false)
    })
    .await;
    assert!(off.auth.machines().is_none());
    assert_refused!(off.auth.verifier().verify(made.secret.expose()), Error::SessionRequired);
    for prefix in ["", "Ak", "ak_", "1ak", "a-k", "a2345678901234567"] {
        let builder = auth_core::Auth::builder(off.db.clone(), crate::support::keys());
        let refused = builder.configure(|config| prefix.clone_into(&mut config.api_keys.prefix)).build();
        assert!(refused.unwrap_err().to_string().contains("api_keys.prefix"), "{prefix}");
    }
}
