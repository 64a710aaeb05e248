//! Asks what the host has to say, within the time that it has.

use std::sync::Once;

use super::{Arrival, Kernel};
use crate::{
    ClientInfo, Error, EventKind, Finding, HookError, OnHookFailure, SessionId, User, UserId,
    clock::from_millis,
    error::is_lost_race,
    hook::{Asking, BeforeRegister, BeforeSignIn, ClaimsFor},
    store::{DatabaseTransaction, SessionRow, UserRow, find_profile},
    verdict::{Claims, RESERVED_CLAIMS, Verdict},
};

/// In bytes of JSON.
const CLAIMS_MAX: usize = 1024;

impl Kernel {
    pub(crate) async fn before_register(&self, email: &str, client: &ClientInfo) -> Result<(), Error> {
        let Some(hooks) = &self.hooks else { return Ok(()) };
        let asked = BeforeRegister {
            email: email.to_owned(),
            ip: client.known_ip(),
            user_agent: client.storable_user_agent(),
        };
        let verdict = self.ask_hook("before_register", hooks.before_register(&asked)).await?;
        allowed(verdict)
    }

    pub(crate) async fn before_sign_in(&self, arrival: &Arrival) -> Result<(), Error> {
        let Some(hooks) = &self.hooks else { return Ok(()) };
        let asked = BeforeSignIn {
            user: arrival.user.clone().into(),
            methods: methods(&arrival.methods),
            ip: arrival.client.known_ip(),
            user_agent: arrival.client.storable_user_agent(),
        };
        let verdict = self.ask_hook("before_sign_in", hooks.before_sign_in(&asked)).await?;
        allowed(verdict)
    }

    /// What the next access token of a session tells besides.
    pub(crate) async fn claims_of(
        &self,
        session: &SessionRow,
        methods: &str,
        authenticated_at: i64,
    ) -> Result<Claims, Error> {
        self.claims(&session.user, session.id, methods, authenticated_at).await
    }

    /// To be asked before anything is written that the token would have to follow.
    pub(crate) async fn claims(
        &self,
        user: &UserRow,
        session: SessionId,
        by: &str,
        authenticated_at: i64,
    ) -> Result<Claims, Error> {
        let mut claims = self.claims_of_profile(user.id).await?;
        let Some(hooks) = &self.hooks else { return Ok(claims) };
        let user: User = user.clone().into();
        let authenticated_at = from_millis(authenticated_at);
        let asked = ClaimsFor { user, session, methods: methods(by), authenticated_at };
        let asking: Asking<'_, Claims> = Box::pin(async {
            let claims = hooks.claims(&asked).await?;
            let problem =
                if let Some(name) = claims.keys().find(|name| RESERVED_CLAIMS.contains(&name.as_str())) {
                    format!("the claim `{name}` is reserved")
                } else if is_too_long(&claims) {
                    format!("the claims are longer than {CLAIMS_MAX} bytes")
                } else {
                    return Ok(claims);
                };
            Err(HookError(problem))
        });
        // Where both tell a claim, the host's code has the last word.
        claims.extend(self.ask_hook("claims", asking).await?.unwrap_or_default());
        Ok(claims)
    }

    /// Of what people write themselves, so it keeps nobody out.
    async fn claims_of_profile(&self, user: UserId) -> Result<Claims, Error> {
        static TOLD: Once = Once::new();
        let wanted = &self.config.tokens.claims;
        if wanted.is_empty() {
            return Ok(Claims::new());
        }
        let claims = wanted.of(&find_profile(self.store.db(), user).await?.unwrap_or_default());
        if is_too_long(&claims) {
            TOLD.call_once(|| {
                tracing::warn!(user_id = %user, "the claims of a profile are longer than {CLAIMS_MAX} bytes and left out; further ones are not told");
            });
            return Ok(Claims::new());
        }
        Ok(claims)
    }

    /// Whatever fails here takes the change back with it: after a statement that has failed a transaction is of no more use, so no
    /// setting lets that pass.
    pub(crate) async fn after_change(
        &self,
        txn: &DatabaseTransaction,
        client: &ClientInfo,
        kind: &EventKind,
    ) -> Result<(), Error> {
        let Some(hooks) = &self.hooks else { return Ok(()) };
        let (event, deadline) = (self.event(client, kind.clone()), self.config.hooks.deadline);
        let answer = tokio::time::timeout(deadline, hooks.after_change(&event, txn)).await;
        let outcome = if matches!(answer, Ok(Ok(()))) { "answered" } else { "failed" };
        metrics::counter!("auth_hooks_total", "hook" => "after_change", "outcome" => outcome).increment(1);
        let told = match answer {
            Ok(Ok(())) => return Ok(()),
            // Another transaction was first: this one is run again, and asks again.
            Ok(Err(error)) if is_lost_race(&error) => return Err(error.into()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {deadline:?}"),
        };
        tracing::warn!(hook = "after_change", event = kind.code(), "a hook takes a change back: {told}");
        Err(Error::HookUnavailable)
    }

    pub(crate) async fn check_hooks(&self) -> Option<Finding> {
        let deadline = self.config.hooks.deadline;
        let looked = tokio::time::timeout(deadline, self.hooks.as_ref()?.check()).await;
        let error =
            looked.unwrap_or_else(|_| Err(HookError(format!("no answer within {deadline:?}")))).err()?;
        let becomes = match self.config.hooks.on_failure {
            OnHookFailure::Closed => "nobody can register or sign in",
            OnHookFailure::Open => "whom it would refuse is let in",
        };
        Some(Finding::error(
            "hook_away",
            format!("the hook does not answer ({error}): {becomes}"),
            "see that it runs, and that its address is right and open from here",
        ))
    }

    /// `None`: it could not be asked, and the host lets that pass.
    async fn ask_hook<T>(&self, hook: &'static str, asking: Asking<'_, T>) -> Result<Option<T>, Error> {
        let deadline = self.config.hooks.deadline;
        let answer = tokio::time::timeout(deadline, asking).await;
        let answer = answer.unwrap_or_else(|_| Err(HookError(format!("no answer within {deadline:?}"))));
        let outcome = if answer.is_ok() { "answered" } else { "failed" };
        metrics::counter!("auth_hooks_total", "hook" => hook, "outcome" => outcome).increment(1);
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => {
                tracing::warn!(hook, "a hook does not answer: {error}");
                match self.config.hooks.on_failure {
                    OnHookFailure::Closed => Err(Error::HookUnavailable),
                    OnHookFailure::Open => Ok(None),
                }
            }
        }
    }
}

fn is_too_long(claims: &Claims) -> bool {
    serde_json::to_vec(claims).map_or(usize::MAX, |json| json.len()) > CLAIMS_MAX
}

fn allowed(verdict: Option<Verdict>) -> Result<(), Error> {
    match verdict {
        Some(Verdict::Deny(denial)) => Err(Error::Denied(Box::new(denial))),
        Some(Verdict::Allow) | None => Ok(()),
    }
}

fn methods(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
