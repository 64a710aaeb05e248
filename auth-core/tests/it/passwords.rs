//! Moving in with a stored hash.

use std::sync::Arc;

use auth_core::password::{Argon2Hasher, check_stored_hash};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::support::{EMAIL, PASSWORD, TestAuth};

/// Tool, format, hash.
const ROWS: &str = include_str!("data/stored_hashes/rows.tsv");

each_database! {
    async fn a_row_of_each_tool_signs_in_becomes_argon2id_and_ends_no_session(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.hasher(Arc::new(Argon2Hasher::default()))).await;
        test.register().await;
        let earlier = test.login().await;
        for (number, line) in ROWS.lines().enumerate() {
            let [tool, format, row] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            assert_eq!(check_stored_hash(row), Ok(format), "{tool}");
            test.execute(&format!("UPDATE auth_password SET hash = '{row}'")).await;
            test.try_login(EMAIL, PASSWORD).await.unwrap_or_else(|error| panic!("{tool}: {format}: {error}"));
            assert!(test.stored_hash().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{tool}: {format}");
            assert_eq!(test.events.count("password_rehashed"), number + 1);
        }
        assert_eq!(test.count("auth_session WHERE revoked_at IS NULL").await, ROWS.lines().count().try_into().map(|rows: i64| rows + 1).unwrap());
        test.refresh(&earlier.refresh).await.unwrap();
    }
}
