//! A challenge is answered: the code is looked at, and then the way in goes on through the same door and the same gate.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    INVALID_CODE, Method, TOTP_EXISTS,
    challenge::{self, Purpose, count},
    device,
    enrol::{self, Confirmed},
    passkey,
    proof::{self, Shown},
    store::{ChallengeRow, spend_challenge},
    totp::{self, TotpSetup},
};
use crate::{
    AuthSession, Challenge, ClientInfo, Error, PasskeyOptions, Password, RefreshToken, SessionId, SignIn,
    Tokens,
    assurance::{PASSKEY as PASSKEY_METHODS, with_second},
    event::EventKind,
    flow::NotSignedIn,
    kernel::{Arrival, Attempt, Kernel, Replaced},
    store::{DatabaseTransaction, LoginRow, UserRow, find_user_with_sessions, lock_user, prove_session},
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
    pub(super) remembers: bool,
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
            remembers: false,
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

    /// Does not ask for a second factor on this device again, for as long as
    /// [`remember_device`](crate::FactorConfig::remember_device) says: its token comes with the answer.
    pub fn remembering_device(mut self) -> Self {
        self.remembers = true;
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
    let purpose = passkey::Purpose::SecondFactor;
    let Answer { method, code, client, .. } = &answer;
    let shown = proof::show(kernel, row.user_id, *method, code, purpose, client).await?;
    let methods = with_second(&row.methods, shown.amr());
    let token_id = device::wanted(kernel, answer.remembers)?;
    spend(kernel, shown, row, &owner.user, &answer.client, Also { lifts: None, token_id }).await?;
    let tokens = through_the_door(kernel, row, owner, methods, answer, token_id).await?;
    Ok(Answered { tokens, recovery_codes: Vec::new() })
}

async fn enrol(
    kernel: &Arc<Kernel>,
    answer: Answer,
    row: &ChallengeRow,
    owner: LoginRow,
) -> Result<Answered, Error> {
    if !owner.factors.is_none() {
        // Set up elsewhere meanwhile: that one is asked for at the next sign-in.
        return Err(TOTP_EXISTS.into());
    }
    let Answer { code, client, .. } = &answer;
    let token_id = device::wanted(kernel, answer.remembers)?;
    let (second, kinds, recovery_codes) = match answer.method {
        Method::Totp => {
            let confirmed = enrol::look(kernel, row.user_id, code, client).await?;
            let kinds = until_won(|| async {
                let txn = begin(kernel, row).await?;
                let kind = enrol::stand(kernel, &txn, &owner.user, &confirmed, client).await?;
                end(kernel, txn, &owner.user, kind, token_id, client).await
            });
            let kinds = kinds.await?;
            let Confirmed { codes, .. } = confirmed;
            ("otp", kinds, codes.codes)
        }
        Method::Passkey => {
            let name = answer.name.clone();
            let new = passkey::look_at_new(kernel, row.user_id, code.expose(), name, client).await?;
            let stood = until_won(|| async {
                let txn = begin(kernel, row).await?;
                let (kind, has_codes) = passkey::stand(kernel, &txn, &owner.user, &new, client).await?;
                Ok((end(kernel, txn, &owner.user, kind, token_id, client).await?, has_codes))
            });
            let (kinds, has_codes) = stood.await?;
            (PASSKEY_METHODS, kinds, new.added(has_codes).recovery_codes)
        }
        Method::RecoveryCode => return Err(INVALID_CODE.into()),
    };
    kernel.mail_waits();
    for kind in kinds {
        kernel.emit(client, kind);
    }
    let methods = with_second(&row.methods, second);
    let tokens = through_the_door(kernel, row, owner, methods, answer, token_id).await?;
    Ok(Answered { tokens, recovery_codes })
}

/// Spends the challenge. Ten hashes take their time: what has ended the sessions meanwhile has ended this too, and a factor that
/// was set up meanwhile is the one that is asked for.
async fn begin(kernel: &Kernel, row: &ChallengeRow) -> Result<DatabaseTransaction, Error> {
    let txn = kernel.store.begin().await?;
    let locked = lock_user(&txn, row.user_id).await?.ok_or(Error::InvalidToken)?;
    if !kernel.factors_of(&txn, row.user_id).await?.is_none() {
        return Err(TOTP_EXISTS.into());
    }
    let is_over = locked.epoch != row.epoch || locked.disabled;
    if is_over || !spend_challenge(&txn, row.id, kernel.now()).await? {
        return Err(Error::InvalidToken);
    }
    Ok(txn)
}

/// Remembers the device, where that is wanted, and commits. What there is to tell.
async fn end(
    kernel: &Kernel,
    txn: DatabaseTransaction,
    user: &UserRow,
    kind: EventKind,
    token_id: Option<Uuid>,
    client: &ClientInfo,
) -> Result<Vec<EventKind>, Error> {
    let mut kinds = vec![kind];
    if let Some(token_id) = token_id {
        kinds.push(device::remember(kernel, &txn, user, token_id, client).await?);
    }
    txn.commit().await?;
    Ok(kinds)
}

/// The session is lifted, and goes on with its own refresh token.
async fn refresh(
    kernel: &Arc<Kernel>,
    answer: Answer,
    row: &ChallengeRow,
    owner: LoginRow,
) -> Result<Answered, Error> {
    let Answer { method, code, client, holds, remembers, .. } = answer;
    let token = holds.ok_or(Error::InvalidToken)?;
    let session = kernel.genuine(&token).await?.filter(|session| Some(session.id) == row.session);
    let session = session.ok_or(Error::InvalidToken)?;
    let purpose = passkey::Purpose::SecondFactor;
    let shown = proof::show(kernel, row.user_id, method, &code, purpose, &client).await?;
    let methods = with_second(&session.methods, shown.amr());
    let token_id = device::wanted(kernel, remembers)?;
    let kind = EventKind::SteppedUp { user: row.user_id, session: session.id, method: method.name() };
    let also = Also { lifts: Some((session.id, &methods, &kind)), token_id };
    spend(kernel, shown, row, &owner.user, &client, also).await?;
    kernel.emit(&client, kind);
    let mut tokens = kernel.refresh(&token, client).await?;
    if token_id.is_some() {
        tokens.device = kernel.remember(&owner.user, token_id).await?;
    }
    Ok(Answered { tokens, recovery_codes: Vec::new() })
}

/// What is done along with it.
#[derive(Clone, Copy)]
struct Also<'a> {
    /// The session that is lifted, its methods then, and what is written down of it.
    lifts: Option<(SessionId, &'a str, &'a EventKind)>,
    /// The device that is remembered.
    token_id: Option<Uuid>,
}

/// The code and the challenge at once, each for one; and what hangs on them.
async fn spend(
    kernel: &Kernel,
    shown: Shown,
    row: &ChallengeRow,
    user: &UserRow,
    client: &ClientInfo,
    also: Also<'_>,
) -> Result<(), Error> {
    let now = kernel.now();
    let spent = until_won(|| async {
        let txn = kernel.store.begin().await?;
        if !spend_challenge(&txn, row.id, now).await? {
            return Err(Error::InvalidToken);
        }
        if !shown.spend(kernel, &txn, &user.email, client).await? {
            return Ok(None);
        }
        if let Some((session, methods, kind)) = also.lifts {
            if !prove_session(&txn, session, methods, now).await? {
                return Err(Error::InvalidToken);
            }
            kernel.record(&txn, client, kind).await?;
        }
        let kind = match also.token_id {
            Some(token_id) => Some(device::remember(kernel, &txn, user, token_id, client).await?),
            None => None,
        };
        txn.commit().await?;
        Ok(Some(kind))
    });
    let Some(kind) = spent.await? else {
        shown.was_spent(kernel, &user.email, client).await?;
        return Err(INVALID_CODE.into());
    };
    if also.lifts.is_some() {
        kernel.changed_here();
    }
    shown.spent(kernel, client).await;
    if let Some(kind) = kind {
        kernel.emit(client, kind);
    }
    Ok(())
}

async fn through_the_door(
    kernel: &Arc<Kernel>,
    row: &ChallengeRow,
    owner: LoginRow,
    methods: String,
    answer: Answer,
    token_id: Option<Uuid>,
) -> Result<Tokens, Error> {
    let Answer { client, holds, .. } = answer;
    let held = kernel.held(holds.as_ref()).await?;
    let LoginRow { user, sessions: live_sessions, factors, .. } = owner;
    let from_before = row.replaces.map(|session| Replaced { session, owner: None });
    let replaces = held.or(from_before);
    let (id, from) = (user.id, client.clone());
    let attempt = Attempt::counted_elsewhere();
    let arrival = Arrival {
        user,
        live_sessions,
        factors,
        methods,
        authenticated_at: None,
        client,
        replaces,
        device: None,
        token_id,
        attempt,
    };
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
    let (purpose, _, owner) = pending(kernel, auth_session, client).await?;
    if purpose == Purpose::Enrol { Ok(owner) } else { Err(Error::InvalidToken) }
}

/// What a challenge asks for, told once more.
pub(super) async fn ask_again(
    kernel: &Kernel,
    auth_session: &AuthSession,
    client: &ClientInfo,
) -> Result<Challenge, Error> {
    let (purpose, row, owner) = pending(kernel, auth_session, client).await?;
    challenge::told(kernel, purpose, &row, owner.factors).await
}

/// A challenge that can be answered still, and whose it is.
async fn pending(
    kernel: &Kernel,
    auth_session: &AuthSession,
    client: &ClientInfo,
) -> Result<(Purpose, ChallengeRow, LoginRow), Error> {
    let (purpose, row, attempt) = challenge::find(kernel, auth_session, client).await?;
    let owner = owner(kernel, &row).await;
    match &owner {
        Err(Error::InvalidToken) => attempt.stays_counted(),
        _ => attempt.right(kernel).await,
    }
    let owner = owner?;
    if purpose == Purpose::Enrol && !owner.factors.is_none() {
        return Err(TOTP_EXISTS.into());
    }
    Ok((purpose, row, owner))
}
