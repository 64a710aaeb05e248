//! Moving in with a stored hash, and the rules for new passwords where one is set.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use auth_core::{
    ClientInfo, Error, Password, Register, User,
    mail::MailKind,
    password::{Argon2Hasher, BreachChecker, BreachList, validate_stored_hash},
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, TestAuth},
};

/// Tool, format, hash.
const ROWS: &str = include_str!("data/stored_hashes/rows.tsv");

each_database! {
    async fn a_row_of_each_tool_signs_in_becomes_argon2id_and_ends_no_session(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.hasher(Arc::new(Argon2Hasher::default()))).await;
        test.register().await;
        let earlier = test.login().await;
        for (number, line) in ROWS.lines().enumerate() {
            let [tool, format, row] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            assert_eq!(validate_stored_hash(row), Ok(format), "{tool}");
            test.execute(&format!("UPDATE auth_password SET hash = '{row}'")).await;
            test.try_login(EMAIL, PASSWORD).await.unwrap_or_else(|error| panic!("{tool}: {format}: {error}"));
            assert!(test.stored_hash().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{tool}: {format}");
            assert_eq!(test.events.count("password_rehashed"), number + 1);
        }
        assert_eq!(test.count("auth_session WHERE revoked_at IS NULL").await, ROWS.lines().count().try_into().map(|rows: i64| rows + 1).unwrap());
        test.refresh(&earlier.refresh).await.unwrap();
    }

    async fn a_password_from_a_leak_is_refused_where_one_is_set(db: &TestDatabase) {
        let folder = tempfile::tempdir().unwrap();
        // SHA-1 of "correct horse battery staple".
        let breached = "ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42";
        fs::write(folder.path().join("list"), format!("{breached}:384\r\n")).unwrap();
        let list = Arc::new(BreachList::open(folder.path().join("list")).unwrap());
        let test = TestAuth::with(db, |builder| builder.breach_checker(list)).await;
        assert_eq!(codes(register(&test, EMAIL, "correct horse battery staple").await), ["breached"]);
        assert_eq!((test.count("auth_user").await, test.hasher.hashes()), (0, 0));
        let (_, caller) = test.caller().await;
        let client = ClientInfo::default;
        let changed = test.auth.change_password(&caller, PASSWORD, "correct horse battery staple", client()).await;
        assert_eq!(codes(changed), ["breached"]);
        test.auth.forgot_password(EMAIL, client()).await.unwrap();
        let token = test.token_of(MailKind::ResetPassword).await;
        let reset = test.auth.reset_password(token, "correct horse battery staple", client()).await;
        assert_eq!(codes(reset), ["breached"]);
        test.login().await;
    }

    async fn while_the_list_cannot_be_read_a_password_is_taken_unless_the_check_is_required(db: &TestDatabase) {
        let gone = Arc::new(Counting::default());
        let test = TestAuth::with(db, |builder| builder.breach_checker(gone.clone())).await;
        register(&test, EMAIL, PASSWORD).await.unwrap();
        assert_eq!(gone.asked(), 1);
        let test = TestAuth::with(db, |builder| builder.breach_checker(gone).configure(|config| config.passwords.breach_check_required = true)).await;
        assert_eq!(codes(register(&test, "bob@example.com", PASSWORD).await), ["not_checked"]);
    }

    async fn a_taken_and_a_free_address_are_looked_up_alike(db: &TestDatabase) {
        let list = Arc::new(Counting { knows: Some("a leaked password"), ..Counting::default() });
        let test = TestAuth::with(db, |builder| builder.breach_checker(list.clone())).await;
        test.register().await;
        let before = test.hasher.hashes();
        test.statements();
        for (number, email) in [EMAIL, "bob@example.com"].into_iter().enumerate() {
            assert_eq!(codes(register(&test, email, "a leaked password").await), ["breached"]);
            assert_eq!((list.asked(), test.hasher.hashes()), (number + 2, before));
        }
        assert!(test.statements().is_empty());
        assert_refused!(register(&test, EMAIL, PASSWORD).await, Error::Refused(auth_core::refusal::EMAIL_TAKEN));
        assert_eq!((list.asked(), test.hasher.hashes()), (4, before + 1));
    }

    async fn a_network_has_a_hundred_passwords_looked_up_and_then_waits_before_any_rule_is_asked(db: &TestDatabase) {
        let list = Arc::new(Counting { knows: Some("a leaked password"), ..Counting::default() });
        let test = TestAuth::with(db, |builder| builder.breach_checker(list.clone())).await;
        let from = async |email: &str, password: &str| {
            let client = ClientInfo::default().ip([203, 0, 113, 7].into());
            test.auth.register(Register::new(email, password).client(client)).await
        };
        for _ in 0..20 {
            assert_eq!(codes(from(EMAIL, "short").await), ["too_short"], "a slip costs nothing");
        }
        for number in 0..100 {
            let email = if number % 2 == 0 { EMAIL } else { "no address" };
            assert_refused!(from(email, "a leaked password").await, Error::Validation(_));
        }
        for (email, password) in [(EMAIL, "a leaked password"), (EMAIL, "short"), ("no address", PASSWORD)] {
            assert_refused!(from(email, password).await, Error::Throttled { .. });
        }
        assert_eq!((list.asked(), test.hasher.hashes()), (100, 0));
    }

    async fn the_names_of_service_and_account_are_no_passwords(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.passwords.context_words = vec!["Acme Cloud".to_owned()])).await;
        for password in ["AcmeCloud2026", "ada-ada-ada", "Ada12345"] {
            assert_eq!(codes(register(&test, EMAIL, password).await), ["context_word"], "{password}");
        }
        register(&test, EMAIL, "acme cloud ada").await.unwrap();
    }
}

/// Knows one password, or can tell of none.
#[derive(Default)]
struct Counting {
    knows: Option<&'static str>,
    asked: AtomicUsize,
}

impl Counting {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl BreachChecker for Counting {
    fn is_breached(&self, password: &Password) -> io::Result<bool> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.knows.map(|known| password.expose() == known).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

async fn register(test: &TestAuth, email: &str, password: &str) -> Result<User, Error> {
    test.auth.register(Register::new(email, password)).await
}

fn codes<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<&'static str> {
    match result {
        Err(Error::Validation(errors)) => errors.iter().map(|error| error.code).collect(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}
