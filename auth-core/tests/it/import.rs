//! Accounts of another system move in, and out again.

use std::time::{Duration, UNIX_EPOCH};

use auth_core::{
    ClientInfo, EventKind, Import, ImportOutcome, ImportRow, Register, UserId, UserRecord,
    test_util::ManualClock,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::support::{DAY, EMAIL, PASSWORD, TestAuth, keys};

/// The test hasher's own form is none that an import takes.
const HASH: &str = "$2b$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS";
const ID: &str = "018f0000-0000-7000-8000-000000000001";

fn id(text: &str) -> UserId {
    text.parse().unwrap()
}

fn rows(records: impl IntoIterator<Item = UserRecord>) -> Vec<ImportRow> {
    (1..).zip(records).map(|(number, record)| ImportRow { number, record }).collect()
}

fn numbered(from: u32, to: u32) -> Vec<ImportRow> {
    let record = |n: u32| {
        let mut record = UserRecord::new(format!("user{n}@example.com"));
        record.roles = vec![format!("r{}", n % 7)];
        record.hash = Some(HASH.into());
        record.created_at = Some(UNIX_EPOCH + Duration::from_secs(n.into()));
        record
    };
    rows((from..to).map(record))
}

/// What became of each row, by the code of the refusal.
async fn outcomes(import: &mut Import, rows: Vec<ImportRow>) -> Vec<String> {
    let outcomes = import.rows(rows).await.unwrap();
    let name = |outcome| match outcome {
        ImportOutcome::Inserted => "inserted".to_owned(),
        ImportOutcome::AlreadyThere => "there".to_owned(),
        ImportOutcome::Refused(error) => format!("{} {}", error.field, error.code),
        other => panic!("{other:?}"),
    };
    outcomes.into_iter().map(name).collect()
}

fn import(test: &TestAuth) -> Import {
    test.auth.import(ClientInfo::default())
}

/// All that an import can write.
async fn tables(test: &TestAuth) -> String {
    let mut all = String::new();
    for table in ["auth_user", "auth_password", "auth_user_role", "auth_event"] {
        all += &test.dump(table).await;
    }
    all
}

each_database! {
    async fn an_account_comes_with_all_that_belongs_to_it(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let mut record = UserRecord::new(" Ada@Example.com ");
        record.id = Some(id(ID));
        record.email_verified = true;
        record.roles = ["admin", "user", "editor", "admin"].map(str::to_owned).into();
        record.created_at = Some(UNIX_EPOCH + Duration::from_millis(1_500_000_000_123));
        record.hash = Some(HASH.into());
        let mut gone = UserRecord::new("gone@example.com");
        gone.disabled = true;
        assert_eq!(outcomes(&mut import(&test), rows([record.clone(), gone])).await, ["inserted", "inserted"]);
        let user = test.auth.user(record.id.unwrap()).await.unwrap();
        assert_eq!((user.email.as_str(), user.email_verified, user.disabled), ("Ada@Example.com", true, false));
        assert_eq!((user.roles, Some(user.created_at)), (["user", "admin", "editor"].map(str::to_owned).into(), record.created_at));
        assert_eq!(test.stored_hash().await, HASH);
        assert_eq!(test.auth.events(user.id, None, 10).await.unwrap()[0].code, "imported");
        assert!(test.events.kinds().contains(&EventKind::Imported { user: user.id }));
        let gone = test.auth.find_user("gone@example.com").await.unwrap();
        assert!(gone.disabled && !gone.email_verified && gone.roles == ["user"]);
    }

    async fn a_row_that_cannot_be_taken_tells_why_and_keeps_no_other_back(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let deleted = id("018f0000-0000-7000-8000-00000000dead");
        test.execute(&match db.url().split(':').next() {
            Some("postgres") => format!("INSERT INTO auth_deleted_user VALUES ('{deleted}', 1)"),
            _ => format!("INSERT INTO auth_deleted_user VALUES (x'{}', 1)", deleted.as_uuid().simple()),
        }).await;
        let with = |email: &str, change: &dyn Fn(&mut UserRecord)| {
            let mut record = UserRecord::new(email);
            change(&mut record);
            record
        };
        let hash = |text: &'static str| move |record: &mut UserRecord| record.hash = Some(text.into());
        let file = || rows([
            with("first@example.com", &|record| record.id = Some(id(ID))),
            with("no address", &|_| {}),
            with(EMAIL, &|record| record.id = Some(id("018f0000-0000-7000-8000-000000000002"))),
            with(EMAIL, &|record| record.created_at = Some(UNIX_EPOCH)),
            with("FIRST@example.com", &|_| {}),
            with("second@example.com", &|record| record.id = Some(id(ID))),
            with("a@example.com", &|record| record.roles = vec!["No Role".to_owned()]),
            with("b@example.com", &|record| record.roles = (0..33).map(|n| n.to_string()).collect()),
            with("c@example.com", &hash("md5$x$900150983cd24fb0d6963f7d28e17f72")),
            with("d@example.com", &hash("$2b$31$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS")),
            with("e@example.com", &hash("pbkdf2_sha256$1$sa\0lt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            with("f@example.com", &|record| record.created_at = Some(UNIX_EPOCH - Duration::from_secs(1))),
            with("g@example.com", &|record| record.id = Some(deleted)),
            with("last@example.com", &|_| {}),
        ]);
        let expected = [
            "inserted", "email invalid_email", "email email_taken", "email duplicate", "email duplicate", "id duplicate",
            "roles invalid_role", "roles too_many_roles", "hash unusable_hash", "hash unusable_hash", "hash unusable_hash",
            "created_at out_of_range", "id deleted", "inserted",
        ];
        let dry = outcomes(&mut import(&test).dry_run(), file()).await;
        assert_eq!(test.count("auth_user").await, 1);
        assert_eq!(outcomes(&mut import(&test), file()).await, expected);
        assert_eq!(dry, expected, "a dry run tells the same");
        assert_eq!(test.count("auth_user").await, 3);
        let other = with("other@example.com", &|record| record.id = Some(id(ID)));
        let stranger = with(EMAIL, &|record| record.created_at = Some(UNIX_EPOCH));
        assert_eq!(outcomes(&mut import(&test), rows([other, stranger])).await, ["id id_taken", "email email_taken"]);
        assert_eq!((test.hasher.hashes(), test.hasher.verifications()), (1, 0), "nothing is computed, whatever a hash asks for");
    }

    async fn a_second_run_changes_nothing_and_adds_what_is_missing(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        outcomes(&mut import(&test), numbered(0, 700)).await;
        let before = tables(&test).await;
        test.clock.advance(DAY / 2);
        let again = outcomes(&mut import(&test), numbered(0, 700)).await;
        assert!(again.iter().all(|outcome| outcome == "there"));
        assert_eq!(tables(&test).await, before);
        test.statements();
        let more = outcomes(&mut import(&test), numbered(0, 701)).await;
        assert_eq!((more.len(), more[700].as_str()), (701, "inserted"));
        assert_eq!(test.count("auth_event").await, 701);
    }

    async fn what_an_owner_has_changed_since_stays(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        outcomes(&mut import(&test), numbered(0, 1)).await;
        let user = test.auth.find_user("user0@example.com").await.unwrap().id;
        test.auth.set_roles(user, &["other"], ClientInfo::default()).await.unwrap();
        test.execute("UPDATE auth_password SET hash = 'new'").await;
        assert_eq!(outcomes(&mut import(&test), numbered(0, 1)).await, ["there"]);
        assert_eq!(test.stored_hash().await, "new");
        assert_eq!(test.auth.user(user).await.unwrap().roles, ["user", "other"]);
    }

    async fn a_batch_is_five_statements_and_none_of_them_for_a_row_alone(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        test.statements();
        outcomes(&mut import(&test), numbered(0, 500)).await;
        let statements = test.statements();
        let verbs: Vec<_> = statements.iter().map(|sql| sql.split(' ').next().unwrap()).collect();
        let verbs: Vec<_> = verbs.into_iter().filter(|verb| *verb != "SET").collect();
        assert_eq!(verbs, ["SELECT", "INSERT", "INSERT", "INSERT", "INSERT"]);
    }

    async fn two_runs_of_one_file_at_once_make_each_account_once(db: &TestDatabase) {
        let clock = ManualClock::new();
        let one = TestAuth::instance(db, keys(), &clock, 2, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let two = TestAuth::instance(db, keys(), &clock, 2, |builder| builder.configure(|config| config.audit_retention = Some(DAY))).await;
        let (mut first, mut second) = (import(&one), import(&two));
        let (first, second) = tokio::join!(
            tokio::spawn(async move { outcomes(&mut first, numbered(0, 3000)).await }),
            tokio::spawn(async move { outcomes(&mut second, numbered(0, 3000)).await }),
        );
        let all = [first.unwrap(), second.unwrap()].concat();
        assert_eq!(all.iter().filter(|outcome| *outcome == "inserted").count(), 3000);
        assert_eq!(all.iter().filter(|outcome| *outcome == "there").count(), 3000);
        for table in ["auth_user", "auth_password", "auth_user_role", "auth_event"] {
            assert_eq!(one.count(table).await, 3000, "{table}");
        }
    }

    async fn an_import_and_people_who_register_do_not_get_in_each_others_way(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.insecure_no_throttle = true)).await;
        let mut run = import(&test);
        let importing = tokio::spawn(async move { outcomes(&mut run, numbered(0, 3000)).await });
        let mut registered = 0;
        for n in (0..3000).rev().step_by(60) {
            let register = Register::new(format!("user{n}@example.com"), PASSWORD);
            registered += usize::from(test.auth.register(register).await.is_ok());
        }
        let outcomes = importing.await.unwrap();
        let taken = outcomes.iter().filter(|outcome| *outcome == "email email_taken").count();
        let inserted = outcomes.iter().filter(|outcome| *outcome == "inserted").count();
        assert_eq!((taken, inserted), (registered, 3000 - registered));
        assert_eq!(test.count("auth_user").await, 3000);
    }

    async fn what_is_exported_is_what_an_import_reads(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        outcomes(&mut import(&test), numbered(0, 1100)).await;
        let mut all: Vec<UserRecord> = Vec::new();
        loop {
            let page = test.auth.export_users(all.last().and_then(|last| last.id), true).await.unwrap();
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        assert_eq!(all.len(), 1100);
        let (mut read, mut shown) = (numbered(0, 1100), all.clone());
        shown.sort_by_key(|record| record.created_at);
        read.sort_by_key(|row| row.record.created_at);
        for (read, shown) in read.iter().zip(&shown) {
            let fields = |record: &UserRecord| (
                record.email.expose().to_owned(), record.roles.clone(), record.created_at,
                record.hash.as_ref().map(|hash| hash.expose().to_owned()),
            );
            assert_eq!(fields(&read.record), fields(shown));
        }
        assert!(test.auth.export_users(None, false).await.unwrap().iter().all(|record| record.hash.is_none()));
    }
}
