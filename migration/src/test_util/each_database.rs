use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::runtime::Builder;

use super::TestDatabase;

/// Mounts tests on SQLite, PostgreSQL and MySQL.
///
/// Each `name` becomes three tests: `name::sqlite`, `name::postgres` and `name::mysql`. The latter two are
/// ignored unless asked for (`cargo test -- --include-ignored`), and then fail without the address of their
/// server. Every test gets a migrated database of its own, which is dropped afterwards, and a runtime of several
/// threads. With `unmigrated:` in front the databases are empty.
///
/// ```
/// use auth_migration::test_util::TestDatabase;
///
/// auth_migration::each_database! {
///     /// What this test is about.
///     async fn the_schema_is_there(db: &TestDatabase) {
///         let db = db.connect().await;
///         assert!(auth_migration::plan(&db).await.unwrap().is_empty());
///     }
///
///     async fn a_second_test(db: &TestDatabase) {
///         assert!(!db.url().is_empty());
///     }
/// }
/// ```
#[macro_export]
macro_rules! each_database {
    (unmigrated: $($tests:tt)+) => {
        $crate::__each_database! { (unmigrated_sqlite, unmigrated_postgres, unmigrated_mysql) $($tests)+ }
    };
    ($($tests:tt)+) => {
        $crate::__each_database! { (sqlite, postgres, mysql) $($tests)+ }
    };
}

/// The part of [`each_database!`] that is the same for both of its forms.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_database {
    ($makers:tt $( $(#[$attribute:meta])* async fn $name:ident($db:ident: $type:ty $(,)?) $body:block )+) => {
        $( $crate::__each_database! { @one $makers [$(#[$attribute])*] $name $db ($type) $body } )+
    };
    (@one ($sqlite:ident, $postgres:ident, $mysql:ident) [$($attributes:tt)*] $name:ident $db:ident ($type:ty) $body:block) => {
        // Beside the module and not inside, so that the test sees what its author sees.
        $($attributes)*
        #[cfg(test)]
        async fn $name($db: $type) $body

        #[cfg(test)]
        mod $name {
            #[test]
            fn sqlite() {
                $crate::test_util::run($crate::test_util::TestDatabase::$sqlite, super::$name);
            }

            #[test]
            #[ignore = "needs AUTH_TEST_POSTGRES_URL"]
            fn postgres() {
                $crate::test_util::run($crate::test_util::TestDatabase::$postgres, super::$name);
            }

            #[test]
            #[ignore = "needs AUTH_TEST_MYSQL_URL"]
            fn mysql() {
                $crate::test_util::run($crate::test_util::TestDatabase::$mysql, super::$name);
            }
        }
    };
}

/// Runs one test on one database and drops the database, also when the test has failed.
pub fn run(make: impl AsyncFnOnce() -> TestDatabase, test: impl AsyncFnOnce(&TestDatabase)) {
    // Four also on a machine of one core: races are to happen.
    let runtime =
        Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime for the test");
    let database = runtime.block_on(make());
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&database))));
    runtime.block_on(database.drop_database());
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}
