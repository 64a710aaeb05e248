//! A browser comes back from a provider.

use super::{
    Callback, Failure, Oidc, PROVIDER_NOT_FOUND, Trouble,
    callback::Answer,
    discovery::printable,
    exchange::{Connected, Proof},
    settle::Arrived,
    throttle::is_no_fault_of_theirs,
    transaction::{self, Transaction},
};
use crate::{
    ClientInfo, Clock, Error, SignIn, SignInFailure, UserId,
    event::EventKind,
    flow::NotSignedIn,
    kernel::{Arrival, Attempt, Replaced},
    store::{LoginRow, spend_token},
};

/// What came of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// What has happened.
    pub outcome: Outcome,
    /// The page to send the browser to.
    pub redirect_to: String,
}

/// What has happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Somebody is signed in.
    SignedIn(SignIn),
    /// The identity is linked to the account of who is signed in.
    Linked,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Refused {
    /// A [`Failure`], or what any operation may end with.
    #[source]
    pub error: Error,
    /// The page to send the browser to, with the error's code in its query.
    pub redirect_to: String,
}

impl Oidc {
    /// To be called [detached](crate::task::detached): once the state is spent, a browser that leaves must not be the end.
    pub(super) async fn end(&self, callback: Callback) -> Result<Finished, Refused> {
        let default = &self.set_up.targets.default;
        let (connected, begun) = match self.recognise(&callback).await {
            Ok(recognised) => recognised,
            Err(error) => {
                self.note_refusal(&error, None, &callback.client).await;
                return Err(self.refused(error, default));
            }
        };
        match self.go_on(&callback, connected, &begun).await {
            Ok(outcome) => {
                self.give_back(&callback.client, 2);
                Ok(Finished { outcome, redirect_to: begun.about.redirect_to })
            }
            Err((user, error)) => {
                if is_no_fault_of_theirs(&error) {
                    self.give_back(&callback.client, 2);
                }
                self.note_refusal(&error, user.or(begun.user), &callback.client).await;
                Err(self.refused(error, &begun.about.redirect_to))
            }
        }
    }

    async fn recognise(&self, callback: &Callback) -> Result<(&Connected, Transaction), Error> {
        let connected = self.set_up.named(&callback.provider).ok_or(Error::Refused(PROVIDER_NOT_FOUND))?;
        self.count(&callback.client)?;
        let begun = match &callback.answer.state {
            Some(state) => transaction::find(&self.kernel, state).await,
            None => Ok(None),
        };
        let begun = begun.inspect_err(|_| self.give_back(&callback.client, 1))?;
        Ok((connected, begun.ok_or(Failure::StateUnknown)?))
    }

    async fn go_on(
        &self,
        callback: &Callback,
        connected: &Connected,
        begun: &Transaction,
    ) -> Result<Outcome, (Option<UserId>, Error)> {
        let nobody = |error: Error| (None, error);
        let now = self.kernel.now();
        begun.validate(callback.browser.as_ref(), now).map_err(|failure| nobody(failure.into()))?;
        if begun.about.provider != callback.provider {
            return Err(nobody(Failure::OtherProvider.into()));
        }
        // From here on it cannot be used again, and no second request is sent to the provider for it.
        match spend_token(self.kernel.store.db(), begun.id, now).await {
            Ok(true) => {}
            Ok(false) => return Err(nobody(Failure::StateUsed.into())),
            Err(error) => return Err(nobody(error.into())),
        }
        let clock = self.kernel.clock.as_ref();
        let vouched = connected.in_time(ask(connected, &callback.answer, begun, clock)).await;
        let vouched = vouched.map_err(|trouble| {
            super::log(&callback.provider, &trouble, &callback.client);
            nobody(trouble.failure.into())
        })?;
        let arrived = Arrived {
            provider: &connected.provider,
            person: &vouched.person,
            tokens: &vouched.tokens,
            client: &callback.client,
        };
        if let Some((user, session)) = begun.user.zip(begun.about.links_in) {
            self.link(user, session.into(), &arrived).await.map_err(|error| (Some(user), error))?;
            return Ok(Outcome::Linked);
        }
        let LoginRow { user, sessions: live_sessions, factors, .. } = self.account_of(&arrived).await?;
        let about = Some(user.id);
        let client = callback.client.clone();
        let replaces = begun.about.replaces().map(|session| Replaced { session, owner: None });
        let arrival = Arrival {
            user,
            live_sessions,
            factors,
            methods: connected.provider.methods(&vouched.person),
            // What is not told was long ago.
            authenticated_at: Some(vouched.person.authenticated_at.unwrap_or(0)),
            client,
            replaces,
            device: begun.about.device,
            token_id: None,
            attempt: Attempt::counted_elsewhere(),
        };
        let signed_in = self.kernel.sign_in(arrival).await.map_err(|reason| (about, refused(reason)))?;
        Ok(Outcome::SignedIn(signed_in))
    }

    /// For the log, the audit and the metrics.
    async fn note_refusal(&self, error: &Error, user: Option<UserId>, client: &ClientInfo) {
        if let Some(failure) = Failure::of(error) {
            let reason = SignInFailure::Refused(failure.code());
            self.kernel.note(client, EventKind::SignInFailed { user, reason }).await;
        }
    }
}

/// What the page is told of a refusal at the gate.
fn refused(reason: NotSignedIn) -> Error {
    let (reason, attempt) = match reason {
        NotSignedIn::Failed(error) => return error,
        NotSignedIn::Refused(reason, attempt) => (reason, attempt),
    };
    attempt.stays_counted();
    match reason {
        SignInFailure::Disabled => Failure::AccountDisabled.into(),
        SignInFailure::Unverified => Failure::EmailUnverified.into(),
        SignInFailure::UnknownUser
        | SignInFailure::WrongPassword
        | SignInFailure::WrongCode
        | SignInFailure::WrongPasskey
        | SignInFailure::Denied
        | SignInFailure::Refused(_) => Error::InvalidCredentials,
    }
}

/// Checks what the provider says by way of the browser, and asks it about the rest.
async fn ask(
    connected: &Connected,
    answer: &Answer,
    begun: &Transaction,
    clock: &dyn Clock,
) -> Result<super::exchange::Vouched, Trouble> {
    // RFC 9207 section 2.4; errors carry it too.
    let issuer = connected.openid_issuer();
    if let (Some(issuer), Some(named)) = (issuer, &answer.iss)
        && issuer != named
    {
        let detail = format!("the answer is of `{}`", printable(named));
        return Err(Trouble { failure: Failure::IssuerMismatch, detail });
    }
    if let Some(error) = &answer.error {
        let failure = if error == "access_denied" { Failure::AccessDenied } else { Failure::ProviderRefused };
        return Err(Trouble { failure, detail: format!("it says `{}`", printable(error)) });
    }
    let known = connected.known(clock).await?;
    if known.as_ref().is_some_and(|known| known.answers_name_issuer) && answer.iss.is_none() {
        return Err(Trouble {
            failure: Failure::IssuerMismatch,
            detail: "the answer names no issuer".to_owned(),
        });
    }
    let code = answer.code.as_deref().ok_or_else(|| Trouble::bad("the answer has no code"))?;
    let proof = Proof { code, verifier: &begun.verifier, nonce: &begun.nonce };
    let vouched = connected.vouch(known, &proof, clock).await?;
    if !begun.is_recent(vouched.person.authenticated_at) {
        let detail = match vouched.person.authenticated_at {
            None => "it does not tell when the sign-in was",
            Some(_) => "the sign-in was before it was asked for",
        };
        return Err(Trouble { failure: Failure::SignInNotRecent, detail: detail.to_owned() });
    }
    Ok(vouched)
}
