//! Mail: this crate says what is to be told, a [`Mailer`] says how. Mails go into an outbox in the transaction of the
//! change that they tell of, and leave it apart from any request; the manual's page on [mail](crate::manual::mail) has
//! the promises.

mod check;
mod log;
mod outbox;
#[cfg(feature = "smtp")]
mod smtp;
mod text;

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use uuid::Uuid;

#[cfg(feature = "smtp")]
pub use self::smtp::SmtpMailer;
pub use self::{
    log::LogMailer,
    outbox::MailBacklog,
    text::{EnglishMails, MailTemplates, MailText},
};
use crate::OneTimeToken;

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MailKind {
    /// "Is this your address?", with a link.
    VerifyEmail,
    /// "Shall this be your address?", to the new one, with a link.
    ChangeEmail,
    /// "Choose a new password", with a link.
    ResetPassword,
    /// Somebody wanted to register an address that has an account.
    EmailTaken,
    /// The password was changed or reset.
    PasswordChanged,
    /// The address was changed; goes to the old one.
    EmailChanged,
    /// The account is gone.
    AccountDeleted,
    /// Whoever is known to a provider can sign in to the account from now on.
    IdentityLinked,
    /// And no longer.
    IdentityUnlinked,
}

impl MailKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::VerifyEmail,
        Self::ChangeEmail,
        Self::ResetPassword,
        Self::EmailTaken,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::AccountDeleted,
        Self::IdentityLinked,
        Self::IdentityUnlinked,
    ];

    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ChangeEmail => "change_email",
            Self::ResetPassword => "reset_password",
            Self::EmailTaken => "email_taken",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::AccountDeleted => "account_deleted",
            Self::IdentityLinked => "identity_linked",
            Self::IdentityUnlinked => "identity_unlinked",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A mail to one person.
#[derive(Clone)]
#[non_exhaustive]
pub struct Mail {
    /// The same at each try: fit for a `Message-ID` and for a provider's idempotency key.
    pub id: Uuid,
    /// What for.
    pub kind: MailKind,
    /// The recipient's address.
    pub to: String,
    /// What to follow, where there is something to do.
    pub link: Option<Link>,
    /// Which account it is about, where that is not the recipient's own address: after a change of address, the new one.
    pub new_address: Option<String>,
    /// The name of the identity provider that it is about.
    pub provider: Option<String>,
}

/// What only the reader of the mail may have.
#[derive(Clone)]
#[non_exhaustive]
pub struct Link {
    /// Leads to the page for it, with the token in the fragment: following it changes nothing, and no log sees it.
    pub url: String,
    /// The token alone, for a client that has no page.
    pub token: OneTimeToken,
    /// How long it works from now.
    pub valid_for: Duration,
}

/// Tells neither address nor link.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}

/// Brings mails on their way. Called on no request's path, and for several mails at once.
pub trait Mailer: Send + Sync + 'static {
    /// Hands a mail over. `Ok` means that somebody else answers for it now; after an error it is tried again, so that one
    /// whose answer was lost may go out twice. Given up after 30 seconds.
    ///
    /// # Errors
    /// [`MailError`].
    fn send<'a>(&'a self, mail: &'a Mail, text: &'a MailText) -> Sending<'a>;

    /// Sends nothing, and finds out whether mails could leave, for [`Auth::check`](crate::Auth::check). By default it is taken
    /// for granted.
    ///
    /// # Errors
    /// [`MailError`]: nobody there, or refused.
    fn check(&self) -> Sending<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The future of [`Mailer::send`].
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>>;

/// Why a mail did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// Nobody there, or "not now": it is tried again, for a day. Carries a code for the log, and no address.
    #[error("the mail did not leave yet: {0}")]
    NotNow(String),
    /// Refused for good. Carries a code for the log, and no address.
    #[error("the mail was refused: {0}")]
    Refused(String),
}

/// How mail leaves, as the builder was told.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) templates: Arc<dyn MailTemplates>,
}
