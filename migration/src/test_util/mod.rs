//! A fresh database for one test: the harness of every test suite of this workspace.
//!
//! SQLite needs nothing. PostgreSQL and MySQL or MariaDB need a server and an account that may create databases,
//! named by a URL in `AUTH_TEST_POSTGRES_URL` and `AUTH_TEST_MYSQL_URL`. [`each_database!`](crate::each_database)
//! mounts a test on all of them; those that need a server are shown as ignored by a plain `cargo test`.
//!
//! Not for production. Everything here panics when it fails, as a test should.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the module is for tests: a harness that fails has nobody to return an error to"
)]

mod each_database;
mod server;

use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use tempfile::TempDir;

pub use each_database::run;
use server::Server;

/// Small, because the tests run side by side and a server has some hundred connections for all of them.
const POOL: u32 = 5;

/// A database that belongs to one test.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    home: Home,
}

#[derive(Debug)]
enum Home {
    /// A file, and not `:memory:`, so that several connections see the same data.
    Directory(TempDir),
    Server(Server),
}

impl TestDatabase {
    /// A migrated SQLite database: a file in a temporary directory, in WAL mode.
    pub async fn sqlite() -> Self {
        Self::unmigrated_sqlite().await.migrated().await
    }

    /// A migrated PostgreSQL database on the server of `AUTH_TEST_POSTGRES_URL`.
    pub async fn postgres() -> Self {
        Self::unmigrated_postgres().await.migrated().await
    }

    /// A migrated MySQL or MariaDB database on the server of `AUTH_TEST_MYSQL_URL`.
    pub async fn mysql() -> Self {
        Self::unmigrated_mysql().await.migrated().await
    }

    /// An empty SQLite database.
    pub async fn unmigrated_sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("test.db").display());
        let database = Self { url, home: Home::Directory(directory) };
        // Makes the file and turns WAL on while nobody else is there: the change wants the file for itself.
        database.connect().await.close().await.expect("close the first connection");
        database
    }

    /// An empty PostgreSQL database.
    pub async fn unmigrated_postgres() -> Self {
        // No connection can be made to `template0`, so that it is never busy, which `template1` may be.
        Self::on_server("AUTH_TEST_POSTGRES_URL", "postgres://", "TEMPLATE template0").await
    }

    /// An empty MySQL or MariaDB database. Its default collation is one that takes `é` for `e`, as is usual.
    pub async fn unmigrated_mysql() -> Self {
        let options = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
        Self::on_server("AUTH_TEST_MYSQL_URL", "mysql://", options).await
    }

    async fn on_server(variable: &str, scheme: &str, options: &str) -> Self {
        let server = Server::create_database(variable, scheme, options).await;
        Self { url: server.database_url(), home: Home::Server(server) }
    }

    async fn migrated(self) -> Self {
        let db = self.connect_with(1).await;
        let outcome = crate::up(&db).await;
        db.close().await.expect("close the migrating connection");
        if let Err(error) = outcome {
            self.drop_database().await;
            panic!("the migrations do not apply to an empty database: {error:?}");
        }
        self
    }

    /// The address for a further connection, credentials included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A pool of up to five connections of its own; on SQLite with a `busy_timeout` of 5 s and foreign keys.
    pub async fn connect(&self) -> DatabaseConnection {
        self.connect_with(POOL).await
    }

    /// The same with another number of connections.
    pub async fn connect_with(&self, max_connections: u32) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(max_connections).sqlx_logging(false).map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(Duration::from_secs(5))
                .foreign_keys(true)
        });
        Database::connect(options).await.expect("connect to the test database")
    }

    /// Removes the database, also from under connections that a test has left open. A database that is not
    /// removed this way stays on its server.
    pub async fn drop_database(self) {
        match self.home {
            Home::Directory(directory) => directory.close().expect("remove the temporary directory"),
            Home::Server(server) => server.drop_database().await,
        }
    }
}
