//! What an account tells beside its address. Its rows are read and written with those of accounts, so the kernel has their
//! statements; here is what people do with their own.

use std::sync::Arc;

use crate::{
    Auth, ClientInfo, Error, FieldError, Principal, ProfileChange, User,
    kernel::{Kernel, Room},
    profile::SoundChange,
    store::{LockedUser, Table, entity, lock_user},
    task::{detached, until_won},
};

pub(crate) const ROOM: Room =
    Room { tables: &[Table::of::<entity::profile::Entity>("auth_profile")], ..Room::EMPTY };

/// Profiles.
impl Auth {
    /// Changes what the caller's account tells beside its address, all at once or not at all, and gives the account as it is then.
    /// [`app_data`](ProfileChange::app_data) is not the caller's to write: that is [`update_user`](Self::update_user).
    ///
    /// # Errors
    /// [`Error::Validation`] names the fields; [`USERNAME_TAKEN`](crate::refusal::USERNAME_TAKEN), also for the losers of a race;
    /// [`Error::SessionOver`]; [`Error::Unavailable`].
    pub async fn change_profile(
        &self,
        caller: &Principal,
        change: ProfileChange,
        client: ClientInfo,
    ) -> Result<User, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        if change.app_data.is_some() {
            let rule = "app_data is for administrators and services to write";
            return Err(Error::Validation(vec![FieldError::new("app_data", "read_only", rule)]));
        }
        let change = change.validate(kernel.config.profile).map_err(Error::Validation)?;
        detached(async move { change_own(&kernel, &caller, &change, &client).await }).await
    }
}

async fn change_own(
    kernel: &Kernel,
    caller: &Principal,
    change: &SoundChange,
    client: &ClientInfo,
) -> Result<User, Error> {
    let user = kernel.live_session(caller).await?.user;
    let (profile, kind) = until_won(|| async {
        let txn = kernel.store.begin().await?;
        // Whoever ends all sessions meanwhile has the last word.
        let is_as_before = |locked: &LockedUser| !locked.disabled && locked.epoch == user.epoch;
        lock_user(&txn, user.id).await?.filter(is_as_before).ok_or(Error::SessionOver)?;
        let (profile, kind) = kernel.change_profile(&txn, user.id, change).await?;
        if let Some(kind) = &kind {
            kernel.record(&txn, client, kind).await?;
        }
        txn.commit().await?;
        Ok((profile, kind))
    })
    .await?;
    if let Some(kind) = kind {
        kernel.emit(client, kind);
    }
    let profile = kernel.config.profile.enabled.then_some(profile);
    Ok(User { profile, ..user.into() })
}
