//! Reading an account, changing its roles, disabling and enabling it.

use crate::{
    ClientInfo, EmailVerification, Error, Principal, User, UserId,
    clock::duration_millis,
    event::EventKind,
    kernel::{Kernel, count_ways_in},
    refusal,
    role::{self, ADMIN_ROLE},
    store::{
        DatabaseTransaction, SessionRow, UserRow, disable_user, enable_user, find_session, find_user,
        lock_able, set_roles, touch_roles,
    },
    task::until_won,
};

/// What is to be different about a user, all at once or not at all; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserChange {
    /// Exactly these roles; `user` is implied.
    pub roles: Option<Vec<String>>,
    /// Whether the user is kept out.
    pub disabled: Option<bool>,
}

impl UserChange {
    /// Sets the roles to exactly these.
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = Some(roles.into_iter().map(R::into).collect());
        self
    }

    /// Disables or enables.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = Some(disabled);
        self
    }
}

impl Kernel {
    pub(crate) async fn user(&self, user: UserId) -> Result<User, Error> {
        Ok(find_user(self.store.db(), user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?.into())
    }

    pub(crate) async fn current_user(&self, principal: &Principal) -> Result<User, Error> {
        Ok(self.live_user(principal).await?.into())
    }

    pub(crate) async fn verify_session(&self, principal: &Principal) -> Result<Principal, Error> {
        let UserRow { roles, roles_version, .. } = self.live_user(principal).await?;
        Ok(Principal { roles, roles_version, ..principal.clone() })
    }

    /// The user of a session that lives, in one statement.
    pub(super) async fn live_user(&self, principal: &Principal) -> Result<UserRow, Error> {
        Ok(self.live_session(principal).await?.user)
    }

    /// The session of a caller, if it lives.
    pub(crate) async fn live_session(&self, principal: &Principal) -> Result<SessionRow, Error> {
        let session =
            find_session(self.store.db(), principal.session_id()).await?.ok_or(Error::SessionOver)?;
        let alive = session.is_alive(self.now(), duration_millis(self.config.sessions.refresh_ttl));
        if !alive || session.user.id != principal.user_id() {
            return Err(Error::SessionOver);
        }
        Ok(session)
    }

    /// Whether no other administrator is left who could sign in: one who is not disabled, whose address is proved where it has to
    /// be, and who has a way in. Holds the rows of all until the end of the transaction.
    pub(crate) async fn is_last_admin(&self, txn: &DatabaseTransaction, user: UserId) -> Result<bool, Error> {
        let proved = self.config.email_verification == EmailVerification::Required;
        let Some(able) = lock_able(txn, user, ADMIN_ROLE, proved).await? else { return Ok(false) };
        if !able.contains(&user) {
            return Ok(false);
        }
        for other in able.into_iter().filter(|other| *other != user) {
            if count_ways_in(self, txn, other).await? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// To be called [detached](super::detached).
    pub(crate) async fn update_user(
        &self,
        user: UserId,
        change: UserChange,
        client: ClientInfo,
    ) -> Result<User, Error> {
        let roles = change.roles.map(role::granted).transpose();
        let roles = roles.map_err(|error| Error::Validation(vec![error]))?;
        let takes_admin = roles.as_ref().is_some_and(|roles| !roles.contains(ADMIN_ROLE));
        let disables = change.disabled == Some(true);
        let changed = until_won(|| async {
            let (mut kinds, now) = (Vec::new(), self.now());
            let txn = self.store.begin().await?;
            if (takes_admin || disables) && self.is_last_admin(&txn, user).await? {
                return Err(Error::Refused(refusal::LAST_ADMIN));
            }
            if let Some(roles) = &roles {
                if !touch_roles(&txn, user, now).await? {
                    return Err(Error::Refused(refusal::USER_NOT_FOUND));
                }
                set_roles(&txn, user, roles).await?;
                kinds.push(EventKind::RolesChanged { user });
            }
            if disables && disable_user(&txn, user, now).await? {
                kinds.push(EventKind::Disabled { user });
            }
            if change.disabled == Some(false) && enable_user(&txn, user, now).await? {
                kinds.push(EventKind::Enabled { user });
            }
            let changed = find_user(&txn, user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
            for kind in &kinds {
                self.record(&txn, &client, kind).await?;
            }
            txn.commit().await?;
            Ok((changed, kinds))
        });
        let (changed, kinds) = changed.await?;
        self.learn_what_ended().await;
        for kind in kinds {
            self.emit(&client, kind);
        }
        Ok(changed.into())
    }
}
