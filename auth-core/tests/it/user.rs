//! Reading, disabling and enabling accounts, and their roles.

use auth_core::{
    ClientInfo, CreateUser, EmailVerification, Error, EventKind, Register, UserChange, UserId, Verified,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, TestAuth},
};

each_database! {
    async fn a_disabled_user_is_out_at_once_and_stays_out(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        for _ in 0..2 {
            test.auth.disable(tokens.user_id, ClientInfo::default()).await.unwrap();
        }
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        assert!(test.auth.user(tokens.user_id).await.unwrap().disabled);
        assert_eq!(test.events.count("disabled"), 1);
    }

    async fn an_enabled_user_signs_in_again_and_the_old_sessions_stay_over(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        test.auth.disable(tokens.user_id, ClientInfo::default()).await.unwrap();
        for _ in 0..2 {
            test.auth.enable(tokens.user_id, ClientInfo::default()).await.unwrap();
        }
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        let fresh = test.login().await;
        test.refresh(&fresh.refresh).await.unwrap();
        assert_eq!(test.events.count("enabled"), 1);
    }

    async fn a_user_who_is_gone_takes_the_sessions_along(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        test.execute("DELETE FROM auth_user").await;
        assert_eq!((test.count("auth_session").await, test.count("auth_password").await), (0, 0));
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        assert_refused!(test.auth.user(tokens.user_id).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
        assert_refused!(test.auth.disable(tokens.user_id, ClientInfo::default()).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
        assert_refused!(test.auth.enable(tokens.user_id, ClientInfo::default()).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
    }

    async fn a_strict_check_tells_the_roles_of_this_moment_and_refuses_what_is_over(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (tokens, other) = (test.signed_in().await, test.login().await);
        let verify = |tokens: &auth_core::Tokens| test.auth.verifier().verify(tokens.access.expose()).unwrap();
        let caller = verify(&tokens);
        let strict = test.auth.verify_session(&caller).await.unwrap();
        assert_eq!((strict.session_id(), strict.roles()), (caller.session_id(), caller.roles()));
        assert_eq!((caller.verified(), strict.verified()), (Verified::Stateless, Verified::Strict));
        test.auth.set_roles(tokens.user_id, &["author"], ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.verify_session(&caller).await.unwrap().roles(), ["user", "author"]);
        test.auth.logout(other.refresh.clone(), ClientInfo::default()).await.unwrap();
        assert_refused!(test.auth.verify_session(&verify(&other)).await, Error::SessionOver);
        test.auth.verify_session(&caller).await.unwrap();
        test.auth.disable(tokens.user_id, ClientInfo::default()).await.unwrap();
        assert_refused!(test.auth.verify_session(&caller).await, Error::SessionOver);
    }

    async fn roles_are_set_as_a_whole_and_reach_the_next_token(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let roles = |tokens: &auth_core::Tokens| {
            test.auth.verifier().verify(tokens.access.expose()).unwrap().roles().to_vec()
        };
        assert_eq!(roles(&tokens), ["user"]);
        test.auth.set_roles(tokens.user_id, &["editor", "author", "user", "author"], ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.user(tokens.user_id).await.unwrap().roles, ["user", "author", "editor"]);
        assert_eq!(roles(&test.refresh(&tokens.refresh).await.unwrap()), ["user", "author", "editor"]);
        assert_eq!(roles(&test.login().await), ["user", "author", "editor"]);
        test.auth.set_roles(tokens.user_id, &[], ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.user(tokens.user_id).await.unwrap().roles, ["user"]);
        assert!(test.events.kinds().contains(&EventKind::RolesChanged { user: tokens.user_id, ways_in: None }));
    }

    async fn roles_of_many_users_are_set_at_once_without_a_deadlock(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let mut users = Vec::new();
        for number in 0..10 {
            let email = format!("user{number}@example.com");
            users.push(test.auth.register(Register::new(email, PASSWORD)).await.unwrap().id);
        }
        let stays = test.register().await.id;
        test.auth.set_roles(stays, &["admin"], ClientInfo::default()).await.unwrap();
        for roles in [&["admin", "editor"][..], &["editor"], &["admin"], &[]] {
            let set = |user| {
                let auth = test.auth.clone();
                tokio::spawn(async move { auth.set_roles(user, roles, ClientInfo::default()).await })
            };
            let tasks: Vec<_> = users.iter().map(|user| set(*user)).collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
        }
    }

    async fn roles_and_disabling_change_together_or_not_at_all(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let admin = test.auth.register(Register::new("admin@example.com", PASSWORD)).await.unwrap().id;
        test.auth.set_roles(admin, &["admin"], ClientInfo::default()).await.unwrap();
        let tokens = test.signed_in().await;
        let (user, client) = (tokens.user_id, || ClientInfo::default().actor(admin));
        let both = UserChange::default().roles(["editor"]).disabled(true);
        let changed = test.auth.update_user(user, both.clone(), client()).await.unwrap();
        assert_eq!((changed.user.roles, changed.user.disabled), (vec!["user".to_owned(), "editor".to_owned()], true));
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
        let events = test.auth.events(user, None, 10).await.unwrap();
        let seen: Vec<_> = events.iter().map(|event| (event.code.as_str(), event.actor)).collect();
        assert!(seen.contains(&("disabled", Some(admin))) && seen.contains(&("roles_changed", Some(admin))), "{seen:?}");

        assert_refused!(test.auth.update_user(admin, both, client()).await, Error::Refused(auth_core::refusal::LAST_ADMIN));
        let bad = UserChange::default().roles(["No Role"]).disabled(false);
        assert_refused!(test.auth.update_user(user, bad, client()).await, Error::Validation(_));
        let before = test.events.events().len();
        let same = test.auth.update_user(user, UserChange::default(), client()).await.unwrap();
        assert!(same.user.disabled && test.events.events().len() == before, "nothing was asked for");
        assert!(!test.auth.update_user(user, UserChange::default().disabled(false), client()).await.unwrap().user.disabled);
    }

    async fn the_last_administrator_who_can_sign_in_stays(db: &TestDatabase) {
        for required in [false, true] {
            let test = TestAuth::with(db, |builder| builder.configure(|config| {
                config.email_verification = if required { EmailVerification::Required } else { EmailVerification::Off };
            })).await;
            let admin = |name: &str| CreateUser::new(format!("{name}-{required}@example.com")).role("admin");
            let make = async |new| test.auth.create_user(new).await.unwrap().id;
            let (auth, nobody) = (&test.auth, ClientInfo::default);
            let ada = make(admin("ada").verified().password(PASSWORD)).await;
            let without_password = make(admin("grace").verified()).await;
            let disabled = make(admin("eve").verified().password(PASSWORD)).await;
            auth.disable(disabled, nobody()).await.unwrap();
            let unproved = make(admin("mallory").password(PASSWORD)).await;
            if !required {
                auth.disable(unproved, nobody()).await.unwrap();
            }
            for refused in [
                auth.disable(ada, nobody()).await,
                auth.set_roles(ada, &["editor"], nobody()).await,
                auth.delete_user(ada, nobody()).await,
            ] {
                assert_refused!(refused, Error::Refused(auth_core::refusal::LAST_ADMIN));
            }
            // Those who cannot may go.
            auth.delete_user(disabled, nobody()).await.unwrap();
            auth.set_roles(unproved, &[], nobody()).await.unwrap();

            let token = auth.reset_link(without_password, nobody()).await.unwrap().token;
            auth.reset_password(token, PASSWORD, nobody()).await.unwrap();
            auth.disable(ada, nobody()).await.unwrap();
            assert_refused!(
                auth.disable(without_password, nobody()).await,
                Error::Refused(auth_core::refusal::LAST_ADMIN)
            );
            auth.enable(ada, nobody()).await.unwrap();
            for gone in [unproved, without_password] {
                auth.delete_user(gone, nobody()).await.unwrap();
            }
            let last = make(admin("alan").verified().password(PASSWORD)).await;
            auth.delete_user(ada, nobody()).await.unwrap();
            auth.set_roles(last, &["admin"], nobody()).await.unwrap();
            test.execute(&format!("DELETE FROM auth_user WHERE email LIKE '%-{required}@example.com'")).await;
        }
    }

    async fn no_user_has_more_roles_than_a_token_can_carry(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await;
        let names: Vec<String> = (0..33).map(|number| format!("{number:064}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_refused!(test.auth.set_roles(user.id, &names, ClientInfo::default()).await, Error::Validation(_));
        test.auth.set_roles(user.id, &names[1..], ClientInfo::default()).await.unwrap();
        let tokens = test.login().await;
        assert_eq!(test.auth.verifier().verify(tokens.access.expose()).unwrap().roles().len(), 33);
    }

    async fn a_role_is_a_plain_name_and_a_refused_one_changes_nothing(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await;
        test.auth.set_roles(user.id, &["editor"], ClientInfo::default()).await.unwrap();
        for bad in ["", "Admin", "a,b", "a b", "é", &"a".repeat(65)] {
            assert_refused!(test.auth.set_roles(user.id, &["admin", bad], ClientInfo::default()).await, Error::Validation(_));
        }
        assert_eq!(test.auth.user(user.id).await.unwrap().roles, ["user", "editor"]);
        let nobody = UserId::from(uuid::Uuid::nil());
        assert_refused!(test.auth.set_roles(nobody, &["admin"], ClientInfo::default()).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
    }

}
