//! Registration.

use std::sync::Arc;

use sea_orm::{DatabaseTransaction, TransactionTrait};

use crate::{
    Address, ClientInfo, EmailVerification, Error, FieldError, Password, Profile, ProfileChange,
    Registration, User,
    clock::from_millis,
    email::Email,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    password,
    random::ordered_uuid,
    refusal,
    store::{Insert, NewUser, insert_profiles, insert_user, replace_hash},
    task::{detached, until_won},
};

/// What a person gives to get an account.
#[derive(Debug, Clone)]
pub struct Register {
    email: Address,
    password: Password,
    profile: ProfileChange,
    client: ClientInfo,
}

impl Register {
    /// Address and password as they were typed.
    pub fn new(email: impl Into<Address>, password: impl Into<Password>) -> Self {
        // The address is held like a secret so that no `Debug` prints it.
        Self {
            email: email.into(),
            password: password.into(),
            profile: ProfileChange::default(),
            client: ClientInfo::default(),
        }
    }

    /// What the account is to tell beside its address. A user name cannot be among it where addresses are
    /// [proved](EmailVerification): to hear that it is taken would tell that the address is not.
    pub fn profile(mut self, profile: ProfileChange) -> Self {
        self.profile = profile;
        self
    }

    /// Who asks, for the event.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }
}

/// A registration that is checked and hashed, and only has to be written.
///
/// ```no_run
/// # async fn run(auth: auth_core::Auth, db: sea_orm::DatabaseConnection) -> Result<(), Box<dyn std::error::Error>> {
/// use auth_core::Register;
/// use sea_orm::TransactionTrait;
///
/// let prepared = auth.prepare_register(Register::new("ada@example.com", "correct horse battery")).await?;
/// let txn = db.begin().await?;
/// let user = prepared.insert_in(&txn).await?;
/// // ... the host's own rows, with `user.id` ...
/// txn.commit().await?; // or roll back: then there is no user
/// # Ok(())
/// # }
/// ```
pub struct PreparedRegister {
    kernel: Arc<Kernel>,
    new: NewUser,
    profile: Profile,
    client: ClientInfo,
}

impl PreparedRegister {
    /// Writes the user inside the host's transaction, under a savepoint: after [`EMAIL_TAKEN`](crate::refusal::EMAIL_TAKEN) the
    /// transaction is as before and can go on. The mail to prove the address, if there is one, and the row of the audit are
    /// part of it. Where the address is taken, so is the mail that tells its owner: commit then too, or nobody is told.
    /// [`EventSink`](crate::EventSink) is told nothing, because only the host knows whether it commits.
    ///
    /// On SQLite begin the transaction with `SqliteTransactionMode::Immediate`, or it may be refused when it
    /// read something first. On any database keep the transaction in a task of its own: one whose `begin` is
    /// dropped half-way leaves a broken connection in the pool.
    ///
    /// # Errors
    /// [`EMAIL_TAKEN`](crate::refusal::EMAIL_TAKEN), [`USERNAME_TAKEN`](crate::refusal::USERNAME_TAKEN), [`Error::Unavailable`].
    pub async fn insert_in(&self, txn: &DatabaseTransaction) -> Result<User, Error> {
        let (kernel, new) = (&self.kernel, &self.new);
        let savepoint = txn.begin().await?;
        if insert_user(&savepoint, new.clone()).await? == Insert::Taken {
            savepoint.rollback().await?;
            if kernel.verifies_emails() {
                // Touches no row: as many statements as for an address that is free, or the time would tell.
                replace_hash(txn, new.id, "", "", new.now).await?;
            }
            if kernel.verifies_emails() || kernel.reaches_owners() {
                kernel.post(txn, MailKind::EmailTaken, new.email.typed(), None, None).await?;
            }
            kernel.record(txn, &kernel.about(&self.client, &new.email), &EventKind::EmailTaken).await?;
            return Err(Error::Refused(refusal::EMAIL_TAKEN));
        }
        if insert_profiles(&savepoint, [(new.id, &self.profile)]).await? == Insert::Taken {
            savepoint.rollback().await?;
            return Err(refusal::USERNAME_TAKEN.into());
        }
        if kernel.verifies_emails() {
            kernel.post(&savepoint, MailKind::VerifyEmail, new.email.typed(), Some(new.id), None).await?;
        }
        kernel.record(&savepoint, &self.client, &EventKind::Registered { user: new.id }).await?;
        savepoint.commit().await?;
        Ok(User {
            id: new.id,
            email: new.email.typed().to_owned(),
            email_verified: false,
            roles: vec!["user".to_owned()],
            created_at: from_millis(new.now),
            disabled: false,
            profile: kernel.config.profile.enabled.then(|| self.profile.clone()),
        })
    }
}

impl std::fmt::Debug for PreparedRegister {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedRegister").field("id", &self.new.id).finish_non_exhaustive()
    }
}

impl Kernel {
    /// Whether a registration must not tell that an address is taken.
    fn verifies_emails(&self) -> bool {
        self.config.email_verification != EmailVerification::Off
    }

    /// Whether there is more than a log, which is nobody's mailbox and would have the address besides.
    fn reaches_owners(&self) -> bool {
        self.post.as_ref().is_some_and(|post| post.mailer.reaches_its_recipients())
    }

    pub(crate) async fn register(self: Arc<Self>, register: Register) -> Result<User, Error> {
        let prepared = Arc::clone(&self).prepare_register(register).await?;
        detached(async move {
            let (outcome, kind) = until_won(|| async {
                let txn = self.store.begin().await?;
                let (outcome, kind) = match prepared.insert_in(&txn).await {
                    Ok(user) => {
                        let kind = EventKind::Registered { user: user.id };
                        (Ok(user), kind)
                    }
                    Err(Error::Refused(refusal::EMAIL_TAKEN)) => {
                        (Err(Error::Refused(refusal::EMAIL_TAKEN)), EventKind::EmailTaken)
                    }
                    Err(error) => return Err(error),
                };
                txn.commit().await?;
                Ok((outcome, kind))
            })
            .await?;
            self.mail_waits();
            self.emit(&prepared.client, kind);
            outcome
        })
        .await
    }

    pub(crate) async fn prepare_register(
        self: Arc<Self>,
        register: Register,
    ) -> Result<PreparedRegister, Error> {
        if self.config.registration == Registration::Closed {
            return Err(refusal::REGISTRATION_CLOSED.into());
        }
        // Counted whatever comes of it: to look a password up and to hash one is work, and to be told "taken" is news.
        let attempt = self.attempt_in_network(&register.client)?;
        let password = password::normalize(&register.password);
        let email = Email::parse(register.email.expose());
        // All fields are checked, so that one answer names all that is wrong.
        let (profile, unfit) = match self.first_profile(register.profile) {
            Ok(profile) => (profile, Vec::new()),
            Err(unfit) => (Profile::default(), unfit),
        };
        let rules = self.policy.validate_rules(password.expose(), email.as_ref().ok());
        if rules.is_err() || !unfit.is_empty() {
            // A slip of who fills in a form costs nothing.
            attempt.not_checked(&self).await;
            let errors = email.err().into_iter().chain(rules.err()).chain(unfit);
            return Err(Error::Validation(errors.collect()));
        }
        let weak = self.policy.validate_unleaked(&password).await;
        let email = match (email, weak) {
            (Ok(email), Ok(())) => email,
            (email, weak) => {
                attempt.stays_counted();
                let errors: Vec<FieldError> = email.err().into_iter().chain(weak.err()).collect();
                return Err(Error::Validation(errors));
            }
        };
        if let Err(error) = self.before_register(email.typed(), &register.client).await {
            match error {
                Error::Denied(_) => attempt.stays_counted(),
                _ => attempt.not_checked(&self).await,
            }
            return Err(error);
        }
        let hash = match self.passwords.hash(&register.client, password, self.random.as_ref()).await {
            Ok(hash) => hash,
            Err(error) => {
                attempt.not_checked(&self).await;
                return Err(error);
            }
        };
        attempt.stays_counted();
        let now = self.now();
        let id = ordered_uuid(self.random.as_ref(), now)?.into();
        let new = NewUser { id, email, email_verified: false, hash: Some(hash), now };
        Ok(PreparedRegister { kernel: self, new, profile, client: register.client })
    }

    /// What a new account tells, of somebody who makes it for himself.
    fn first_profile(&self, given: ProfileChange) -> Result<Profile, Vec<FieldError>> {
        if given.username.is_some() && self.config.profile.usernames && self.verifies_emails() {
            let rule = "a user name is chosen once there is an account";
            return Err(vec![FieldError::new("username", "not_yet", rule)]);
        }
        let sound = given.validate(self.config.profile)?;
        sound.apply(Profile::default()).map_err(|error| vec![error])
    }
}
