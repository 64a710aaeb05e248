//! Making keys, listing and ending them, and putting new ones in their place.

use std::time::SystemTime;

use super::{
    API_KEY_LIMIT, API_KEY_NOT_FOUND, API_KEY_ROTATED, Owner, SERVICE_NOT_FOUND, scope,
    store::{
        KeyRow, NewKey, count_open_keys, find_key, find_service, insert_key, list_keys, lock_service,
        revoke_key, rotate_key,
    },
};
use crate::{
    ApiKeyId, ApiKeySecret, Caller, ClientInfo, Error, FieldError, Principal, SessionId, UserId,
    clock::from_millis,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    random::ordered_uuid,
    refusal::USER_NOT_FOUND,
    store::{DatabaseTransaction, Insert, lock_user},
    task::until_won,
    token::api_key,
};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MILLIS: i64 = 60 * 60 * 1000;
/// Where nothing is said.
const DAYS: u32 = 90;
const OVERLAP_HOURS: u32 = 24;
const OVERLAP_HOURS_MAX: u32 = 7 * 24;
/// More are a mistake, and a list that nobody reads.
const MOST_KEYS: u64 = 100;
const NAME_MAX: usize = 64;

/// A key to be made.
#[derive(Debug, Clone, Default)]
pub struct NewApiKey {
    name: String,
    scopes: Vec<String>,
    expires_in_days: Option<u32>,
}

impl NewApiKey {
    /// With a name for its owner to know it by: 1 to 64 characters. Without a scope it tells whose it is, and no more.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// For this as well: 1 to 64 of `[a-z0-9:._-]`, at most 20 of them.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// How long it is good for, at most [`max_days`](crate::ApiKeyConfig::max_days); 0, where that is 0 too: for ever. Default 90.
    pub fn expires_in_days(mut self, days: u32) -> Self {
        self.expires_in_days = Some(days);
        self
    }
}

/// A key in whose place another one comes.
#[derive(Debug, Clone)]
pub struct RotateApiKey {
    key: ApiKeyId,
    overlap_hours: u32,
}

impl RotateApiKey {
    /// The key goes on for a day.
    pub fn new(key: ApiKeyId) -> Self {
        Self { key, overlap_hours: OVERLAP_HOURS }
    }

    /// For how long the old key goes on, at most 168 hours; 0: it is over at once.
    pub fn overlap_hours(mut self, hours: u32) -> Self {
        self.overlap_hours = hours;
        self
    }
}

/// A key, without what opens anything.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKey {
    /// For [`Machines::end_key`](super::Machines::end_key).
    pub id: ApiKeyId,
    /// Whose it is: a user or a service account.
    pub owner: UserId,
    /// Which of the two.
    pub caller: Caller,
    /// As its owner calls it.
    pub name: String,
    /// What it is limited to, in alphabetical order.
    pub scopes: Vec<String>,
    /// Its first eight characters.
    pub hint: String,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it ends. `None`: never.
    pub expires_at: Option<SystemTime>,
    /// When it was shown last, exact to five minutes. `None`: never.
    pub last_used_at: Option<SystemTime>,
}

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> Self {
        let (owner, caller) = match row.owner {
            Owner::Person(user) => (user, Caller::Person),
            Owner::Service(account) => (account, Caller::Service),
        };
        Self {
            id: row.id,
            owner,
            caller,
            name: row.name,
            scopes: row.scopes,
            hint: row.hint,
            created_at: from_millis(row.created_at),
            expires_at: row.expires_at.map(from_millis),
            last_used_at: row.last_used_at.map(from_millis),
        }
    }
}

/// A key that was just made.
#[derive(Debug)]
#[non_exhaustive]
pub struct MadeApiKey {
    /// To be shown once: it is stored as a digest only.
    pub secret: ApiKeySecret,
    /// What else there is to tell.
    pub key: ApiKey,
}

/// A key that is not written yet.
struct Drawn {
    secret: ApiKeySecret,
    new: NewKey,
}

impl Drawn {
    fn made(self) -> MadeApiKey {
        let NewKey { id, owner, name, hint, scopes, now, expires_at, .. } = self.new;
        let row = KeyRow {
            id,
            owner,
            name,
            scopes,
            hint,
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
            owner_is_disabled: false,
            roles: Vec::new(),
            roles_version: 0,
        };
        MadeApiKey { secret: self.secret, key: row.into() }
    }
}

/// Checks what a key is to be, and draws it. One answer names all that is wrong.
fn draw(kernel: &Kernel, owner: Owner, roles: &[String], new: NewApiKey) -> Result<Drawn, Error> {
    let now = kernel.now();
    let name = name_of(&new.name);
    let scopes = scope::granted(new.scopes, owner, roles);
    let expires_at = expires_at(kernel.config.api_keys.max_days, new.expires_in_days, now);
    match (name, scopes, expires_at) {
        (Ok(name), Ok(scopes), Ok(expires_at)) => write(kernel, owner, name, scopes, expires_at, now),
        (name, scopes, expires_at) => {
            let errors = [name.err(), scopes.err(), expires_at.err()];
            Err(Error::Validation(errors.into_iter().flatten().collect()))
        }
    }
}

fn write(
    kernel: &Kernel,
    owner: Owner,
    name: String,
    scopes: Vec<String>,
    expires_at: Option<i64>,
    now: i64,
) -> Result<Drawn, Error> {
    let secret = api_key::make(&kernel.config.api_keys.prefix, kernel.random.as_ref())?;
    let (digest, hint) = (api_key::digest_of(secret.expose()), api_key::hint(secret.expose()));
    let id = ordered_uuid(kernel.random.as_ref(), now)?.into();
    Ok(Drawn { new: NewKey { id, owner, name, digest, hint, scopes, now, expires_at }, secret })
}

/// What a key or a service account is called.
pub(super) fn name_of(name: &str) -> Result<String, FieldError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        let rule = "a name is 1 to 64 characters, none of them a control character";
        return Err(FieldError::new("name", "invalid_name", rule));
    }
    Ok(name.to_owned())
}

fn expires_at(max_days: u32, days: Option<u32>, now: i64) -> Result<Option<i64>, FieldError> {
    let (days, most) = match (days, max_days) {
        (Some(0), 0) => return Ok(None),
        // Longer is as good as for ever.
        (days, 0) => (days.unwrap_or(DAYS), 3660),
        (days, most) => (days.unwrap_or_else(|| DAYS.min(most)), most),
    };
    if !(1..=most).contains(&days) {
        let rule = format!("a key is good for 1 to {most} days");
        return Err(FieldError::new("expires_in_days", "out_of_range", rule));
    }
    Ok(Some(now.saturating_add(i64::from(days).saturating_mul(DAY_MILLIS))))
}

/// To be called [detached](crate::task::detached), as all that follow.
pub(super) async fn create_own(
    kernel: &Kernel,
    caller: &Principal,
    new: NewApiKey,
    client: &ClientInfo,
) -> Result<MadeApiKey, Error> {
    let user = kernel.recent_proof(caller).await?;
    kernel.needs_proved_address(user.email_verified_at.is_some())?;
    let drawn = draw(kernel, Owner::Person(user.id), &user.roles, new)?;
    insert(kernel, drawn, Some(caller.session()?), &client.clone().actor(user.id)).await
}

/// For somebody who need not be signed in.
pub(super) async fn create_for(
    kernel: &Kernel,
    owner: Owner,
    new: NewApiKey,
    client: &ClientInfo,
) -> Result<MadeApiKey, Error> {
    let roles = match owner {
        Owner::Person(user) => kernel.user(user).await?.roles,
        Owner::Service(account) => {
            find_service(kernel.store.db(), account).await?.ok_or(SERVICE_NOT_FOUND)?.roles
        }
    };
    insert(kernel, draw(kernel, owner, &roles, new)?, None, client).await
}

async fn insert(
    kernel: &Kernel,
    drawn: Drawn,
    session: Option<SessionId>,
    client: &ClientInfo,
) -> Result<MadeApiKey, Error> {
    let owner = drawn.new.owner;
    let kind = EventKind::ApiKeyCreated { user: owner.account(), key: drawn.new.id.to_string() };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        let email = hold(kernel, &txn, owner, session).await?;
        add(kernel, &txn, &drawn.new, email.as_deref()).await?;
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.mail_waits();
    kernel.emit(client, kind);
    Ok(drawn.made())
}

/// Holds the row of the owner until the end of the transaction, of a person in a session that has to live still. Gives the address
/// of a person.
async fn hold(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    owner: Owner,
    session: Option<SessionId>,
) -> Result<Option<String>, Error> {
    match (owner, session) {
        (Owner::Person(user), Some(session)) => {
            Ok(Some(kernel.hold_session(txn, user, session).await?.email))
        }
        (Owner::Person(user), None) => Ok(Some(lock_user(txn, user).await?.ok_or(USER_NOT_FOUND)?.email)),
        (Owner::Service(account), _) => {
            if lock_service(txn, account).await? {
                Ok(None)
            } else {
                Err(SERVICE_NOT_FOUND.into())
            }
        }
    }
}

/// Whoever [holds](hold) the owner's row adds the next one: of many at once each counts those of the others.
async fn add(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    new: &NewKey,
    tell: Option<&str>,
) -> Result<(), Error> {
    if count_open_keys(txn, new.owner, new.now).await? >= MOST_KEYS {
        return Err(API_KEY_LIMIT.into());
    }
    put(txn, new).await?;
    if let (Some(email), Owner::Person(user)) = (tell, new.owner) {
        kernel.post(txn, MailKind::ApiKeyCreated, email, Some(user), None).await?;
    }
    Ok(())
}

async fn put(txn: &DatabaseTransaction, new: &NewKey) -> Result<(), Error> {
    match (insert_key(txn, new.clone()).await?, new.owner) {
        (Insert::Done, _) => Ok(()),
        (Insert::Taken, Owner::Person(_)) => Err(USER_NOT_FOUND.into()),
        (Insert::Taken, Owner::Service(_)) => Err(SERVICE_NOT_FOUND.into()),
    }
}

pub(super) async fn list(kernel: &Kernel, owner: Option<Owner>) -> Result<Vec<ApiKey>, Error> {
    let rows = list_keys(kernel.store.db(), owner, kernel.now()).await?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// `owner`: whose it has to be.
pub(super) async fn end(
    kernel: &Kernel,
    key: ApiKeyId,
    owner: Option<Owner>,
    client: &ClientInfo,
) -> Result<(), Error> {
    let row = find_key(kernel.store.db(), key).await?.ok_or(API_KEY_NOT_FOUND)?;
    if owner.is_some_and(|owner| owner != row.owner) {
        return Err(API_KEY_NOT_FOUND.into());
    }
    let (now, kind) =
        (kernel.now(), EventKind::ApiKeyRevoked { user: row.owner.account(), key: key.to_string() });
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        if !revoke_key(&txn, key, now).await? {
            return Err(API_KEY_NOT_FOUND.into());
        }
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.ended_here(key.as_uuid());
    kernel.emit(client, kind);
    Ok(())
}

pub(super) async fn rotate_own(
    kernel: &Kernel,
    caller: &Principal,
    rotate: RotateApiKey,
    client: &ClientInfo,
) -> Result<MadeApiKey, Error> {
    let user = kernel.recent_proof(caller).await?;
    kernel.needs_proved_address(user.email_verified_at.is_some())?;
    let row = find_key(kernel.store.db(), rotate.key).await?;
    let row = row.filter(|row| row.owner == Owner::Person(user.id)).ok_or(API_KEY_NOT_FOUND)?;
    put_in_place(kernel, row, &rotate, Some(caller.session()?), &client.clone().actor(user.id)).await
}

pub(super) async fn rotate_of_service(
    kernel: &Kernel,
    rotate: RotateApiKey,
    client: &ClientInfo,
) -> Result<MadeApiKey, Error> {
    let row = find_key(kernel.store.db(), rotate.key).await?;
    let row = row.filter(|row| matches!(row.owner, Owner::Service(_))).ok_or(API_KEY_NOT_FOUND)?;
    put_in_place(kernel, row, &rotate, None, client).await
}

async fn put_in_place(
    kernel: &Kernel,
    old: KeyRow,
    rotate: &RotateApiKey,
    session: Option<SessionId>,
    client: &ClientInfo,
) -> Result<MadeApiKey, Error> {
    if rotate.overlap_hours > OVERLAP_HOURS_MAX {
        let rule = "the old key goes on for 0 to 168 hours";
        return Err(Error::Validation(vec![FieldError::new("overlap_hours", "out_of_range", rule)]));
    }
    let now = kernel.now();
    // What the owner may not have any more is not handed on.
    let scopes = scope::granted(old.scopes.clone(), old.owner, &old.roles);
    let scopes = scopes.map_err(|error| Error::Validation(vec![error]))?;
    let span = old.expires_at.map(|at| at.saturating_sub(old.created_at));
    let longest = i64::from(kernel.config.api_keys.max_days).saturating_mul(DAY_MILLIS);
    let lives = if longest > 0 { Some(span.map_or(longest, |span| span.min(longest))) } else { span };
    let expires_at = lives.map(|lives| now.saturating_add(lives));
    let drawn = write(kernel, old.owner, old.name.clone(), scopes, expires_at, now)?;
    let overlap = now.saturating_add(i64::from(rotate.overlap_hours).saturating_mul(HOUR_MILLIS));
    let until = old.expires_at.map_or(overlap, |at| at.min(overlap));
    let kind = EventKind::ApiKeyRotated { user: old.owner.account(), key: old.id.to_string() };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        let email = hold(kernel, &txn, old.owner, session).await?;
        if !rotate_key(&txn, old.id, until, now).await? {
            let is_open = find_key(&txn, old.id).await?.is_some_and(|row| row.is_alive(now));
            return Err(if is_open { API_KEY_ROTATED } else { API_KEY_NOT_FOUND }.into());
        }
        // The old one counts for as long as it goes on.
        add(kernel, &txn, &drawn.new, email.as_deref()).await?;
        kernel.record(&txn, client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.mail_waits();
    if until <= now {
        kernel.ended_here(old.id.as_uuid());
    }
    kernel.emit(client, kind);
    Ok(drawn.made())
}
