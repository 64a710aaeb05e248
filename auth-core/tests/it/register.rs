//! Making accounts.

use auth_core::{CreateUser, Error, EventKind, FieldError, Register, Registration};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, TestAuth},
};

each_database! {
    async fn a_new_user_has_the_address_as_typed_and_the_role_user(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.auth.register(Register::new("  Ada@Example.COM ", PASSWORD)).await.unwrap();
        assert_eq!(user.email, "Ada@Example.COM");
        assert_eq!(user.roles, ["user"]);
        assert!(!user.email_verified && !user.disabled);
        assert_eq!(test.auth.user(user.id).await.unwrap(), user);
        assert_eq!(test.events.kinds(), [EventKind::Registered { user: user.id }]);
    }

    async fn an_address_is_taken_in_every_writing_that_means_the_same(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.auth.register(Register::new("José@bücher.example", PASSWORD)).await.unwrap();
        for same in ["JOSÉ@BÜCHER.example", "Jose\u{301}@xn--bcher-kva.example", " josé@bücher.example "] {
            assert_refused!(test.auth.register(Register::new(same, PASSWORD)).await, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
        }
        test.auth.register(Register::new("jose@bücher.example", PASSWORD)).await.unwrap();
        assert_eq!(test.count("auth_user").await, 2);
    }

    async fn of_twenty_at_once_one_wins_and_the_others_are_told(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let auth = test.auth.clone();
                tokio::spawn(async move { auth.register(Register::new(EMAIL, PASSWORD)).await })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => won += 1,
                other => assert_refused!(other, Error::Refused(auth_core::refusal::EMAIL_TAKEN)),
            }
        }
        assert_eq!(won, 1);
        assert_eq!((test.count("auth_user").await, test.count("auth_password").await), (1, 1));
        assert_eq!(test.events.count("registered"), 1);
    }

    async fn in_the_hosts_transaction_the_user_is_committed_with_it(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let prepared = test.auth.prepare_register(Register::new(EMAIL, PASSWORD)).await.unwrap();
        assert_eq!(test.count("auth_user").await, 0, "preparing writes nothing");
        let txn = begin(&test).await;
        let user = prepared.insert_in(&txn).await.unwrap();
        txn.commit().await.unwrap();
        assert_eq!(test.auth.user(user.id).await.unwrap(), user);
        assert_eq!(test.login().await.user_id, user.id);
    }

    async fn in_the_hosts_transaction_a_rollback_leaves_no_user_and_no_event(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let prepared = test.auth.prepare_register(Register::new(EMAIL, PASSWORD)).await.unwrap();
        let txn = begin(&test).await;
        prepared.insert_in(&txn).await.unwrap();
        txn.rollback().await.unwrap();
        assert_eq!((test.count("auth_user").await, test.count("auth_password").await), (0, 0));
        assert!(test.events.kinds().is_empty());
        test.register().await;
    }

    async fn in_the_hosts_transaction_a_taken_address_leaves_the_rest_of_it_intact(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        test.execute("CREATE TABLE host_row (id INTEGER PRIMARY KEY)").await;
        let taken = test.auth.prepare_register(Register::new(EMAIL, PASSWORD)).await.unwrap();
        let free = test.auth.prepare_register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        let txn = begin(&test).await;
        txn.execute_unprepared("INSERT INTO host_row (id) VALUES (1)").await.unwrap();
        assert_refused!(taken.insert_in(&txn).await, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
        free.insert_in(&txn).await.unwrap();
        txn.commit().await.unwrap();
        assert_eq!((test.count("host_row").await, test.count("auth_user").await), (1, 2));
    }

    async fn bad_input_names_every_field_and_writes_nothing(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let errors = refusal(test.auth.register(Register::new("nobody", "short")).await);
        let fields: Vec<_> = errors.iter().map(|error| (error.field, error.code)).collect();
        assert_eq!(fields, [("email", "invalid_email"), ("password", "too_short")]);
        assert_eq!((test.count("auth_user").await, test.hasher.hashes()), (0, 0));
    }

    async fn sql_metacharacters_are_data(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        for local in ["o'hara", "a'/**/or/**/1=1", "drop`table", "100%", "under_score", "back#slash"] {
            let email = format!("{local}@example.com");
            let password = format!("'; DROP TABLE auth_user; -- {local} \\ \0 \u{1F980}");
            let user = test.auth.register(Register::new(&*email, &*password)).await.unwrap();
            assert_eq!(test.try_login(&email, &password).await.unwrap().user_id, user.id);
        }
        // `_` and `%` are not wildcards.
        assert_refused!(test.try_login("underXscore@example.com", PASSWORD).await, Error::InvalidCredentials);
    }

    async fn where_registration_is_closed_nobody_makes_an_account_and_nothing_is_hashed(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| config.registration = Registration::Closed)
        }).await;
        for email in [EMAIL, "no address"] {
            let refused = test.auth.register(Register::new(email, PASSWORD)).await;
            assert_refused!(refused, Error::Refused(auth_core::refusal::REGISTRATION_CLOSED));
            let refused = test.auth.prepare_register(Register::new(email, PASSWORD)).await;
            assert_refused!(refused, Error::Refused(auth_core::refusal::REGISTRATION_CLOSED));
        }
        assert_eq!((test.hasher.hashes(), test.count("auth_user").await), (0, 0));
        test.auth.create_user(CreateUser::new(EMAIL)).await.unwrap();
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<FieldError> {
    match result {
        Err(Error::Validation(errors)) => errors,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn begin(test: &TestAuth) -> sea_orm::DatabaseTransaction {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    test.db.begin_with_options(options).await.unwrap()
}
