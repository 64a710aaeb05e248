//! What accounts tell beside their address: read with them, and changed in the transaction of another change.

use crate::{
    Error, FieldError, Profile, User, UserId,
    event::EventKind,
    kernel::Kernel,
    profile::SoundChange,
    refusal,
    store::{
        ConnectionTrait, DatabaseTransaction, Insert, find_profile, find_profiles, forget_all_failures,
        put_profile,
    },
};

impl Kernel {
    /// These users with what they tell: one statement, where there are profiles.
    pub(crate) async fn with_profiles(
        &self,
        db: &impl ConnectionTrait,
        mut users: Vec<User>,
    ) -> Result<Vec<User>, Error> {
        if self.config.profile.enabled {
            let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
            let mut found = find_profiles(db, &ids).await?;
            for user in &mut users {
                user.profile = Some(found.remove(&user.id).unwrap_or_default());
            }
        }
        Ok(users)
    }

    pub(crate) async fn with_profile(
        &self,
        db: &impl ConnectionTrait,
        user: impl Into<User>,
    ) -> Result<User, Error> {
        let mut user = user.into();
        if self.config.profile.enabled {
            user.profile = Some(find_profile(db, user.id).await?.unwrap_or_default());
        }
        Ok(user)
    }

    /// Puts a change in, in a transaction that holds the user's row; gives what there is then, and the event if there was
    /// something to change. The unique index decides who has a user name; after [`USERNAME_TAKEN`](refusal::USERNAME_TAKEN) the transaction can only be given up.
    pub(crate) async fn change_profile(
        &self,
        txn: &DatabaseTransaction,
        user: UserId,
        change: &SoundChange,
    ) -> Result<(Profile, Option<EventKind>), Error> {
        let there = find_profile(txn, user).await?;
        if change.is_empty() {
            return Ok((there.unwrap_or_default(), None));
        }
        let is_first = there.is_none();
        let too_long = |error: FieldError| Error::Validation(vec![error]);
        let profile = change.apply(there.unwrap_or_default()).map_err(too_long)?;
        if put_profile(txn, user, is_first, &profile).await? == Insert::Taken {
            return Err(refusal::USERNAME_TAKEN.into());
        }
        if let Some(name) = change.username() {
            // What was guessed at the name before it was anybody's, or was another's.
            let keys = &self.keys.get().devices;
            forget_all_failures(txn, [keys.account_by_name(name), keys.devices_by_name(name)]).await?;
        }
        Ok((profile, Some(EventKind::ProfileChanged { user, members: change.members() })))
    }
}
