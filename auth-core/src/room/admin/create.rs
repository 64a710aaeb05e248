use std::sync::Arc;

use crate::{
    Address, ClientInfo, Error, FieldError, Password, Profile, ProfileChange, User,
    clock::from_millis,
    email::Email,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    password,
    random::ordered_uuid,
    refusal,
    role::{self, IMPLIED},
    store::{Insert, NewUser, insert_profiles, insert_user, set_roles},
    task::{detached, until_won},
};

/// An account to be made for somebody. Without more it has no password, and its owner no way in.
#[derive(Debug, Clone)]
pub struct CreateUser {
    // Held like a secret so that no `Debug` prints it.
    email: Address,
    roles: Vec<String>,
    email_verified: bool,
    invite: bool,
    password: Option<Password>,
    profile: ProfileChange,
    client: ClientInfo,
}

impl CreateUser {
    /// For whoever reads mail at this address.
    pub fn new(email: impl Into<Address>) -> Self {
        Self {
            email: email.into(),
            roles: Vec::new(),
            email_verified: false,
            invite: false,
            password: None,
            profile: ProfileChange::default(),
            client: ClientInfo::default(),
        }
    }

    /// Grants a role beyond `user`. May be called again.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Takes the address for proved.
    pub fn verified(mut self) -> Self {
        self.email_verified = true;
        self
    }

    /// Sends a link to choose a password.
    pub fn invite(mut self) -> Self {
        self.invite = true;
        self
    }

    /// Sets the first password, under the same rules as at a registration. For an operator's own account: that of somebody
    /// else is theirs to choose (ASVS 6.4.6).
    pub fn password(mut self, password: impl Into<Password>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// What the account is to tell beside its address.
    pub fn profile(mut self, profile: ProfileChange) -> Self {
        self.profile = profile;
        self
    }

    /// Who does it, for the event.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }
}

impl Kernel {
    pub(crate) async fn create_user(self: Arc<Self>, new: CreateUser) -> Result<User, Error> {
        let CreateUser { email, roles, email_verified, invite, password, profile, client } = new;
        if invite {
            self.needs_mailer()?;
        }
        let email = Email::parse(email.expose());
        let password = password.as_ref().map(password::normalize);
        let weak = match &password {
            Some(password) => self.policy.validate(password, email.as_ref().ok()).await,
            None => Ok(()),
        };
        let profile = profile.validate(self.config.profile).and_then(|sound| {
            let profile = sound.apply(Profile::default());
            profile.map_err(|error| vec![error])
        });
        let (email, roles, profile) = match (email, weak, role::granted(roles), profile) {
            (Ok(email), Ok(()), Ok(roles), Ok(profile)) => (email, roles, profile),
            (email, weak, roles, profile) => {
                let errors = [email.err(), weak.err(), roles.err()].into_iter().flatten();
                let errors: Vec<FieldError> = errors.chain(profile.err().into_iter().flatten()).collect();
                return Err(Error::Validation(errors));
            }
        };
        let hash = match password {
            Some(password) => Some(self.passwords.hash(&client, password, self.random.as_ref()).await?),
            None => None,
        };
        detached(async move {
            let now = self.now();
            let id = ordered_uuid(self.random.as_ref(), now)?.into();
            let user = User {
                id,
                email: email.typed().to_owned(),
                email_verified,
                roles: [IMPLIED].into_iter().map(str::to_owned).chain(roles.iter().cloned()).collect(),
                created_at: from_millis(now),
                disabled: false,
                profile: self.config.profile.enabled.then(|| profile.clone()),
            };
            let mut kinds = vec![EventKind::Created { user: id }];
            if !roles.is_empty() {
                kinds.push(EventKind::RolesChanged { user: id, ways_in: None });
            }
            let new = NewUser { id, email, email_verified, hash, now };
            until_won(|| async {
                let txn = self.store.begin().await?;
                if insert_user(&txn, new.clone()).await? == Insert::Taken {
                    txn.rollback().await?;
                    return Err(Error::Refused(refusal::EMAIL_TAKEN));
                }
                if insert_profiles(&txn, [(id, &profile)]).await? == Insert::Taken {
                    txn.rollback().await?;
                    return Err(Error::Refused(refusal::USERNAME_TAKEN));
                }
                set_roles(&txn, id, &roles).await?;
                if invite {
                    self.post(&txn, MailKind::ResetPassword, &user.email, Some(id), None).await?;
                }
                for kind in &kinds {
                    self.record(&txn, &client, kind).await?;
                }
                Ok(txn.commit().await?)
            })
            .await?;
            self.mail_waits();
            for kind in kinds {
                self.emit(&client, kind);
            }
            Ok(user)
        })
        .await
    }
}
