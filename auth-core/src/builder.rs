//! Puts the handle together.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU16, AtomicU64},
    },
};

use sea_orm::DatabaseConnection;

use crate::{
    Auth, Clock, Config, ConfigError, EmailSignIn, EmailVerification, EventSink, Hooks, Keys, SystemClock,
    SystemRandom, TracingEvents,
    kernel::{self, Kernel, Room, sealers},
    key_ring::{KeySource, KeysInForce, Ring},
    mail::{EnglishMails, MailTemplates, Mailer, Post},
    password::{Argon2Hasher, BreachChecker, HashPool, PasswordHasher, PasswordPolicy},
    random::{self, Random},
    revocation::Revocations,
    store::Store,
    throttle::Throttle,
    token::{TokenVerifier, VerifyingKey, current::Current},
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
    hooks: Option<Arc<dyn Hooks>>,
    operator: Option<String>,
    mailer: Option<Arc<dyn Mailer>>,
    mail_templates: Arc<dyn MailTemplates>,
    rooms: Vec<Room>,
    set_up: Vec<SetUp>,
}

/// What a room is switched on with, once everything else is known to be sound.
type SetUp = Box<dyn FnOnce(&Config) -> Result<Arc<dyn Any + Send + Sync>, ConfigError> + Send>;

impl AuthBuilder {
    pub(crate) fn new(db: DatabaseConnection, keys: Keys, rooms: &[Room]) -> Self {
        Self {
            db,
            keys,
            config: Config::default(),
            hasher: None,
            breaches: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            events: Arc::new(TracingEvents),
            hooks: None,
            operator: None,
            mailer: None,
            mail_templates: Arc::new(EnglishMails),
            rooms: rooms.to_vec(),
            set_up: Vec::new(),
        }
    }

    /// Takes all settings at once, as for a host that reads them from elsewhere.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Changes some settings, and leaves the others as they are:
    ///
    /// ```
    /// # async fn example(db: sea_orm::DatabaseConnection, keys: auth_core::Keys) -> Result<(), auth_core::ConfigError> {
    /// # use std::time::Duration;
    /// # use auth_core::Auth;
    /// let auth = Auth::builder(db, keys).configure(|config| config.tokens.access_ttl = Duration::from_mins(5)).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
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
    /// [`Auth::run_background`] too, and the pages that links lead to have to be named
    /// ([`MailConfig::pages_at`](crate::MailConfig::pages_at)). Default: no mail, and none of these.
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Replaces [`EnglishMails`].
    pub fn mail_templates(mut self, templates: Arc<dyn MailTemplates>) -> Self {
        self.mail_templates = templates;
        self
    }

    /// Switches a room on: what it makes is there as [`Kernel::set_up`].
    pub(crate) fn set_up<T: Send + Sync + 'static>(
        mut self,
        make: impl FnOnce(&Config) -> Result<Arc<T>, ConfigError> + Send + 'static,
    ) -> Self {
        self.set_up.push(Box::new(move |config| Ok(make(config)?)));
        self
    }

    /// Adds a room, for a test of the kernel.
    #[cfg(feature = "test-util")]
    pub(crate) fn room(mut self, room: &Room) -> Self {
        self.rooms.push(*room);
        self
    }

    /// Changes each room, for a test of tests.
    #[cfg(feature = "test-util")]
    pub(crate) fn change_rooms(mut self, change: impl FnMut(&mut Room)) -> Self {
        self.rooms.iter_mut().for_each(change);
        self
    }

    /// Names who acts through this handle where nobody is signed in, for a program at the command line: `cli:` and the name of an
    /// account of the system, at most 64 characters. It stands in each row of the audit that no user's name stands in.
    pub fn operator(mut self, name: &str) -> Self {
        self.operator = Some(name.chars().filter(|c| !c.is_control()).take(64).collect());
        self
    }

    /// Replaces [`TracingEvents`].
    pub fn events(mut self, events: Arc<dyn EventSink>) -> Self {
        self.events = events;
        self
    }

    /// Gives the host a say: who may register, who may sign in, what access tokens tell besides.
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.hooks = Some(hooks);
        self
    }

    /// Checks everything and makes the handle. Reads and writes nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn build(self) -> Result<Auth, ConfigError> {
        self.config.validate()?;
        self.keys.validate()?;
        if self.config.email_verification != EmailVerification::Off && self.mailer.is_none() {
            return Err(ConfigError::new("email_verification", "needs a mailer"));
        }
        let signs_in = self.config.email_codes.sign_in != EmailSignIn::Off;
        if signs_in && self.mailer.is_none() {
            return Err(ConfigError::new("email_codes.sign_in", "needs a mailer"));
        }
        if self.mailer.is_some() {
            self.config.mail.validate_pages_named(signs_in)?;
        }
        let post = self.mailer.map(|mailer| Post { mailer, templates: self.mail_templates });
        let hasher = match self.hasher {
            Some(hasher) => hasher,
            None => Arc::new(Argon2Hasher::default()),
        };
        let ring = Ring::empty();
        let keys = VerifyingKey::all(&self.keys, ring.public())?;
        let verifier = TokenVerifier::with(keys, &self.config.tokens.issuer, &self.config.tokens.audience)
            .clock(Arc::clone(&self.clock));
        let set_up = self.set_up.into_iter().map(|make| make(&self.config)).collect::<Result<_, _>>()?;
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
                hooks: self.hooks,
                operator: self.operator,
                events_so_far: AtomicU16::default(),
                endings: AtomicU64::default(),
                epochs_swept: AtomicI64::default(),
                post,
                unplaced: tokio::sync::Notify::new(),
                placed: tokio::sync::watch::Sender::new(()),
                mail_waits: tokio::sync::Notify::new(),
                background: kernel::Background::default(),
                rooms: self.rooms,
                set_up,
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
