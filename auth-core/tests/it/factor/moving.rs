//! Authenticator apps move in and out with their accounts.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use auth_core::{
    Clock as _, Error, ImportOutcome, ImportRow, Login, Password, Register, UserRecord,
    factor::{Answer, INVALID_CODE, Method},
    password::Argon2Hasher,
    test_util::Authenticator,
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, challenged, nobody};
use crate::{
    assert_refused,
    support::{EMAIL, TestAuth, keys, secret},
};

/// Made by pyotp and django-otp; the script is beside it.
const ROWS: &str = include_str!("../data/totp/rows.tsv");
/// passlib's of `correct horse battery`, at its lowest cost.
const HASH: &str = "$2b$04$Q.UMGx667PrSCj77sTCpleVK2frbkKccsup6kY03LFvj9iEiiSUnG";
const ITS_PASSWORD: &str = "correct horse battery";

struct Row {
    stored: &'static str,
    at: SystemTime,
    code: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let [_, stored, seconds, code] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Row { stored, at: UNIX_EPOCH + Duration::from_secs(seconds.parse().unwrap()), code }
    };
    ROWS.lines().map(row).collect()
}

fn record(email: impl Into<String>, secret: &str) -> UserRecord {
    let mut record = UserRecord::new(email.into());
    record.email_verified = true;
    record.hash = Some(HASH.into());
    record.totp_secret = Some(Password::from(secret));
    record
}

async fn import(test: &TestAuth, records: impl IntoIterator<Item = UserRecord>) -> Vec<ImportOutcome> {
    let rows = (1..).zip(records).map(|(number, record)| ImportRow { number, record });
    test.auth.import(nobody()).rows(rows.collect()).await.unwrap()
}

/// The test hasher's own form is none that an import takes.
async fn with_real_hashes(db: &TestDatabase) -> TestAuth {
    TestAuth::with(db, |builder| builder.hasher(Arc::new(Argon2Hasher::default()))).await
}

each_database! {
    async fn apps_go_on_with_the_codes_that_the_other_system_took_over_a_year(db: &TestDatabase) {
        let (test, rows) = (with_real_hashes(db).await, rows());
        let records = (0..).zip(&rows).map(|(number, row)| record(format!("user{number}@example.com"), row.stored));
        let outcomes = import(&test, records).await;
        assert!(outcomes.iter().all(|outcome| *outcome == ImportOutcome::Inserted) && outcomes.len() == 400);
        let every = if db.url().starts_with("sqlite") { 1 } else { 16 };
        for (number, row) in rows.iter().enumerate().step_by(every) {
            test.clock.advance(row.at.duration_since(test.clock.now()).unwrap());
            let login = Login::new(format!("user{number}@example.com"), ITS_PASSWORD);
            let challenge = challenged(test.auth.login(login).await);
            assert_eq!(challenge.methods, ["totp"]);
            let answer = Answer::new(challenge.auth_session, Method::Totp, row.code);
            test.auth.factors().unwrap().answer(answer).await.unwrap_or_else(|error| panic!("{number}: {error:?}"));
        }
    }

    async fn no_code_of_the_moment_of_the_import_is_taken(db: &TestDatabase) {
        let test = with_real_hashes(db).await;
        let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
        import(&test, [record("bob@example.com", secret)]).await;
        let app = Authenticator::of_secret(secret, &test.clock);
        let answer = async |code: String| {
            let challenge = challenged(test.auth.login(Login::new("bob@example.com", ITS_PASSWORD)).await);
            test.auth.factors().unwrap().answer(Answer::new(challenge.auth_session, Method::Totp, code)).await
        };
        assert_refused!(answer(app.code()).await, Error::Refused(INVALID_CODE));
        assert_refused!(answer(app.next_code()).await, Error::Refused(INVALID_CODE));
        answer(app.next_code()).await.unwrap();
    }

    async fn a_secret_that_cannot_be_read_is_told_and_keeps_no_other_row_back(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let bad = ["canary", "48656C6C6F21DEADBEEF48656C", "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=8"];
        let records = (0..).zip(bad).map(|(number, secret)| record(format!("user{number}@example.com"), secret));
        let outcomes = import(&test, records.chain([record(EMAIL, "JBSWY3DPEHPK3PXP")])).await;
        for outcome in &outcomes[..3] {
            let ImportOutcome::Refused(error) = outcome else { panic!("{outcome:?}") };
            assert_eq!((error.field, error.code), ("totp_secret", "unusable_secret"));
            assert!(!format!("{error:?}").contains("canary"));
        }
        assert_eq!(outcomes[3], ImportOutcome::Inserted);
        assert_eq!((test.count("auth_totp").await, test.count("auth_user").await), (1, 1));
    }

    async fn an_export_with_hashes_has_the_secret_and_one_without_has_not(db: &TestDatabase) {
        let world = World::new(db).await;
        // One that waits to be confirmed is nobody's second factor.
        world.test.auth.register(Register::new("bob@example.com", ITS_PASSWORD)).await.unwrap();
        world.test.execute("UPDATE auth_user SET email_verified_at = 1").await;
        let bob = world.test.verify(&world.test.try_login("bob@example.com", ITS_PASSWORD).await.unwrap().access);
        world.factors().begin_totp(&bob).await.unwrap();
        let exported = world.test.auth.export_users(None, true).await.unwrap();
        let secret = |email: &str| exported.iter().find(|user| user.email.expose() == email).unwrap().totp_secret.clone();
        assert_eq!(secret(EMAIL).unwrap().expose().len(), 32);
        assert!(secret("bob@example.com").is_none());
        assert!(!format!("{exported:?}").contains(secret(EMAIL).unwrap().expose()));
        assert!(world.test.auth.export_users(None, false).await.unwrap().iter().all(|user| user.totp_secret.is_none()));

        let elsewhere = TestDatabase::sqlite().await;
        let other = TestAuth::instance(&elsewhere, keys(), &world.test.clock, 2, |builder| builder).await;
        let mut moved = record(EMAIL, secret(EMAIL).unwrap().expose());
        moved.id = Some(world.user.id);
        import(&other, [moved]).await;
        let again = other.auth.export_users(None, true).await.unwrap();
        assert_eq!(again[0].totp_secret.as_ref().unwrap().expose(), secret(EMAIL).unwrap().expose());
        // An account that is there keeps what it has.
        import(&other, [record(EMAIL, "JBSWY3DPEHPK3PXP")]).await;
        assert_eq!(other.auth.export_users(None, true).await.unwrap()[0].totp_secret.as_ref().unwrap().expose().len(), 32);
        elsewhere.drop_database().await;
    }

    async fn an_export_with_hashes_names_the_accounts_whose_secret_cannot_be_opened_and_leaves_none_out(db: &TestDatabase) {
        let world = World::new(db).await;
        let strangers = auth_core::Keys::new(secret(9));
        let other = TestAuth::instance(db, strangers, &world.test.clock, 2, |builder| builder).await;
        let Err(Error::Internal(problem)) = other.auth.export_users(None, true).await else { panic!("exported") };
        assert!(problem.to_string().contains(&world.user.id.to_string()), "{problem}");
        assert_eq!(other.auth.export_users(None, false).await.unwrap().len(), 1);
    }
}
