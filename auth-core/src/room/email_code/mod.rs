//! Sign-in by a code that is sent by mail, or by the link beside it: no password is needed.
//!
//! [`EmailCodes::start`] sends a mail and gives a token for the browser that asked; [`EmailCodes::confirm`] takes the code together with
//! it, or the link's token alone. Whoever gets in so has shown that they read mail at the address. The manual's page on [e-mail
//! codes](crate::manual::email_codes) has the rules.
//!
//! ```no_run
//! # async fn run(auth: auth_core::Auth) -> Result<(), Box<dyn std::error::Error>> {
//! use auth_core::{SignIn, email_code::{Confirm, Start}};
//!
//! let codes = auth.email_codes().ok_or("sign-in by e-mail is off")?;
//! let flow = codes.start(Start::new("ada@example.com")).await?;
//! // Keep `flow.token` in a cookie of the browser, and ask for the code.
//! let confirmed = codes.confirm(Confirm::code("ada@example.com", "12345678", Some(flow.token))).await?;
//! match confirmed.sign_in {
//!     SignIn::Granted(tokens) => println!("{} is signed in", tokens.user_id),
//!     SignIn::Challenge(challenge) => println!("a second factor is needed: {:?}", challenge.methods),
//!     _ => return Err("this needs a newer version".into()),
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod check;
mod confirm;
mod entity;
mod mail;
mod start;
mod store;

use std::{fmt, sync::Arc, time::Duration};

pub use self::{
    confirm::{Confirm, Confirmed, LinkOwner},
    start::{Flow, Start},
};
use crate::{
    Auth, ClientInfo, EmailSignIn, Error, OneTimeToken, Registration,
    kernel::{Kernel, Room, Sweep, WrittenMail},
    mail::MailKind,
    store::{ColumnKind, Exported, Table},
    task::detached,
    token::Purpose,
};

crate::secret::secret_text! {
    /// What only the browser has in which a sign-in by e-mail began: belongs in a short-lived `HttpOnly` cookie.
    FlowToken
}

pub(crate) const ROOM: Room = Room {
    tables: &[Table::of::<entity::Entity>("auth_email_code")],
    writes: Some(WrittenMail {
        kind: MailKind::SignInCode,
        compose: |kernel, row| Box::pin(mail::compose(kernel, row)),
    }),
    sweep: &[Sweep { table: "auth_email_code", id: "id", at: "expires_at", kept: |_| Some(Duration::ZERO) }],
    export: &[Exported {
        member: "email_sign_ins",
        table: "auth_email_code",
        user: "user_id",
        columns: &[("created_at", ColumnKind::Time), ("expires_at", ColumnKind::Time)],
    }],
    findings: Some(|kernel| Box::pin(std::future::ready(Ok(check::check(kernel))))),
    ..Room::EMPTY
};

/// How long code and link work, from when they were asked for.
const VALID_FOR: Duration = Duration::from_mins(10);

/// Wrong codes after which a sign-in is over.
const MAX_TRIES: i64 = 5;

/// The link of the mail, which works without the cookie.
const LINK: Purpose = Purpose("email_sign_in");
/// The cookie of the browser that asked.
const FLOW: Purpose = Purpose("email_flow");
/// Apart from the purposes.
const CODE: &str = "email code";

/// As it stands in `amr`. RFC 8176 has no value for it.
const METHOD: &str = "email";

/// Sign-in by e-mail, from [`Auth::email_codes`]. Cheap to clone.
#[derive(Clone)]
pub struct EmailCodes {
    kernel: Arc<Kernel>,
}

impl fmt::Debug for EmailCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailCodes").finish_non_exhaustive()
    }
}

/// Sign-in by e-mail.
impl Auth {
    /// Sign-in by e-mail, unless it is [`Off`](EmailSignIn::Off).
    pub fn email_codes(&self) -> Option<EmailCodes> {
        let is_on = self.kernel.config.email_codes.sign_in != EmailSignIn::Off;
        is_on.then(|| EmailCodes { kernel: Arc::clone(&self.kernel) })
    }
}

impl EmailCodes {
    /// Sends a code and a link, if somebody can sign in with this address. Who asks cannot tell: each address takes the same work and
    /// gives the same answer.
    ///
    /// # Errors
    /// [`Error::Validation`] on `email` for what is no address, and on `redirect_to`; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn start(&self, start: Start) -> Result<Flow, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { start::start(&kernel, start).await }).await
    }

    /// Signs in by the code or by the link, whichever comes first: both work once. The address is proved by it. If it was not
    /// proved before, the password and whatever else could sign in go, unless the client holds a live session of the account: somebody
    /// else may have set them up.
    ///
    /// # Errors
    /// [`INVALID_CODE`](crate::refusal::INVALID_CODE) for a code that is wrong or too old, after five of which the sign-in is over, and
    /// for who is disabled; [`Error::Validation`] on `email`, and on `token` for a link that is no good; [`Error::Throttled`];
    /// [`Error::Denied`]; [`Error::Unavailable`].
    pub async fn confirm(&self, confirm: Confirm) -> Result<Confirmed, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { confirm::confirm(&kernel, confirm).await }).await
    }

    /// To which account a link signs in, for a page that asks before it does: a link that somebody else sent would sign in to their
    /// account. Spends nothing.
    ///
    /// # Errors
    /// [`Error::Validation`] on `token` for a link that is no good; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn link_owner(
        &self,
        token: &OneTimeToken,
        flow: Option<&FlowToken>,
        client: ClientInfo,
    ) -> Result<LinkOwner, Error> {
        confirm::link_owner(&self.kernel, token, flow, &client).await
    }
}

impl Kernel {
    /// Whether an address that nobody has gets an account.
    fn signs_up_by_email(&self) -> bool {
        let is_wanted = self.config.email_codes.sign_in == EmailSignIn::SignUp;
        is_wanted && self.config.registration != Registration::Closed
    }
}
