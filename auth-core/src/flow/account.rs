//! What somebody who is signed in does to the account itself. They show again who they are (ASVS 7.5.1): by the password, or
//! where there is a second factor by a step-up with it.

use std::{sync::Arc, time::Duration};

use crate::{
    Assurance, ClientInfo, Error, FieldError, Password, Principal, SecondFactor, SessionId, UserId,
    clock::duration_millis,
    email::Email,
    event::EventKind,
    kernel::{Kernel, count_ways_in, listed},
    mail::MailKind,
    password::{self, Checked, Verdict},
    refusal,
    store::{
        ConnectionTrait, Factors, LockedUser, SessionRow, UserRow, delete_user, end_all_sessions, find_login,
        find_session, find_user, find_user_with_sessions, has_password, keep_session, lock_user,
        referring_tables, remove_password, replace_hash,
    },
    task::{detached, until_won},
};

/// Where proof is wanted whatever the setting says, and that says nothing: with a second factor, and of an account without a
/// password, which has nothing else to show.
const RECENT: Duration = Duration::from_mins(5);

/// How somebody has last shown who they are.
#[derive(Debug, Clone, Copy)]
struct Proof {
    at: i64,
    level: Assurance,
}

impl Proof {
    fn of(session: &SessionRow) -> Self {
        Self { at: session.authenticated_at(), level: Assurance::of_methods(&session.methods) }
    }
}

/// A signed-in user who has shown again who they are.
pub(crate) struct Confirmed {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    pub(crate) epoch: i64,
    /// `None` for an account without a password.
    pub(crate) hash: Option<String>,
    pub(crate) session: SessionId,
    /// Where the password was asked for.
    field: &'static str,
}

impl Kernel {
    /// Checks that the caller's session lives, and the password; where the account has none, that the sign-in is recent. A
    /// wrong password counts like one at a sign-in. Where the account has a second factor, it has to be shown lately, and the
    /// password may be left out.
    pub(crate) async fn confirm(
        self: Arc<Self>,
        caller: &Principal,
        password: Option<Password>,
        field: &'static str,
        client: &ClientInfo,
    ) -> Result<Confirmed, Error> {
        let session = self.live_session(caller).await?;
        let (now, proof) = (self.now(), Proof::of(&session));
        let UserRow { id, email, epoch, email_verified_at, .. } = session.user;
        let address = Email::parse(&email).map_err(|_| Error::Refused(refusal::USER_NOT_FOUND))?;
        let subject = self.subject(&address, client);
        let (db, standing) = (self.store.db(), self.standing());
        let (found, counters) = find_login(db, address.normalized(), subject, now, standing).await?;
        let confirmed = Confirmed {
            id,
            email,
            email_verified: email_verified_at.is_some(),
            epoch,
            hash: None,
            session: session.id,
            field,
        };
        let found = found.filter(|found| found.user.id == id).ok_or(Error::SessionOver)?;
        let has_second = self.has_second_factor(found.factors);
        if has_second || found.hash.is_none() {
            self.is_recent(proof, self.highest(found.factors))?;
        }
        let Some(hash) = found.hash.filter(|_| password.is_some() || !has_second) else {
            return Ok(confirmed);
        };
        let Some(password) = password else {
            return Err(refuse(field, "required", "the password is needed"));
        };
        let attempt = self.attempt(subject, counters, client, Some(&found.user)).await?;
        let checked = self.try_password(client, &password::normalize(&password), Some(hash.clone())).await;
        match checked {
            Ok(Checked::Verdict(Verdict::Right | Verdict::RightButOutdated)) => {
                attempt.right(&self).await;
                Ok(Confirmed { hash: Some(hash), ..confirmed })
            }
            Ok(_) => {
                let (kernel, client) = (Arc::clone(&self), client.clone());
                detached(async move {
                    kernel.note(&client, EventKind::PasswordNotConfirmed { user: id }).await;
                    attempt.wrong(&kernel, &client, Some(id)).await;
                    Err(refuse(field, "wrong_password", "the password is wrong"))
                })
                .await
            }
            Err(error) => {
                attempt.not_checked(&self).await;
                Err(error)
            }
        }
    }

    /// The user, who has shown lately who they are by the most that the account has.
    pub(crate) async fn recent_proof(&self, caller: &Principal) -> Result<UserRow, Error> {
        let session = self.live_session(caller).await?;
        let level = self.highest(self.factors_of(self.store.db(), session.user.id).await?);
        if level > Assurance::Aal1 || !self.config.factors.step_up.is_zero() {
            self.is_recent(Proof::of(&session), level)?;
        }
        Ok(session.user)
    }

    /// What an account has at this moment. In a transaction that holds the user's row it stays so until the end.
    pub(crate) async fn factors_of(&self, db: &impl ConnectionTrait, user: UserId) -> Result<Factors, Error> {
        let found = find_user_with_sessions(db, user, self.now(), self.standing()).await?;
        Ok(found.ok_or(Error::SessionOver)?.factors)
    }

    /// Whether an account is asked for another factor after any other.
    pub(crate) fn asks_second_factor(&self, factors: Factors) -> bool {
        factors.due > 0 && self.config.factors.policy != SecondFactor::Off
    }

    /// Whether an account can show two factors, and so has to where it matters.
    pub(crate) fn has_second_factor(&self, factors: Factors) -> bool {
        !factors.is_none() && self.config.factors.policy != SecondFactor::Off
    }

    /// The most that an account can show.
    fn highest(&self, factors: Factors) -> Assurance {
        if self.has_second_factor(factors) { Assurance::Aal2 } else { Assurance::Aal1 }
    }

    fn is_recent(&self, proof: Proof, level: Assurance) -> Result<(), Error> {
        let max_age = self.proof_max_age();
        let is_recent = proof.at.saturating_add(duration_millis(max_age)) > self.now();
        if is_recent && proof.level >= level { Ok(()) } else { Err(Error::StepUpRequired { level, max_age }) }
    }

    fn proof_max_age(&self) -> Duration {
        let step_up = self.config.factors.step_up;
        if step_up.is_zero() { RECENT } else { step_up }
    }

    /// Refuses a session that has shown less than its account can show, however long ago.
    pub(crate) fn has_shown_all(&self, session: &SessionRow, factors: Factors) -> Result<(), Error> {
        let level = self.highest(factors);
        if Proof::of(session).level >= level {
            return Ok(());
        }
        Err(Error::StepUpRequired { level, max_age: self.proof_max_age() })
    }

    /// Holds the user's row until the end of the transaction, if everything is as it was when they were confirmed. To hash
    /// takes its time: whoever ends the sessions meanwhile, or disables the account, is not to be overruled by what was asked
    /// for before.
    pub(crate) async fn hold(
        &self,
        txn: &impl ConnectionTrait,
        confirmed: &Confirmed,
    ) -> Result<LockedUser, Error> {
        let locked = self.hold_session(txn, confirmed.id, confirmed.session).await?;
        // The session has lived through what ended the others: it has changed the password.
        if locked.epoch != confirmed.epoch {
            return Err(refuse(confirmed.field, "wrong_password", "the password is wrong"));
        }
        Ok(locked)
    }

    /// The same for who was asked for no password: the session has to live still, and to have shown the most that the account
    /// has by now. A factor that was added meanwhile would have been asked for.
    pub(crate) async fn hold_session(
        &self,
        txn: &impl ConnectionTrait,
        user: UserId,
        session: SessionId,
    ) -> Result<LockedUser, Error> {
        let locked = lock_user(txn, user).await?.ok_or(Error::SessionOver)?;
        let session = find_session(txn, session).await?.ok_or(Error::SessionOver)?;
        if !session.is_alive(self.now(), duration_millis(self.config.sessions.refresh_ttl)) {
            return Err(Error::SessionOver);
        }
        self.has_shown_all(&session, self.factors_of(txn, user).await?)?;
        Ok(locked)
    }

    pub(crate) async fn change_password(
        self: Arc<Self>,
        caller: Principal,
        current: Password,
        new: Password,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let user = Arc::clone(&self).confirm(&caller, Some(current), "current_password", &client).await?;
        let Some(old) = user.hash.clone() else {
            let rule = "the account has no password; ask for a link to choose one";
            return Err(refuse("current_password", "no_password", rule));
        };
        let new = password::normalize(&new);
        let weak = self.policy.validate(&new, Email::parse(&user.email).ok().as_ref()).await;
        weak.map_err(|error| Error::Validation(vec![FieldError { field: "new_password", ..error }]))?;
        let hash = self.passwords.hash(&client, new, self.random.as_ref()).await?;
        detached(async move {
            let (id, now) = (user.id, self.now());
            let kind = EventKind::PasswordChanged { user: id };
            until_won(|| async {
                let txn = self.store.begin().await?;
                let locked = self.hold(&txn, &user).await?;
                if !replace_hash(&txn, id, &old, &hash, now).await? {
                    // Somebody else has changed it since it was checked.
                    return Err(refuse("current_password", "wrong_password", "the password is wrong"));
                }
                // All end, also one that a sign-in with the old password is making; the caller's own then goes on.
                end_all_sessions(&txn, id, now).await?;
                keep_session(&txn, user.session, locked.epoch.saturating_add(1)).await?;
                let left = listed(&self.name_ways_in(&txn, id).await?);
                let left = Some(left).filter(|left| !left.is_empty());
                self.post(&txn, MailKind::PasswordChanged, &locked.email, Some(id), left).await?;
                self.record(&txn, &client, &kind).await?;
                Ok(txn.commit().await?)
            })
            .await?;
            self.mail_waits();
            self.learn_what_ended().await;
            self.emit(&client, kind);
            Ok(())
        })
        .await
    }

    /// To be called [detached](super::detached).
    pub(crate) async fn remove_password(&self, caller: &Principal, client: &ClientInfo) -> Result<(), Error> {
        let user = self.recent_proof(caller).await?;
        let kind = EventKind::PasswordRemoved { user: user.id };
        let was_there = until_won(|| async {
            let txn = self.store.begin().await?;
            self.hold_session(&txn, user.id, caller.session()?).await?;
            if !has_password(&txn, user.id).await? {
                return Ok(false);
            }
            remove_password(&txn, user.id).await?;
            if count_ways_in(self, &txn, user.id).await? == 0 {
                return Err(Error::Refused(refusal::LAST_WAY_IN));
            }
            self.post(&txn, MailKind::PasswordRemoved, &user.email, Some(user.id), None).await?;
            self.record(&txn, client, &kind).await?;
            txn.commit().await?;
            Ok(true)
        });
        if was_there.await? {
            self.mail_waits();
            self.emit(client, kind);
        }
        Ok(())
    }

    pub(crate) async fn delete_account(
        self: Arc<Self>,
        caller: Principal,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let user = Arc::clone(&self).confirm(&caller, password, "password", &client).await?;
        let (kernel, id) = (Arc::clone(&self), user.id);
        let deleted = detached(async move { kernel.delete_if(id, Some(&user), &client).await }).await;
        self.told_of_references(id, deleted).await
    }

    /// The account, with all that hangs on it.
    pub(crate) async fn delete(self: Arc<Self>, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self);
        let deleted = detached(async move { kernel.delete_if(user, None, &client).await }).await;
        self.told_of_references(user, deleted).await
    }

    async fn delete_if(
        &self,
        user: UserId,
        confirmed: Option<&Confirmed>,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let kind = EventKind::Deleted { user };
        until_won(|| async {
            let txn = self.store.begin().await?;
            if let Some(confirmed) = confirmed {
                self.hold(&txn, confirmed).await?;
            }
            if self.is_last_admin(&txn, user).await? {
                return Err(Error::Refused(refusal::LAST_ADMIN));
            }
            let email = find_user(&txn, user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?.email;
            if !delete_user(&txn, user, self.now()).await? {
                return Err(Error::Refused(refusal::USER_NOT_FOUND));
            }
            self.post(&txn, MailKind::AccountDeleted, &email, None, None).await?;
            self.record(&txn, client, &kind).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.mail_waits();
        self.learn_what_ended().await;
        self.emit(client, kind);
        Ok(())
    }
}

impl Kernel {
    /// What came of a deletion. Where rows of the host's keep the account, the log names their tables.
    pub(super) async fn told_of_references<T>(
        &self,
        user: UserId,
        deleted: Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(source) = deleted.as_ref().err().and_then(Error::referred_to) else { return deleted };
        let tables = referring_tables(self.store.db(), source).await?;
        tracing::warn!(
            %user, tables,
            "an account stays: rows of these tables refer to it, by foreign keys without ON DELETE CASCADE or SET NULL"
        );
        Err(refusal::USER_IN_USE.into())
    }
}

fn refuse(field: &'static str, code: &'static str, rule: &'static str) -> Error {
    Error::Validation(vec![FieldError::new(field, code, rule)])
}
