//! Security events: what a host logs, counts or alerts on (ASVS 16.3).

use std::time::SystemTime;

use crate::{ClientInfo, EndReason, SessionId, UserId, mail::MailKind};

/// Something that happened, with its time and client. Carries ids, never an e-mail address or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// Who asked, as far as it is known.
    pub client: ClientInfo,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// An account was made.
    Registered {
        /// The new user.
        user: UserId,
    },
    /// An account was made for somebody, by an administrator or at the command line.
    Created {
        /// The new user.
        user: UserId,
    },
    /// An account was taken over from another system. There is one of these for each of them.
    Imported {
        /// The new user.
        user: UserId,
    },
    /// A session began.
    SignedIn {
        /// Whose.
        user: UserId,
        /// The new session.
        session: SessionId,
        /// How: an `amr` value (RFC 8176), `pwd` for a password.
        method: &'static str,
    },
    /// A sign-in was refused.
    SignInFailed {
        /// The account it was aimed at, if there is one.
        user: Option<UserId>,
        /// Why. The client is not told.
        reason: SignInFailure,
    },
    /// An attempt was refused before anything was checked, because there were too many before it.
    Throttled {
        /// The account it was aimed at, if there is one and it was looked for.
        user: Option<UserId>,
        /// Too many of what.
        reason: ThrottleReason,
    },
    /// The last wrong password that an account allows: now only a device that signed in to it before can sign in.
    /// Worth an alert.
    AccountClosed {
        /// Which, if somebody has that address.
        user: Option<UserId>,
    },
    /// The failed sign-ins of an account were forgotten, on request.
    Unlocked {
        /// Whose.
        user: UserId,
    },
    /// A session's refresh token was rotated. Not emitted when a repeat was answered within the grace.
    Refreshed {
        /// Whose session.
        user: UserId,
        /// Which session.
        session: SessionId,
    },
    /// A refresh token was used again after its successor had been used: a copy is about. The session is
    /// revoked. Worth an alert.
    RefreshReused {
        /// Whose session.
        user: UserId,
        /// Which session.
        session: SessionId,
    },
    /// A session was ended.
    SignedOut {
        /// Whose session, where that was read.
        user: Option<UserId>,
        /// Which session.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// Every session of a user but one was ended.
    OthersSignedOut {
        /// Whose.
        user: UserId,
        /// The one that goes on.
        session: SessionId,
    },
    /// Every session of a user was ended.
    AllSignedOut {
        /// Whose.
        user: UserId,
    },
    /// A stored hash of an older format or cost was replaced at a successful sign-in.
    PasswordRehashed {
        /// Whose.
        user: UserId,
    },
    /// A stored hash could not be checked (unknown format, or a cost above the ceiling). The user cannot
    /// sign in with it. Worth an alert.
    StoredHashUnusable {
        /// Whose.
        user: UserId,
    },
    /// The roles of a user were set.
    RolesChanged {
        /// Whose.
        user: UserId,
    },
    /// A user was disabled; all sessions ended.
    Disabled {
        /// Whom.
        user: UserId,
    },
    /// A user was enabled again.
    Enabled {
        /// Whom.
        user: UserId,
    },
    /// Somebody wanted to register an address that has an account.
    EmailTaken,
    /// Somebody proved to read mail at the address of the account.
    EmailVerified {
        /// Whose.
        user: UserId,
    },
    /// The address of an account was replaced by one that is proved.
    EmailChanged {
        /// Whose.
        user: UserId,
    },
    /// The password was changed by who knew the old one; all other sessions ended.
    PasswordChanged {
        /// Whose.
        user: UserId,
    },
    /// A signed-in user gave a wrong password where it was asked for again.
    PasswordNotConfirmed {
        /// Who.
        user: UserId,
    },
    /// The password was replaced by way of a mail; all sessions ended.
    PasswordReset {
        /// Whose.
        user: UserId,
    },
    /// A link to choose a new password was made for somebody, by an administrator or at the command line.
    ResetStarted {
        /// Whose.
        user: UserId,
        /// Whether whoever asked was given the link, which then opens the account to them; else it goes out by mail.
        handed_out: bool,
    },
    /// Whoever is known to a provider can sign in to the account from now on.
    IdentityLinked {
        /// Whose account.
        user: UserId,
        /// The provider's name.
        provider: String,
    },
    /// And no longer.
    IdentityUnlinked {
        /// Whose account.
        user: UserId,
        /// The provider's name.
        provider: String,
    },
    /// The proven owner of an address took an account over that somebody had made with it and never proved: the password,
    /// the identities and the sessions from before are gone. Worth an alert.
    Reclaimed {
        /// Which account.
        user: UserId,
    },
    /// The account is gone, with everything but its events.
    Deleted {
        /// Whose.
        user: UserId,
    },
    /// A mail did not leave within a day, or was refused.
    MailGivenUp {
        /// Whom it was for, if they have an account.
        user: Option<UserId>,
        /// What it was for.
        kind: MailKind,
    },
    /// A key was added to the key ring.
    KeyAdded {
        /// The `kid` of its tokens.
        key: String,
    },
    /// A key of the key ring was revoked.
    KeyRevoked {
        /// The `kid` of its tokens.
        key: String,
    },
}

impl EventKind {
    /// A stable name for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::Created { .. } => "created",
            Self::Imported { .. } => "imported",
            Self::SignedIn { .. } => "signed_in",
            Self::SignInFailed { .. } => "sign_in_failed",
            Self::Throttled { .. } => "throttled",
            Self::AccountClosed { .. } => "account_closed",
            Self::Unlocked { .. } => "unlocked",
            Self::Refreshed { .. } => "refreshed",
            Self::RefreshReused { .. } => "refresh_reused",
            Self::SignedOut { .. } => "signed_out",
            Self::OthersSignedOut { .. } => "others_signed_out",
            Self::AllSignedOut { .. } => "all_signed_out",
            Self::PasswordRehashed { .. } => "password_rehashed",
            Self::StoredHashUnusable { .. } => "stored_hash_unusable",
            Self::RolesChanged { .. } => "roles_changed",
            Self::Disabled { .. } => "disabled",
            Self::Enabled { .. } => "enabled",
            Self::EmailTaken => "email_taken",
            Self::EmailVerified { .. } => "email_verified",
            Self::EmailChanged { .. } => "email_changed",
            Self::PasswordChanged { .. } => "password_changed",
            Self::PasswordNotConfirmed { .. } => "password_not_confirmed",
            Self::PasswordReset { .. } => "password_reset",
            Self::ResetStarted { .. } => "reset_started",
            Self::IdentityLinked { .. } => "identity_linked",
            Self::IdentityUnlinked { .. } => "identity_unlinked",
            Self::Reclaimed { .. } => "reclaimed",
            Self::Deleted { .. } => "deleted",
            Self::MailGivenUp { .. } => "mail_given_up",
            Self::KeyAdded { .. } => "key_added",
            Self::KeyRevoked { .. } => "key_revoked",
        }
    }

    /// The user it is about, if one is known.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Registered { user }
            | Self::Created { user }
            | Self::Imported { user }
            | Self::SignedIn { user, .. }
            | Self::Refreshed { user, .. }
            | Self::RefreshReused { user, .. }
            | Self::OthersSignedOut { user, .. }
            | Self::AllSignedOut { user }
            | Self::PasswordRehashed { user }
            | Self::StoredHashUnusable { user }
            | Self::RolesChanged { user }
            | Self::Disabled { user }
            | Self::Enabled { user }
            | Self::Unlocked { user }
            | Self::EmailVerified { user }
            | Self::EmailChanged { user }
            | Self::PasswordChanged { user }
            | Self::PasswordNotConfirmed { user }
            | Self::PasswordReset { user }
            | Self::ResetStarted { user, .. }
            | Self::IdentityLinked { user, .. }
            | Self::IdentityUnlinked { user, .. }
            | Self::Reclaimed { user }
            | Self::Deleted { user } => Some(*user),
            Self::SignInFailed { user, .. }
            | Self::Throttled { user, .. }
            | Self::AccountClosed { user }
            | Self::SignedOut { user, .. }
            | Self::MailGivenUp { user, .. } => *user,
            Self::EmailTaken | Self::KeyAdded { .. } | Self::KeyRevoked { .. } => None,
        }
    }

    /// Why, or which: the code of a reason, method or kind of mail, a provider's name, or a key's id, where the event has one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::SignedIn { method, .. } => Some(method),
            Self::SignInFailed { reason, .. } => Some(reason.code()),
            Self::Throttled { reason, .. } => Some(reason.code()),
            Self::SignedOut { reason, .. } => Some(reason.code()),
            Self::ResetStarted { handed_out, .. } => Some(if *handed_out { "handed_out" } else { "mailed" }),
            Self::MailGivenUp { kind, .. } => Some(kind.code()),
            Self::IdentityLinked { provider, .. } | Self::IdentityUnlinked { provider, .. } => Some(provider),
            Self::KeyAdded { key } | Self::KeyRevoked { key } => Some(key),
            _ => None,
        }
    }

    /// The session it is about, if there is one.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::SignedIn { session, .. }
            | Self::Refreshed { session, .. }
            | Self::RefreshReused { session, .. }
            | Self::SignedOut { session, .. }
            | Self::OthersSignedOut { session, .. } => Some(*session),
            _ => None,
        }
    }
}

/// Why a sign-in was refused. All of them look the same from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInFailure {
    /// Nobody has that address.
    UnknownUser,
    /// The password does not match, or the account has none.
    WrongPassword,
    /// The password is right, but the account is disabled.
    Disabled,
    /// The password is right, but the address is not proved.
    Unverified,
    /// A sign-in at a provider, or the linking of an identity, came to nothing.
    #[cfg(feature = "oidc")]
    Oidc(crate::oidc::Failure),
}

impl SignInFailure {
    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword => "wrong_password",
            Self::Disabled => "disabled",
            Self::Unverified => "unverified",
            #[cfg(feature = "oidc")]
            Self::Oidc(failure) => failure.code(),
        }
    }
}

/// What there were too many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThrottleReason {
    /// Wrong passwords of the account in a row: it has to wait.
    AccountWait,
    /// Wrong passwords of the account in a row: it takes no more from strangers.
    AccountClosed,
    /// Failures of the client's network.
    Network,
}

impl ThrottleReason {
    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::AccountWait => "account_wait",
            Self::AccountClosed => "account_closed",
            Self::Network => "network",
        }
    }
}

/// Where events go. Called on the request's path, after the change is committed: hand over and return, do
/// not block.
pub trait EventSink: Send + Sync + 'static {
    /// Takes note of an event.
    fn emit(&self, event: &Event);
}

/// The default sink: one `tracing` line per event with target `auth_core::event`; level WARN for what is
/// worth an alert, DEBUG for imported accounts, which come by the thousand, else INFO.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingEvents;

impl EventSink for TracingEvents {
    fn emit(&self, event: &Event) {
        let code = event.kind.code();
        let user = event.kind.user().map(tracing::field::display);
        let session = event.kind.session().map(tracing::field::display);
        let client = event.client.known_ip().map(tracing::field::display);
        let actor = event.client.actor.map(tracing::field::display);
        let reason = event.kind.reason();
        match &event.kind {
            EventKind::RefreshReused { .. }
            | EventKind::StoredHashUnusable { .. }
            | EventKind::Reclaimed { .. }
            | EventKind::AccountClosed { .. } => {
                tracing::warn!(event = code, reason, user, session, actor, client, "security event");
            }
            EventKind::Imported { .. } => {
                tracing::debug!(event = code, reason, user, session, actor, client, "security event");
            }
            _ => {
                tracing::info!(event = code, reason, user, session, actor, client, "security event");
            }
        }
    }
}
