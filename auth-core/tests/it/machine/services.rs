//! Service accounts: no address, no password, no door.

use std::collections::BTreeSet;

use auth_core::{
    Caller, Error, UserQuery,
    machine::{
        API_KEY_NOT_FOUND, Account, EVENTS_SCOPE, INTROSPECT_SCOPE, RotateApiKey, SERVICE_NOT_FOUND,
        ServiceChange,
    },
    refusal::USER_NOT_FOUND,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, nobody};
use crate::{
    assert_refused,
    support::{HOUR, SECOND},
};

each_database! {
    async fn a_service_account_is_known_by_its_key_and_nowhere_among_users(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&["editor", "author", "user"]).await;
        assert_eq!((service.name.as_str(), service.roles.as_slice()), ("billing", &["author".to_owned(), "editor".to_owned()][..]));
        let made = world.service_key(service.id, &[INTROSPECT_SCOPE, EVENTS_SCOPE]).await;
        let caller = world.verify(&made).await.unwrap();
        assert_eq!((caller.user_id(), caller.caller(), caller.roles()), (service.id, Caller::Service, &service.roles[..]));
        assert_eq!(world.machines.account(&caller).await.unwrap(), Account::Service(service.clone()));

        let (auth, id) = (&world.test.auth, service.id);
        let listed = auth.list_users(UserQuery::default()).await.unwrap();
        assert!(listed.users.iter().all(|user| user.id != id));
        assert_refused!(auth.user(id).await, Error::Refused(USER_NOT_FOUND));
        assert_refused!(auth.set_roles(id, &["admin"], nobody()).await, Error::Refused(USER_NOT_FOUND));
        assert_refused!(auth.delete_user(id, nobody()).await, Error::Refused(USER_NOT_FOUND));
        assert_refused!(auth.reset_factors(id, nobody()).await, Error::Refused(USER_NOT_FOUND));
        assert!(auth.send_reset_link(id, nobody()).await.is_err());
        assert_eq!(auth.export_users(None, false).await.unwrap().len(), 1);
    }

    async fn an_account_that_is_kept_out_opens_nothing_until_it_is_let_in_again(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&["editor"]).await;
        let made = world.service_key(service.id, &[]).await;
        world.verify(&made).await.unwrap();
        let mut change = ServiceChange::default();
        change.disabled = Some(true);
        let changed = world.machines.change_service(service.id, change.clone(), nobody()).await.unwrap();
        assert!(changed.disabled);
        assert_refused!(world.verify(&made).await, Error::InvalidToken);
        change.disabled = Some(false);
        change.roles = Some(vec!["author".to_owned()]);
        change.name = Some(" invoices ".to_owned());
        let changed = world.machines.change_service(service.id, change, nobody()).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.disabled), ("invoices", false));
        assert_eq!(world.verify(&made).await.unwrap().roles(), ["author"]);
        assert_eq!(world.machines.service(service.id).await.unwrap(), changed);
        assert_eq!(world.test.events.count("service_account_changed"), 2);
    }

    async fn an_account_that_is_gone_took_its_keys_along(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&[]).await;
        let made = world.service_key(service.id, &[]).await;
        world.verify(&made).await.unwrap();
        world.machines.delete_service(service.id, nobody()).await.unwrap();
        assert_refused!(world.verify(&made).await, Error::InvalidToken);
        assert_eq!(world.test.count("auth_api_key").await, 0);
        assert_refused!(world.machines.delete_service(service.id, nobody()).await, Error::Refused(SERVICE_NOT_FOUND));
        assert_refused!(world.machines.service_keys(service.id).await, Error::Refused(SERVICE_NOT_FOUND));
        assert_refused!(world.machines.change_service(service.id, ServiceChange::default(), nobody()).await, Error::Refused(SERVICE_NOT_FOUND));
        assert_refused!(world.machines.create_service_key(service.id, super::key(&[]), nobody()).await, Error::Refused(SERVICE_NOT_FOUND));
    }

    async fn pages_have_each_account_once(db: &TestDatabase) {
        let world = World::new(db).await;
        let mut made = BTreeSet::new();
        for _ in 0..7 {
            made.insert(world.service(&[]).await.id);
            world.test.clock.advance(SECOND);
        }
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = world.machines.services(after, 3).await.unwrap();
            assert!(page.services.len() <= 3);
            seen.extend(page.services.iter().map(|service| service.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), seen.into_iter().collect::<BTreeSet<_>>()), (7, made));
    }

    async fn an_administrator_rotates_keys_of_services_and_ends_any(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&[]).await;
        let (own, old) = (world.key(&[]).await, world.service_key(service.id, &["read:todos"]).await);
        let new = world.machines.rotate_service_key(RotateApiKey::new(old.key.id).overlap_hours(1), nobody()).await.unwrap();
        world.verify(&old).await.unwrap();
        assert!(world.verify(&new).await.unwrap().has_scope("read:todos"));
        assert_refused!(world.machines.rotate_service_key(RotateApiKey::new(own.key.id), nobody()).await, Error::Refused(API_KEY_NOT_FOUND));
        assert_eq!(world.machines.all_keys().await.unwrap().len(), 3);
        for made in [&own, &new] {
            world.machines.end_any_key(made.key.id, nobody()).await.unwrap();
            assert_refused!(world.verify(made).await, Error::InvalidToken);
        }
        world.test.clock.advance(HOUR);
        assert_refused!(world.verify(&old).await, Error::InvalidToken);
        assert_eq!(world.machines.all_keys().await.unwrap(), []);
    }

    async fn what_a_machine_does_is_written_down_with_its_key(db: &TestDatabase) {
        let world = World::with(db, |builder| builder.configure(|config| config.audit_retention = Some(24 * HOUR))).await;
        world.roles(&["admin"]).await;
        let caller = world.signs_in().await;
        let made = world.machines.create_key(&caller, super::key(&["admin"]), nobody()).await.unwrap();
        let bob = world.other().await;
        let client = nobody().actor(caller.user_id()).key(made.key.id);
        world.test.auth.disable(bob.id, client).await.unwrap();
        let row = world.test.auth.events(bob.id, None, 1).await.unwrap().remove(0);
        assert_eq!((row.code.as_str(), row.actor), ("disabled", Some(caller.user_id())));
        assert_eq!(row.operator, Some(format!("api_key:{}", made.key.id)));
        let told = world.test.auth.own_events(&caller, None, 100).await.unwrap();
        let created = told.iter().find(|event| event.code == "api_key_created").unwrap();
        assert_eq!((created.reason.clone(), created.actor), (Some(made.key.id.to_string()), Some(caller.user_id())));
    }
}
