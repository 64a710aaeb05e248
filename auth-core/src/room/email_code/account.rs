//! Whose account it is: the one that had the address when it was asked for, as it was then, or a new one.

use super::{
    confirm::Arrived,
    store::{FlowRow, spend_flow},
};
use crate::{
    Error, SessionId, UserId,
    clock::duration_millis,
    email::Email,
    event::EventKind,
    kernel::Kernel,
    random::ordered_uuid,
    store::{
        DatabaseTransaction, Insert, LoginRow, NewUser, end_all_sessions, find_user_with_sessions,
        has_password, insert_user, lock_user, prove_email, remove_password,
    },
    task::until_won,
};

/// Spends the row, and gives the account to sign in to. `None`: it was used, is over, or the account is no longer as it was.
pub(super) async fn take(
    kernel: &Kernel,
    flow: &FlowRow,
    arrived: &Arrived,
) -> Result<Option<LoginRow>, Error> {
    let Ok(email) = Email::parse(&flow.email) else { return Ok(None) };
    if flow.owner.is_none() {
        if !kernel.signs_up_by_email() {
            return Ok(None);
        }
        kernel.before_register(email.typed(), &arrived.client).await?;
    }
    let holds = held_by(kernel, flow, arrived).await?;
    let taken = until_won(|| async {
        match flow.owner {
            Some((user, epoch)) => join(kernel, flow, arrived, &email, (user, epoch), holds).await,
            None => sign_up(kernel, flow, arrived, &email).await,
        }
    });
    let Some((user, kinds)) = taken.await? else { return Ok(None) };
    kernel.mail_waits();
    if kinds.iter().any(|kind| matches!(kind, EventKind::Reclaimed { .. })) {
        kernel.learn_what_ended().await;
    }
    for kind in kinds {
        kernel.emit(&arrived.client.clone().actor(user), kind);
    }
    let (db, now) = (kernel.store.db(), kernel.now());
    Ok(find_user_with_sessions(db, user, now, kernel.standing()).await?)
}

/// The live session of the same account that the client holds: then it is the one who made it.
async fn held_by(kernel: &Kernel, flow: &FlowRow, arrived: &Arrived) -> Result<Option<SessionId>, Error> {
    let Some(token) = &arrived.replacing else { return Ok(None) };
    let idle = duration_millis(kernel.config.sessions.refresh_ttl);
    let live = kernel.genuine(token).await?.filter(|session| session.is_alive(kernel.now(), idle));
    let is_own = |user| flow.owner.is_some_and(|(owner, _)| owner == user);
    Ok(live.filter(|session| is_own(session.user.id)).map(|session| session.id))
}

type Taken = Option<(UserId, Vec<EventKind>)>;

/// Proves the address of an account that is as it was. If it was not proved, whoever made it may be somebody else: everything by which
/// they could get in ends, unless they come in a session of it.
async fn join(
    kernel: &Kernel,
    flow: &FlowRow,
    arrived: &Arrived,
    email: &Email,
    (user, epoch): (UserId, i64),
    holds: Option<SessionId>,
) -> Result<Taken, Error> {
    let (txn, now) = (kernel.store.begin().await?, kernel.now());
    let Some(locked) = lock_user(&txn, user).await? else { return Ok(None) };
    let is_the_same = Email::parse(&locked.email).is_ok_and(|own| own.normalized() == email.normalized());
    if !is_the_same || locked.disabled || locked.epoch != epoch {
        return Ok(None);
    }
    if !spend_flow(&txn, flow.id, arrived.by, now).await? {
        return Ok(None);
    }
    let mut kinds = Vec::new();
    if !locked.email_verified {
        if holds.is_none() {
            kinds = reclaim(kernel, &txn, user, &locked.email, now).await?;
        }
        prove_email(&txn, user, email, now).await?;
        kinds.push(EventKind::EmailVerified { user });
    }
    kernel.record_all(&txn, &arrived.client.clone().actor(user), &kinds).await?;
    txn.commit().await?;
    Ok(Some((user, kinds)))
}

async fn reclaim(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    user: UserId,
    email: &str,
    now: i64,
) -> Result<Vec<EventKind>, Error> {
    let password = has_password(txn, user).await?.then_some("password");
    remove_password(txn, user).await?;
    let Some(removed) = kernel.take_ways_in_away(txn, user, email, password).await? else {
        return Ok(Vec::new());
    };
    // Among them those that such a way in has begun.
    end_all_sessions(txn, user, now).await?;
    Ok(vec![EventKind::Reclaimed { user }, removed])
}

async fn sign_up(kernel: &Kernel, flow: &FlowRow, arrived: &Arrived, email: &Email) -> Result<Taken, Error> {
    let (txn, now) = (kernel.store.begin().await?, kernel.now());
    if !spend_flow(&txn, flow.id, arrived.by, now).await? {
        return Ok(None);
    }
    let id: UserId = ordered_uuid(kernel.random.as_ref(), now)?.into();
    let new = NewUser { id, email: email.clone(), email_verified: true, hash: None, now };
    if insert_user(&txn, new).await? == Insert::Taken {
        // Somebody has got an account with it since: its owner asks anew.
        txn.rollback().await?;
        return Ok(None);
    }
    let kind = EventKind::Registered { user: id };
    kernel.record(&txn, &arrived.client.clone().actor(id), &kind).await?;
    txn.commit().await?;
    Ok(Some((id, vec![kind])))
}
