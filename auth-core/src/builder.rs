//! Puts the handle together.

use std::{
    any::Any,
    fmt,
    sync::{Arc, Mutex, atomic::AtomicU16},
    time::Duration,
};

use sea_orm::DatabaseConnection;

use crate::{
    Auth, Clock, Config, ConfigError, EmailVerification, EventSink, Keys, Registration, SystemClock,
    SystemRandom, ThrottleConfig, TracingEvents,
    kernel::{Kernel, Room, sealers},
    key_ring::{KeySource, Ring},
    mail::{EnglishMails, MailTemplates, Mailer, Post},
    password::{Argon2Hasher, BreachChecker, HashPool, PasswordHasher, PasswordPolicy},
    random::{self, Random},
    revocation::Revocations,
    room::ROOMS,
    store::Store,
    throttle::Throttle,
    token::{KeysInForce, TokenVerifier, VerifyingKey, current::Current},
};

/// Puts an [`Auth`] together; each method has a default.
#[must_use = "call build()"]
pub struct AuthBuilder {
    db: DatabaseConnection,
    keys: Keys,
    config: Config,
    hasher: Option<Arc<dyn PasswordHasher>>,
    breaches: Option<Arc<dyn BreachChecker>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    events: Arc<dyn EventSink>,
    mailer: Option<Arc<dyn Mailer>>,
    mail_templates: Arc<dyn MailTemplates>,
    rooms: Vec<Room>,
    set_up: Vec<SetUp>,
}

/// What a room is switched on with, once everything else is known to be sound.
type SetUp = Box<dyn FnOnce() -> Result<Arc<dyn Any + Send + Sync>, ConfigError> + Send>;

impl AuthBuilder {
    pub(crate) fn new(db: DatabaseConnection, keys: Keys) -> Self {
        Self {
            db,
            keys,
            config: Config::default(),
            hasher: None,
            breaches: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            events: Arc::new(TracingEvents),
            mailer: None,
            mail_templates: Arc::new(EnglishMails),
            rooms: ROOMS.to_vec(),
            set_up: Vec::new(),
        }
    }

    /// Takes all settings at once.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// See [`Config::issuer`].
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.config.issuer = issuer.into();
        self
    }

    /// See [`Config::audience`].
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.config.audience = audience.into();
        self
    }

    /// See [`Config::access_ttl`].
    pub fn access_ttl(mut self, ttl: Duration) -> Self {
        self.config.access_ttl = ttl;
        self
    }

    /// See [`Config::refresh_ttl`].
    pub fn refresh_ttl(mut self, ttl: Duration) -> Self {
        self.config.refresh_ttl = ttl;
        self
    }

    /// See [`Config::session_ttl`].
    pub fn session_ttl(mut self, ttl: Duration) -> Self {
        self.config.session_ttl = ttl;
        self
    }

    /// See [`Config::refresh_grace`].
    pub fn refresh_grace(mut self, grace: Duration) -> Self {
        self.config.refresh_grace = grace;
        self
    }

    /// See [`Config::key_publish_ahead`].
    pub fn key_publish_ahead(mut self, ahead: Duration) -> Self {
        self.config.key_publish_ahead = ahead;
        self
    }

    /// See [`Config::revocation_max_age`].
    pub fn revocation_max_age(mut self, age: Duration) -> Self {
        self.config.revocation_max_age = Some(age);
        self
    }

    /// See [`Config::max_sessions`].
    pub fn max_sessions(mut self, sessions: u64) -> Self {
        self.config.max_sessions = sessions;
        self
    }

    /// See [`Config::password_min_length`].
    pub fn password_min_length(mut self, code_points: usize) -> Self {
        self.config.password_min_length = code_points;
        self
    }

    /// See [`Config::password_context_words`].
    pub fn password_context_words<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.config.password_context_words = words.into_iter().map(Into::into).collect();
        self
    }

    /// See [`Config::breach_check_required`].
    pub fn breach_check_required(mut self) -> Self {
        self.config.breach_check_required = true;
        self
    }

    /// See [`Config::hash_slots`].
    pub fn hash_slots(mut self, slots: usize) -> Self {
        self.config.hash_slots = slots;
        self
    }

    /// See [`Config::hash_queue`].
    pub fn hash_queue(mut self, waiting: usize) -> Self {
        self.config.hash_queue = waiting;
        self
    }

    /// See [`Config::hash_wait`].
    pub fn hash_wait(mut self, wait: Duration) -> Self {
        self.config.hash_wait = wait;
        self
    }

    /// See [`Config::throttle`].
    pub fn throttle(mut self, throttle: ThrottleConfig) -> Self {
        self.config.throttle = throttle;
        self
    }

    /// See [`Config::insecure_no_throttle`].
    pub fn insecure_no_throttle(mut self) -> Self {
        self.config.insecure_no_throttle = true;
        self
    }

    /// Replaces Argon2id (19 MiB, 2 passes, 1 lane).
    pub fn hasher(mut self, hasher: Arc<dyn PasswordHasher>) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Refuses new passwords that are known from a leak: with a [`BreachList`](crate::password::BreachList), or a checker
    /// of the host's own. By default only the built-in list of common passwords is looked at.
    pub fn breach_checker(mut self, checker: Arc<dyn BreachChecker>) -> Self {
        self.breaches = Some(checker);
        self
    }

    /// Replaces the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the system's random source. Whoever can predict it owns every account.
    pub fn insecure_random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Sends mail, which verification, reset and change of an address need; something has to run
    /// [`Auth::keep_delivering_mail`] too. Default: no mail, and none of these.
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Replaces [`EnglishMails`].
    pub fn mail_templates(mut self, templates: Arc<dyn MailTemplates>) -> Self {
        self.mail_templates = templates;
        self
    }

    /// See [`Config::service_name`].
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.config.service_name = name.into();
        self
    }

    /// See [`Config::registration`].
    pub fn registration(mut self, registration: Registration) -> Self {
        self.config.registration = registration;
        self
    }

    /// See [`Config::email_verification`].
    pub fn email_verification(mut self, verification: EmailVerification) -> Self {
        self.config.email_verification = verification;
        self
    }

    /// See [`Config::verify_email_url`].
    pub fn verify_email_url(mut self, page: impl Into<String>) -> Self {
        self.config.verify_email_url = page.into();
        self
    }

    /// See [`Config::reset_password_url`].
    pub fn reset_password_url(mut self, page: impl Into<String>) -> Self {
        self.config.reset_password_url = page.into();
        self
    }

    /// See [`Config::verify_email_ttl`].
    pub fn verify_email_ttl(mut self, ttl: Duration) -> Self {
        self.config.verify_email_ttl = ttl;
        self
    }

    /// See [`Config::reset_password_ttl`].
    pub fn reset_password_ttl(mut self, ttl: Duration) -> Self {
        self.config.reset_password_ttl = ttl;
        self
    }

    /// Switches a room on: what it makes is there as [`Kernel::set_up`].
    #[cfg(feature = "oidc")]
    pub(crate) fn set_up<T: Send + Sync + 'static>(
        mut self,
        make: impl FnOnce() -> Result<Arc<T>, ConfigError> + Send + 'static,
    ) -> Self {
        self.set_up.push(Box::new(move || Ok(make()?)));
        self
    }

    /// Adds a room, for a test of the kernel.
    #[cfg(feature = "test-util")]
    pub(crate) fn room(mut self, room: Room) -> Self {
        self.rooms.push(room);
        self
    }

    /// See [`Config::audit_retention`].
    pub fn audit_retention(mut self, kept: Duration) -> Self {
        self.config.audit_retention = Some(kept);
        self
    }

    /// Replaces [`TracingEvents`].
    pub fn events(mut self, events: Arc<dyn EventSink>) -> Self {
        self.events = events;
        self
    }

    /// Checks everything and makes the handle. Reads and writes nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn build(self) -> Result<Auth, ConfigError> {
        self.config.check()?;
        self.keys.check()?;
        if self.config.email_verification != EmailVerification::Off && self.mailer.is_none() {
            return Err(ConfigError::new("email_verification", "needs a mailer"));
        }
        let post = self.mailer.map(|mailer| Post { mailer, templates: self.mail_templates });
        let hasher = match self.hasher {
            Some(hasher) => hasher,
            None => Arc::new(Argon2Hasher::default()),
        };
        let ring = Ring::empty();
        let keys = VerifyingKey::all(&self.keys, &ring)?;
        let verifier = TokenVerifier::with(keys, &self.config.issuer, &self.config.audience)
            .clock(Arc::clone(&self.clock));
        let instance = random::uuid(self.random.as_ref())
            .map_err(|error| ConfigError::new("random source", error.to_string()))?;
        Ok(Auth {
            kernel: Arc::new(Kernel {
                store: Store::new(self.db),
                passwords: HashPool::new(hasher, Arc::clone(&self.clock), &self.config),
                policy: PasswordPolicy::new(&self.config, self.breaches),
                throttle: Throttle::new(&self.config),
                keys: Current::new(KeysInForce::new(&self.keys, &ring, &self.config, sealers(&self.rooms))?),
                key_source: Mutex::new(KeySource::new(self.keys)),
                ring_reading: tokio::sync::Mutex::default(),
                revocations: Revocations::new(&self.config, Arc::clone(&self.clock)),
                verifier,
                instance,
                clock: self.clock,
                random: self.random,
                events: self.events,
                events_so_far: AtomicU16::default(),
                post,
                mail_waits: tokio::sync::Notify::new(),
                rooms: self.rooms,
                set_up: self.set_up.into_iter().map(|make| make()).collect::<Result<_, _>>()?,
                config: self.config,
            }),
        })
    }
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
