//! `auth-server services` and `auth-server api-keys`.

use auth_core::{
    ApiKeyId, Auth, ClientInfo, UserId,
    machine::{ApiKey, Machines, NewApiKey, ServiceAccount, ServiceChange},
};
use auth_tower::rfc3339;
use serde_json::json;

use crate::{
    cli::{ApiKeys, Services},
    command::{
        accounts::{find, say, told},
        output::print,
    },
    config::Config,
    error::Error,
    handle,
};

/// On the database of the settings, which running instances share.
///
/// # Errors
/// [`Error::Connect`], [`Error::Pending`], [`Error::Account`], [`Error::Setting`].
pub(crate) async fn look_after_services(config: &Config, action: &Services, json: bool) -> Result<(), Error> {
    let (db, auth) = handle::beside(config).await?;
    let done = match machines(&auth) {
        Ok(machines) => services(&machines, action, json).await,
        Err(error) => Err(error),
    };
    handle::close(db).await;
    done.map_err(|error| error.under("services"))
}

/// The same with keys.
///
/// # Errors
/// As [`look_after_services`].
pub(crate) async fn look_after_keys(config: &Config, action: &ApiKeys, json: bool) -> Result<(), Error> {
    let (db, auth) = handle::beside(config).await?;
    let done = match machines(&auth) {
        Ok(machines) => keys(&auth, &machines, action, json).await,
        Err(error) => Err(error),
    };
    handle::close(db).await;
    done.map_err(|error| error.under("api-keys"))
}

fn machines(auth: &Auth) -> Result<Machines, Error> {
    let off = || Error::Account("keys are switched off: set API_KEYS_ENABLED=true".to_owned());
    auth.machines().ok_or_else(off)
}

async fn services(machines: &Machines, action: &Services, json: bool) -> Result<(), Error> {
    let nobody = ClientInfo::default;
    match action {
        Services::Create { name, role } => {
            let account = told(machines.create_service(name, role.clone(), nobody()).await)?;
            print([service(&account, json)])
        }
        Services::List => {
            let mut after = None;
            loop {
                let page = told(machines.services(after, 100).await)?;
                print(page.services.iter().map(|account| service(account, json)))?;
                after = page.next;
                if after.is_none() {
                    return Ok(());
                }
            }
        }
        Services::Disable { id } | Services::Enable { id } => {
            let mut change = ServiceChange::default();
            change.disabled = Some(matches!(action, Services::Disable { .. }));
            let account = told(machines.change_service(account_id(id)?, change, nobody()).await)?;
            print([service(&account, json)])
        }
        Services::Delete { id } => {
            told(machines.delete_service(account_id(id)?, nobody()).await)?;
            say(id, "deleted", json)
        }
    }
}

async fn keys(auth: &Auth, machines: &Machines, action: &ApiKeys, json: bool) -> Result<(), Error> {
    let nobody = ClientInfo::default;
    match action {
        ApiKeys::Create { user, service, name, scope, days } => {
            let new = scope.iter().fold(NewApiKey::new(name.as_str()), NewApiKey::scope);
            let new = days.iter().copied().fold(new, NewApiKey::expires_in_days);
            let made = match (user, service) {
                (Some(user), _) => {
                    let user = find(auth, user).await?.id;
                    told(machines.create_key_for(user, new, nobody()).await)?
                }
                (None, Some(service)) => {
                    told(machines.create_service_key(account_id(service)?, new, nobody()).await)?
                }
                (None, None) => return Err(Error::Account("name --user or --service".to_owned())),
            };
            if json {
                let line = json!({"id": made.key.id.to_string(), "key": made.secret.expose()});
                return print([line.to_string()]);
            }
            tracing::info!(id = %made.key.id, "the key is shown this once");
            print([made.secret.expose().to_owned()])
        }
        ApiKeys::List => {
            let all = told(machines.all_keys().await)?;
            print(all.iter().map(|one| key(one, json)))
        }
        ApiKeys::Revoke { id } => {
            let key: ApiKeyId = id.parse().map_err(|_| no_id())?;
            told(machines.end_any_key(key, nobody()).await)?;
            say(id, "revoked", json)
        }
    }
}

fn account_id(id: &str) -> Result<UserId, Error> {
    id.parse().map_err(|_| no_id())
}

fn no_id() -> Error {
    Error::Account("that is no id: list shows them".to_owned())
}

fn service(account: &ServiceAccount, json: bool) -> String {
    let (id, since) = (account.id, rfc3339(account.created_at));
    if json {
        let roles = &account.roles;
        let (name, disabled) = (&account.name, account.disabled);
        return json!({"id": id.to_string(), "name": name, "roles": roles, "created_at": since, "disabled": disabled})
            .to_string();
    }
    let enabled = if account.disabled { "disabled" } else { "enabled" };
    let roles = if account.roles.is_empty() { "-".to_owned() } else { account.roles.join(",") };
    format!("{id} {since} {enabled:8} {roles} {}", account.name)
}

fn key(key: &ApiKey, json: bool) -> String {
    let (id, since) = (key.id, rfc3339(key.created_at));
    let (until, used) = (key.expires_at.map(rfc3339), key.last_used_at.map(rfc3339));
    if json {
        return json!({
            "id": id.to_string(), "owner": key.owner.to_string(), "caller": key.caller.name(), "name": key.name,
            "scopes": key.scopes, "hint": key.hint, "created_at": since, "expires_at": until, "last_used_at": used,
        })
        .to_string();
    }
    let until = until.unwrap_or_else(|| "never".to_owned());
    let used = used.unwrap_or_else(|| "unused".to_owned());
    let scopes = if key.scopes.is_empty() { "-".to_owned() } else { key.scopes.join(",") };
    let (hint, kind, owner, name) = (&key.hint, key.caller.name(), key.owner, &key.name);
    format!("{id} {since} {until} {used} {hint} {kind} {owner} {scopes} {name}")
}
