//! Sign-in with address, or user name, and password.

use std::sync::Arc;

use crate::{
    Address, ClientInfo, Error, Password, RefreshToken, SignIn, SignInFailure, UserId,
    email::Email,
    event::EventKind,
    flow::NotSignedIn,
    kernel::{Arrival, Attempt, Kernel},
    password::{self, Checked, Verdict},
    profile::Username,
    store::{Counters, Factors, find_email_by_username, find_login, replace_hash},
    task::{detached, until_won},
    throttle::Subject,
};

/// A longer password than any that could be set is not even hashed; the decoy is, with nothing, so that the
/// answer costs the same.
const MAX_PASSWORD_BYTES: usize = 4 * 1024;

/// What a person gives to sign in.
#[derive(Debug, Clone)]
pub struct Login {
    identifier: Address,
    password: Password,
    client: ClientInfo,
    replacing: Option<RefreshToken>,
}

impl Login {
    /// The address, in any writing that means the same, and the password. Where there are [user
    /// names](crate::ProfileConfig::usernames), the user name in the place of the address.
    pub fn new(identifier: impl Into<Address>, password: impl Into<Password>) -> Self {
        Self {
            // Held like a secret so that no `Debug` prints it.
            identifier: identifier.into(),
            password: password.into(),
            client: ClientInfo::default(),
            replacing: None,
        }
    }

    /// Who asks: recorded with the session and in the event.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// The refresh token that the client holds already. If the sign-in succeeds, its session ends: no client
    /// has two (ASVS 7.2.4).
    pub fn replacing(mut self, token: RefreshToken) -> Self {
        self.replacing = Some(token);
        self
    }
}

/// Whose account somebody means who signs in.
enum Meant {
    Address(Email),
    /// A user name, with the address of whoever has it.
    Name(Username, Option<Email>),
    /// Nobody can have what is neither; the work is the same but for the database, and so is the answer.
    Nothing,
}

impl Meant {
    fn subject(&self, kernel: &Kernel, client: &ClientInfo) -> Option<Subject> {
        match self {
            Self::Address(email) => kernel.subject(email, client),
            Self::Name(name, owner) => kernel.subject_by_name(name, owner.as_ref(), client),
            Self::Nothing => None,
        }
    }

    /// By what the account is found: a name that nobody has is the address of nobody, and is looked for as one.
    fn normalized(&self) -> Option<&str> {
        match self {
            Self::Address(email) | Self::Name(_, Some(email)) => Some(email.normalized()),
            Self::Name(name, None) => Some(name.normalized()),
            Self::Nothing => None,
        }
    }

    fn told(&self, kernel: &Kernel, client: ClientInfo) -> ClientInfo {
        match self {
            Self::Address(email) => kernel.about(&client, email),
            Self::Name(name, _) => kernel.about_name(&client, name),
            Self::Nothing => client,
        }
    }
}

impl Kernel {
    /// One statement for a user name, whether somebody has it or not. No address is a user name, which has no `@`.
    async fn meant(&self, identifier: &str, client: &ClientInfo) -> Result<Meant, Error> {
        let name = Username::read(identifier).filter(|_| self.config.profile.usernames);
        let Some(name) = name else {
            return Ok(Email::parse(identifier).map_or(Meant::Nothing, Meant::Address));
        };
        self.let_in_somebody(client)?;
        self.passwords.look(client)?;
        let owner = find_email_by_username(self.store.db(), name.normalized()).await?;
        let owner = owner.and_then(|email| Email::parse(&email).ok());
        Ok(Meant::Name(name, owner))
    }

    pub(crate) async fn login(self: Arc<Self>, login: Login) -> Result<SignIn, Error> {
        let meant = self.meant(login.identifier.expose(), &login.client).await?;
        let subject = meant.subject(&self, &login.client);
        self.let_in(subject, &login.client)?;
        self.passwords.look(&login.client)?;
        let (found, counters) = match meant.normalized() {
            Some(normalized) => {
                let (db, standing) = (self.store.db(), self.standing());
                find_login(db, normalized, subject, self.now(), standing).await?
            }
            None => (None, Counters::default()),
        };
        let (user, hash, live_sessions, factors) = found.map_or((None, None, 0, Factors::default()), |row| {
            (Some(row.user), row.hash, row.sessions, row.factors)
        });
        let id = user.as_ref().map(|user| user.id);
        let attempt = self.attempt(subject, counters, &login.client, user.as_ref()).await?;

        let password = password::normalize(&login.password);
        let checked = match self.try_password(&login.client, &password, hash.clone()).await {
            Ok(checked) => checked,
            Err(error) => {
                attempt.not_checked(&self).await;
                return Err(error);
            }
        };
        let Login { client, replacing, .. } = login;
        let Some(user) = user else {
            let client = meant.told(&self, client);
            return self.refuse(attempt, client, None, SignInFailure::UnknownUser).await;
        };
        let verdict = match checked {
            Checked::Verdict(verdict) => verdict,
            Checked::Unusable => {
                self.note(&client, EventKind::StoredHashUnusable { user: user.id }).await;
                Verdict::Wrong
            }
        };
        // Without a stored hash the verdict is about the decoy.
        let (Some(hash), Verdict::Right | Verdict::RightButOutdated) = (hash, verdict) else {
            return self.refuse(attempt, client, id, SignInFailure::WrongPassword).await;
        };
        let (kernel, owner, from) = (Arc::clone(&self), user.id, client.clone());
        let signed_in = detached(async move {
            let replaces = kernel.held(replacing.as_ref()).await?;
            let methods = "pwd".to_owned();
            let (client, device) = (from.clone(), kernel.device_shown(&from));
            let arrival = Arrival {
                user,
                live_sessions,
                factors,
                methods,
                authenticated_at: None,
                client,
                replaces,
                device,
                token_id: None,
                attempt,
            };
            match kernel.sign_in(arrival).await {
                Ok(signed_in) => Ok(signed_in),
                Err(NotSignedIn::Failed(error)) => Err(error),
                Err(NotSignedIn::Refused(reason, attempt)) => kernel.refuse(attempt, from, id, reason).await,
            }
        })
        .await?;
        if verdict == Verdict::RightButOutdated {
            self.rehash(owner, hash, password, client).await;
        }
        Ok(signed_in)
    }

    async fn refuse(
        self: &Arc<Self>,
        attempt: Attempt,
        client: ClientInfo,
        user: Option<UserId>,
        reason: SignInFailure,
    ) -> Result<SignIn, Error> {
        let kernel = Arc::clone(self);
        detached(async move {
            kernel.note(&client, EventKind::SignInFailed { user, reason }).await;
            attempt.wrong(&kernel, &client, user).await;
            Err(Error::InvalidCredentials)
        })
        .await
    }

    pub(crate) async fn try_password(
        &self,
        client: &ClientInfo,
        password: &Password,
        hash: Option<String>,
    ) -> Result<Checked, Error> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            self.passwords.verify(client, Password::new(""), None).await?;
            return Ok(Checked::Verdict(Verdict::Wrong));
        }
        self.passwords.verify(client, password.clone(), hash).await
    }

    /// Replaces an outdated hash and touches nothing else. Failing to do so is no reason to refuse the
    /// sign-in: the next one tries again.
    async fn rehash(self: Arc<Self>, user: UserId, old: String, password: Password, client: ClientInfo) {
        let replaced = match self.passwords.hash(&client, password, self.random.as_ref()).await {
            Ok(new) => {
                detached(async move {
                    let kind = EventKind::PasswordRehashed { user };
                    let replaced = until_won(|| async {
                        let txn = self.store.begin().await?;
                        let replaced = replace_hash(&txn, user, &old, &new, self.now()).await?;
                        if replaced {
                            self.record(&txn, &client, &kind).await?;
                        }
                        txn.commit().await?;
                        Ok(replaced)
                    });
                    if replaced.await? {
                        self.emit(&client, kind);
                    }
                    Ok(())
                })
                .await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = replaced {
            tracing::warn!(%user, error = error.code(), "the password was not rehashed");
        }
    }
}
