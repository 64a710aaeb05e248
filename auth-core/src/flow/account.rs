//! Reading an account, disabling and enabling it.

use crate::{
    ClientInfo, Error, Principal, User, UserId,
    auth::Inner,
    clock::duration_millis,
    event::EventKind,
    flow::until_won,
    roles::ADMIN,
    store::{UserRow, disable_user, enable_user, find_session, find_user, is_last_with_role},
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

    pub(crate) async fn disable(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let kind = EventKind::Disabled { user };
        let disabled = until_won(|| async {
            let txn = self.store.begin().await?;
            if is_last_with_role(&txn, user, ADMIN).await? {
                return Err(Error::LastAdmin);
            }
            if !disable_user(&txn, user, self.now()).await? {
                // Disabled already, or nobody.
                return find_user(&txn, user).await?.map(|_| false).ok_or(Error::UserNotFound);
            }
            self.record(&txn, &client, &kind).await?;
            txn.commit().await?;
            Ok(true)
        });
        if disabled.await? {
            self.learn_what_ended().await;
            self.emit(&client, kind);
        }
        Ok(())
    }

    pub(crate) async fn enable(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        if enable_user(self.store.db(), user, self.now()).await? {
            self.note(&client, EventKind::Enabled { user }).await;
            return Ok(());
        }
        self.user(user).await.map(drop)
    }
}
