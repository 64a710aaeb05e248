//! Machines: keys, service accounts, their tokens.

mod cost;
mod limits;
mod own;
mod services;
mod tokens;

use auth_core::{
    AuthBuilder, ClientInfo, Principal, User, UserId,
    machine::{Machines, MadeApiKey, NewApiKey, ServiceAccount},
};
use auth_migration::test_util::TestDatabase;

use crate::support::TestAuth;

/// Ada, who has signed in a moment ago, and an address that is proved.
pub(crate) struct World {
    pub(crate) test: TestAuth,
    pub(crate) caller: Principal,
    pub(crate) machines: Machines,
}

pub(crate) fn nobody() -> ClientInfo {
    ClientInfo::default()
}

fn at(ip: &str) -> ClientInfo {
    ClientInfo::default().ip(ip.parse().unwrap())
}

fn key(scopes: &[&str]) -> NewApiKey {
    scopes.iter().fold(NewApiKey::new("nightly"), |new, scope| new.scope(*scope))
}

impl World {
    pub(crate) async fn new(db: &TestDatabase) -> Self {
        Self::with(db, |builder| builder).await
    }

    pub(crate) async fn with(db: &TestDatabase, settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        let test = TestAuth::with(db, settings).await;
        let (_, caller) = test.proved_caller().await;
        let machines = test.auth.machines().unwrap();
        Self { test, caller, machines }
    }

    pub(crate) async fn key(&self, scopes: &[&str]) -> MadeApiKey {
        self.machines.create_key(&self.caller, key(scopes), nobody()).await.unwrap()
    }

    pub(crate) async fn service(&self, roles: &[&str]) -> ServiceAccount {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self.machines.create_service("billing", roles, nobody()).await.unwrap()
    }

    pub(crate) async fn service_key(&self, account: UserId, scopes: &[&str]) -> MadeApiKey {
        self.machines.create_service_key(account, key(scopes), nobody()).await.unwrap()
    }

    async fn verify(&self, made: &MadeApiKey) -> Result<Principal, auth_core::Error> {
        self.machines.verify(made.secret.expose(), &nobody()).await
    }

    async fn roles(&self, roles: &[&str]) {
        self.test.auth.set_roles(self.caller.user_id(), roles, nobody()).await.unwrap();
    }

    /// Ada signs in once more.
    async fn signs_in(&self) -> Principal {
        self.test.auth.verifier().verify(self.test.login().await.access.expose()).unwrap()
    }

    async fn other(&self) -> User {
        self.test.auth.create_user(auth_core::CreateUser::new("bob@example.com").verified()).await.unwrap()
    }
}
