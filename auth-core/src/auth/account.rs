//! The handle's operations on accounts: what people do to their own, what happened to them.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    AuditEvent, Auth, ClientInfo, Error, Export, FeedPage, FeedQuery, Password, Principal, UserId,
    store::has_password, task::detached,
};

/// What people do with their own account, and what is known about it.
impl Auth {
    /// Whether there is a mailer, without which links in mails cannot be asked for.
    pub fn sends_mail(&self) -> bool {
        self.kernel.post.is_some()
    }

    /// Replaces the caller's password and ends all their other sessions.
    ///
    /// # Errors
    /// [`Error::Validation`] on `current_password`, which then counts as a failed sign-in, or on `new_password`;
    /// [`Error::SessionOver`]; [`Error::Throttled`]; [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn change_password(
        &self,
        caller: &Principal,
        current: impl Into<Password>,
        new: impl Into<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        kernel.change_password(caller.clone(), current.into(), new.into(), client).await
    }

    /// Takes the caller's password away, where they have another way in: a passkey, or an account at a provider. They have shown
    /// lately who they are. Sessions go on. Idempotent.
    ///
    /// # Errors
    /// [`LAST_WAY_IN`](crate::refusal::LAST_WAY_IN); [`Error::StepUpRequired`]; [`Error::SessionOver`]; [`Error::Unavailable`].
    pub async fn remove_password(&self, caller: &Principal, client: ClientInfo) -> Result<(), Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { kernel.remove_password(&caller, &client).await }).await
    }

    /// Whether the caller has a password: what wants it again then asks for it.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn has_password(&self, caller: &Principal) -> Result<bool, Error> {
        let user = self.kernel.live_session(caller).await?.user.id;
        Ok(has_password(self.kernel.store.db(), user).await?)
    }

    /// Deletes the caller's account with all that hangs on it; its events stay as long as the audit keeps them. An account
    /// without a password needs a sign-in of the last five minutes instead.
    ///
    /// # Errors
    /// [`Error::Validation`] on `password`; [`LAST_ADMIN`](crate::refusal::LAST_ADMIN);
    /// [`USER_IN_USE`](crate::refusal::USER_IN_USE); [`Error::SessionOver`]; [`Error::Throttled`]; [`Error::Overloaded`];
    /// [`Error::Unavailable`].
    pub async fn delete_account(
        &self,
        caller: &Principal,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        Arc::clone(&self.kernel).delete_account(caller.clone(), password, client).await
    }

    /// Deletes an account: check that the caller may.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`LAST_ADMIN`](crate::refusal::LAST_ADMIN),
    /// [`USER_IN_USE`](crate::refusal::USER_IN_USE), [`Error::Unavailable`].
    pub async fn delete_user(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        Arc::clone(&self.kernel).delete(user, client).await
    }

    /// All that is stored about the caller, who has shown lately who they are.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`], [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn export(&self, caller: &Principal) -> Result<Export, Error> {
        self.export_for(caller, ClientInfo::default()).await
    }

    /// As [`export`](Self::export), with who asks, for the event.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn export_for(&self, caller: &Principal, client: ClientInfo) -> Result<Export, Error> {
        self.kernel.export(caller, &client).await
    }

    /// What the audit has about a user, the latest first, at most 100 at once; `before` is the last one of the page before.
    /// Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<AuditEvent>, Error> {
        self.kernel.events(user, before, limit).await
    }

    /// The feed: what the audit has, in an order in which nobody who reads on misses an event. Thin, for other programs; check that
    /// the caller may. Something has to run [`run_background`](Self::run_background), which gives each event its place. The
    /// manual's page on [events](crate::manual::events) tells how to read.
    ///
    /// # Errors
    /// [`CURSOR_TOO_OLD`](crate::refusal::CURSOR_TOO_OLD): what comes next was kept for
    /// [`Config::audit_retention`](crate::Config::audit_retention) and is gone, or the place is one that was never given, as after a
    /// restored backup; [`Error::Unavailable`].
    pub async fn events_after(&self, query: FeedQuery) -> Result<FeedPage, Error> {
        self.kernel.read_feed(query).await
    }

    /// What the audit has about the caller, as [`events`](Self::events).
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn own_events(
        &self,
        caller: &Principal,
        before: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<AuditEvent>, Error> {
        self.kernel.own_events(caller, before, limit).await
    }
}
