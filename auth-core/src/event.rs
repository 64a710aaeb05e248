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
        /// How: `amr` values (RFC 8176) with spaces between them, `pwd` for a password.
        methods: String,
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
    /// A session's row was older than the refresh token that came with a good mac, and has caught up: the database has
    /// forgotten something, by a failover to a standby that lagged or by a restored backup. Worth an alert.
    RowWasOlder {
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
        /// With what, beside the password, somebody can sign in to the account and so has them now: names of providers, with
        /// spaces between them. `None`: with nothing, or there are no roles left.
        ways_in: Option<String>,
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
    /// A link was asked for, by whoever named an address.
    LinkAsked {
        /// Whose address it is, if it is somebody's and that was looked for.
        user: Option<UserId>,
        /// For what.
        kind: MailKind,
    },
    /// Somebody who is signed in asked for another address; until its link is followed nothing changes.
    EmailChangeAsked {
        /// Who.
        user: UserId,
    },
    /// A token that works once was refused.
    LinkRefused {
        /// Whose it is, where it is a genuine one.
        user: Option<UserId>,
        /// Why. The client is not told.
        reason: LinkRefusal,
    },
    /// All that is stored about a user was given to them.
    Exported {
        /// Whom.
        user: UserId,
    },
    /// Accounts were read to move elsewhere. With hashes worth an alert.
    UsersExported {
        /// Whether with the hashes of their passwords and the secrets of their authenticator apps.
        with_hashes: bool,
    },
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
    /// A change of address was stopped by who reads mail at the old one; all sessions ended. Worth an alert.
    EmailChangeStopped {
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
    /// A provider can no longer be used to sign in to the account.
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
    /// The address of an account was proved by somebody who need not be the one who made it: what could sign in to it besides
    /// was removed. Worth an alert.
    WaysInRemoved {
        /// Whose account.
        user: UserId,
        /// What it was.
        ways: String,
    },
    /// The account is gone, with everything but its events.
    Deleted {
        /// Whose.
        user: UserId,
    },
    /// What an account tells beside its address was changed.
    ProfileChanged {
        /// Whose.
        user: UserId,
        /// Which members of it, with spaces between them: `name username`.
        members: String,
    },
    /// A second factor stands from now on.
    FactorAdded {
        /// Whose.
        user: UserId,
        /// Which: `totp` or `passkey`.
        factor: &'static str,
    },
    /// A second factor was taken away by its owner.
    FactorRemoved {
        /// Whose.
        user: UserId,
        /// Which: `totp` or `passkey`.
        factor: &'static str,
    },
    /// All second factors were taken away by an administrator or at the command line; all sessions ended.
    FactorsReset {
        /// Whose.
        user: UserId,
    },
    /// There are new recovery codes; those from before are dead.
    RecoveryCodesMade {
        /// Whose.
        user: UserId,
    },
    /// A recovery code was used up.
    RecoveryCodeUsed {
        /// Whose.
        user: UserId,
    },
    /// A wrong code was given for a second factor, by who knew the first.
    SecondFactorFailed {
        /// Whose.
        user: UserId,
        /// Of what kind: `totp`, `recovery_code` or `passkey`.
        method: &'static str,
    },
    /// So many wrong codes were given that none is taken any more. Worth an alert.
    FactorLocked {
        /// Whose.
        user: UserId,
    },
    /// The wrong codes of an account were forgotten, on request.
    FactorUnlocked {
        /// Whose.
        user: UserId,
    },
    /// A device is not asked for a second factor for a while.
    DeviceRemembered {
        /// Whose.
        user: UserId,
    },
    /// A remembered device, or all of them, were forgotten by their owner.
    DeviceForgotten {
        /// Whose.
        user: UserId,
    },
    /// Whoever is signed in has shown again who they are.
    SteppedUp {
        /// Who.
        user: UserId,
        /// In which session.
        session: SessionId,
        /// How: `password`, `totp`, `recovery_code` or `passkey`.
        method: &'static str,
    },
    /// The counter of a passkey did not go up: there may be a copy of it. Worth an alert.
    PasskeyCounter {
        /// Whose.
        user: UserId,
    },
    /// A passkey says other than before whether it may be kept on several devices, which never changes.
    PasskeyBackupChanged {
        /// Whose.
        user: UserId,
    },
    /// The password was taken away: the account is signed in to by other means.
    PasswordRemoved {
        /// Whose.
        user: UserId,
    },
    /// The account is gone, as nobody had proved its address or signed in to it for as long as the host keeps such accounts.
    UnverifiedRemoved {
        /// Whose.
        user: UserId,
    },
    /// An API key was made.
    ApiKeyCreated {
        /// Whose: a user or a service account.
        user: UserId,
        /// Its id.
        key: String,
    },
    /// Another API key was made in the place of one, which goes on for a while or is over.
    ApiKeyRotated {
        /// Whose: a user or a service account.
        user: UserId,
        /// The id of the old one.
        key: String,
    },
    /// An API key was ended.
    ApiKeyRevoked {
        /// Whose: a user or a service account.
        user: UserId,
        /// Its id.
        key: String,
    },
    /// A service account was made.
    ServiceAccountCreated {
        /// Which.
        account: UserId,
    },
    /// The name or the roles of a service account were changed, or whether it is kept out.
    ServiceAccountChanged {
        /// Which.
        account: UserId,
    },
    /// A service account is gone, with its keys.
    ServiceAccountDeleted {
        /// Which.
        account: UserId,
    },
    /// A mail did not leave within a day, or was refused.
    MailGivenUp {
        /// Whom it was for, if they have an account.
        user: Option<UserId>,
        /// What it was for.
        kind: MailKind,
    },
    /// Somebody else is told of events from now on.
    WebhookAdded {
        /// The id of the webhook.
        webhook: String,
    },
    /// A webhook was changed: where it leads, what it is told, its secret, whether it is on, or where it begins again.
    WebhookChanged {
        /// The id of the webhook.
        webhook: String,
    },
    /// A webhook was removed.
    WebhookRemoved {
        /// The id of the webhook.
        webhook: String,
    },
    /// A webhook was switched off, because it is gone or nothing could be handed over for three days. Worth an alert.
    WebhookOff {
        /// The id of the webhook.
        webhook: String,
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

/// What is to be done about an event, beside what it carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    sort: Sort,
    /// Of its line in the log.
    level: Level,
    /// Whether the reason is one of few, and so a label of the metric.
    pub(crate) is_counted_by_reason: bool,
    user: Option<UserId>,
    session: Option<SessionId>,
    reason: Option<&'a str>,
}

/// What is the same of all events with one code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sort {
    pub(crate) code: &'static str,
    /// Whether the audit has it, and with that the feed and webhooks.
    is_audited: bool,
    #[cfg_attr(not(feature = "webhooks"), expect(dead_code, reason = "logout tokens are sent by webhooks"))]
    pub(crate) ends: Ends,
}

/// Which sessions are over after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    None,
    /// The one that it names.
    One,
    /// All of the user, or all but one.
    OfUser,
}

#[derive(Debug, Clone, Copy)]
enum Level {
    Debug,
    Info,
    /// Worth an alert.
    Warn,
}

impl Sort {
    const fn of(code: &'static str) -> Self {
        Self { code, is_audited: true, ends: Ends::None }
    }

    /// A flood would fill the table with it, or another row tells it already.
    const fn not_audited(self) -> Self {
        Self { is_audited: false, ..self }
    }

    const fn ends(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }
}

impl<'a> Row<'a> {
    fn of(sort: Sort) -> Self {
        Self { sort, level: Level::Info, is_counted_by_reason: true, user: None, session: None, reason: None }
    }

    fn user(self, user: impl Into<Option<UserId>>) -> Self {
        Self { user: user.into(), ..self }
    }

    fn session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    fn reason(self, reason: &'a str) -> Self {
        self.perhaps(Some(reason))
    }

    fn perhaps(self, reason: Option<&'a str>) -> Self {
        Self { reason, ..self }
    }

    fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The reason is a new one each time.
    fn reason_not_counted(self) -> Self {
        Self { is_counted_by_reason: false, ..self }
    }

    pub(crate) fn is_audited(&self) -> bool {
        self.sort.is_audited
    }
}

/// One row for each: what is the same each time, then what an event carries.
macro_rules! table {
    ($($event:pat = $code:literal $([$($same:tt)+])? $(, $(. $carried:ident($($value:expr),*))+)?;)+) => {
        /// Every sort of event, in the order of the table.
        pub(crate) const SORTS: &[Sort] = &[$(Sort::of($code)$(.$($same)+)?,)+];

        impl EventKind {
            /// Its row in the table of events.
            pub(crate) fn row(&self) -> Row<'_> {
                match self {
                    $($event => Row::of(Sort::of($code)$(.$($same)+)?)$($(.$carried($($value),*))+)?,)+
                }
            }
        }
    };
}

table! {
    Self::Registered { user } = "registered", .user(*user);
    Self::Created { user } = "created", .user(*user);
    Self::Imported { user } = "imported", .user(*user).level(Level::Debug);
    Self::SignedIn { user, session, methods } = "signed_in", .user(*user).session(*session).reason(methods);
    Self::SignInFailed { user, reason } = "sign_in_failed", .user(*user).reason(reason.code());
    Self::Throttled { user, reason } = "throttled" [not_audited()], .user(*user).reason(reason.code());
    Self::AccountClosed { user } = "account_closed", .user(*user).level(Level::Warn);
    Self::Unlocked { user } = "unlocked", .user(*user);
    Self::Refreshed { user, session } = "refreshed" [not_audited()], .user(*user).session(*session);
    Self::RefreshReused { user, session } = "refresh_reused" [ends(Ends::One)], .user(*user).session(*session).level(Level::Warn);
    Self::RowWasOlder { user, session } = "row_was_older", .user(*user).session(*session).level(Level::Warn);
    Self::SignedOut { user, session, reason } = "signed_out" [ends(Ends::One)],
        .user(*user).session(*session).reason(reason.code());
    Self::OthersSignedOut { user, session } = "others_signed_out" [ends(Ends::OfUser)], .user(*user).session(*session);
    Self::AllSignedOut { user } = "all_signed_out" [ends(Ends::OfUser)], .user(*user);
    Self::PasswordRehashed { user } = "password_rehashed", .user(*user);
    Self::StoredHashUnusable { user } = "stored_hash_unusable", .user(*user).level(Level::Warn);
    Self::RolesChanged { user, ways_in } = "roles_changed", .user(*user).perhaps(ways_in.as_deref()).reason_not_counted();
    Self::Disabled { user } = "disabled" [ends(Ends::OfUser)], .user(*user);
    Self::Enabled { user } = "enabled", .user(*user);
    Self::EmailTaken = "email_taken";
    Self::LinkAsked { user, kind } = "link_asked", .user(*user).reason(kind.code());
    Self::EmailChangeAsked { user } = "email_change_asked", .user(*user);
    Self::LinkRefused { user, reason } = "link_refused", .user(*user).reason(reason.code());
    Self::Exported { user } = "exported", .user(*user);
    Self::UsersExported { with_hashes } = "users_exported",
        .reason(if *with_hashes { "with_hashes" } else { "without_hashes" }).level(if *with_hashes { Level::Warn } else { Level::Info });
    Self::EmailVerified { user } = "email_verified", .user(*user);
    Self::EmailChanged { user } = "email_changed", .user(*user);
    Self::EmailChangeStopped { user } = "email_change_stopped" [ends(Ends::OfUser)], .user(*user).level(Level::Warn);
    Self::PasswordChanged { user } = "password_changed" [ends(Ends::OfUser)], .user(*user);
    Self::PasswordNotConfirmed { user } = "password_not_confirmed", .user(*user);
    Self::PasswordReset { user } = "password_reset" [ends(Ends::OfUser)], .user(*user);
    Self::ResetStarted { user, handed_out } = "reset_started",
        .user(*user).reason(if *handed_out { "handed_out" } else { "mailed" });
    Self::IdentityLinked { user, provider } = "identity_linked", .user(*user).reason(provider);
    Self::IdentityUnlinked { user, provider } = "identity_unlinked", .user(*user).reason(provider);
    Self::Reclaimed { user } = "reclaimed" [ends(Ends::OfUser)], .user(*user).level(Level::Warn);
    Self::WaysInRemoved { user, ways } = "ways_in_removed" [ends(Ends::OfUser)],
        .user(*user).reason(ways).reason_not_counted().level(Level::Warn);
    Self::Deleted { user } = "deleted" [ends(Ends::OfUser)], .user(*user);
    Self::ProfileChanged { user, members } = "profile_changed", .user(*user).reason(members).reason_not_counted();
    Self::FactorAdded { user, factor } = "factor_added", .user(*user).reason(factor);
    Self::FactorRemoved { user, factor } = "factor_removed", .user(*user).reason(factor);
    Self::FactorsReset { user } = "factors_reset" [ends(Ends::OfUser)], .user(*user);
    Self::RecoveryCodesMade { user } = "recovery_codes_made", .user(*user);
    Self::RecoveryCodeUsed { user } = "recovery_code_used", .user(*user);
    Self::SecondFactorFailed { user, method } = "second_factor_failed", .user(*user).reason(method);
    Self::FactorLocked { user } = "factor_locked", .user(*user).level(Level::Warn);
    Self::FactorUnlocked { user } = "factor_unlocked", .user(*user);
    Self::DeviceRemembered { user } = "device_remembered", .user(*user);
    Self::DeviceForgotten { user } = "device_forgotten", .user(*user);
    Self::SteppedUp { user, session, method } = "stepped_up", .user(*user).session(*session).reason(method);
    Self::PasskeyCounter { user } = "passkey_counter", .user(*user).level(Level::Warn);
    Self::PasskeyBackupChanged { user } = "passkey_backup_changed", .user(*user);
    Self::PasswordRemoved { user } = "password_removed", .user(*user);
    Self::UnverifiedRemoved { user } = "unverified_removed" [ends(Ends::OfUser)], .user(*user);
    Self::ApiKeyCreated { user, key } = "api_key_created", .user(*user).reason(key).reason_not_counted();
    Self::ApiKeyRotated { user, key } = "api_key_rotated", .user(*user).reason(key).reason_not_counted();
    Self::ApiKeyRevoked { user, key } = "api_key_revoked", .user(*user).reason(key).reason_not_counted();
    Self::ServiceAccountCreated { account } = "service_account_created", .user(*account);
    Self::ServiceAccountChanged { account } = "service_account_changed", .user(*account);
    Self::ServiceAccountDeleted { account } = "service_account_deleted", .user(*account);
    Self::MailGivenUp { user, kind } = "mail_given_up", .user(*user).reason(kind.code());
    Self::WebhookAdded { webhook } = "webhook_added", .reason(webhook).reason_not_counted();
    Self::WebhookChanged { webhook } = "webhook_changed", .reason(webhook).reason_not_counted();
    Self::WebhookRemoved { webhook } = "webhook_removed", .reason(webhook).reason_not_counted();
    Self::WebhookOff { webhook } = "webhook_off", .reason(webhook).reason_not_counted().level(Level::Warn);
    Self::KeyAdded { key } = "key_added", .reason(key).reason_not_counted();
    Self::KeyRevoked { key } = "key_revoked", .reason(key).reason_not_counted();
}

/// The codes of the audit, each once.
pub(crate) fn audited() -> impl Iterator<Item = &'static str> {
    SORTS.iter().filter(|sort| sort.is_audited).map(|sort| sort.code)
}

impl EventKind {
    /// A stable name for logs and metrics.
    pub fn code(&self) -> &'static str {
        self.row().sort.code
    }

    /// The user it is about, if one is known.
    pub fn user(&self) -> Option<UserId> {
        self.row().user
    }

    /// Why, or which: the code of a reason or kind of mail, the methods of a sign-in, names of providers, ways in, or a key's id, where the
    /// event has one.
    pub fn reason(&self) -> Option<&str> {
        self.row().reason
    }

    /// The session it is about, if there is one.
    pub fn session(&self) -> Option<SessionId> {
        self.row().session
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
    /// The code of a mail, or its link, is wrong, was used, or is too old.
    WrongCode,
    /// What came is no use of a passkey that was asked for here, or was used already.
    WrongPasskey,
    /// The password is right, but the account is disabled.
    Disabled,
    /// The password is right, but the address is not proved.
    Unverified,
    /// The host's own hook said no.
    Denied,
    /// A rule of the way in said no; the code of the [`Refusal`](crate::Refusal).
    Refused(&'static str),
}

impl SignInFailure {
    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword => "wrong_password",
            Self::WrongCode => "wrong_code",
            Self::WrongPasskey => "wrong_passkey",
            Self::Disabled => "disabled",
            Self::Unverified => "unverified",
            Self::Denied => "denied",
            Self::Refused(code) => code,
        }
    }
}

/// Why a token that works once was refused. All of them look the same from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkRefusal {
    /// There is no such token.
    Unknown,
    /// It was used, or ended by what ends links: another one that was used, a new password, the end of all sessions.
    Used,
    /// Its time is over.
    TooOld,
    /// It is for something else.
    OtherPurpose,
}

impl LinkRefusal {
    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Used => "used",
            Self::TooOld => "too_old",
            Self::OtherPurpose => "other_purpose",
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
    /// Wrong codes of a second factor: the account has to wait.
    FactorWait,
}

impl ThrottleReason {
    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::AccountWait => "account_wait",
            Self::AccountClosed => "account_closed",
            Self::Network => "network",
            Self::FactorWait => "factor_wait",
        }
    }
}

/// Where events go. Called on the request's path, after the change is committed: hand over and return, do
/// not block.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// use auth_core::{Event, EventKind, EventSink, TracingEvents};
///
/// /// Counts what may be a theft, and goes on logging.
/// #[derive(Default)]
/// struct Thefts(AtomicU64);
///
/// impl EventSink for Thefts {
///     fn emit(&self, event: &Event) {
///         if matches!(event.kind, EventKind::RefreshReused { .. }) {
///             self.0.fetch_add(1, Relaxed);
///         }
///         TracingEvents.emit(event);
///     }
/// }
///
/// # fn build(db: sea_orm::DatabaseConnection, keys: auth_core::Keys) -> Result<(), auth_core::ConfigError> {
/// let auth = auth_core::Auth::builder(db, keys).events(std::sync::Arc::new(Thefts::default())).build()?;
/// # Ok(())
/// # }
/// ```
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
        let row = event.kind.row();
        let (code, reason) = (row.sort.code, row.reason);
        let user = row.user.map(tracing::field::display);
        let session = row.session.map(tracing::field::display);
        let client = event.client.known_ip().map(tracing::field::display);
        let actor = event.client.operator.clone();
        let actor = actor.or_else(|| event.client.actor.map(|user| user.to_string()));
        let actor = actor.map(tracing::field::display);
        let address = event.client.address.map(tracing::field::display);
        match row.level {
            Level::Warn => {
                tracing::warn!(event = code, reason, user, session, actor, address, client, "security event");
            }
            Level::Info => {
                tracing::info!(event = code, reason, user, session, actor, address, client, "security event");
            }
            Level::Debug => {
                tracing::debug!(
                    event = code,
                    reason,
                    user,
                    session,
                    actor,
                    address,
                    client,
                    "security event"
                );
            }
        }
    }
}
