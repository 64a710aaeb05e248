//! Sign-in with a passkey: two factors at once, and no name is typed.

use std::sync::Arc;

use super::{
    challenge::Purpose,
    shown::{self, Shown},
};
use crate::{
    ClientInfo, Error, Password, RefreshToken, SignIn, SignInFailure, UserId,
    assurance::{PASSKEY, with_second},
    event::EventKind,
    flow::NotSignedIn,
    kernel::{Arrival, Attempt, Kernel},
    store::{LoginRow, find_user_with_sessions},
    task::until_won,
};

/// What a browser sends to sign somebody in.
#[derive(Debug, Clone)]
pub struct PasskeyLogin {
    credential: Password,
    client: ClientInfo,
    replacing: Option<RefreshToken>,
}

impl PasskeyLogin {
    /// The JSON text of a `PublicKeyCredential`.
    pub fn new(credential: impl Into<Password>) -> Self {
        Self { credential: credential.into(), client: ClientInfo::default(), replacing: None }
    }

    /// Who asks: recorded with the session and in the event.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// The refresh token that the client holds: its session ends, as with [`Login::replacing`](crate::Login::replacing).
    pub fn replacing(mut self, token: RefreshToken) -> Self {
        self.replacing = Some(token);
        self
    }
}

/// To be called [detached](crate::task::detached).
pub(super) async fn login(kernel: &Arc<Kernel>, login: PasskeyLogin) -> Result<SignIn, Error> {
    let attempt = kernel.attempt_in_network(&login.client)?;
    let shown = match shown::look(kernel, login.credential.expose(), Purpose::SignIn, None).await {
        Ok(Ok(shown)) => shown,
        Ok(Err(owner)) => {
            return refuse(kernel, attempt, &login.client, owner, SignInFailure::WrongPasskey).await;
        }
        Err(error) => {
            attempt.right(kernel).await;
            return Err(error);
        }
    };
    let (owner, client) = (shown.owner(), login.client.clone());
    match spend(kernel, shown, &client).await {
        Ok(Some(found)) => go_on(kernel, found, login, attempt).await,
        Ok(None) => refuse(kernel, attempt, &client, Some(owner), SignInFailure::WrongPasskey).await,
        Err(error) => {
            attempt.right(kernel).await;
            Err(error)
        }
    }
}

/// Its owner. `None`: it was used already, or is gone.
async fn spend(kernel: &Kernel, shown: Shown, client: &ClientInfo) -> Result<Option<LoginRow>, Error> {
    let (db, now) = (kernel.store.db(), kernel.now());
    let found = find_user_with_sessions(db, shown.owner(), now, kernel.standing()).await?;
    let Some(found) = found else { return Ok(None) };
    let email = &found.user.email;
    let is_spent = until_won(|| async {
        let txn = kernel.store.begin().await?;
        let is_spent = shown.spend(kernel, &txn, email, client).await?;
        if is_spent {
            txn.commit().await?;
        }
        Ok(is_spent)
    });
    if is_spent.await? {
        shown.spent(kernel, client);
        return Ok(Some(found));
    }
    shown.was_refused(kernel, email, client).await?;
    Ok(None)
}

async fn go_on(
    kernel: &Arc<Kernel>,
    found: LoginRow,
    login: PasskeyLogin,
    attempt: Attempt,
) -> Result<SignIn, Error> {
    let PasskeyLogin { client, replacing, .. } = login;
    let replaces = kernel.held(replacing.as_ref()).await?;
    let (id, from, device) = (found.user.id, client.clone(), kernel.device_shown(&client));
    let arrival = Arrival {
        user: found.user,
        live_sessions: found.sessions,
        factors: found.factors,
        methods: with_second("", PASSKEY),
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
        Err(NotSignedIn::Refused(reason, attempt)) => refuse(kernel, attempt, &from, Some(id), reason).await,
    }
}

async fn refuse(
    kernel: &Kernel,
    attempt: Attempt,
    client: &ClientInfo,
    user: Option<UserId>,
    reason: SignInFailure,
) -> Result<SignIn, Error> {
    attempt.stays_counted();
    kernel.note(client, EventKind::SignInFailed { user, reason }).await;
    Err(Error::InvalidCredentials)
}
