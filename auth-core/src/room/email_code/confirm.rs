//! The code or the link comes back.

use std::sync::Arc;

use super::{
    CODE, FLOW, FlowToken, LINK, MAX_TRIES, METHOD, account,
    store::{By, FlowRow, find_flow, take_try},
};
use crate::{
    Address, ClientInfo, Error, LinkRefusal, OneTimeToken, Password, RefreshToken, SignIn, SignInFailure,
    UserId,
    email::Email,
    event::EventKind,
    flow::{NotSignedIn, not_good},
    kernel::{Arrival, Attempt, Kernel},
    refusal::INVALID_CODE,
    store::{LoginRow, find_login, find_user},
    token::{Purpose, one_time::OneTimeParts},
};

/// What somebody gives who was sent a code and a link.
#[derive(Debug, Clone)]
pub struct Confirm {
    by: Shown,
    client: ClientInfo,
    replacing: Option<RefreshToken>,
}

#[derive(Debug, Clone)]
enum Shown {
    Code(Address, Password, Option<FlowToken>),
    Link(OneTimeToken),
}

impl Confirm {
    /// The address that was given before, the code, and the token of the browser that asked: without that no code is right.
    pub fn code(email: impl Into<Address>, code: impl Into<Password>, flow: Option<FlowToken>) -> Self {
        Self::by(Shown::Code(email.into(), code.into(), flow))
    }

    /// The token of the link, which is good in any browser.
    pub fn link(token: impl Into<OneTimeToken>) -> Self {
        Self::by(Shown::Link(token.into()))
    }

    fn by(by: Shown) -> Self {
        Self { by, client: ClientInfo::default(), replacing: None }
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

/// What a sign-in by e-mail came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Confirmed {
    /// As after any sign-in.
    pub sign_in: SignIn,
    /// Where to go, as it was asked for at the beginning.
    pub redirect_to: Option<String>,
}

/// To which account a link signs in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LinkOwner {
    /// Its address.
    pub email: Address,
    /// Whether it was asked for in this browser.
    pub is_of_this_browser: bool,
}

/// Somebody who comes with a code or a link.
pub(super) struct Arrived {
    pub(super) by: By,
    pub(super) client: ClientInfo,
    pub(super) replacing: Option<RefreshToken>,
}

/// To be called [detached](crate::task::detached).
pub(super) async fn confirm(kernel: &Arc<Kernel>, confirm: Confirm) -> Result<Confirmed, Error> {
    let Confirm { by, client, replacing } = confirm;
    match by {
        Shown::Code(email, code, flow) => {
            by_code(kernel, &email, &code, flow, Arrived { by: By::Code, client, replacing }).await
        }
        Shown::Link(token) => by_link(kernel, &token, Arrived { by: By::Link, client, replacing }).await,
    }
}

async fn by_code(
    kernel: &Arc<Kernel>,
    email: &Address,
    code: &Password,
    flow: Option<FlowToken>,
    arrived: Arrived,
) -> Result<Confirmed, Error> {
    let email = Email::parse(email.expose()).map_err(|error| Error::Validation(vec![error]))?;
    let subject = kernel.subject(&email, &arrived.client);
    kernel.let_in(subject, &arrived.client)?;
    let (db, now) = (kernel.store.db(), kernel.now());
    let (found, counters) = find_login(db, email.normalized(), subject, now, kernel.standing()).await?;
    let user = found.map(|row| row.user);
    let id = user.as_ref().map(|user| user.id);
    let attempt = kernel.attempt(subject, counters, &arrived.client, user.as_ref()).await?;
    let right = match look(kernel, &email, code, flow).await {
        Ok(right) => right,
        Err(error) => {
            attempt.not_checked(kernel).await;
            return Err(error);
        }
    };
    let about = match id {
        Some(_) => arrived.client.clone(),
        None => kernel.about(&arrived.client, &email),
    };
    let Some(flow) = right else {
        return refuse(kernel, attempt, &about, id, SignInFailure::WrongCode).await;
    };
    match account::take(kernel, &flow, &arrived).await {
        Ok(Some(owner)) => go_on(kernel, flow, owner, arrived, attempt).await,
        Ok(None) => refuse(kernel, attempt, &about, id, SignInFailure::WrongCode).await,
        Err(error) => Err(failed(kernel, attempt, error).await),
    }
}

/// The row that a code belongs to. Each look is counted before.
async fn look(
    kernel: &Kernel,
    email: &Email,
    code: &Password,
    flow: Option<FlowToken>,
) -> Result<Option<FlowRow>, Error> {
    let Some(flow) = flow else { return Ok(None) };
    let Some(flow) = genuine(kernel, flow.expose(), FLOW).await? else { return Ok(None) };
    let is_the_same = Email::parse(&flow.email).is_ok_and(|asked| asked.normalized() == email.normalized());
    if !is_the_same || !take_try(kernel.store.db(), flow.id, kernel.now()).await? {
        return Ok(None);
    }
    // As it may have been copied.
    let code: String = code.expose().chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let is_right = kernel.keys.get().one_time.is_code(&code, flow.id, &flow.seed, CODE);
    Ok(Some(flow).filter(|_| is_right))
}

/// The row of a token of ours, alive or not.
async fn genuine(kernel: &Kernel, token: &str, purpose: Purpose) -> Result<Option<FlowRow>, Error> {
    let Some(parts) = OneTimeParts::parse(token) else { return Ok(None) };
    let found = find_flow(kernel.store.db(), parts.id).await?;
    Ok(found.filter(|flow| kernel.keys.get().one_time.is_genuine(&parts, &flow.seed, purpose.0)))
}

async fn by_link(kernel: &Arc<Kernel>, token: &OneTimeToken, arrived: Arrived) -> Result<Confirmed, Error> {
    let (flow, attempt) = link(kernel, token, &arrived.client).await?;
    match account::take(kernel, &flow, &arrived).await {
        Ok(Some(owner)) => go_on(kernel, flow, owner, arrived, attempt).await,
        Ok(None) => {
            attempt.stays_counted();
            let user = flow.owner.map(|(user, _)| user);
            kernel.note(&arrived.client, EventKind::LinkRefused { user, reason: LinkRefusal::Used }).await;
            Err(not_good())
        }
        Err(error) => Err(failed(kernel, attempt, error).await),
    }
}

/// Before anything was spent.
async fn failed(kernel: &Arc<Kernel>, attempt: Attempt, error: Error) -> Error {
    match error {
        Error::Denied(_) => attempt.stays_counted(),
        _ => attempt.not_checked(kernel).await,
    }
    error
}

/// The row of a link that can be used still. One that is no good counts in its network.
async fn link(
    kernel: &Kernel,
    token: &OneTimeToken,
    client: &ClientInfo,
) -> Result<(FlowRow, Attempt), Error> {
    let attempt = kernel.attempt_in_network(client)?;
    let found = match genuine(kernel, token.expose(), LINK).await {
        Ok(found) => found,
        Err(error) => {
            attempt.right(kernel).await;
            return Err(error);
        }
    };
    let owner = found.as_ref().and_then(|flow| flow.owner).map(|(user, _)| user);
    let reason = match found {
        Some(flow) if kernel.now() >= flow.expires_at => LinkRefusal::TooOld,
        Some(flow) if flow.tries >= MAX_TRIES => LinkRefusal::Used,
        Some(flow) => return Ok((flow, attempt)),
        None => LinkRefusal::Unknown,
    };
    attempt.stays_counted();
    kernel.note(client, EventKind::LinkRefused { user: owner, reason }).await;
    Err(not_good())
}

pub(super) async fn link_owner(
    kernel: &Kernel,
    token: &OneTimeToken,
    browser: Option<&FlowToken>,
    client: &ClientInfo,
) -> Result<LinkOwner, Error> {
    let (flow, attempt) = link(kernel, token, client).await?;
    attempt.right(kernel).await;
    let own = match browser {
        Some(token) => genuine(kernel, token.expose(), FLOW).await?,
        None => None,
    };
    let email = match flow.owner {
        Some((user, _)) => find_user(kernel.store.db(), user).await?.ok_or_else(not_good)?.email,
        None => flow.email,
    };
    Ok(LinkOwner { email: email.into(), is_of_this_browser: own.is_some_and(|own| own.id == flow.id) })
}

/// Through the one door.
async fn go_on(
    kernel: &Arc<Kernel>,
    flow: FlowRow,
    owner: LoginRow,
    arrived: Arrived,
    attempt: Attempt,
) -> Result<Confirmed, Error> {
    let Arrived { client, replacing, .. } = arrived;
    let replaces = kernel.held(replacing.as_ref()).await?;
    let (id, from, device) = (owner.user.id, client.clone(), kernel.device_shown(&client));
    let arrival = Arrival {
        user: owner.user,
        live_sessions: owner.sessions,
        factors: owner.factors,
        methods: METHOD.to_owned(),
        authenticated_at: None,
        client,
        replaces,
        device,
        token_id: None,
        attempt,
    };
    match kernel.sign_in(arrival).await {
        Ok(sign_in) => Ok(Confirmed { sign_in, redirect_to: flow.redirect_to }),
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
) -> Result<Confirmed, Error> {
    kernel.note(client, EventKind::SignInFailed { user, reason }).await;
    attempt.wrong(kernel, client, user).await;
    Err(INVALID_CODE.into())
}
