//! A challenge is answered: the code is looked at, and then the way in goes on through the same door and the same gate.

use std::sync::Arc;

use super::{
    INVALID_CODE, Method, TOTP_EXISTS,
    challenge::{self, Purpose, count},
    enrol::{self, Confirmed},
    proof::{self, Shown},
    store::{ChallengeRow, spend_challenge},
    totp::{self, TotpSetup},
};
use crate::{
    AuthSession, ClientInfo, Error, Password, RefreshToken, SessionId, SignIn, Tokens,
    assurance::with_second,
    event::EventKind,
    flow::NotSignedIn,
    kernel::{Arrival, Attempt, Kernel, Replaced},
    store::{LoginRow, find_user_with_sessions, lock_user, prove_session},
    task::until_won,
};

/// What somebody gives who was asked for a second factor.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) auth_session: AuthSession,
    pub(super) method: Method,
    pub(super) code: Password,
    pub(super) client: ClientInfo,
    pub(super) holds: Option<RefreshToken>,
}

impl Answer {
    /// The challenge's [`auth_session`](crate::Challenge::auth_session), and a code.
    pub fn new(auth_session: impl Into<AuthSession>, method: Method, code: impl Into<Password>) -> Self {
        Self {
            auth_session: auth_session.into(),
            method,
            code: code.into(),
            client: ClientInfo::default(),
            holds: None,
        }
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
    let shown = proof::show(kernel, row.user_id, method, &code, &client).await?;
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
    let Answer { method, code, client, holds, .. } = answer;
    if method != Method::Totp {
        return Err(INVALID_CODE.into());
    }
    if owner.factors > 0 {
        // Set up elsewhere meanwhile: that one is asked for at the next sign-in.
        return Err(TOTP_EXISTS.into());
    }
    let confirmed = enrol::look(kernel, row.user_id, &code, &client).await?;
    let now = kernel.now();
    let kind = until_won(|| async {
        let txn = kernel.store.begin().await?;
        // Ten hashes take their time: what has ended the sessions meanwhile has ended this too.
        let locked = lock_user(&txn, row.user_id).await?.ok_or(Error::InvalidToken)?;
        let is_over = locked.epoch != row.epoch || locked.disabled;
        if is_over || !spend_challenge(&txn, row.id, now).await? {
            return Err(Error::InvalidToken);
        }
        let kind = enrol::stand(kernel, &txn, &owner.user, &confirmed, &client).await?;
        txn.commit().await?;
        Ok(kind)
    })
    .await?;
    kernel.mail_waits();
    kernel.emit(&client, kind);
    let methods = with_second(&row.methods, "otp");
    let Confirmed { codes, .. } = confirmed;
    let tokens = through_the_door(kernel, row, owner, methods, client, holds).await?;
    Ok(Answered { tokens, recovery_codes: codes.codes })
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
    let shown = proof::show(kernel, row.user_id, method, &code, &client).await?;
    let methods = with_second(&session.methods, shown.amr());
    let kind = EventKind::SteppedUp { user: row.user_id, session: session.id, method: method.name() };
    spend(kernel, shown, row, &owner.user.email, &client, Some((session.id, &methods, &kind))).await?;
    kernel.emit(&client, kind);
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
    lifts: Option<(SessionId, &str, &EventKind)>,
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
        if let Some((session, methods, kind)) = lifts {
            if !prove_session(&txn, session, methods, now).await? {
                return Err(Error::InvalidToken);
            }
            kernel.record(&txn, client, kind).await?;
        }
        txn.commit().await?;
        Ok(true)
    });
    if spent.await? {
        shown.spent(kernel, client).await;
        return Ok(());
    }
    shown.was_spent(kernel, client).await?;
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
    let (purpose, row, attempt) = challenge::find(kernel, auth_session, client).await?;
    let begun = async {
        if purpose != Purpose::Enrol {
            return Err(Error::InvalidToken);
        }
        let owner = owner(kernel, &row).await?;
        if owner.factors > 0 {
            return Err(TOTP_EXISTS.into());
        }
        totp::begin(kernel, &owner.user).await
    };
    let begun = begun.await;
    match &begun {
        Err(Error::InvalidToken) => attempt.stays_counted(),
        _ => attempt.right(kernel).await,
    }
    begun
}
