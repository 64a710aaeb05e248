//! Reading an account, disabling and enabling it.

use crate::{
    ClientInfo, Error, Principal, User, UserId,
    auth::Inner,
    clock::duration_millis,
    event::EventKind,
    store::{UserRow, disable_user, enable_user, find_session, find_user},
};

impl Inner {
    pub(crate) async fn user(&self, user: UserId) -> Result<User, Error> {
        Ok(find_user(self.store.db(), user).await?.ok_or(Error::UserNotFound)?.into())
    }

    pub(crate) async fn current_user(&self, principal: &Principal) -> Result<User, Error> {
        Ok(self.live_user(principal).await?.into())
    }

    pub(crate) async fn check_session(&self, principal: &Principal) -> Result<Principal, Error> {
        let UserRow { roles, roles_version, .. } = self.live_user(principal).await?;
        Ok(Principal { roles, roles_version, ..principal.clone() })
    }

    /// The user of a session that lives, in one statement.
    async fn live_user(&self, principal: &Principal) -> Result<UserRow, Error> {
        let session =
            find_session(self.store.db(), principal.session_id()).await?.ok_or(Error::SessionOver)?;
        let alive = session.is_alive(self.now(), duration_millis(self.config.refresh_ttl));
        if !alive || session.user.id != principal.user_id() {
            return Err(Error::SessionOver);
        }
        Ok(session.user)
    }

    pub(crate) async fn disable(&self, user: UserId) -> Result<(), Error> {
        if disable_user(self.store.db(), user, self.now()).await? {
            self.learn_what_ended().await;
            self.emit(&ClientInfo::default(), EventKind::Disabled { user });
            return Ok(());
        }
        self.user(user).await.map(drop)
    }

    pub(crate) async fn enable(&self, user: UserId) -> Result<(), Error> {
        if enable_user(self.store.db(), user, self.now()).await? {
            self.emit(&ClientInfo::default(), EventKind::Enabled { user });
            return Ok(());
        }
        self.user(user).await.map(drop)
    }
}
