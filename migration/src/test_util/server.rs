use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use uuid::Uuid;

/// A database on a server that others use too.
#[derive(Debug)]
pub(super) struct Server {
    admin_url: String,
    name: String,
}

impl Server {
    pub(super) async fn create_database(variable: &str, scheme: &str, options: &str) -> Self {
        let server = Self { admin_url: admin_url(variable, scheme), name: fresh_name() };
        let admin = server.admin().await;
        admin
            .execute_unprepared(&format!("CREATE DATABASE {} {options}", server.name))
            .await
            .unwrap_or_else(|error| panic!("cannot create a database with {variable}: {error}"));
        admin.close().await.expect("close the admin connection");
        server
    }

    /// The admin URL with our database in the place of its own.
    pub(super) fn database_url(&self) -> String {
        let (address, parameters) = match self.admin_url.split_once('?') {
            Some((address, parameters)) => (address, format!("?{parameters}")),
            None => (self.admin_url.as_str(), String::new()),
        };
        let (scheme, rest) = address.split_once("://").expect("the scheme was checked");
        let authority = rest.split('/').next().unwrap_or(rest);
        format!("{scheme}://{authority}/{}{parameters}", self.name)
    }

    pub(super) async fn drop_database(self) {
        let admin = self.admin().await;
        let with = if admin.get_database_backend() == DbBackend::Postgres {
            "WITH (FORCE)"
        } else {
            // A transaction left open would hold up DROP DATABASE for a day.
            self.kill_connections(&admin).await;
            ""
        };
        let drop = format!("DROP DATABASE {} {with}", self.name);
        admin.execute_unprepared(&drop).await.expect("drop the database");
        admin.close().await.expect("close the admin connection");
    }

    async fn kill_connections(&self, admin: &DatabaseConnection) {
        let query = Statement::from_sql_and_values(
            DbBackend::MySql,
            "SELECT CAST(id AS SIGNED) AS id FROM information_schema.processlist WHERE db = ?",
            [self.name.as_str().into()],
        );
        for row in admin.query_all_raw(query).await.expect("list the connections") {
            let id: i64 = row.try_get("", "id").expect("a connection has an id");
            // It may be closing by itself at this moment; then there is nothing to kill.
            let _ = admin.execute_unprepared(&format!("KILL {id}")).await;
        }
    }

    async fn admin(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.admin_url);
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.expect("connect to the server of the test databases")
    }
}

#[expect(clippy::disallowed_methods, reason = "where the test server is, only the environment knows")]
fn admin_url(variable: &str, scheme: &str) -> String {
    let url = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: it must name a server and an account that may create databases, as in {scheme}root@127.0.0.1")
    });
    assert!(url.starts_with(scheme), "{variable} must begin with {scheme}");
    url
}

#[expect(clippy::disallowed_methods, reason = "tests that run side by side must not meet")]
fn fresh_name() -> String {
    format!("auth_test_{}", Uuid::new_v4().simple())
}
