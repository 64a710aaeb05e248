//! Whose identity it is: the rules by which an identity finds, joins or makes an account.

use super::{Failure, Oidc, Provider, exchange::ProviderTokens, person::Person, tokens::sealed};
use crate::{
    ClientInfo, Error, Registration, SessionId, UserId,
    clock::duration_millis,
    email::Email,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    random,
    room::oidc::store::{NewIdentity, find_identity, insert_identity, use_identity},
    store::{
        ConnectionTrait, DatabaseTransaction, Insert, LoginRow, NewUser, UserRow, end_all_sessions,
        find_session, find_user, find_user_by_email, find_user_with_sessions, has_password, has_roles,
        insert_user, lock_user, prove_email, remove_password,
    },
    task::until_won,
};

/// Each lost race means that somebody else has changed what was read.
const MAX_ROUNDS: usize = 8;

/// Somebody whom a provider vouches for.
pub(super) struct Arrived<'a> {
    pub(super) provider: &'a Provider,
    pub(super) person: &'a Person,
    pub(super) tokens: &'a ProviderTokens,
    pub(super) client: &'a ClientInfo,
}

/// What one round came to.
enum Round {
    /// It is this user's, and this has happened to the account.
    Done(UserId, Vec<EventKind>),
    /// What was read is no longer so.
    Again,
}

impl Oidc {
    /// The account to sign in to.
    pub(super) async fn account_of(
        &self,
        arrived: &Arrived<'_>,
    ) -> Result<LoginRow, (Option<UserId>, Error)> {
        let nobody = |error| (None, error);
        let kernel = &self.kernel;
        self.may_register(arrived).await.map_err(nobody)?;
        let user = self.settle(arrived).await.map_err(nobody)?;
        let found = find_user_with_sessions(kernel.store.db(), user, kernel.now(), kernel.standing()).await;
        let found = found.map_err(|error| nobody(error.into()))?;
        // Deleted since.
        found.ok_or_else(|| nobody(Error::InvalidCredentials))
    }

    /// Asks the host about somebody whose identity is not known, alike whether their address has an account.
    async fn may_register(&self, arrived: &Arrived<'_>) -> Result<(), Error> {
        let (kernel, Arrived { provider, person, client, .. }) = (&self.kernel, arrived);
        if kernel.hooks.is_none() {
            return Ok(());
        }
        let known = find_identity(kernel.store.db(), provider.issuer(), &person.subject).await?;
        match provider.proved(person) {
            Ok(email) if known.is_none() => kernel.before_register(email.typed(), client).await,
            _ => Ok(()),
        }
    }

    async fn settle(&self, arrived: &Arrived<'_>) -> Result<UserId, Error> {
        for _ in 0..MAX_ROUNDS {
            if let Round::Done(user, kinds) = until_won(|| self.round(arrived)).await? {
                self.told(kinds, arrived.client).await;
                return Ok(user);
            }
        }
        Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
    }

    async fn round(&self, arrived: &Arrived<'_>) -> Result<Round, Error> {
        let (kernel, Arrived { provider, person, client, .. }) = (&*self.kernel, arrived);
        let now = kernel.now();
        let txn = kernel.store.begin().await?;
        if let Some(found) = find_identity(&txn, provider.issuer(), &person.subject).await? {
            let sealed = sealed(kernel, arrived, found.id)?;
            use_identity(&txn, found.id, storable_email(person), sealed, now).await?;
            let kinds = prove_the_same(kernel, &txn, found.user_id, arrived, now).await?;
            txn.commit().await?;
            return Ok(Round::Done(found.user_id, kinds));
        }
        let email = provider.proved(person)?;
        let held = find_user_by_email(&txn, email.normalized()).await?;
        if self.set_up.known_identities_only {
            return Err(match held {
                Some(held) if has_roles(&txn, held.id).await? => Failure::LinkRequired,
                Some(_) => Failure::EmailTaken,
                None => Failure::SignUpClosed,
            }
            .into());
        }
        let (user, kinds) = match held {
            Some(held) => match join(kernel, &txn, held.id, &email, arrived, now).await? {
                Some(kinds) => (held.id, kinds),
                None => return Ok(Round::Again),
            },
            None if kernel.config.registration == Registration::Closed => {
                return Err(Failure::SignUpClosed.into());
            }
            None => {
                let id: UserId = random::ordered_uuid(kernel.random.as_ref(), now)?.into();
                let new = NewUser { id, email, email_verified: true, hash: None, now };
                if insert_user(&txn, new).await? == Insert::Taken {
                    return Ok(Round::Again);
                }
                (id, vec![EventKind::Registered { user: id }])
            }
        };
        if add_identity(kernel, &txn, user, arrived, now).await? == Insert::Taken {
            return Ok(Round::Again);
        }
        let mut kinds = kinds;
        kinds.push(EventKind::IdentityLinked { user, provider: provider.name.clone() });
        for kind in &kinds {
            kernel.record(&txn, &(*client).clone().actor(user), kind).await?;
        }
        txn.commit().await?;
        Ok(Round::Done(user, kinds))
    }

    /// Gives the identity to who asked for it in a session that still lives.
    pub(super) async fn link(
        &self,
        user: UserId,
        session: SessionId,
        arrived: &Arrived<'_>,
    ) -> Result<(), Error> {
        for _ in 0..MAX_ROUNDS {
            if let Round::Done(_, kinds) = until_won(|| self.link_round(user, session, arrived)).await? {
                self.told(kinds, arrived.client).await;
                return Ok(());
            }
        }
        Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
    }

    async fn link_round(
        &self,
        user: UserId,
        session: SessionId,
        arrived: &Arrived<'_>,
    ) -> Result<Round, Error> {
        let kernel = &*self.kernel;
        let now = kernel.now();
        let txn = kernel.store.begin().await?;
        // The row is held: whoever takes the account from a thief meanwhile does so before this, and raises the epoch, or after.
        let locked = lock_user(&txn, user).await?.ok_or(Failure::SessionOver)?;
        let live = find_session(&txn, session).await?.filter(|session| {
            // Read after the row was held: its epoch, and whether it is disabled, stay as they are.
            session.is_alive(now, duration_millis(kernel.config.sessions.refresh_ttl))
                && session.user.id == user
        });
        if live.is_none() {
            return Err(Failure::SessionOver.into());
        }
        kernel.needs_proved_address(locked.email_verified)?;
        let provider = arrived.provider;
        match find_identity(&txn, provider.issuer(), &arrived.person.subject).await? {
            Some(found) if found.user_id == user => return Ok(Round::Done(user, Vec::new())),
            Some(_) => return Err(Failure::IdentityTaken.into()),
            None => {}
        }
        if add_identity(kernel, &txn, user, arrived, now).await? == Insert::Taken {
            return Ok(Round::Again);
        }
        tell_of(kernel, &txn, &locked.email, user, provider).await?;
        let kind = EventKind::IdentityLinked { user, provider: provider.name.clone() };
        kernel.record(&txn, &arrived.client.clone().actor(user), &kind).await?;
        txn.commit().await?;
        Ok(Round::Done(user, vec![kind]))
    }

    /// After the commit.
    async fn told(&self, kinds: Vec<EventKind>, client: &ClientInfo) {
        if kinds.iter().any(|kind| matches!(kind, EventKind::Reclaimed { .. })) {
            self.kernel.learn_what_ended().await;
        }
        self.kernel.mail_waits();
        for kind in kinds {
            let client = kind.user().map_or_else(|| client.clone(), |user| client.clone().actor(user));
            self.kernel.emit(&client, kind);
        }
    }
}

/// What the owner is shown: only what could be an address, whatever a provider calls one.
fn storable_email(person: &Person) -> Option<&str> {
    person.email.as_deref().filter(|email| Email::parse(email).is_ok_and(|parsed| parsed.typed() == *email))
}

/// Joins an account that is there. One whose address is not proved may belong to somebody who only claimed it: everything
/// by which they could get in ends, and the account is its proven owner's from now on. Nobody gets roles that way: an account
/// with any has to link the identity itself. `None`: it is no longer so.
async fn join(
    kernel: &Kernel,
    txn: &impl ConnectionTrait,
    user: UserId,
    email: &Email,
    arrived: &Arrived<'_>,
    now: i64,
) -> Result<Option<Vec<EventKind>>, Error> {
    let Some(locked) = lock_user(txn, user).await? else { return Ok(None) };
    let is_the_same = Email::parse(&locked.email).is_ok_and(|own| own.normalized() == email.normalized());
    if !is_the_same {
        return Ok(None);
    }
    if locked.disabled {
        return Err(Failure::AccountDisabled.into());
    }
    if has_roles(txn, user).await? {
        return Err(Failure::LinkRequired.into());
    }
    tell_of(kernel, txn, &locked.email, user, arrived.provider).await?;
    if locked.email_verified {
        return Ok(Some(Vec::new()));
    }
    let password = has_password(txn, user).await?.then_some("password");
    remove_password(txn, user).await?;
    let removed = kernel.take_ways_in_away(txn, user, &locked.email, password).await?;
    end_all_sessions(txn, user, now).await?;
    prove_email(txn, user, email, now).await?;
    Ok(Some([EventKind::Reclaimed { user }].into_iter().chain(removed).collect()))
}

/// A provider that vouches for the very address of the account proves it.
async fn prove_the_same(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    user: UserId,
    arrived: &Arrived<'_>,
    now: i64,
) -> Result<Vec<EventKind>, Error> {
    let Ok(email) = arrived.provider.proved(arrived.person) else { return Ok(Vec::new()) };
    let unproved = find_user(txn, user).await?.filter(|user| user.email_verified_at.is_none());
    let is_the_same =
        |user: &UserRow| Email::parse(&user.email).is_ok_and(|own| own.normalized() == email.normalized());
    if !unproved.as_ref().is_some_and(is_the_same) || !prove_email(txn, user, &email, now).await? {
        return Ok(Vec::new());
    }
    let kind = EventKind::EmailVerified { user };
    kernel.record(txn, &arrived.client.clone().actor(user), &kind).await?;
    Ok(vec![kind])
}

async fn add_identity(
    kernel: &Kernel,
    txn: &impl ConnectionTrait,
    user: UserId,
    arrived: &Arrived<'_>,
    now: i64,
) -> Result<Insert, Error> {
    let id = random::ordered_uuid(kernel.random.as_ref(), now)?;
    let new = NewIdentity {
        id,
        user_id: user,
        provider: arrived.provider.name.clone(),
        issuer: arrived.provider.issuer().to_owned(),
        subject: arrived.person.subject.clone(),
        email: storable_email(arrived.person).map(str::to_owned),
        tokens: sealed(kernel, arrived, id)?,
        now,
    };
    Ok(insert_identity(txn, new).await?)
}

async fn tell_of(
    kernel: &Kernel,
    txn: &impl ConnectionTrait,
    email: &str,
    user: UserId,
    provider: &Provider,
) -> Result<(), Error> {
    let name = Some(provider.name.clone());
    kernel.post(txn, MailKind::IdentityLinked, email, Some(user), name).await
}
