//! The check of an installation. Each thing that is wrong has exactly its code, beside those of a good installation, which
//! has none.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::{
    Algorithm, Auth, AuthBuilder, Clock, ConnectOptions, CreateUser, EmailVerification, Keys, PrivateKey,
    Registration, Severity, SystemClock, ThrottleConfig,
    oidc::{self, Provider},
    password::Argon2Hasher,
    test_util::ManualClock,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    architecture::{walk, workspace},
    support::{DAY, EMAIL, HOUR, PASSWORD, SECOND, TestAuth, keys, secret},
};

/// The system's clock, or one that is wrong by so many seconds.
struct Ahead(u32);

impl Clock for Ahead {
    fn now(&self) -> SystemTime {
        SystemClock.now() + self.0 * SECOND
    }
}

fn good(builder: AuthBuilder) -> AuthBuilder {
    builder
        .configure(|config| {
            config.tokens.issuer = "tea".into();
            config.tokens.audience = "tea".into();
            config.audit_retention = Some(90 * DAY);
            config.hashing.slots = 1;
            config.background.runs_elsewhere = true;
        })
        .clock(Arc::new(Ahead(0)))
}

/// An installation without fault, but for what `settings` change. One connection, so that what is set for it is in force.
async fn installed(
    db: &TestDatabase,
    keys: Keys,
    settings: impl FnOnce(AuthBuilder) -> AuthBuilder,
) -> TestAuth {
    let test = TestAuth::instance(db, keys, &ManualClock::new(), 1, |builder| settings(good(builder))).await;
    let admin = CreateUser::new(EMAIL).role("admin").password(PASSWORD);
    test.auth.create_user(admin).await.unwrap();
    test
}

async fn codes(auth: &Auth) -> Vec<&'static str> {
    let found = auth.check().await;
    for finding in &found {
        assert!(!finding.problem.is_empty() && !finding.fix.is_empty(), "{finding:?}");
        assert!(!finding.to_string().contains('@'), "an address: {finding}");
    }
    assert!(found.is_sorted_by(|one, next| one.severity >= next.severity), "the worst first: {found:?}");
    found.into_iter().map(|finding| finding.code).collect()
}

each_database! {
    async fn a_good_installation_has_no_finding_and_a_look_at_it_changes_nothing(db: &TestDatabase) {
        let test = installed(db, keys(), |builder| builder).await;
        test.statements();
        assert_eq!(test.auth.check().await, []);
        let statements = test.statements();
        let others = statements.iter().filter(|sql| !sql.starts_with("SELECT") && !sql.starts_with("PRAGMA"));
        let others: Vec<_> = others.collect();
        // Of a session that there cannot be: whether anything could be written.
        assert!(matches!(others[..], [update] if update.starts_with("UPDATE ")), "{others:?}");
        assert!(statements.len() > 15, "{statements:?}");
    }

    async fn a_database_that_is_away_cannot_be_written_or_lacks_a_table_is_found(db: &TestDatabase) {
        let test = installed(db, keys(), |builder| builder).await;
        let (read_only, again) = match test.db.get_database_backend() {
            sea_orm::DbBackend::Postgres => {
                let mode = |mode| format!("SET SESSION CHARACTERISTICS AS TRANSACTION {mode}");
                (mode("READ ONLY"), mode("READ WRITE"))
            }
            sea_orm::DbBackend::MySql => {
                let mode = |mode| format!("SET SESSION TRANSACTION {mode}");
                (mode("READ ONLY"), mode("READ WRITE"))
            }
            _ => ("PRAGMA query_only = ON".to_owned(), "PRAGMA query_only = OFF".to_owned()),
        };
        test.execute(&read_only).await;
        assert_eq!(codes(&test.auth).await, ["database_read_only"]);
        test.execute(&again).await;
        test.execute("DROP TABLE auth_identity").await;
        let found = test.auth.check().await;
        assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["tables_missing"]);
        assert!(found[0].problem.ends_with(": auth_identity"), "{found:?}");
        test.db.clone().close().await.unwrap();
        assert_eq!(codes(&test.auth).await, ["database_unreachable"]);
    }

    async fn a_clock_that_differs_from_the_database_is_found(db: &TestDatabase) {
        for (seconds, code) in [(8, "clock_differs"), (90, "clock_wrong")] {
            let clock = Arc::new(Ahead(seconds));
            let test = TestAuth::with(db, |builder| good(builder).clock(clock)).await;
            assert_eq!(codes(&test.auth).await, [code, "no_admin"]);
        }
    }

    async fn an_installation_without_an_administrator_who_could_sign_in_is_told(db: &TestDatabase) {
        let test = installed(db, keys(), |builder| builder).await;
        test.execute("UPDATE auth_user SET disabled_at = 1").await;
        assert_eq!(codes(&test.auth).await, ["no_admin"]);
        test.execute("UPDATE auth_user SET disabled_at = NULL").await;
        test.execute("DELETE FROM auth_user_role").await;
        assert_eq!(codes(&test.auth).await, ["no_admin"]);
    }

    async fn mails_that_wait_too_long_or_were_given_up_are_found(db: &TestDatabase) {
        let test = installed(db, keys(), |builder| builder.configure(|config| config.email_verification = EmailVerification::Required)).await;
        test.auth.request_email_verification(EMAIL, auth_core::ClientInfo::default()).await.unwrap();
        assert_eq!(codes(&test.auth).await, [""; 0], "it may still leave");
        let hour = (HOUR + SECOND).as_millis();
        test.execute(&format!("UPDATE auth_mail SET created_at = created_at - {hour}")).await;
        assert_eq!(codes(&test.auth).await, ["mail_stuck"]);
        test.execute("DELETE FROM auth_mail").await;
        test.execute("UPDATE auth_event SET code = 'mail_given_up'").await;
        assert_eq!(codes(&test.auth).await, ["mails_given_up"]);
        let week = (7 * DAY + SECOND).as_millis();
        test.execute(&format!("UPDATE auth_event SET at = at - {week}")).await;
        assert_eq!(codes(&test.auth).await, [""; 0], "that is over");
    }

    async fn rows_that_should_have_been_removed_two_days_ago_are_told(db: &TestDatabase) {
        let test = installed(db, keys(), |builder| builder).await;
        test.login().await;
        let late = |days: u32| format!("UPDATE auth_session SET expires_at = expires_at - {}", (days * DAY).as_millis());
        test.execute(&late(31)).await;
        assert_eq!(codes(&test.auth).await, [""; 0], "the next sweep may do it");
        test.execute(&late(2)).await;
        assert_eq!(codes(&test.auth).await, ["sweep_behind"]);
        test.auth.sweep().await.unwrap();
        assert_eq!(codes(&test.auth).await, [""; 0]);
    }

    async fn a_key_ring_without_a_key_with_an_old_one_or_a_locked_one_is_found_and_no_key_made(db: &TestDatabase) {
        let ring = || keys().key_ring(Algorithm::EdDsa);
        let test = installed(db, ring(), |builder| builder).await;
        assert_eq!(codes(&test.auth).await, ["key_ring_empty"]);
        assert_eq!(test.count("auth_key").await, 0);
        test.auth.poll_keys().await.unwrap();
        assert_eq!(codes(&test.auth).await, [""; 0]);
        let year = (366 * DAY).as_millis();
        test.execute(&format!("UPDATE auth_key SET created_at = created_at - {year}, active_at = active_at - {year}")).await;
        assert_eq!(codes(&test.auth).await, ["signing_key_old"]);
        test.auth.key_ring().rotate(Algorithm::EdDsa).await.unwrap();
        assert_eq!(codes(&test.auth).await, [""; 0], "the next one is there");

        let other = TestAuth::with(db, good).await;
        let stranger = Auth::builder(other.db.clone(), Keys::new(secret(2)));
        assert_eq!(codes(&good(stranger).build().unwrap()).await, ["key_ring_locked"]);
        let moving = Auth::builder(other.db, Keys::new(secret(2)).previous(secret(1)));
        assert_eq!(codes(&good(moving).build().unwrap()).await, ["other_keys"]);

        test.execute("UPDATE auth_key SET revoked_at = active_at + 1").await;
        assert_eq!(codes(&test.auth).await, ["key_ring_no_signer"]);
        assert_eq!(test.count("auth_key WHERE revoked_at IS NULL").await, 0);
    }
}

#[tokio::test]
async fn an_rsa_key_of_fewer_than_3072_bits_is_told() {
    let db = TestDatabase::sqlite().await;
    let short = include_str!("token/pem/rsa2048.pem");
    let test =
        installed(&db, keys().private_key(PrivateKey::from_pem(short).unwrap()), |builder| builder).await;
    assert_eq!(codes(&test.auth).await, ["rsa_key_short"]);
    let enough = include_str!("token/pem/rsa3072_pkcs8.pem");
    let long = keys().private_key(PrivateKey::from_pem(enough).unwrap());
    let test = TestAuth::instance(&db, long, &ManualClock::new(), 1, good).await;
    assert_eq!(codes(&test.auth).await, [""; 0]);
    db.drop_database().await;
}

#[tokio::test]
async fn each_unwise_setting_has_its_code() {
    type Settings = fn(AuthBuilder) -> AuthBuilder;
    let cases: &[(Settings, &str)] = &[
        (|builder| builder.configure(|config| config.insecure_no_throttle = true), "throttle_off"),
        (|builder| builder.configure(|config| config.tokens.access_ttl = 25 * HOUR), "access_token_long"),
        (
            |builder| builder.configure(|config| config.sessions.refresh_grace = Duration::ZERO),
            "refresh_grace",
        ),
        (|builder| builder.configure(|config| config.sessions.refresh_grace = 61 * SECOND), "refresh_grace"),
        (|builder| builder.configure(|config| config.sessions.session_ttl = 91 * DAY), "session_long"),
        (
            |builder| {
                builder.configure(|config| {
                    config.tokens.issuer = "auth".into();
                    config.tokens.audience = "auth".into();
                })
            },
            "names_default",
        ),
        (
            |builder| builder.configure(|config| config.email_verification = EmailVerification::On),
            "registration_tells",
        ),
        (|builder| builder.configure(|config| config.hashing.slots = 1024), "hash_slots_above_cores"),
        (|builder| builder.hasher(Arc::new(Argon2Hasher::new(7 * 1024, 4, 1).unwrap())), "hash_weak"),
        (
            // A port of this machine at which nobody listens.
            |builder| {
                let provider = Provider::oidc("away", "http://127.0.0.1:1", "id", "secret");
                builder.oidc(oidc::Config::new("http://127.0.0.1:8000/oauth").provider(provider))
            },
            "provider_unreachable",
        ),
    ];
    for (settings, code) in cases {
        let db = TestDatabase::sqlite().await;
        let test = installed(&db, keys(), settings).await;
        assert_eq!(codes(&test.auth).await, [*code]);
    }
    let sound: [Settings; 5] = [
        |builder| builder.configure(|config| config.email_verification = EmailVerification::Required),
        |builder| {
            builder.configure(|config| {
                config.email_verification = EmailVerification::On;
                config.registration = Registration::Closed;
            })
        },
        |builder| builder.configure(|config| config.throttle = ThrottleConfig::default()),
        |builder| builder.hasher(Arc::new(Argon2Hasher::new(7 * 1024, 5, 1).unwrap())),
        |builder| builder.hasher(Arc::new(Argon2Hasher::default())),
    ];
    for settings in sound {
        let db = TestDatabase::sqlite().await;
        let test = installed(&db, keys(), settings).await;
        assert_eq!(codes(&test.auth).await, [""; 0]);
    }
    let db = TestDatabase::sqlite().await;
    let auth = Auth::builder(db.connect().await, keys()).build().unwrap();
    assert!(codes(&auth).await.contains(&"audit_off"));
}

#[tokio::test]
async fn sqlite_without_a_write_ahead_log_is_found_and_left_so() {
    let db = TestDatabase::sqlite().await;
    let test = installed(&db, keys(), |builder| builder).await;
    test.execute("PRAGMA journal_mode = DELETE").await;
    test.db.close().await.unwrap();
    for _ in 0..2 {
        let found = ConnectOptions::new(db.url()).as_found().connect().await.unwrap();
        let auth = good(Auth::builder(found.clone(), keys())).build().unwrap();
        assert_eq!(codes(&auth).await, ["sqlite_no_wal"]);
        found.close().await.unwrap();
    }
    let absent = db.url().replace("test.db?mode=rwc", "absent.db?mode=rw");
    assert!(ConnectOptions::new(absent.as_str()).as_found().connect().await.is_err());
    let file = absent.trim_start_matches("sqlite://").trim_end_matches("?mode=rw");
    assert!(!Path::new(file).exists(), "it was made by looking");
}

#[tokio::test]
#[ignore = "needs AUTH_TEST_MYSQL_URL"]
async fn a_collation_that_takes_addresses_for_each_other_is_found() {
    let db = TestDatabase::mysql().await;
    let test = installed(&db, keys(), |builder| builder).await;
    test.execute("ALTER TABLE auth_user CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci").await;
    assert_eq!(codes(&test.auth).await, ["collation_loose"]);
    test.execute("ALTER TABLE auth_user CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin").await;
    assert_eq!(codes(&test.auth).await, [""; 0]);
    test.db.close().await.unwrap();
    db.drop_database().await;
}

/// The codes of all findings in the source of core and program, with their severity.
fn codes_in_the_source() -> BTreeMap<String, &'static str> {
    let mut codes = BTreeMap::new();
    for crate_name in ["auth-core", "auth-server"] {
        let mut files = Vec::new();
        walk(&workspace().join(crate_name).join("src"), &mut files);
        for text in files.iter().map(|file| fs::read_to_string(file).unwrap()) {
            for severity in [Severity::Note, Severity::Warning, Severity::Error].map(Severity::name) {
                for rest in text.split(&format!("Finding::{severity}(")).skip(1) {
                    let code = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                    let before = codes.insert(code.unwrap().to_owned(), severity);
                    assert!(before.is_none_or(|before| before == severity), "{code:?} is of two severities");
                }
            }
        }
    }
    codes
}

#[test]
fn every_code_has_a_row_in_the_manual_and_is_brought_about_by_a_test() {
    let codes = codes_in_the_source();
    assert!(codes.len() > 50, "{codes:?}");
    let page = fs::read_to_string(workspace().join("auth-core/src/manual/check.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows: Vec<_> = rows.map(|(code, rest)| (code, rest.split(" | ").next().unwrap())).collect();
    let described: BTreeMap<_, _> =
        rows.iter().map(|(code, severity)| ((*code).to_owned(), *severity)).collect();
    assert_eq!(described.len(), rows.len(), "a code has two rows");
    assert_eq!(described, codes);

    let mut tests = String::new();
    for crate_name in ["auth-core", "auth-server"] {
        let mut files = Vec::new();
        walk(&workspace().join(crate_name).join("tests"), &mut files);
        tests.extend(files.iter().map(|file| fs::read_to_string(file).unwrap()));
        // What only a machine of another kind has is tried out beside the code.
        let mut files = Vec::new();
        walk(&workspace().join(crate_name).join("src"), &mut files);
        let modules = files.iter().map(|file| fs::read_to_string(file).unwrap());
        tests.extend(modules.filter_map(|text| Some(text.split_once("#[cfg(test)]")?.1.to_owned())));
    }
    let shown: BTreeSet<_> = codes.keys().filter(|code| tests.contains(&format!("\"{code}\""))).collect();
    assert_eq!(shown, codes.keys().collect(), "each is expected by a test");
}
