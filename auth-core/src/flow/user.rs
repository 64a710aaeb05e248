//! Reading an account, changing its roles, disabling and enabling it.

use crate::{
    ClientInfo, EmailVerification, Error, ExportedRow, ExportedValue, Principal, ProfileChange, User, UserId,
    Verified,
    clock::duration_millis,
    event::EventKind,
    kernel::{Kernel, count_ways_in},
    refusal,
    role::{self, ADMIN_ROLE},
    store::{
        ConnectionTrait, DatabaseTransaction, SessionRow, UserRow, disable_user, enable_user, export_rows,
        find_session, find_session_with_profile, find_user, lock_able, lock_user, set_roles, touch_roles,
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
    /// What the account tells beside its address.
    pub profile: ProfileChange,
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

    /// Changes what the account tells beside its address.
    pub fn profile(mut self, change: ProfileChange) -> Self {
        self.profile = change;
        self
    }
}

/// A user as a change has left them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedUser {
    /// The account.
    pub user: User,
    /// Where the change gave roles: with what, beside the password, somebody can sign in to the account and so has them now. By
    /// the name of the member, as [`Export::rooms`](crate::Export::rooms) has it: `identities`.
    pub ways_in: Vec<(&'static str, Vec<ExportedRow>)>,
}

impl Kernel {
    pub(crate) async fn user(&self, user: UserId) -> Result<User, Error> {
        let db = self.store.db();
        let found = find_user(db, user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
        self.with_profile(db, found).await
    }

    pub(crate) async fn current_user(&self, principal: &Principal) -> Result<User, Error> {
        if !self.config.profile.enabled {
            return Ok(self.live_user(principal).await?.into());
        }
        let found = find_session_with_profile(self.store.db(), principal.session()?).await?;
        let (session, profile) = found.ok_or(Error::SessionOver)?;
        let user = self.if_alive(session, principal)?.user;
        Ok(User { profile: Some(profile.unwrap_or_default()), ..user.into() })
    }

    pub(crate) async fn verify_session(&self, principal: &Principal) -> Result<Principal, Error> {
        let UserRow { roles, roles_version, .. } = self.live_user(principal).await?;
        Ok(Principal { roles, roles_version, verified: Verified::Strict, ..principal.clone() })
    }

    /// The user of a session that lives, in one statement.
    pub(super) async fn live_user(&self, principal: &Principal) -> Result<UserRow, Error> {
        Ok(self.live_session(principal).await?.user)
    }

    /// The session of a caller, if it lives.
    pub(crate) async fn live_session(&self, principal: &Principal) -> Result<SessionRow, Error> {
        let session = find_session(self.store.db(), principal.session()?).await?.ok_or(Error::SessionOver)?;
        self.if_alive(session, principal)
    }

    fn if_alive(&self, session: SessionRow, principal: &Principal) -> Result<SessionRow, Error> {
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
    ) -> Result<ChangedUser, Error> {
        let roles = change.roles.map(role::granted).transpose();
        let (roles, profile) = match (roles, change.profile.validate(self.config.profile)) {
            (Ok(roles), Ok(profile)) => (roles, profile),
            (roles, profile) => {
                let profile = profile.err().into_iter().flatten();
                return Err(Error::Validation(roles.err().into_iter().chain(profile).collect()));
            }
        };
        let takes_admin = roles.as_ref().is_some_and(|roles| !roles.contains(ADMIN_ROLE));
        let disables = change.disabled == Some(true);
        let changed = until_won(|| async {
            let (mut kinds, mut ways_in, now) = (Vec::new(), Vec::new(), self.now());
            let txn = self.store.begin().await?;
            if (takes_admin || disables) && self.is_last_admin(&txn, user).await? {
                return Err(Error::Refused(refusal::LAST_ADMIN));
            }
            if let Some(roles) = &roles {
                if !touch_roles(&txn, user, now).await? {
                    return Err(Error::Refused(refusal::USER_NOT_FOUND));
                }
                set_roles(&txn, user, roles).await?;
                if !roles.is_empty() {
                    ways_in = rows_of_ways_in(self, &txn, user).await?;
                }
                kinds.push(EventKind::RolesChanged { user, ways_in: named(&ways_in) });
            }
            if !profile.is_empty() {
                lock_user(&txn, user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
                let (_, kind) = self.change_profile(&txn, user, &profile).await?;
                kinds.extend(kind);
            }
            if disables && disable_user(&txn, user, now).await? {
                kinds.push(EventKind::Disabled { user });
            }
            if change.disabled == Some(false) && enable_user(&txn, user, now).await? {
                kinds.push(EventKind::Enabled { user });
            }
            let changed = find_user(&txn, user).await?.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
            let changed = self.with_profile(&txn, changed).await?;
            for kind in &kinds {
                self.record(&txn, &client, kind).await?;
            }
            txn.commit().await?;
            Ok((ChangedUser { user: changed, ways_in }, kinds))
        });
        let (changed, kinds) = changed.await?;
        self.learn_what_ended().await;
        for kind in kinds {
            self.emit(&client, kind);
        }
        Ok(changed)
    }
}

/// What an export has of the tables by which somebody gets into an account.
async fn rows_of_ways_in(
    kernel: &Kernel,
    txn: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<(&'static str, Vec<ExportedRow>)>, Error> {
    let mut found = Vec::new();
    for room in &kernel.rooms {
        let Some(way) = room.ways_in else { continue };
        for exported in room.export.iter().filter(|exported| exported.table == way.table) {
            found.push((exported.member, export_rows(txn, exported, user).await?));
        }
    }
    Ok(found)
}

/// The first text of each row, which is what it is called.
fn named(ways_in: &[(&'static str, Vec<ExportedRow>)]) -> Option<String> {
    let rows = ways_in.iter().flat_map(|(_, rows)| rows);
    let names = rows.filter_map(|row| {
        row.iter()
            .find_map(|(_, value)| if let ExportedValue::Text(text) = value { Some(&**text) } else { None })
    });
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| names.join(" "))
}
