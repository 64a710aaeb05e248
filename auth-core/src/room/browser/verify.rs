//! Whose session it is: read once in the bound of a revocation, however often its token is shown.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{
    BrowserCaller, KnownSessions,
    known::{Look, bound},
};
use crate::{
    Assurance, BrowserSession, ClientInfo, EndReason, Error, Profile,
    clock::{duration_millis, from_millis},
    kernel::Kernel,
    store::{SessionRow, find_session, find_session_with_profile, use_session},
    task::detached,
    token::browser::BrowserParts,
};

/// A use is noted if the last one that was is longer ago, in milliseconds.
const NOTE_EVERY: i64 = 60 * 60 * 1000;

pub(super) async fn verify(kernel: &Arc<Kernel>, token: &BrowserSession) -> Result<BrowserCaller, Error> {
    let parts = kernel.keys.get().browser.open(token).ok_or(Error::InvalidToken)?;
    let known = kernel.set_up::<KnownSessions>().ok_or(Error::InvalidToken)?;
    let known = known.of(parts.name(), kernel.now().saturating_sub(bound(kernel)));
    let mut known = known.lock_owned().await;
    if let Some(read) = known.as_ref().filter(|read| read.is_fresh(kernel)) {
        return good(kernel, read);
    }
    let kernel = Arc::clone(kernel);
    detached(async move {
        let read = read(&kernel, &parts).await?;
        good(&kernel, known.insert(read))
    })
    .await
}

fn good(kernel: &Kernel, read: &Look) -> Result<BrowserCaller, Error> {
    let caller = read.caller.as_ref().filter(|_| kernel.now() < read.ends_at);
    caller.cloned().ok_or(Error::SessionOver)
}

async fn read(kernel: &Kernel, parts: &BrowserParts) -> Result<Look, Error> {
    let (now, endings) = (kernel.now(), kernel.endings.load(Relaxed));
    let idle = duration_millis(kernel.config.sessions.refresh_ttl);
    let over =
        Look { session: parts.session_id, caller: None, roles_version: 0, ends_at: now, at: now, endings };
    let found = find(kernel, parts).await?.filter(|(session, _)| session.is_alive(now, idle));
    let Some((session, profile)) = found else { return Ok(over) };
    // What it says against a session is not remembered: it may be answered at any moment.
    kernel.ask_gate_again(&session).await?;
    let mut used_at = session.last_used_at;
    // Where sessions end sooner than in an hour, in time for them to go on.
    let before = now.saturating_sub(NOTE_EVERY.min(idle / 2));
    if used_at < before {
        match use_session(kernel.store.db(), session.id, before, now, idle).await {
            Ok(()) => used_at = now,
            // No reason to refuse anybody: the next one notes it.
            Err(error) => {
                tracing::warn!(error = Error::from(error).code(), "the use of a session was not noted");
            }
        }
    }
    Ok(Look {
        roles_version: session.user.roles_version,
        ends_at: session.expires_at.min(used_at.saturating_add(idle)),
        caller: Some(caller(session, profile)),
        ..over
    })
}

/// The session of a token, alive or not, if it is one of that.
async fn find(kernel: &Kernel, parts: &BrowserParts) -> Result<Option<(SessionRow, Option<Profile>)>, Error> {
    let (db, id) = (kernel.store.db(), parts.session_id);
    let found = if kernel.config.profile.enabled {
        find_session_with_profile(db, id).await?
    } else {
        find_session(db, id).await?.map(|session| (session, None))
    };
    Ok(found.filter(|(session, _)| kernel.keys.get().browser.is_of(parts, &session.seed)))
}

fn caller(session: SessionRow, profile: Option<Profile>) -> BrowserCaller {
    let authenticated_at = from_millis(session.authenticated_at());
    let user = session.user;
    BrowserCaller {
        user_id: user.id,
        email: Some(user.email).filter(|_| user.email_verified_at.is_some()),
        name: profile.and_then(|profile| profile.name),
        roles: user.roles,
        assurance: Assurance::of_methods(&session.methods),
        authenticated_at,
    }
}

pub(super) async fn logout(
    kernel: Arc<Kernel>,
    token: &BrowserSession,
    client: ClientInfo,
) -> Result<(), Error> {
    let Some(parts) = kernel.keys.get().browser.open(token) else { return Ok(()) };
    detached(async move {
        let Some((session, _)) = find(&kernel, &parts).await? else { return Ok(()) };
        kernel.end(Some(session.user.id), session.id, EndReason::SignedOut, client).await
    })
    .await
}
