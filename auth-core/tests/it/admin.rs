//! What administrators and operators do: list, find and make accounts, and start a reset.

use std::collections::BTreeSet;

use auth_core::{
    ClientInfo, CreateUser, Error, EventKind, Register, User, UserChange, UserId, UserQuery, mail::MailKind,
};
use auth_migration::{each_database, test_util::TestDatabase};
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, TestAuth},
};

const NEW: &str = "another horse battery";

async fn register(test: &TestAuth, name: &str) -> User {
    test.auth.register(Register::new(format!("{name}@example.com"), PASSWORD)).await.unwrap()
}

async fn roles(test: &TestAuth, user: UserId, roles: &[&str]) {
    test.auth.set_roles(user, roles, ClientInfo::default()).await.unwrap();
}

/// All pages, one after the other; `between` runs after each.
async fn all_pages(test: &TestAuth, limit: u64, mut between: impl AsyncFnMut()) -> Vec<UserId> {
    let mut query = UserQuery::default().limit(limit);
    let mut seen = Vec::new();
    loop {
        let page = test.auth.list_users(query).await.unwrap();
        assert!(page.users.len() <= usize::try_from(limit).unwrap());
        seen.extend(page.users.iter().map(|user| user.id));
        between().await;
        let Some(next) = page.next else { return seen };
        query = UserQuery::default().limit(limit).cursor(next);
    }
}

fn fields(error: Error) -> Vec<&'static str> {
    match error {
        Error::Validation(errors) => errors.iter().map(|error| error.field).collect(),
        other => panic!("{other:?}"),
    }
}

each_database! {
    async fn administrators_who_leave_write_one_row_where_a_cluster_sees_no_locks(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let mut admins = Vec::new();
        for email in [EMAIL, "bob@example.com"] {
            admins.push(test.auth.create_user(CreateUser::new(email).password(PASSWORD).role("admin")).await.unwrap().id);
        }
        let leaves = UserChange::default().roles([""; 0]);
        test.auth.update_user(admins[0], leaves, ClientInfo::default()).await.unwrap();
        let is_written = test.dump("auth_lease").await.contains("role admin");
        assert_eq!(is_written, db.url().starts_with("mysql"));
    }

    async fn a_page_tells_of_each_user_what_the_user_is_told(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (ada, bob) = (register(&test, "ada").await.id, register(&test, "bob").await.id);
        roles(&test, ada, &["editor", "admin"]).await;
        test.auth.disable(bob, ClientInfo::default()).await.unwrap();
        let page = test.auth.list_users(UserQuery::default()).await.unwrap();
        let mut expected = vec![test.auth.user(ada).await.unwrap(), test.auth.user(bob).await.unwrap()];
        expected.sort_by_key(|user| user.id);
        assert_eq!((page.users, page.next), (expected, None));
        assert_eq!(test.auth.user(ada).await.unwrap().roles, ["user", "admin", "editor"]);
    }

    async fn a_page_takes_one_statement_however_many_users_and_roles(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        for number in 0..12 {
            let user = register(&test, &format!("user{number}")).await.id;
            roles(&test, user, &["author", "editor", "reader"]).await;
        }
        for limit in [1, 5, 100] {
            test.statements();
            let page = test.auth.list_users(UserQuery::default().limit(limit)).await.unwrap();
            assert!(page.users.iter().all(|user| user.roles.len() == 4));
            assert_eq!(test.statements().len(), 1, "{limit}");
        }
    }

    async fn whoever_is_there_all_the_time_is_listed_once_whoever_comes_and_goes(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let mut residents = BTreeSet::new();
        for number in 0..12 {
            residents.insert(register(&test, &format!("resident{number}")).await.id);
        }
        // The clock stands still, so that those who come get ids between those of the others, not only after them.
        let (mut guests, mut number) = (Vec::new(), 0);
        let mut runner = TestRunner::deterministic();
        let script = (1..=6_u64, vec(proptest::bool::ANY, 40));
        for _ in 0..8 {
            let (limit, mut comes) = script.new_tree(&mut runner).unwrap().current();
            let seen = all_pages(&test, limit, async || {
                for comes in [comes.pop(), comes.pop()].into_iter().flatten() {
                    if comes || guests.is_empty() {
                        number += 1;
                        guests.push(register(&test, &format!("guest{number}")).await.id);
                    } else {
                        let leaves = guests.remove(0);
                        test.auth.delete_user(leaves, ClientInfo::default()).await.unwrap();
                    }
                }
            }).await;
            let unique: BTreeSet<_> = seen.iter().copied().collect();
            assert_eq!(unique.len(), seen.len(), "nobody twice");
            assert!(unique.is_superset(&residents), "everybody who stays");
            assert!(seen.is_sorted());
        }
    }

    async fn a_cursor_whose_user_is_gone_goes_on_all_the_same(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        for name in ["a", "b", "c"] {
            register(&test, name).await;
        }
        let first = test.auth.list_users(UserQuery::default().limit(1)).await.unwrap();
        test.auth.delete_user(first.users[0].id, ClientInfo::default()).await.unwrap();
        let rest = UserQuery::default().limit(2).cursor(first.next.unwrap());
        let rest = test.auth.list_users(rest).await.unwrap();
        assert_eq!((rest.users.len(), rest.next), (2, None), "a full page may be the last one");
    }

    async fn an_address_is_found_as_a_whole_however_it_is_written(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let ada = test.register().await;
        register(&test, "adalbert").await;
        let page = test.auth.list_users(UserQuery::default().email(" Ada@EXAMPLE.com ")).await.unwrap();
        assert_eq!((page.users.len(), &page.users[0]), (1, &ada));
        assert_eq!(test.auth.find_user("ADA@example.com").await.unwrap(), ada);
        assert_refused!(test.auth.find_user("nobody@example.com").await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
        for partial in ["ada", "ada@", "@example.com"] {
            let refused = test.auth.list_users(UserQuery::default().email(partial)).await;
            assert_eq!(fields(refused.unwrap_err()), ["email"]);
        }
    }

    async fn a_query_that_makes_no_sense_names_its_fields(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        for limit in [0, 101, u64::MAX] {
            let query = UserQuery::default().limit(limit).cursor("?").email("x");
            assert_eq!(fields(test.auth.list_users(query).await.unwrap_err()), ["limit", "cursor", "email"]);
        }
        let text = format!("{:?}", UserQuery::default().email(EMAIL));
        assert!(!text.contains(EMAIL));
    }

    async fn an_account_is_made_whole_with_roles_event_and_invitation(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let admin = register(&test, "admin").await.id;
        let new = CreateUser::new(" Ada@example.com").role("editor").role("author").invite();
        let ada = test.auth.create_user(new.client(ClientInfo::default().actor(admin))).await.unwrap();
        assert_eq!(test.auth.user(ada.id).await.unwrap(), ada);
        assert_eq!((ada.email.as_str(), ada.email_verified), ("Ada@example.com", false));
        assert_eq!(ada.roles, ["user", "author", "editor"]);
        let events = test.auth.events(ada.id, None, 10).await.unwrap();
        let mut seen: Vec<_> = events.iter().map(|event| (event.code.as_str(), event.actor)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [("created", Some(admin)), ("roles_changed", Some(admin))]);

        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        let token = test.token_of(MailKind::ResetPassword).await;
        test.auth.reset_password(token, NEW, ClientInfo::default()).await.unwrap();
        assert_eq!(test.try_login(EMAIL, NEW).await.unwrap().user_id, ada.id);
        assert!(test.auth.user(ada.id).await.unwrap().email_verified, "the mail was read");
    }

    async fn an_operator_makes_their_own_account_with_a_password_that_keeps_the_rules(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let new = || CreateUser::new(EMAIL).role("admin").verified();
        assert_eq!(fields(test.auth.create_user(new().password("short")).await.unwrap_err()), ["password"]);
        let bad = CreateUser::new("x").password("short").role("No Role");
        assert_eq!(fields(test.auth.create_user(bad).await.unwrap_err()), ["email", "password", "roles"]);
        assert_eq!(test.count("auth_user").await, 0);
        let made = test.auth.create_user(new().password(PASSWORD)).await.unwrap();
        assert!(made.email_verified);
        let caller = test.auth.verifier().verify(test.login().await.access.expose()).unwrap();
        assert_eq!(caller.roles(), ["user", "admin"]);
        test.auth.deliver_mail().await.unwrap();
        assert!(test.outbox.take().is_empty(), "nobody was invited");
    }

    async fn an_address_that_is_taken_makes_nothing(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        test.register().await;
        let events = test.count("auth_event").await;
        let new = CreateUser::new("ADA@example.com").role("admin").invite();
        assert_refused!(test.auth.create_user(new).await, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
        for (table, rows) in [("auth_user", 1), ("auth_user_role", 0), ("auth_mail", 0), ("auth_event", events)] {
            assert_eq!(test.count(table).await, rows, "{table}");
        }
    }

    async fn a_reset_that_is_started_for_somebody_changes_nothing_until_the_link_is_followed(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        test.auth.send_reset_link(tokens.user_id, ClientInfo::default()).await.unwrap();
        test.refresh(&tokens.refresh).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        test.login().await;
        test.auth.reset_password(token, NEW, ClientInfo::default()).await.unwrap();
        test.try_login(EMAIL, NEW).await.unwrap();
        assert!(test.events.kinds().contains(&EventKind::ResetStarted { user: tokens.user_id, handed_out: false }));
    }

    async fn a_link_that_is_handed_out_works_once_for_its_time_and_proves_no_address(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.auth.create_user(CreateUser::new(EMAIL)).await.unwrap().id;
        let older = test.auth.reset_link(user, ClientInfo::default()).await.unwrap();
        let link = test.auth.reset_link(user, ClientInfo::default()).await.unwrap();
        assert_eq!((link.valid_for, link.url.ends_with(link.token.expose())), (HOUR, true));
        for (token, works) in [(older.token, false), (link.token.clone(), true), (link.token, false)] {
            let reset = test.auth.reset_password(token, NEW, ClientInfo::default()).await;
            assert_eq!(reset.is_ok(), works, "{reset:?}");
        }
        test.try_login(EMAIL, NEW).await.unwrap();
        assert!(!test.auth.user(user).await.unwrap().email_verified);
        let late = test.auth.reset_link(user, ClientInfo::default()).await.unwrap();
        test.clock.advance(HOUR);
        assert_refused!(test.auth.reset_password(late.token, NEW, ClientInfo::default()).await, Error::Validation(_));
        assert!(test.events.kinds().contains(&EventKind::ResetStarted { user, handed_out: true }));
    }

    async fn no_link_is_made_for_who_is_disabled_or_gone_and_none_is_mailed_without_mail(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await.id;
        test.auth.disable(user, ClientInfo::default()).await.unwrap();
        let nobody = UserId::from(uuid::Uuid::nil());
        assert_eq!(fields(test.auth.reset_link(user, ClientInfo::default()).await.unwrap_err()), ["user"]);
        assert_eq!(fields(test.auth.send_reset_link(user, ClientInfo::default()).await.unwrap_err()), ["user"]);
        assert_refused!(test.auth.reset_link(nobody, ClientInfo::default()).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
        assert_refused!(test.auth.send_reset_link(nobody, ClientInfo::default()).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
        let silent = TestAuth::without_mail(db).await;
        assert_refused!(silent.auth.create_user(CreateUser::new("bob@example.com").invite()).await, Error::Config(_));
        assert_refused!(silent.auth.send_reset_link(user, ClientInfo::default()).await, Error::Config(_));
        assert_eq!((test.count("auth_user").await, test.count("auth_one_time_token").await), (1, 0));
    }

    async fn a_fresh_database_has_no_account(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        assert_eq!((test.count("auth_user").await, test.count("auth_user_role").await), (0, 0));
        for name in ["admin", "root", "sa", "administrator", "test", "guest"] {
            for password in ["", "admin", "password", name] {
                let tried = test.try_login(&format!("{name}@example.com"), password).await;
                assert!(tried.is_err(), "{name}");
            }
        }
    }
}
