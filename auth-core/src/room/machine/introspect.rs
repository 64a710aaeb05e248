//! What a token is worth at this moment (RFC 7662).

use std::{sync::Arc, time::SystemTime};

use super::{
    Owner,
    store::{KeyRow, find_key_by_digest, find_service},
    verify::{self, roles_of, scopes_of},
};
use crate::{
    ApiKeyId, Assurance, Caller, Error, RefreshToken, SessionId, UserId,
    clock::{duration_millis, from_millis},
    kernel::Kernel,
    store::{SessionRow, find_user},
    token::{api_key, refresh::RefreshParts, rotation::Decision},
};

/// What kind of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenKind {
    /// An access token: of a session, or of a service account.
    Access,
    /// A refresh token.
    Refresh,
    /// An API key.
    ApiKey,
}

/// A token that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// What kind of token it is.
    pub kind: TokenKind,
    /// Whose it is: a user or a service account.
    pub account: UserId,
    /// Which of the two.
    pub caller: Caller,
    /// The address of the user, or the name of the service account.
    pub username: String,
    /// The session, of somebody who is signed in.
    pub session: Option<SessionId>,
    /// The key of a machine.
    pub key: Option<ApiKeyId>,
    /// What a machine is limited to.
    pub scopes: Vec<String>,
    /// The roles of this moment.
    pub roles: Vec<String>,
    /// How surely it is known who is signed in. `None` of a machine.
    pub assurance: Option<Assurance>,
    /// How they signed in (RFC 8176).
    pub methods: Vec<String>,
    /// When they last showed who they are. `None` of a machine.
    pub authenticated_at: Option<SystemTime>,
    /// When the token was issued, or the key made; of a refresh token, when its session began.
    pub issued_at: SystemTime,
    /// When it ends. `None`: never.
    pub expires_at: Option<SystemTime>,
}

pub(super) async fn introspect(kernel: &Arc<Kernel>, token: &str) -> Result<Option<Introspection>, Error> {
    if api_key::is_key(token) {
        let row = find_key_by_digest(kernel.store.db(), api_key::digest_of(token)).await?;
        let Some(row) = row.filter(|row| row.is_alive(kernel.now())) else { return Ok(None) };
        return of_key(kernel, row).await;
    }
    let Ok(caller) = kernel.verifier.verify_any(token) else { return of_refresh(kernel, token).await };
    if caller.session_id().is_none() {
        let Some(current) = good(verify::current(kernel, &caller).await)? else { return Ok(None) };
        let service = find_service(kernel.store.db(), current.user_id).await?;
        return Ok(service.map(|service| Introspection {
            kind: TokenKind::Access,
            account: current.user_id,
            caller: current.caller,
            username: service.name,
            session: None,
            key: current.key_id(),
            scopes: current.scopes,
            roles: current.roles,
            assurance: None,
            methods: Vec::new(),
            authenticated_at: None,
            issued_at: current.issued_at,
            expires_at: Some(current.expires_at),
        }));
    }
    let Some(session) = good(kernel.live_session(&caller).await)? else { return Ok(None) };
    Ok(Some(Introspection {
        assurance: Some(caller.assurance),
        methods: caller.methods,
        authenticated_at: Some(caller.authenticated_at),
        issued_at: caller.issued_at,
        expires_at: Some(caller.expires_at),
        ..of_session(TokenKind::Access, session)
    }))
}

/// `None` for what is not good; only a fault of ours stays one.
fn good<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(Error::InvalidToken | Error::SessionOver) => Ok(None),
        Err(error) => Err(error),
    }
}

fn of_session(kind: TokenKind, session: SessionRow) -> Introspection {
    let authenticated_at = from_millis(session.authenticated_at());
    Introspection {
        kind,
        account: session.user.id,
        caller: Caller::Person,
        username: session.user.email,
        session: Some(session.id),
        key: None,
        scopes: Vec::new(),
        roles: session.user.roles,
        assurance: Some(Assurance::of_methods(&session.methods)),
        methods: session.methods.split_whitespace().map(str::to_owned).collect(),
        authenticated_at: Some(authenticated_at),
        issued_at: from_millis(session.created_at),
        expires_at: Some(from_millis(session.expires_at)),
    }
}

/// A refresh token that would be taken. Nothing is written: one that was used before is not good, and that is all.
async fn of_refresh(kernel: &Kernel, token: &str) -> Result<Option<Introspection>, Error> {
    let Some(session) = kernel.genuine(&RefreshToken::new(token)).await? else { return Ok(None) };
    let Some(parts) = RefreshParts::parse(token) else { return Ok(None) };
    let (now, idle) = (kernel.now(), duration_millis(kernel.config.sessions.refresh_ttl));
    let grace = duration_millis(kernel.config.sessions.refresh_grace);
    let decision = session.rotation.decide(parts.generation, now, grace);
    if !session.is_alive(now, idle) || !matches!(decision, Decision::Repeat(_) | Decision::Rotate(_)) {
        return Ok(None);
    }
    let ends = session.expires_at.min(session.last_used_at.saturating_add(idle));
    Ok(Some(Introspection { expires_at: Some(from_millis(ends)), ..of_session(TokenKind::Refresh, session) }))
}

async fn of_key(kernel: &Kernel, row: KeyRow) -> Result<Option<Introspection>, Error> {
    let db = kernel.store.db();
    let (caller, username) = match row.owner {
        Owner::Person(user) => (Caller::Person, find_user(db, user).await?.map(|user| user.email)),
        Owner::Service(account) => (Caller::Service, find_service(db, account).await?.map(|row| row.name)),
    };
    Ok(username.map(|username| Introspection {
        kind: TokenKind::ApiKey,
        account: row.owner.account(),
        caller,
        username,
        session: None,
        key: Some(row.id),
        roles: roles_of(&row),
        scopes: scopes_of(&row),
        assurance: None,
        methods: Vec::new(),
        authenticated_at: None,
        issued_at: from_millis(row.created_at),
        expires_at: row.expires_at.map(from_millis),
    }))
}
