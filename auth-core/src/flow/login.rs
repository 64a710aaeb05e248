//! Sign-in with address and password.

use std::sync::Arc;

use crate::{
    ClientInfo, EmailVerification, Error, Password, RefreshToken, SignIn, SignInFailure, Tokens, UserId,
    auth::Inner,
    email::Email,
    event::EventKind,
    flow::detached,
    mail::MailKind,
    password::{self, Checked, Verdict},
    store::{Counters, find_login, replace_hash},
};

/// A longer password than any that could be set is not even hashed; the decoy is, with nothing, so that the
/// answer costs the same.
const MAX_PASSWORD_BYTES: usize = 4 * 1024;

/// What a person gives to sign in.
#[derive(Debug, Clone)]
pub struct Login {
    identifier: Password,
    password: Password,
    client: ClientInfo,
    replacing: Option<RefreshToken>,
}

impl Login {
    /// The address, in any writing that means the same, and the password.
    pub fn new(identifier: impl Into<String>, password: impl Into<Password>) -> Self {
        Self {
            // Held like a secret so that no `Debug` prints it.
            identifier: Password::new(identifier),
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

impl Inner {
    pub(crate) async fn login(self: Arc<Self>, login: Login) -> Result<SignIn, Error> {
        // Nobody can have what is no address; the work below is the same.
        let email = Email::parse(login.identifier.expose()).ok();
        let subject = email.as_ref().and_then(|email| self.subject(email, &login.client));
        self.let_in(subject, &login.client)?;
        self.passwords.look(&login.client)?;
        let (found, counters) = match &email {
            Some(email) => find_login(self.store.db(), email.normalized(), subject, self.now()).await?,
            None => (None, Counters::default()),
        };
        let (user, hash, sessions) =
            found.map_or((None, None, 0), |row| (Some(row.user), row.hash, row.sessions));
        let id = user.as_ref().map(|user| user.id);
        let reservation = self.reserve(subject, counters, &login.client, id).await?;

        let password = password::normalize(&login.password);
        let checked = match self.check(&login.client, &password, hash.clone()).await {
            Ok(checked) => checked,
            Err(error) => {
                self.was_not_checked(reservation).await;
                return Err(error);
            }
        };
        let refuse = |user: Option<UserId>, reason| {
            let (inner, client) = (Arc::clone(&self), login.client.clone());
            detached(async move {
                inner.note(&client, EventKind::SignInFailed { user, reason }).await;
                inner.was_wrong(reservation, &client, user).await;
                Err(Error::InvalidCredentials)
            })
        };
        let Some(user) = user else { return refuse(None, SignInFailure::UnknownUser).await };
        let verdict = match checked {
            Checked::Verdict(verdict) => verdict,
            Checked::Unusable => {
                self.note(&login.client, EventKind::StoredHashUnusable { user: user.id }).await;
                Verdict::Wrong
            }
        };
        // Without a stored hash the verdict is about the decoy.
        let (Some(hash), Verdict::Right | Verdict::RightButOutdated) = (hash, verdict) else {
            return refuse(id, SignInFailure::WrongPassword).await;
        };
        if user.disabled_at.is_some() {
            return refuse(id, SignInFailure::Disabled).await;
        }
        if self.config.email_verification == EmailVerification::Required && user.email_verified_at.is_none() {
            // Only who has the password gets here: a link that was lost is sent again.
            self.post(self.store.db(), MailKind::VerifyEmail, &user.email, id, None).await?;
            self.mail_waits();
            return refuse(id, SignInFailure::Unverified).await;
        }
        if verdict == Verdict::RightButOutdated {
            Arc::clone(&self).rehash(user.id, hash, password, login.client.clone()).await;
        }
        let Login { client, replacing, .. } = login;
        let device = match (email, subject) {
            (Some(email), Some(_)) => Some(self.new_device(&email)?),
            _ => None,
        };
        detached(async move {
            self.was_right(reservation).await;
            let replaced = match &replacing {
                Some(token) => self.genuine(token).await?.map(|session| session.id),
                None => None,
            };
            let tokens = self.sign_in(&user, sessions, "pwd", &client, replaced).await?;
            Ok(SignIn::Granted(Tokens { device, ..tokens }))
        })
        .await
    }

    pub(crate) async fn check(
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
                    if replace_hash(self.store.db(), user, &old, &new, self.now()).await? {
                        self.note(&client, EventKind::PasswordRehashed { user }).await;
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
