//! Transactions that meet: none is lost, none adds up with another, and whoever loses a race is not told of it.

use std::{collections::BTreeSet, pin::Pin, sync::Arc};

use auth_core::{
    Algorithm, Auth, AuthBuilder, ClientInfo, CreateUser, EmailSignIn, EmailVerification, Error, ImportRow,
    Login, OneTimeToken, Principal, Register, Tokens, User, UserChange, UserId, UserRecord,
    email_code::{Confirm, Start},
    machine::{NewApiKey, RotateApiKey, ServiceChange},
    mail::MailKind,
    test_util::ManualClock,
};
use auth_migration::{
    each_database,
    test_util::{TestDatabase, run},
};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, IsolationLevel, TransactionTrait as _};
use tokio::task::JoinSet;

use crate::email_code::Asked;
use crate::support::{DAY, PASSWORD, TestAuth, granted, keys};

const NEW: &str = "another horse battery";

type Work = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Everything that writes. Twice: once with the database's own isolation, once where transactions are serializable.
const FLOWS: [&str; 32] = [
    "register",
    "create_user",
    "import",
    "login",
    "login with a wrong password",
    "login that replaces",
    "refresh",
    "logout",
    "logout_session",
    "logout_all",
    "end_session",
    "end_other_sessions",
    "change_password",
    "request_email_verification",
    "verify_email",
    "request_email_change",
    "forgot_password",
    "reset_password",
    "a code in a mail",
    "send_reset_link",
    "reset_link",
    "update_user",
    "disable and enable",
    "unlock",
    "key_ring",
    "an API key",
    "an API key in the place of another",
    "a service account",
    "sweep",
    "deliver_mail",
    "delete_account",
    "delete_user",
];

/// Somebody who is signed in, with a link of each kind in the mailbox.
struct Person {
    email: String,
    user: UserId,
    caller: Principal,
    tokens: Tokens,
    verify: OneTimeToken,
    reset: OneTimeToken,
    asked: Asked,
}

impl Person {
    async fn new(test: &TestAuth, number: usize) -> Self {
        let email = format!("person{number}@example.com");
        let user = test.auth.register(Register::new(&email, PASSWORD)).await.unwrap().id;
        test.auth.set_roles(user, &["admin"], ClientInfo::default()).await.unwrap();
        let verify = test.token_of(MailKind::VerifyEmail).await;
        let reset = test.auth.reset_link(user, ClientInfo::default()).await.unwrap().token;
        test.try_login(&email, PASSWORD).await.unwrap();
        let tokens = test.try_login(&email, PASSWORD).await.unwrap();
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        let asked = test.ask(&email).await;
        Self { email, user, caller, tokens, verify, reset, asked }
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    fn does(&self, flow: &str, auth: &Auth) -> Work {
        let (auth, client, email, user) =
            (auth.clone(), ClientInfo::default(), self.email.clone(), self.user);
        let (caller, session) = (self.caller.clone(), self.tokens.session_id);
        let refresh = self.tokens.refresh.clone();
        let login = Login::new(&email, PASSWORD);
        let other = format!("new-{email}");
        match flow {
            "register" => {
                Box::pin(async move { auth.register(Register::new(other, PASSWORD)).await.map(drop) })
            }
            "create_user" => Box::pin(async move {
                auth.create_user(CreateUser::new(other).role("editor").invite()).await.map(drop)
            }),
            "import" => Box::pin(async move {
                let mut record = UserRecord::new(other);
                record.roles = vec!["editor".to_owned()];
                auth.import(client).rows(vec![ImportRow { number: 1, record }]).await.map(drop)
            }),
            "login" => Box::pin(async move { granted(auth.login(login).await).map(drop) }),
            "login with a wrong password" => {
                Box::pin(async move { auth.login(Login::new(email, NEW)).await.map(drop) })
            }
            "login that replaces" => {
                Box::pin(async move { granted(auth.login(login.replacing(refresh)).await).map(drop) })
            }
            "refresh" => Box::pin(async move { auth.refresh(refresh, client).await.map(drop) }),
            "logout" => Box::pin(async move { auth.logout(refresh, client).await }),
            "logout_session" => Box::pin(async move { auth.logout_session(session, client).await }),
            "logout_all" => Box::pin(async move { auth.logout_all(user, client).await }),
            "end_session" => Box::pin(async move { auth.end_session(&caller, session, client).await }),
            "end_other_sessions" => Box::pin(async move { auth.end_other_sessions(&caller, client).await }),
            "change_password" => {
                Box::pin(async move { auth.change_password(&caller, PASSWORD, NEW, client).await })
            }
            "request_email_verification" => {
                Box::pin(async move { auth.request_email_verification(email, client).await })
            }
            "verify_email" => {
                let token = self.verify.clone();
                Box::pin(async move { auth.verify_email(token, client).await.map(drop) })
            }
            "request_email_change" => Box::pin(async move {
                auth.request_email_change(&caller, other, Some(PASSWORD.into()), client).await
            }),
            "forgot_password" => Box::pin(async move { auth.forgot_password(email, client).await }),
            "reset_password" => {
                let token = self.reset.clone();
                Box::pin(async move { auth.reset_password(token, NEW, client).await })
            }
            "a code in a mail" => {
                let (code, flow) = (self.asked.code.clone(), self.asked.flow.clone());
                Box::pin(async move {
                    let codes = auth.email_codes().unwrap();
                    codes.start(Start::new(&email)).await?;
                    codes.confirm(Confirm::code(email, code, Some(flow))).await.map(drop)
                })
            }
            "send_reset_link" => Box::pin(async move { auth.send_reset_link(user, client).await }),
            "reset_link" => Box::pin(async move { auth.reset_link(user, client).await.map(drop) }),
            "update_user" => Box::pin(async move {
                let change = UserChange::default().roles(["admin", "editor"]).disabled(false);
                auth.update_user(user, change, client).await.map(drop)
            }),
            "disable and enable" => Box::pin(async move {
                auth.disable(user, client.clone()).await?;
                auth.enable(user, client).await
            }),
            "unlock" => Box::pin(async move { auth.unlock(user, client).await }),
            "key_ring" => Box::pin(async move {
                auth.poll_keys().await?;
                auth.key_ring().rotate(Algorithm::EdDsa).await.map(drop)
            }),
            "an API key" => Box::pin(async move {
                let machines = auth.machines().unwrap();
                let made = machines.create_key_for(user, NewApiKey::new("x"), client.clone()).await?;
                machines.verify(made.secret.expose(), &client).await?;
                machines.end_any_key(made.key.id, client).await
            }),
            "an API key in the place of another" => {
                let verified = self.verify.clone();
                Box::pin(async move {
                    let machines = auth.machines().unwrap();
                    let _ = auth.verify_email(verified, client.clone()).await;
                    machines.create_key_for(user, NewApiKey::new("x"), client.clone()).await?;
                    let keys = machines.keys(&caller).await?;
                    let Some(last) = keys.last() else { return Ok(()) };
                    machines.rotate_key(&caller, RotateApiKey::new(last.id), client).await.map(drop)
                })
            }
            "a service account" => Box::pin(async move {
                let machines = auth.machines().unwrap();
                let account =
                    machines.create_service("x", vec!["editor".to_owned()], client.clone()).await?.id;
                let made = machines.create_service_key(account, NewApiKey::new("x"), client.clone()).await?;
                let token = machines.token(made.secret.expose(), None, None, &client).await?;
                let (one, two) = tokio::join!(
                    machines.revoke(token.access.expose(), client.clone()),
                    machines.change_service(account, ServiceChange::default(), client.clone()),
                );
                one.and(two.map(drop))?;
                machines.delete_service(account, client).await
            }),
            "sweep" => Box::pin(async move {
                auth.poll_revocations().await?;
                auth.sweep().await.map(drop)
            }),
            "deliver_mail" => Box::pin(async move {
                auth.forgot_password(email, client).await?;
                auth.deliver_mail().await.map(drop)
            }),
            "delete_account" => {
                Box::pin(async move { auth.delete_account(&caller, Some(PASSWORD.into()), client).await })
            }
            "delete_user" => Box::pin(async move { auth.delete_user(user, client).await }),
            other => panic!("{other}"),
        }
    }
}

/// Four of each flow at once, for the same person, some times.
async fn nobody_is_told_of_a_race(db: &TestDatabase) {
    let settings = |builder: AuthBuilder| {
        builder.configure(|config| {
            config.email_verification = EmailVerification::On;
            config.email_codes.sign_in = EmailSignIn::On;
            config.audit_retention = Some(DAY);
            config.sessions.max_sessions = 2;
            config.insecure_no_throttle = true;
        })
    };
    let test =
        TestAuth::instance(db, keys().key_ring(Algorithm::EdDsa), &ManualClock::new(), 8, settings).await;
    test.auth.poll_keys().await.unwrap();
    // Somebody administers whoever is deleted.
    Person::new(&test, 0).await;
    let (mut number, mut told) = (0, BTreeSet::new());
    for flow in FLOWS {
        for _ in 0..6 {
            number += 1;
            let person = Person::new(&test, number).await;
            let mut at_once: JoinSet<_> = (0..4).map(|_| person.does(flow, &test.auth)).collect();
            while let Some(outcome) = at_once.join_next().await {
                if let Err(error @ (Error::Unavailable(_) | Error::Internal(_) | Error::Overloaded { .. })) =
                    outcome.unwrap()
                {
                    told.insert(format!("{flow}: {error:?}"));
                }
            }
            test.auth.deliver_mail().await.unwrap();
            test.outbox.take();
        }
    }
    assert_eq!(told, BTreeSet::new());
}

async fn change(auth: Auth, user: UserId, roles: [String; 2]) -> Result<User, Error> {
    auth.update_user(user, UserChange::default().roles(roles), ClientInfo::default())
        .await
        .map(|changed| changed.user)
}

/// Two administrators give a user roles at the same moment, a hundred times.
async fn one_of_two_sets_of_roles_wins_whole(auth: &Auth) {
    let user = auth.register(Register::new("ada@example.com", PASSWORD)).await.unwrap().id;
    for round in 0..100 {
        let sets = ["a", "b"].map(|side| [1, 2].map(|number| format!("{side}{round}-{number}")));
        let at_once: JoinSet<_> = sets.iter().map(|set| change(auth.clone(), user, set.clone())).collect();
        for outcome in at_once.join_all().await {
            outcome.unwrap_or_else(|error| panic!("{error:?} in round {round}"));
        }
        let roles = auth.user(user).await.unwrap().roles;
        assert!(sets.iter().any(|set| roles[1..] == *set), "{roles:?} in round {round}");
    }
}

each_database! {
    async fn of_two_sets_of_roles_that_are_set_at_once_one_wins_whole(db: &TestDatabase) {
        one_of_two_sets_of_roles_wins_whole(&TestAuth::new(db).await.auth).await;
    }

    async fn nobody_who_writes_is_told_that_somebody_else_was_faster(db: &TestDatabase) {
        nobody_is_told_of_a_race(db).await;
    }
}

#[test]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
fn nobody_who_writes_is_told_that_somebody_else_was_faster_where_transactions_are_serializable_by_default() {
    run(TestDatabase::postgres, async |database: &TestDatabase| {
        let db = database.connect_with(1).await;
        let sql = "DO $$ BEGIN EXECUTE format(
            'ALTER DATABASE %I SET default_transaction_isolation TO serializable', current_database()); END $$";
        db.execute_unprepared(sql).await.unwrap();
        db.close().await.unwrap();
        nobody_is_told_of_a_race(database).await;
    });
}

/// As MariaDB is by itself from 11.6.2 on; MySQL has no such setting.
async fn with_snapshot_isolation(database: &TestDatabase) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(database.url());
    options.max_connections(5).sqlx_logging(false).map_sqlx_mysql_pool_opts(|pool| {
        pool.after_connect(|connection, _| {
            Box::pin(async move {
                let known = sqlx::query("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'");
                if known.fetch_optional(&mut *connection).await?.is_some() {
                    sqlx::query("SET SESSION innodb_snapshot_isolation = ON").execute(connection).await?;
                }
                Ok(())
            })
        })
    });
    Database::connect(options).await.unwrap()
}

#[test]
#[ignore = "needs AUTH_TEST_MYSQL_URL"]
fn of_two_sets_of_roles_one_wins_whole_in_a_pool_of_the_host_where_mariadb_isolates_snapshots() {
    run(TestDatabase::mysql, async |database: &TestDatabase| {
        let builder = Auth::builder(with_snapshot_isolation(database).await, keys());
        let auth = builder.hasher(Arc::new(auth_core::test_util::InsecureHasher::new())).build().unwrap();
        one_of_two_sets_of_roles_wins_whole(&auth).await;
    });
}

#[test]
#[ignore = "needs AUTH_TEST_MYSQL_URL"]
fn a_row_that_changed_since_it_was_read_is_a_race_and_no_bug() {
    run(TestDatabase::mysql, async |database: &TestDatabase| {
        let test = TestAuth::new(database).await;
        test.register().await;
        let host = with_snapshot_isolation(database).await;
        let txn = host.begin_with_config(Some(IsolationLevel::RepeatableRead), None).await.unwrap();
        txn.execute_unprepared("SELECT * FROM auth_user").await.unwrap();
        test.execute("UPDATE auth_user SET epoch = epoch + 1").await;
        match txn.execute_unprepared("UPDATE auth_user SET epoch = epoch + 1").await {
            // Where there are no isolated snapshots.
            Ok(_) => {}
            Err(error) => {
                let error = Error::from(error);
                assert!(format!("{error:?}").contains("1020"), "{error:?}");
                assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
            }
        }
    });
}
