//! Showing again who one is, in a session that goes on.

use std::{sync::Arc, time::Duration};

use super::{
    INVALID_CODE, Method, SECOND_FACTOR_ENROLMENT_REQUIRED,
    account::wrong_code,
    passkey::Purpose,
    proof::{self, Shown},
};
use crate::{
    AccessToken, Assurance, ClientInfo, Error, FieldError, Password, Principal,
    assurance::{with_first, with_second},
    event::EventKind,
    kernel::Kernel,
    store::{SessionRow, prove_session},
    task::until_won,
};

/// How somebody shows again who they are.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StepUp {
    /// By the password, where there is no second factor.
    Password(Password),
    /// By a code of a second factor, or by the JSON text that a browser made of
    /// [`Passkeys::begin_step_up`](super::Passkeys::begin_step_up).
    Code(Method, Password),
}

/// Who is signed in has shown again who they are.
#[derive(Debug)]
#[non_exhaustive]
pub struct SteppedUp {
    /// Of the same session, with a fresh [`authenticated_at`](Principal::authenticated_at). The refresh token stays.
    pub access: AccessToken,
    /// How long it is good for.
    pub access_expires_in: Duration,
}

/// To be called [detached](crate::task::detached).
pub(super) async fn step_up(
    kernel: &Arc<Kernel>,
    caller: &Principal,
    by: StepUp,
    client: &ClientInfo,
) -> Result<SteppedUp, Error> {
    let session = kernel.live_session(caller).await?;
    let user = &session.user;
    let factors = kernel.factors_of(kernel.store.db(), user.id).await?;
    let has_second = kernel.has_second_factor(factors);
    let (methods, method, shown) = match by {
        StepUp::Password(_) if has_second => {
            return Err(wrong_method("the account has a second factor, by which it steps up"));
        }
        StepUp::Code(Method::Passkey, _) if factors.beside == 0 => {
            return Err(wrong_method("the account has no passkey"));
        }
        StepUp::Code(Method::Totp | Method::RecoveryCode, _) if !has_second => {
            return Err(wrong_method("the account has no second factor"));
        }
        StepUp::Password(password) => {
            let confirmed = Arc::clone(kernel).confirm(caller, Some(password), "password", client).await?;
            if confirmed.hash.is_none() {
                return Err(wrong_method("the account has no password; sign in again"));
            }
            (with_first(&session.methods, "pwd"), "password", None)
        }
        StepUp::Code(method, code) => {
            match proof::show(kernel, user.id, method, &code, Purpose::StepUp, client).await {
                Err(Error::Refused(INVALID_CODE)) => return Err(wrong(method)),
                shown => {
                    let shown = shown?;
                    (with_second(&session.methods, shown.amr()), method.name(), Some(shown))
                }
            }
        }
    };
    if Assurance::of_methods(&methods) == Assurance::Aal1
        && kernel.config.factors.policy.requires(&user.roles)
    {
        // As at a refresh: below two factors there are no tokens.
        return Err(SECOND_FACTOR_ENROLMENT_REQUIRED.into());
    }
    let claims = kernel.claims_of(&session, &methods, kernel.now()).await?;
    let (now, kind) = (kernel.now(), EventKind::SteppedUp { user: user.id, session: session.id, method });
    write(kernel, &session, &methods, shown, &kind, client).await?;
    kernel.emit(client, kind);
    let (access, access_expires_in) = kernel.access_token(&session, &methods, &claims, now)?;
    Ok(SteppedUp { access, access_expires_in })
}

async fn write(
    kernel: &Kernel,
    session: &SessionRow,
    methods: &str,
    shown: Option<Shown>,
    kind: &EventKind,
    client: &ClientInfo,
) -> Result<(), Error> {
    let now = kernel.now();
    let spent = until_won(|| async {
        let txn = kernel.store.begin().await?;
        if let Some(shown) = &shown
            && !shown.spend(kernel, &txn, &session.user.email, client).await?
        {
            return Ok(false);
        }
        if !prove_session(&txn, session.id, methods, now).await? {
            return Err(Error::SessionOver);
        }
        kernel.record(&txn, client, kind).await?;
        txn.commit().await?;
        Ok(true)
    })
    .await?;
    kernel.changed_here();
    match shown {
        Some(shown) if spent => shown.spent(kernel, client).await,
        Some(shown) => {
            let wrong = wrong(shown.method());
            shown.was_spent(kernel, &session.user.email, client).await?;
            return Err(wrong);
        }
        None => {}
    }
    Ok(())
}

fn wrong(method: Method) -> Error {
    if method != Method::Passkey {
        return wrong_code();
    }
    let rule = "this is not what a passkey of yours was asked for here in the last 5 minutes";
    Error::Validation(vec![FieldError::new("credential", "invalid_credential", rule)])
}

fn wrong_method(rule: &'static str) -> Error {
    Error::Validation(vec![FieldError::new("method", "not_possible", rule)])
}
