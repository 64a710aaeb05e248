//! Service accounts.

use std::time::SystemTime;

use uuid::Uuid;

use super::{
    SERVICE_NOT_FOUND,
    key::name_of,
    store::{
        ServiceRow, ServiceUpdate, delete_service, find_service, insert_service, list_services,
        update_service,
    },
    verify,
};
use crate::{
    Caller, ClientInfo, Error, Principal, User, UserId, clock::from_millis, event::EventKind, kernel::Kernel,
    random::ordered_uuid, role, task::until_won,
};

/// The most of one page.
const PAGE_MAX: u64 = 100;

/// The account of a program: no address, no password, and nothing to sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// Stays the same for the life of the account: `sub` and `client_id` of its tokens.
    pub id: UserId,
    /// As its administrators call it.
    pub name: String,
    /// In alphabetical order. `user` is none of them: that is what people have.
    pub roles: Vec<String>,
    /// When the account was made.
    pub created_at: SystemTime,
    /// None of its keys opens anything then.
    pub disabled: bool,
}

impl From<ServiceRow> for ServiceAccount {
    fn from(row: ServiceRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            roles: row.roles,
            created_at: from_millis(row.created_at),
            disabled: row.is_disabled,
        }
    }
}

/// Some of the service accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServicePage {
    /// In the order in which they came.
    pub services: Vec<ServiceAccount>,
    /// After which the next page begins. `None`: this is the last one.
    pub next: Option<Uuid>,
}

/// The account behind a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// The key is a person's.
    Person(User),
    /// It is a service's.
    Service(ServiceAccount),
}

/// What is to be different about a service account, all at once or not at all; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceChange {
    /// Another name.
    pub name: Option<String>,
    /// Exactly these roles.
    pub roles: Option<Vec<String>>,
    /// Whether it is kept out.
    pub disabled: Option<bool>,
}

fn granted(roles: Vec<String>) -> Result<Vec<String>, Error> {
    let roles = role::granted(roles).map_err(|error| Error::Validation(vec![error]))?;
    Ok(roles.into_iter().collect())
}

/// To be called [detached](crate::task::detached), as all that change something.
pub(super) async fn create(
    kernel: &Kernel,
    name: &str,
    roles: Vec<String>,
    client: &ClientInfo,
) -> Result<ServiceAccount, Error> {
    let (name, roles) = match (name_of(name), role::granted(roles)) {
        (Ok(name), Ok(roles)) => (name, roles.into_iter().collect()),
        (name, roles) => {
            return Err(Error::Validation([name.err(), roles.err()].into_iter().flatten().collect()));
        }
    };
    let now = kernel.now();
    let id: UserId = ordered_uuid(kernel.random.as_ref(), now)?.into();
    let row = ServiceRow { id, name, roles, created_at: now, is_disabled: false };
    let kind = EventKind::ServiceAccountCreated { account: id };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        insert_service(&txn, row.clone()).await?;
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.emit(client, kind);
    Ok(row.into())
}

pub(super) async fn list(kernel: &Kernel, after: Option<Uuid>, limit: u64) -> Result<ServicePage, Error> {
    let limit = limit.clamp(1, PAGE_MAX);
    let mut rows = list_services(kernel.store.db(), after, limit.saturating_add(1)).await?;
    let fit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = rows.len() <= fit;
    rows.truncate(fit);
    let next = rows.last().filter(|_| !is_last).map(|row| row.id.as_uuid());
    Ok(ServicePage { services: rows.into_iter().map(ServiceAccount::from).collect(), next })
}

pub(super) async fn find(kernel: &Kernel, account: UserId) -> Result<ServiceAccount, Error> {
    Ok(find_service(kernel.store.db(), account).await?.ok_or(SERVICE_NOT_FOUND)?.into())
}

pub(super) async fn change(
    kernel: &Kernel,
    account: UserId,
    change: ServiceChange,
    client: &ClientInfo,
) -> Result<ServiceAccount, Error> {
    let name = change.name.as_deref().map(name_of).transpose();
    let name = name.map_err(|error| Error::Validation(vec![error]))?;
    let roles = change.roles.map(granted).transpose()?.map(|roles| roles.join(" "));
    let update = ServiceUpdate { name: name.as_deref(), roles, disabled: change.disabled };
    let kind = EventKind::ServiceAccountChanged { account };
    let row = until_won(|| async {
        let txn = kernel.store.begin().await?;
        update_service(&txn, account, &update, kernel.now()).await?;
        let row = find_service(&txn, account).await?.ok_or(SERVICE_NOT_FOUND)?;
        kernel.record(&txn, client, &kind).await?;
        txn.commit().await?;
        Ok(row)
    })
    .await?;
    kernel.learn_what_ended().await;
    kernel.emit(client, kind);
    Ok(row.into())
}

pub(super) async fn delete(kernel: &Kernel, account: UserId, client: &ClientInfo) -> Result<(), Error> {
    let kind = EventKind::ServiceAccountDeleted { account };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        if !delete_service(&txn, account, kernel.now()).await? {
            return Err(SERVICE_NOT_FOUND.into());
        }
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.learn_what_ended().await;
    kernel.emit(client, kind);
    Ok(())
}

pub(super) async fn account(kernel: &Kernel, caller: &Principal) -> Result<Account, Error> {
    let current = verify::current(kernel, caller).await?;
    match current.caller {
        Caller::Person => Ok(Account::Person(kernel.user(current.user_id).await?)),
        Caller::Service => Ok(Account::Service(find(kernel, current.user_id).await?)),
    }
}
