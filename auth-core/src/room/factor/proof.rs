//! Showing a factor that stands: counted, looked at, and spent in the transaction of what it is shown for.

use super::{
    INVALID_CODE, Method,
    guess::{Guess, reserve, right_passkey, wrong_passkey},
    passkey, recovery,
    store::{find_totp, spend_code, use_step},
    totp::{self, Step},
};
use crate::{
    ClientInfo, Error, Password, UserId, assurance::PASSKEY, event::EventKind, kernel::Kernel,
    mail::MailKind, store::DatabaseTransaction,
};

/// A code that was right, and is not spent yet.
pub(super) struct Shown {
    user: UserId,
    what: What,
    /// `None`: it cannot be guessed.
    guess: Option<Guess>,
}

enum What {
    Step(Step),
    /// The hash of its row.
    Recovery(String),
    Passkey(Box<passkey::Shown>),
}

/// Looks at a code, or at what a passkey has signed for this purpose. A wrong one is counted and told, and [`INVALID_CODE`].
/// To be called [detached](crate::task::detached).
pub(super) async fn show(
    kernel: &Kernel,
    user: UserId,
    method: Method,
    code: &Password,
    purpose: passkey::Purpose,
    client: &ClientInfo,
) -> Result<Shown, Error> {
    if method == Method::Passkey {
        let Ok(shown) = passkey::look(kernel, code.expose(), purpose, Some(user)).await? else {
            wrong_passkey(kernel, user, client).await?;
            return Err(INVALID_CODE.into());
        };
        return Ok(Shown { user, what: What::Passkey(Box::new(shown)), guess: None });
    }
    let guess = reserve(kernel, user, client).await?;
    match look(kernel, user, method, code, client).await {
        Ok(Some(what)) => Ok(Shown { user, what, guess: Some(guess) }),
        Ok(None) => {
            guess.wrong(kernel, method.name(), client).await?;
            Err(INVALID_CODE.into())
        }
        Err(error) => {
            guess.not_checked(kernel).await;
            Err(error)
        }
    }
}

async fn look(
    kernel: &Kernel,
    user: UserId,
    method: Method,
    code: &Password,
    client: &ClientInfo,
) -> Result<Option<What>, Error> {
    match method {
        Method::RecoveryCode => Ok(recovery::check(kernel, user, code, client).await?.map(What::Recovery)),
        Method::Totp => {
            let row = find_totp(kernel.store.db(), user).await?.filter(|row| row.pending_until.is_none());
            let step = row.map(|row| totp::check(kernel, user, row, code)).transpose()?.flatten();
            Ok(step.map(What::Step))
        }
        // Is no code.
        Method::Passkey => Ok(None),
    }
}

impl Shown {
    pub(super) fn method(&self) -> Method {
        match self.what {
            What::Step(_) => Method::Totp,
            What::Recovery(_) => Method::RecoveryCode,
            What::Passkey(_) => Method::Passkey,
        }
    }

    /// As it stands in `amr`.
    pub(super) fn amr(&self) -> &'static str {
        match self.what {
            What::Step(_) => "otp",
            What::Recovery(_) => "rc",
            What::Passkey(_) => PASSKEY,
        }
    }

    /// Uses it up in this transaction, with all that belongs to it. `false`: somebody else was faster.
    pub(super) async fn spend(
        &self,
        kernel: &Kernel,
        txn: &DatabaseTransaction,
        email: &str,
        client: &ClientInfo,
    ) -> Result<bool, Error> {
        let is_spent = match &self.what {
            What::Step(step) => use_step(txn, self.user, (&step.secret, &step.anew), step.number).await?,
            What::Recovery(hash) => spend_code(txn, self.user, hash).await?,
            What::Passkey(shown) => shown.spend(kernel, txn, email, client).await?,
        };
        if is_spent && let Some(kind) = self.event() {
            kernel.post(txn, MailKind::RecoveryCodeUsed, email, Some(self.user), None).await?;
            kernel.record(txn, client, &kind).await?;
        }
        Ok(is_spent)
    }

    /// After the commit.
    pub(super) async fn spent(self, kernel: &Kernel, client: &ClientInfo) {
        if let Some(kind) = self.event() {
            kernel.mail_waits();
            kernel.emit(client, kind);
        }
        let forgotten = match self.guess {
            Some(guess) => guess.right(kernel.store.db()).await,
            None => right_passkey(kernel, self.user, client).await,
        };
        if let Err(error) = forgotten {
            tracing::warn!(error = error.code(), "wrong codes before a right one stay counted");
        }
        if let What::Passkey(shown) = self.what {
            shown.spent(kernel, client);
        }
    }

    /// Somebody else has used it up: for who comes second it is a wrong one.
    pub(super) async fn was_spent(
        self,
        kernel: &Kernel,
        email: &str,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let method = self.method();
        if let What::Passkey(shown) = self.what {
            shown.was_refused(kernel, email, client).await?;
        }
        match self.guess {
            Some(guess) => guess.wrong(kernel, method.name(), client).await,
            None => wrong_passkey(kernel, self.user, client).await,
        }
    }

    fn event(&self) -> Option<EventKind> {
        matches!(self.what, What::Recovery(_)).then_some(EventKind::RecoveryCodeUsed { user: self.user })
    }
}
