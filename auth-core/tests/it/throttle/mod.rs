//! Limits on guessing passwords, and that they do not hurt the owner of the account.

mod account;
mod device;
mod network;
mod owner;
mod race;

use std::net::IpAddr;

use auth_core::{ClientInfo, Error, Login, Tokens};
use sea_orm::{ConnectionTrait, Statement};

use crate::support::{EMAIL, PASSWORD, TestAuth, granted};

/// A client somewhere.
fn at(ip: &str) -> ClientInfo {
    ClientInfo::default().ip(ip.parse::<IpAddr>().unwrap())
}

impl TestAuth {
    async fn login_from(&self, client: ClientInfo, email: &str, password: &str) -> Result<Tokens, Error> {
        granted(self.auth.login(Login::new(email, password).client(client)).await)
    }

    /// What a login by Ada's owner on a device of hers leaves in the jar.
    async fn known_device(&self) -> ClientInfo {
        let tokens = self.login_from(at("198.51.100.1"), EMAIL, PASSWORD).await.unwrap();
        at("198.51.100.1").device(tokens.device.unwrap())
    }

    /// Guesses until it is told to wait, and tells for how long.
    async fn guess_until_throttled(&self, client: &ClientInfo, email: &str) -> std::time::Duration {
        for _ in 0..200 {
            match self.login_from(client.clone(), email, "a wrong guess").await {
                Err(Error::InvalidCredentials) => {}
                Err(Error::Throttled { retry_after }) => return retry_after,
                other => panic!("{other:?}"),
            }
        }
        panic!("may guess for ever")
    }

    /// The failures counted in the table, over all rows.
    async fn counted(&self) -> i64 {
        let sql = "SELECT failures FROM auth_throttle";
        let rows =
            self.db.query_all_raw(Statement::from_string(self.db.get_database_backend(), sql)).await.unwrap();
        rows.iter().map(|row| row.try_get::<i64>("", "failures").unwrap()).sum()
    }
}
