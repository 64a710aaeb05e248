//! What has ended is removed; what lives is not touched.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use auth_core::{
    ClientInfo, Clock, CreateUser, Error, EventKind, ImportOutcome, ImportRow, Register, UserRecord,
};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait, DbBackend, prelude::Uuid, sea_query::Query};

use crate::{
    assert_refused,
    support::{DAY, HOUR, PASSWORD, TestAuth, gated, keys, start},
};

const MINUTE: Duration = Duration::from_mins(1);

each_database! {
    async fn every_way_to_end_is_swept_once_no_access_token_can_live(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let idle = test.signed_in().await;
        test.clock.advance(7 * DAY);
        let (out, kept) = (test.login().await, test.login().await);
        test.auth.logout(out.refresh, ClientInfo::default()).await.unwrap();
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        let bob = test.try_login("bob@example.com", PASSWORD).await.unwrap();
        test.auth.logout_all(bob.user_id, ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.sweep().await.unwrap(), 0, "their access tokens may live");

        test.clock.advance(HOUR);
        assert_eq!(test.auth.sweep().await.unwrap(), 2);
        test.refresh(&kept.refresh).await.unwrap();
        assert_refused!(test.refresh(&idle.refresh).await, Error::SessionOver);
        // An idle one stays a day longer at most, so that a refresh need not write its index.
        test.clock.advance(DAY);
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
        assert_eq!(test.count("auth_session").await, 1);

        test.clock.advance(31 * DAY);
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
        assert_eq!((test.count("auth_session").await, test.count("auth_user").await), (0, 2));
    }

    async fn a_removal_that_fails_keeps_no_other_from_its_work_and_is_told(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let out = test.signed_in().await;
        test.auth.logout(out.refresh, ClientInfo::default()).await.unwrap();
        test.auth.logout_all(test.login().await.user_id, ClientInfo::default()).await.unwrap();
        test.execute("DROP TABLE auth_throttle").await;
        test.clock.advance(365 * DAY);
        assert!(test.auth.sweep().await.is_err());
        assert_eq!((test.count("auth_session").await, test.count("auth_event").await), (0, 0));
    }

    async fn what_an_older_program_wrote_is_swept_when_it_is_idle_and_not_before(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (idle, used) = (test.signed_in().await, test.login().await);
        test.execute("UPDATE auth_session SET idle_until = 0").await;
        test.clock.advance(6 * DAY);
        let used = test.refresh(&used.refresh).await.unwrap();
        test.execute("UPDATE auth_session SET idle_until = 0").await;
        test.clock.advance(2 * DAY);
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
        test.refresh(&used.refresh).await.unwrap();
        assert_refused!(test.refresh(&idle.refresh).await, Error::SessionOver);
        test.clock.advance(9 * DAY);
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
    }

    async fn users_who_ended_everything_at_one_moment_are_swept_page_by_page_and_looked_at_once(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.signed_in().await;
        let now = i64::try_from(test.clock.now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        // Ids of the whole range, all of the same moment, more than two pages of them.
        let (mut users, mut sessions) = (Query::insert(), Query::insert());
        users.into_table("auth_user").columns([
            "id", "email", "email_normalized", "epoch", "epoch_at", "created_at", "updated_at",
        ]);
        sessions.into_table("auth_session").columns([
            "id", "user_id", "epoch", "seed", "newest", "last_used", "oldest_unused", "created_at", "last_used_at", "expires_at",
            "methods", "idle_until",
        ]);
        for number in 1..=1_100_u128 {
            let id = Uuid::from_u128(number << 117);
            let email = format!("{number}@example.com");
            users.values_panic([id.into(), email.clone().into(), email.into(), 1.into(), now.into(), 0.into(), 0.into()]);
            let (never, seed) = (i64::MAX, vec![0_u8; 32]);
            sessions.values_panic([
                id.into(), id.into(), 0.into(), seed.into(), 1.into(), 0.into(), 1.into(), now.into(), now.into(), never.into(),
                "pwd".into(), never.into(),
            ]);
        }
        for insert in [users, sessions] {
            test.db.execute(&insert).await.unwrap();
        }
        test.clock.advance(HOUR);
        test.statements();
        assert_eq!(test.auth.sweep().await.unwrap(), 1_100);
        assert_eq!(test.count("auth_session").await, 1, "the other one goes on");
        let walks = |statements: Vec<String>| statements.iter().filter(|sql| sql.contains("epoch_at")).count();
        assert_eq!(walks(test.statements()), 3);
        test.clock.advance(3 * HOUR);
        test.auth.sweep().await.unwrap();
        test.statements();
        test.clock.advance(HOUR);
        test.auth.sweep().await.unwrap();
        assert_eq!(walks(test.statements()), 1, "those of before are not looked at again");
    }

    async fn one_of_several_instances_sweeps_and_another_takes_over_when_it_stays_away(db: &TestDatabase) {
        let first = TestAuth::new(db).await;
        let second = TestAuth::instance(db, keys(), &first.clock, 2, |builder| builder).await;
        first.signed_in().await;
        first.clock.advance(60 * DAY);
        assert_eq!(first.auth.sweep_in_turn(HOUR).await.unwrap(), Some(1));
        assert_eq!(second.auth.sweep_in_turn(HOUR).await.unwrap(), None);
        first.clock.advance(HOUR);
        assert_eq!(second.auth.sweep_in_turn(HOUR).await.unwrap(), None, "it may come any moment");
        assert_eq!(first.auth.sweep_in_turn(HOUR).await.unwrap(), Some(0));
        first.clock.advance(HOUR + HOUR / 2);
        assert_eq!(second.auth.sweep_in_turn(HOUR).await.unwrap(), Some(0));
        assert_eq!(first.auth.sweep_in_turn(HOUR).await.unwrap(), None, "it lost its turn");
    }

    async fn of_instances_that_start_at_once_exactly_one_sweeps(db: &TestDatabase) {
        let clock = TestAuth::new(db).await.clock;
        let mut all = Vec::new();
        for number in 10..18 {
            all.push(TestAuth::instance(db, keys(), &clock, number, |builder| builder).await);
        }
        let asked: Vec<_> = all
            .iter()
            .map(|one| one.auth.clone())
            .map(|auth| tokio::spawn(async move { auth.sweep_in_turn(HOUR).await }))
            .collect();
        let mut sweeping = 0;
        for answer in asked {
            sweeping += usize::from(answer.await.unwrap().unwrap().is_some());
        }
        assert_eq!(sweeping, 1);
    }

    async fn an_account_that_nobody_proved_and_nobody_signed_in_to_ends_after_its_time_and_no_other(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| {
            config.unverified_account_ttl = Some(60 * DAY);
            config.audit_retention = Some(365 * DAY);
        })).await;
        let make = async |name: &str| {
            let new = CreateUser::new(format!("{name}@example.com")).password(PASSWORD);
            test.auth.create_user(new).await.unwrap().id
        };
        let idle = test.register().await.id;
        make("signed-in").await;
        test.try_login("signed-in@example.com", PASSWORD).await.unwrap();
        test.auth.create_user(CreateUser::new("proved@example.com").verified()).await.unwrap();
        test.auth.disable(make("disabled").await, ClientInfo::default()).await.unwrap();
        let admin = make("admin").await;
        test.auth.set_roles(admin, &["admin"], ClientInfo::default()).await.unwrap();
        let mut record = UserRecord::new("imported@example.com");
        record.created_at = Some(UNIX_EPOCH);
        let imported = test.auth.import(ClientInfo::default()).rows(vec![ImportRow { number: 1, record }]).await;
        assert_eq!(imported.unwrap(), [ImportOutcome::Inserted]);
        // Of the version before, which knows nothing of the column, the first; the second signed in there to one of this version.
        make("old").await;
        test.execute("UPDATE auth_user SET signed_in_at = 0 WHERE email = 'old@example.com'").await;
        make("old-sign-in").await;

        test.clock.advance(59 * DAY);
        test.auth.sweep().await.unwrap();
        assert_eq!((test.count("auth_user").await, test.count("auth_session").await), (8, 0));
        test.try_login("old-sign-in@example.com", PASSWORD).await.unwrap();
        test.execute("UPDATE auth_user SET signed_in_at = NULL WHERE email = 'old-sign-in@example.com'").await;
        test.clock.advance(2 * DAY);
        test.outbox.take();
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_user").await, 7);
        assert!(test.events.kinds().contains(&EventKind::UnverifiedRemoved { user: idle }));
        assert_eq!(test.auth.events(idle, None, 1).await.unwrap()[0].code, "unverified_removed");
        test.auth.deliver_mail().await.unwrap();
        assert!(test.outbox.take().is_empty(), "whoever has the address may never have heard of it");
        test.register().await;
        test.auth.user(admin).await.expect("the last administrator stays");
    }

    async fn an_account_that_the_database_keeps_keeps_no_other(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.unverified_account_ttl = Some(DAY))).await;
        for name in ["a", "b", "c"] {
            let new = CreateUser::new(format!("{name}@example.com")).password(PASSWORD);
            test.auth.create_user(new).await.unwrap();
        }
        keep_first(&test).await;
        test.clock.advance(2 * DAY);
        test.auth.sweep().await.unwrap_err();
        assert_eq!(test.text("SELECT email FROM auth_user").await, "a@example.com");
    }

    async fn unless_it_is_asked_for_no_account_ends(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        test.clock.advance(3650 * DAY);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_user").await, 1);
    }

    async fn a_sign_in_that_is_hashing_while_its_account_ends_comes_to_nothing(db: &TestDatabase) {
        let (hasher, entered, open) = gated();
        let test = TestAuth::with(db, |builder| {
            builder.hasher(Arc::new(hasher)).configure(|config| config.unverified_account_ttl = Some(DAY))
        }).await;
        test.register().await;
        test.clock.advance(2 * DAY);
        let sign_in = start(&test.auth, PASSWORD);
        entered.acquire().await.unwrap().forget();
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
        drop(open);
        assert_refused!(sign_in.await.unwrap(), Error::InvalidCredentials);
    }

    async fn one_time_tokens_are_swept_once_they_are_over(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let now = i64::try_from(test.clock.now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        for (id, expires_at) in [(1, now - 1), (2, now + 1000)] {
            let mut insert = Query::insert();
            insert
                .into_table("auth_one_time_token")
                .columns(["id", "purpose", "seed", "created_at", "expires_at"])
                .values_panic([Uuid::from_u128(id).into(), "test".into(), vec![0_u8; 32].into(), 0.into(), expires_at.into()]);
            test.db.execute(&insert).await.unwrap();
        }
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
        assert_eq!(test.count("auth_one_time_token").await, 1);
    }

    async fn more_than_a_batch_is_swept_by_several_instances_at_once(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.sessions.max_sessions = 10_000)).await;
        let user = test.register().await.id;
        for _ in 0..700 {
            test.login().await;
        }
        test.auth.logout_all(user, ClientInfo::default()).await.unwrap();
        let kept = test.login().await;
        test.clock.advance(HOUR);
        let other = TestAuth::instance(db, keys(), &test.clock, 5, |builder| builder).await;
        let sweep = |auth: auth_core::Auth| tokio::spawn(async move { auth.sweep().await });
        for task in [sweep(test.auth.clone()), sweep(other.auth.clone())] {
            // A database may ask one of the two to come again.
            let swept = task.await.unwrap();
            assert!(matches!(swept, Ok(_) | Err(Error::Unavailable(_))), "{swept:?}");
        }
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_session").await, 1);
        test.refresh(&kept.refresh).await.unwrap();
    }

    async fn a_session_that_ended_stays_until_five_minutes_after_its_last_access_token(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (out, all) = (test.signed_in().await, test.login().await);
        test.auth.logout(out.refresh, ClientInfo::default()).await.unwrap();
        test.auth.logout_all(all.user_id, ClientInfo::default()).await.unwrap();
        test.clock.advance(20 * MINUTE);
        assert_eq!(test.auth.sweep().await.unwrap(), 0);
        test.clock.advance(MINUTE);
        assert_eq!(test.auth.sweep().await.unwrap(), 2);
    }
}

/// The account `a@example.com` cannot be removed.
async fn keep_first(test: &TestAuth) {
    let statements: &[&str] = match test.db.get_database_backend() {
        DbBackend::Postgres => &[
            "CREATE FUNCTION keep() RETURNS trigger AS $$ BEGIN \
             IF OLD.email = 'a@example.com' THEN RAISE 'kept'; END IF; RETURN OLD; END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER keep BEFORE DELETE ON auth_user FOR EACH ROW EXECUTE FUNCTION keep()",
        ],
        DbBackend::MySql => &["CREATE TRIGGER keep BEFORE DELETE ON auth_user FOR EACH ROW \
                               IF OLD.email = 'a@example.com' THEN SIGNAL SQLSTATE '45000'; END IF"],
        // By an overflow: what a trigger raises itself SQLite tells as a row that others refer to.
        _ => &["CREATE TRIGGER keep BEFORE DELETE ON auth_user WHEN OLD.email = 'a@example.com' \
                BEGIN SELECT abs(-9223372036854775807 - 1); END"],
    };
    for statement in statements {
        test.execute(statement).await;
    }
}
