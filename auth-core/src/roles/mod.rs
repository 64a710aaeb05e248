//! Roles: names that a host gives a meaning. Every account has `user`; others are granted.

use std::collections::BTreeSet;

use crate::{
    ClientInfo, Error, FieldError, UserId,
    auth::Inner,
    event::EventKind,
    flow::until_won,
    store::{is_last_with_role, set_roles, touch_roles},
};

/// The role that administers accounts.
pub(crate) const ADMIN: &str = "admin";
/// The role that every account has and that is not stored.
const IMPLIED: &str = "user";
/// What fits the column and a header of a sensible length.
const MAX_LENGTH: usize = 64;

/// More would make access tokens too large for headers.
const MAX_ROLES: usize = 32;

impl Inner {
    pub(crate) async fn set_roles(
        &self,
        user: UserId,
        roles: Vec<String>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        if !roles.iter().all(|role| is_role(role)) {
            let rule = "a role is 1 to 64 of a-z, 0-9, _ and -";
            return Err(Error::Validation(vec![FieldError::new("roles", "invalid_role", rule)]));
        }
        let stored: BTreeSet<String> = roles.into_iter().filter(|role| role != IMPLIED).collect();
        if stored.len() > MAX_ROLES {
            let rule = "a user may have at most 32 roles";
            return Err(Error::Validation(vec![FieldError::new("roles", "too_many_roles", rule)]));
        }
        let kind = EventKind::RolesChanged { user };
        until_won(|| async {
            let txn = self.store.begin().await?;
            if !stored.contains(ADMIN) && is_last_with_role(&txn, user, ADMIN).await? {
                return Err(Error::LastAdmin);
            }
            if !touch_roles(&txn, user, self.now()).await? {
                return Err(Error::UserNotFound);
            }
            set_roles(&txn, user, &stored).await?;
            self.record(&txn, &client, &kind).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.learn_what_ended().await;
        self.emit(&client, kind);
        Ok(())
    }
}

fn is_role(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(allowed)
}
