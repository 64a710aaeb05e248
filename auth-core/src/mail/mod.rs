//! Mail: this crate says what is to be told, a [`Mailer`] says how. Mails go into an outbox in the transaction of the
//! change that they tell of, and leave it apart from any request; the manual's page on [mail](crate::manual::mail) has
//! the promises.

mod log;
#[cfg(feature = "smtp")]
mod smtp;
mod text;

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use uuid::Uuid;

#[cfg(feature = "smtp")]
pub use self::smtp::SmtpMailer;
pub use self::{
    log::LogMailer,
    text::{EnglishMails, MailTemplates, MailText},
};
use crate::{OneTimeToken, Password};

/// One row for each kind of mail: its name, and what it tells beside the link.
macro_rules! mail_kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $detail:ident;)*) => {
        /// What a mail is for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum MailKind {
            $($(#[$doc])* $kind,)*
        }

        impl MailKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// A stable name for logs and metrics.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$kind => $code,)*
                }
            }

            /// What the detail of its row is.
            pub(crate) fn detail(self) -> Detail {
                match self {
                    $(Self::$kind => Detail::$detail,)*
                }
            }
        }
    };
}

mail_kinds! {
    /// "Is this your address?", with a link.
    VerifyEmail = "verify_email", Nothing;
    /// "Shall this be your address?", to the new one, with a link.
    ChangeEmail = "change_email", Nothing;
    /// "Choose a new password", with a link.
    ResetPassword = "reset_password", Nothing;
    /// "Your code to sign in", with a link that does the same.
    SignInCode = "sign_in_code", Nothing;
    /// Somebody wanted to register an address that has an account.
    EmailTaken = "email_taken", Nothing;
    /// The password was changed or reset. Tells of the other ways to sign in, which stay.
    PasswordChanged = "password_changed", WaysIn;
    /// Somebody who is signed in wants another address; goes to the old one, with a link that stops it.
    EmailChangeAsked = "email_change_asked", NewAddress;
    /// The address was changed; goes to the old one.
    EmailChanged = "email_changed", NewAddress;
    /// The account is gone.
    AccountDeleted = "account_deleted", Nothing;
    /// Whoever is known to a provider can sign in to the account from now on.
    IdentityLinked = "identity_linked", Provider;
    /// A provider can no longer be used to sign in to the account.
    IdentityUnlinked = "identity_unlinked", Provider;
    /// The account has a second factor now.
    FactorAdded = "factor_added", Nothing;
    /// A second factor was taken away by its owner.
    FactorRemoved = "factor_removed", Nothing;
    /// An administrator took all second factors away.
    FactorsReset = "factors_reset", Nothing;
    /// There are new recovery codes, and the old are dead.
    RecoveryCodesMade = "recovery_codes_made", Nothing;
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_code_used", Nothing;
    /// After a right password wrong codes were given several times: somebody may know the password.
    SecondFactorFailed = "second_factor_failed", Nothing;
    /// So many wrong codes were given that none is taken any more.
    FactorLocked = "factor_locked", Nothing;
    /// Somebody can sign in to the account with a new passkey.
    PasskeyAdded = "passkey_added", Nothing;
    /// A passkey was taken away.
    PasskeyRemoved = "passkey_removed", Nothing;
    /// The counter of a passkey did not go up: there may be a copy of it.
    PasskeyCounter = "passkey_counter", Nothing;
    /// A passkey says other than before whether it may be kept on several devices.
    PasskeyBackupChanged = "passkey_backup_changed", Nothing;
    /// The password was taken away by its owner.
    PasswordRemoved = "password_removed", Nothing;
    /// The address was proved by somebody who need not be the one who made the account: what could sign in to it is gone.
    WaysInRemoved = "ways_in_removed", WaysIn;
    /// There is a new API key of the account, perhaps in the place of an old one.
    ApiKeyCreated = "api_key_created", Nothing;
    /// A webhook was switched off; goes to those who administer.
    WebhookOff = "webhook_off", Nothing;
}

/// What a mail tells beside its link.
pub(crate) enum Detail {
    Nothing,
    /// [`Mail::new_address`].
    NewAddress,
    /// [`Mail::provider`].
    Provider,
    /// [`Mail::ways_in`].
    WaysIn,
}

impl MailKind {
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
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
    /// What to type where it was asked for.
    pub code: Option<Password>,
    /// Which account it is about, where that is not the recipient's own address: at a change of address, the new one.
    pub new_address: Option<String>,
    /// The name of the identity provider that it is about.
    pub provider: Option<String>,
    /// What can sign in to the account besides the password, or could until now, one after the other with commas between them:
    /// `sign-in with google`.
    pub ways_in: Option<String>,
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

/// Tells neither address, nor link, nor code.
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

/// How much mail waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailBacklog {
    /// How many mails.
    pub waiting: u64,
    /// How long the oldest of them has been waiting.
    pub oldest: Option<Duration>,
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

    /// Whether mails get to whom they are for, so that people can be asked to prove their address before anything hangs on it.
    /// By default they do; a log reaches nobody.
    fn reaches_its_recipients(&self) -> bool {
        true
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
