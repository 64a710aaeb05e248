//! Parts for tests: a clock with hands, a hasher that only counts, an event log, an outbox, a forge of tokens. **Not for production.**
//!
//! A host that tests its own routes takes all of them at once, as a [`Kit`]. It needs neither a network nor time for hashing, and each
//! test has a database of its own, in memory:
//!
//! ```toml
//! [dev-dependencies]
//! auth-core = { version = "0.1", features = ["sqlite", "test-util"] }
//! auth-migration = { version = "0.1", features = ["sqlite"] }
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use auth_core::{ADMIN_ROLE, ClientInfo, CreateUser, Error, test_util::Kit};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let db = auth_core::connect("sqlite::memory:").await?;
//! auth_migration::up(&db).await?;
//! let kit = Kit::new(db); // `kit.auth` is for the application
//!
//! // Whom the routes are tried with, and what is sent to them.
//! let ada = kit.user("ada@example.com").await;
//! let admin = kit.create(CreateUser::new("grace@example.com").role(ADMIN_ROLE).verified()).await;
//! let authorization = kit.bearer(&ada).await;
//! assert!(authorization.starts_with("Bearer "));
//!
//! // For a function that is handed its caller.
//! let caller = kit.principal(&admin).await;
//! assert!(caller.has_role(ADMIN_ROLE));
//!
//! // Time passes when it is told to.
//! let tokens = kit.sign_in(&ada).await;
//! kit.clock.advance(Duration::from_mins(16));
//! let verified = kit.auth.verifier().verify(tokens.access.expose());
//! assert!(matches!(verified, Err(Error::InvalidToken)));
//!
//! // Somebody who is asked for a second factor.
//! let app = kit.totp(&admin).await;
//! let tokens = kit.sign_in_with(&admin, &app).await;
//! assert_eq!(kit.auth.verifier().verify(tokens.access.expose())?.assurance(), auth_core::Assurance::Aal2);
//!
//! // Mails, and what happened.
//! kit.auth.forgot_password("ada@example.com", ClientInfo::default()).await?;
//! let mails = kit.mails().await; // Grace has one, too: of her second factor
//! assert!(mails.iter().any(|(mail, _)| mail.to == "ada@example.com" && mail.link.is_some()));
//! assert_eq!(kit.events.count("signed_in"), 5);
//! # Ok(())
//! # }
//! ```
//!
//! The tests at the end of `examples/examples/axum.rs` do this over HTTP.

mod authenticator;
#[expect(clippy::expect_used, reason = "a test that cannot go on fails by panicking")]
pub mod forge;
#[expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails by panicking")]
mod kit;
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails by panicking"
)]
mod passkeys;
mod second_factor;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use crate::{
    Auth, Claims, Clock, Error, Event, EventKind, EventSink, Password, SessionId, Tokens, UserId,
    clock::{duration_millis, from_millis},
    key_ring::Grant,
    mail::{Mail, MailError, MailText, Mailer, Sending},
    password::{Argon2Hasher, HashError, PasswordHasher, Scratch, Verdict},
};

pub use self::{
    authenticator::Authenticator,
    kit::Kit,
    passkeys::SoftwareAuthenticator,
    second_factor::{CHALLENGED_ROLE, Hole},
};

/// A clock that moves only when it is told to. Clones share their hands.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Starts at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_225_600_000)))
    }

    /// Sets the hands to another clock's and so much further.
    pub fn set(&self, other: &Self, ahead: Duration) {
        self.0.store(other.0.load(Ordering::SeqCst) + duration_millis(ahead), Ordering::SeqCst);
    }

    /// Turns the hands forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(duration_millis(by), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Stores an unsalted SHA-256, at no cost, and counts. Anything not made by it is checked by the real
/// hasher, so older formats work. Clones share their counters.
#[derive(Debug, Clone, Default)]
pub struct InsecureHasher {
    hashes: Arc<AtomicUsize>,
    verifications: Arc<AtomicUsize>,
}

const PREFIX: &str = "$insecure$";

impl InsecureHasher {
    /// All counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often a password was hashed.
    pub fn hashes(&self) -> usize {
        self.hashes.load(Ordering::SeqCst)
    }

    /// How often a password was checked, decoys included.
    pub fn verifications(&self) -> usize {
        self.verifications.load(Ordering::SeqCst)
    }
}

impl PasswordHasher for InsecureHasher {
    fn hash(&self, password: &Password, _: &[u8; 16], _: &mut Scratch) -> Result<String, HashError> {
        self.hashes.fetch_add(1, Ordering::SeqCst);
        Ok(format!("{PREFIX}{}", digest(password)))
    }

    fn verify(&self, password: &Password, stored: &str, scratch: &mut Scratch) -> Result<Verdict, HashError> {
        self.verifications.fetch_add(1, Ordering::SeqCst);
        match stored.strip_prefix(PREFIX) {
            Some(stored) if stored == digest(password) => Ok(Verdict::Right),
            Some(_) => Ok(Verdict::Wrong),
            None => match Argon2Hasher::default().verify(password, stored, scratch)? {
                Verdict::Wrong => Ok(Verdict::Wrong),
                Verdict::Right | Verdict::RightButOutdated => Ok(Verdict::RightButOutdated),
            },
        }
    }

    fn slots(&self, stored: &str) -> usize {
        if stored.starts_with(PREFIX) { 1 } else { Argon2Hasher::default().slots(stored) }
    }

    fn decoy(&self) -> String {
        format!("{PREFIX}*")
    }
}

/// Hexadecimal, so it never equals the decoy.
fn digest(password: &Password) -> String {
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, password.expose().as_bytes()).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Keeps every mail instead of sending it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Outbox(Arc<Mutex<Mails>>);

#[derive(Debug, Default)]
struct Mails {
    sent: Vec<(Mail, MailText)>,
    fails: Option<MailError>,
}

impl Outbox {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was sent since the last call.
    pub fn take(&self) -> Vec<(Mail, MailText)> {
        std::mem::take(&mut self.mails().sent)
    }

    /// From now on every mail fails so, or none does.
    pub fn fail(&self, with: Option<MailError>) {
        self.mails().fails = with;
    }

    fn mails(&self) -> MutexGuard<'_, Mails> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailer for Outbox {
    fn send<'a>(&'a self, mail: &'a Mail, text: &'a MailText) -> Sending<'a> {
        let mut mails = self.mails();
        let outcome = mails.fails.clone().map_or(Ok(()), Err);
        if outcome.is_ok() {
            mails.sent.push((mail.clone(), text.clone()));
        }
        Box::pin(std::future::ready(outcome))
    }
}

/// Signs a pair of tokens for a session that is in no database: the access token opens every door that reads none.
///
/// # Errors
/// [`Error::Internal`] when the key does not sign.
pub fn tokens(auth: &Auth, user: UserId, session: SessionId, roles: &[&str]) -> Result<Tokens, Error> {
    let now = auth.kernel.now();
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    let grant = Grant {
        user_id: user,
        session_id: session,
        roles: &roles,
        roles_version: 0,
        methods: "pwd",
        authenticated_at: now,
        session_expires_at: now.saturating_add(duration_millis(auth.config().sessions.session_ttl)),
        claims: &Claims::new(),
    };
    auth.kernel.tokens(&grant, &[0; 32], 1, now)
}

/// Keeps every event. Clones share the log.
#[derive(Debug, Clone, Default)]
pub struct EventLog(Arc<Mutex<Vec<Event>>>);

impl EventLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happened so far, without times and clients.
    pub fn kinds(&self) -> Vec<EventKind> {
        self.events().into_iter().map(|event| event.kind).collect()
    }

    /// How many events had this code.
    pub fn count(&self, code: &str) -> usize {
        self.events().iter().filter(|event| event.kind.code() == code).count()
    }
}

impl EventSink for EventLog {
    fn emit(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}
