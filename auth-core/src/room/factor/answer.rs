//! A challenge is answered: the code is looked at, and then the way in goes on through the same door and the same gate.

use std::sync::Arc;

use super::{
    INVALID_CODE, Method, TOTP_EXISTS,
    challenge::{self, Purpose, count},
    enrol::{self, Confirmed},
    passkey,
    proof::{self, Shown},
    store::{ChallengeRow, spend_challenge},
    totp::{self, TotpSetup},
};
use crate::{
    AuthSession, ClientInfo, Error, PasskeyOptions, Password, RefreshToken, SessionId, SignIn, Tokens,
    assurance::{PASSKEY as PASSKEY_METHODS, with_second},
    event::EventKind,
    flow::NotSignedIn,
    kernel::{Arrival, Attempt, Kernel, Replaced},
    store::{DatabaseTransaction, LoginRow, find_user_with_sessions, lock_user, prove_session},
    task::until_won,
};

/// What somebody gives who was asked for a second factor.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) auth_session: AuthSession,
    pub(super) method: Method,
    pub(super) code: Password,
    pub(super) name: Option<String>,
    pub(super) client: ClientInfo,
    pub(super) holds: Option<RefreshToken>,
}

impl Answer {
    /// The challenge's [`auth_session`](crate::Challenge::auth_session), and a code, or the JSON text of what a browser made with a
    /// passkey.
    pub fn new(auth_session: impl Into<AuthSession>, method: Method, code: impl Into<Password>) -> Self {
        Self {
            auth_session: auth_session.into(),
            method,
            code: code.into(),
            name: None,
            client: ClientInfo::default(),
            holds: None,
        }
    }

    /// What a passkey is called that is made by it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Who asks: recorded with the session and in the event.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// The refresh token that the client holds. A challenge that came of a refresh is answered with that of its session;
    /// after a sign-in the session of it ends, as with [`Login::replacing`](crate::Login::replacing).
    pub fn holding(mut self, token: RefreshToken) -> Self {
        self.holds = Some(token);
        self
    }
}

/// What an answer to a challenge came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answered {
    /// As after any sign-in.
    pub tokens: Tokens,
    /// Where a factor was set up by it: to be shown once, and written down.
    pub recovery_codes: Vec<Password>,
}

/// To be called [detached](crate::task::detached).
pub(super) async fn answer(kernel: &Arc<Kernel>, answer: Answer) -> Result<Answered, Error> {
    let (purpose, row, attempt) = challenge::find(kernel, &answer.auth_session, &answer.client).await?;
    let outcome = go_on(kernel, answer, purpose, &row).await;
    match &outcome {
        // Codes are counted for the account; who has no good challenge, in the network.
        Err(Error::InvalidToken) => attempt.stays_counted(),
        _ => attempt.right(kernel).await,
    }
    count(purpose, outcome.as_ref().map_or_else(Error::code, |_| "passed"));
    outcome
}

async fn go_on(
    kernel: &Arc<Kernel>,
    answer: Answer,
    purpose: Purpose,
    row: &ChallengeRow,
) -> Result<Answered, Error> {
    let owner = owner(kernel, row).await?;
    match purpose {
        Purpose::SignIn => sign_in(kernel, answer, row, owner).await,
        Purpose::Enrol => enrol(kernel, answer, row, owner).await,
        Purpose::Refresh => refresh(kernel, answer, row, owner).await,
    }
}

/// Whose it is, as long as nothing has ended the sessions since.
async fn owner(kernel: &Kernel, row: &ChallengeRow) -> Result<LoginRow, Error> {
    let (db, now) = (kernel.store.db(), kernel.now());
    let found = find_user_with_sessions(db, row.user_id, now, kernel.standing()).await?;
    found
        .filter(|found| found.user.epoch == row.epoch && found.user.disabled_at.is_none())
        .ok_or(Error::InvalidToken)
}

async fn sign_in(
    kernel: &Arc<Kernel>,
    answer: Answer,
    row: &ChallengeRow,
    owner: LoginRow,
) -> Result<Answered, Error> {
    let Answer { method, code, client, holds, .. } = answer;
    let purpose = passkey::Purpose::SecondFactor;
    let shown = proof::show(kernel, row.user_id, method, &code, purpose, &client).await?;
    let methods = with_second(&row.methods, shown.amr());
    spend(kernel, shown, row, &owner.user.email, &client, None).await?;
    let tokens = through_the_door(kernel, row, owner, methods, client, holds).await?;
    Ok(Answered { tokens, recovery_codes: Vec::new() })
}

async fn enrol(
    kernel: &Arc<Kernel>,
    answer: Answer,
    row: &ChallengeRow,
    owner: LoginRow,
) -> Result<Answered, Error> {
    let Answer { method, code, name, client, holds, .. } = answer;
    if !owner.factors.is_none() {
        // Set up elsewhere meanwhile: that one is asked for at the next sign-in.
        return Err(TOTP_EXISTS.into());
    }
    let (second, recovery_codes) = match method {
        Method::Totp => {
            let confirmed = enrol::look(kernel, row.user_id, &code, &client).await?;
            let kind = until_won(|| async {
                let txn = kernel.store.begin().await?;
                go_through(kernel, &txn, row).await?;
                let kind = enrol::stand(kernel, &txn, &owner.user, &confirmed, &client).await?;
                txn.commit().await?;
                Ok(kind)
            });
            kernel.emit(&client, kind.await?);
            let Confirmed { codes, .. } = confirmed;
            ("otp", codes.codes)
        }
        Method::Passkey => {
            let new = passkey::look_at_new(kernel, row.user_id, code.expose(), name, &client).await?;
            let stood = until_won(|| async {
                let txn = kernel.store.begin().await?;
                go_through(kernel, &txn, row).await?;
                let stood = passkey::stand(kernel, &txn, &owner.user, &new, &client).await?;
                txn.commit().await?;
                Ok(stood)
            });
            let (kind, has_codes) = stood.await?;
            kernel.emit(&client, kind);
            (PASSKEY_METHODS, new.added(has_codes).recovery_codes)
        }
        Method::RecoveryCode => return Err(INVALID_CODE.into()),
    };
    kernel.mail_waits();
    let methods = with_second(&row.methods, second);
    let tokens = through_the_door(kernel, row, owner, methods, client, holds).await?;
    Ok(Answered { tokens, recovery_codes })
}

/// Spends the challenge. Ten hashes take their time: what has ended the sessions meanwhile has ended this too.
async fn go_through(kernel: &Kernel, txn: &DatabaseTransaction, row: &ChallengeRow) -> Result<(), Error> {
    let locked = lock_user(txn, row.user_id).await?.ok_or(Error::InvalidToken)?;
    let is_over = locked.epoch != row.epoch || locked.disabled;
    if is_over || !spend_challenge(txn, row.id, kernel.now()).await? {
        return Err(Error::InvalidToken);
    }
    Ok(())
}

/// The session is lifted, and goes on with its own refresh token.
async fn refresh(
    kernel: &Arc<Kernel>,
    answer: Answer,
    row: &ChallengeRow,
    owner: LoginRow,
) -> Result<Answered, Error> {
    let Answer { method, code, client, holds, .. } = answer;
    let token = holds.ok_or(Error::InvalidToken)?;
    let session = kernel.genuine(&token).await?.filter(|session| Some(session.id) == row.session);
    let session = session.ok_or(Error::InvalidToken)?;
    let purpose = passkey::Purpose::SecondFactor;
    let shown = proof::show(kernel, row.user_id, method, &code, purpose, &client).await?;
    let methods = with_second(&session.methods, shown.amr());
    spend(kernel, shown, row, &owner.user.email, &client, Some((session.id, &methods))).await?;
    let kind = EventKind::SteppedUp { user: row.user_id, session: session.id, method: method.name() };
    kernel.note(&client, kind).await;
    let tokens = kernel.refresh(&token, client).await?;
    Ok(Answered { tokens, recovery_codes: Vec::new() })
}

/// The code and the challenge at once, each for one; and the session that is lifted by them.
async fn spend(
    kernel: &Kernel,
    shown: Shown,
    row: &ChallengeRow,
    email: &str,
    client: &ClientInfo,
    lifts: Option<(SessionId, &str)>,
) -> Result<(), Error> {
    let now = kernel.now();
    let spent = until_won(|| async {
        let txn = kernel.store.begin().await?;
        if !spend_challenge(&txn, row.id, now).await? {
            return Err(Error::InvalidToken);
        }
        if !shown.spend(kernel, &txn, email, client).await? {
            return Ok(false);
        }
        if let Some((session, methods)) = lifts
            && !prove_session(&txn, session, methods, now).await?
        {
            return Err(Error::InvalidToken);
        }
        txn.commit().await?;
        Ok(true)
    });
    if spent.await? {
        shown.spent(kernel, client).await;
        return Ok(());
    }
    shown.was_spent(kernel, email, client).await?;
    Err(INVALID_CODE.into())
}

async fn through_the_door(
    kernel: &Arc<Kernel>,
    row: &ChallengeRow,
    owner: LoginRow,
    methods: String,
    client: ClientInfo,
    holds: Option<RefreshToken>,
) -> Result<Tokens, Error> {
    let held = match &holds {
        Some(token) => {
            let session = kernel.genuine(token).await?;
            session.map(|session| Replaced { session: session.id, owner: Some(session.user.id) })
        }
        None => None,
    };
    let LoginRow { user, sessions: live_sessions, factors, .. } = owner;
    let from_before = row.replaces.map(|session| Replaced { session, owner: None });
    let replaces = held.or(from_before);
    let (id, from) = (user.id, client.clone());
    let attempt = Attempt::counted_elsewhere();
    let authenticated_at = None;
    let arrival =
        Arrival { user, live_sessions, factors, methods, authenticated_at, client, replaces, attempt };
    match kernel.sign_in(arrival).await {
        Ok(SignIn::Granted(tokens)) => Ok(tokens),
        // Something else is asked for: closed.
        Ok(SignIn::Challenge(_)) => Err(Error::InvalidToken),
        Err(NotSignedIn::Failed(error)) => Err(error),
        Err(NotSignedIn::Refused(reason, attempt)) => {
            attempt.stays_counted();
            kernel.note(&from, EventKind::SignInFailed { user: Some(id), reason }).await;
            Err(Error::InvalidCredentials)
        }
    }
}

/// To be called [detached](crate::task::detached).
pub(super) async fn begin_enrolment(
    kernel: &Kernel,
    auth_session: &AuthSession,
    client: &ClientInfo,
) -> Result<TotpSetup, Error> {
    let owner = who_enrols(kernel, auth_session, client).await?;
    totp::begin(kernel, &owner.user).await
}

/// To be called [detached](crate::task::detached).
pub(super) async fn begin_passkey(
    kernel: &Kernel,
    auth_session: &AuthSession,
    client: &ClientInfo,
) -> Result<PasskeyOptions, Error> {
    let owner = who_enrols(kernel, auth_session, client).await?;
    if kernel.config.passkeys.site().is_none() {
        return Err(Error::InvalidToken);
    }
    passkey::begin_for(kernel, &owner.user).await
}

async fn who_enrols(
    kernel: &Kernel,
    auth_session: &AuthSession,
    client: &ClientInfo,
) -> Result<LoginRow, Error> {
    let (purpose, row, attempt) = challenge::find(kernel, auth_session, client).await?;
    let owner = if purpose == Purpose::Enrol { owner(kernel, &row).await } else { Err(Error::InvalidToken) };
    match &owner {
        Err(Error::InvalidToken) => attempt.stays_counted(),
        _ => attempt.right(kernel).await,
    }
    owner.and_then(|owner| if owner.factors.is_none() { Ok(owner) } else { Err(TOTP_EXISTS.into()) })
}
