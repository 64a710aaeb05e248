//! A connection pool with the options that a host would forget.

use std::{fmt, time::Duration};

use sea_orm::{Database, DatabaseConnection};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use zeroize::Zeroizing;

#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::read_only;
use crate::{ConfigError, StoreError};

/// Connects with the defaults of [`ConnectOptions`].
///
/// # Errors
/// See [`ConnectOptions::connect`].
pub async fn connect(url: &str) -> Result<DatabaseConnection, ConnectError> {
    ConnectOptions::new(url).connect().await
}

/// How to connect. A host that has a `DatabaseConnection` of its own does not need this, but should give
/// SQLite the same options: write-ahead log, busy timeout, foreign keys.
#[derive(Clone)]
pub struct ConnectOptions {
    url: Zeroizing<String>,
    max_connections: u32,
    timeout: Duration,
    max_lifetime: Duration,
    as_found: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be used: unknown scheme, or a database whose Cargo feature is off.
    #[error(transparent)]
    Url(ConfigError),
    /// The database did not answer, or refused.
    #[error("cannot connect to the database: {0}")]
    Database(#[source] StoreError),
}

impl ConnectOptions {
    /// `postgres://`, `mysql://` (also for MariaDB) or `sqlite://`; at most 8 connections, 3 s to get one.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Zeroizing::new(url.into()),
            max_connections: 8,
            timeout: Duration::from_secs(3),
            max_lifetime: Duration::from_mins(30),
            as_found: false,
        }
    }

    /// The most connections of the pool. An in-memory SQLite database always has one.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// How long an operation waits for a connection before it fails as unavailable.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// After how long a connection is replaced. Default 30 minutes. An in-memory SQLite database keeps its one.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// For a look at a database, as with [`Auth::check`](crate::Auth::check): a SQLite file without a write-ahead log is left
    /// as it is, and none is made; and other databases are connected with by the first statement, which tells whether they are there.
    pub fn as_found(mut self) -> Self {
        self.as_found = true;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`ConnectError`]; its text never repeats the password in the URL.
    pub async fn connect(&self) -> Result<DatabaseConnection, ConnectError> {
        let scheme = self.url.split(':').next().unwrap_or_default();
        let known = match scheme {
            "sqlite" => cfg!(feature = "sqlite"),
            "postgres" | "postgresql" => cfg!(feature = "postgres"),
            "mysql" | "mariadb" => cfg!(feature = "mysql"),
            _ => {
                let problem = "needs to begin with postgres://, mysql:// or sqlite://";
                return Err(ConnectError::Url(ConfigError::new("database url", problem)));
            }
        };
        if !known {
            let problem =
                format!("is for a database that is not compiled in; turn on the feature for {scheme}");
            return Err(ConnectError::Url(ConfigError::new("database url", problem)));
        }
        Database::connect(self.options(scheme))
            // SeaORM opens a span that shows the whole URL, password included.
            .with_subscriber(NoSubscriber::default())
            .await
            .map_err(|error| ConnectError::Database(StoreError::new(error)))
    }

    fn options(&self, scheme: &str) -> sea_orm::ConnectOptions {
        let mut options = sea_orm::ConnectOptions::new(self.url.as_str());
        options
            .max_connections(self.max_connections)
            .connect_lazy(self.as_found)
            .connect_timeout(self.timeout)
            .acquire_timeout(self.timeout)
            .max_lifetime(self.max_lifetime)
            // Statements carry addresses and hashes; errors are reported by the caller.
            .sqlx_logging(false)
            // Not a ping before each statement; but a connection that rested may have died unnoticed.
            .test_before_acquire(false)
            .test_before_acquire_if_idle_for(Duration::from_secs(5));
        #[cfg(feature = "postgres")]
        options.map_sqlx_postgres_before_acquire(|_, connection| {
            let is_of_use = !read_only::was_there(connection.age);
            Box::pin(async move { Ok(is_of_use) })
        });
        #[cfg(feature = "mysql")]
        options.map_sqlx_mysql_before_acquire(|_, connection| {
            let is_of_use = !read_only::was_there(connection.age);
            Box::pin(async move { Ok(is_of_use) })
        });
        // A statement that waits for ever, for a lock or a stalled disk, would keep its connection from all others (ASVS 13.2.6).
        #[cfg(feature = "postgres")]
        {
            let limit = format!("SET statement_timeout = {}", self.timeout.saturating_mul(2).as_millis());
            options
                // Poolers refuse start-up parameters that they do not know (PgBouncer): this one is for text, which nothing here reads.
                .map_sqlx_postgres_opts(|options| options.extra_float_digits(None))
                .map_sqlx_postgres_pool_opts(move |pool| {
                    let limit = limit.clone();
                    pool.after_connect(move |connection, _| {
                        let limit = limit.clone();
                        Box::pin(async move {
                            sqlx::Executor::execute(connection, sqlx::AssertSqlSafe(limit)).await.map(drop)
                        })
                    })
                });
        }
        #[cfg(feature = "mysql")]
        {
            // As far as both MySQL and MariaDB have it. Its unit is a second.
            let seconds = self.timeout.saturating_mul(2).as_secs().max(1);
            options.map_sqlx_mysql_pool_opts(move |pool| {
                pool.after_connect(move |connection, _| {
                    Box::pin(async move {
                        let limit = format!("SET SESSION innodb_lock_wait_timeout = {seconds}");
                        sqlx::Executor::execute(&mut *connection, sqlx::AssertSqlSafe(limit)).await?;
                        // A node of a Galera cluster may be behind the others. There it waits, before it reads or writes, until it has
                        // what they had when it was asked: a session that was renewed at another node would else be taken for stolen.
                        let cluster =
                            "SHOW SESSION VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'";
                        if sqlx::Executor::fetch_optional(&mut *connection, cluster).await?.is_some() {
                            sqlx::Executor::execute(connection, "SET SESSION wsrep_sync_wait = 7").await?;
                        }
                        Ok(())
                    })
                })
            });
        }
        if scheme == "sqlite" {
            let memory = self.url.contains(":memory:") || self.url.contains("mode=memory");
            if memory {
                // Every connection to `:memory:` is a database of its own, gone with the connection.
                options.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
            }
            // A full disk makes SQLite roll back by itself. sqlx then cannot, believes in that transaction for ever, and
            // begins the next ones on this connection as nested ones, which wait for no lock.
            #[cfg(feature = "sqlite")]
            options.map_sqlx_sqlite_pool_opts(|pool| {
                use sqlx::Connection as _;
                pool.after_release(|connection, _| {
                    Box::pin(async move {
                        if !connection.is_in_transaction() {
                            return Ok(true);
                        }
                        // The end of a transaction that was dropped may still be on its way to the worker.
                        connection.ping().await?;
                        Ok(!connection.is_in_transaction())
                    })
                })
            });
            #[cfg(feature = "sqlite")]
            let (as_found, limit) = (self.as_found, self.timeout.saturating_mul(2));
            #[cfg(feature = "sqlite")]
            options.map_sqlx_sqlite_opts(move |sqlite| {
                use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
                let sqlite = sqlite
                    .foreign_keys(true)
                    .busy_timeout(limit)
                    // An answer that was given survives a power cut, not only a crash of the process.
                    .synchronous(SqliteSynchronous::Full);
                match (memory, as_found) {
                    (true, _) => sqlite,
                    (false, true) => sqlite.create_if_missing(false),
                    (false, false) => sqlite.journal_mode(SqliteJournalMode::Wal),
                }
            });
        }
        options
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("url", &"redacted")
            .field("max_connections", &self.max_connections)
            .field("timeout", &self.timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("as_found", &self.as_found)
            .finish()
    }
}
