use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use sea_orm::DatabaseConnection;

use super::{Authenticator, EventLog, InsecureHasher, ManualClock, Outbox, SoftwareAuthenticator};
use crate::{
    ApiKeySecret, Auth, AuthBuilder, ClientInfo, CreateUser, FeedEvent, FeedQuery, Keys, Login, Principal,
    SecretKey, SignIn, Tokens, User,
    factor::{Answer, Method},
    machine::NewApiKey,
    mail::{Mail, MailText},
};

/// An [`Auth`] and all that a host needs to test its own routes with it; the example is that of the
/// [module](crate::test_util). What does not work is a panic, as in a test.
#[derive(Debug, Clone)]
pub struct Kit {
    /// To be given to the application.
    pub auth: Auth,
    /// Its time.
    pub clock: ManualClock,
    /// What it has sent; [`mails`](Self::mails) sends what waits.
    pub outbox: Outbox,
    /// What has happened.
    pub events: EventLog,
    /// The last event of the feed that was asked for.
    read: Arc<AtomicI64>,
}

impl Kit {
    /// The password of everybody that the kit has made.
    pub const PASSWORD: &'static str = "wilted-orchid-paddles-north";

    /// Over a database that has the schema: `auth_migration::up` makes it.
    pub fn new(db: DatabaseConnection) -> Self {
        Self::with(db, |builder| builder)
    }

    /// With the settings of the host.
    ///
    /// # Panics
    /// When a setting cannot be used.
    pub fn with(db: DatabaseConnection, settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        let keys = Keys::new(SecretKey::new([7; 64]).expect("a key that is long enough"));
        let (clock, outbox, events) = (ManualClock::new(), Outbox::new(), EventLog::new());
        let builder = Auth::builder(db, keys)
            .configure(|config| config.audit_retention = Some(Duration::from_hours(90 * 24)))
            .clock(Arc::new(clock.clone()))
            .hasher(Arc::new(InsecureHasher::new()))
            .mailer(Arc::new(outbox.clone()))
            .events(Arc::new(events.clone()));
        let auth = settings(builder).configure(|config| {
            if config.mail.verify_email_url.is_empty() {
                config.mail.pages_at("https://app.example.com/auth");
            }
        });
        let auth = auth.build().expect("settings that can be used");
        Self { auth, clock, outbox, events, read: Arc::default() }
    }

    /// Somebody with an account, whose address is verified.
    ///
    /// # Panics
    /// When the address is none, or taken.
    pub async fn user(&self, email: &str) -> User {
        self.create(CreateUser::new(email).verified()).await
    }

    /// Somebody with roles, or whose address is not verified. The password is [`PASSWORD`](Self::PASSWORD).
    ///
    /// # Panics
    /// When the address is none, or taken, or a role has no good name.
    pub async fn create(&self, user: CreateUser) -> User {
        self.auth.create_user(user.password(Self::PASSWORD)).await.expect("an account")
    }

    /// The tokens of a new session, in the database like every other.
    ///
    /// # Panics
    /// When the user may not sign in.
    pub async fn sign_in(&self, user: &User) -> Tokens {
        match self.auth.login(Login::new(&*user.email, Self::PASSWORD)).await {
            Ok(SignIn::Granted(tokens)) => tokens,
            refused => panic!("{} does not get in: {refused:?}", user.id),
        }
    }

    /// An authenticator app for somebody, who is asked for its codes from now on. Half a minute passes, so that it shows another
    /// than the one that it was set up with.
    ///
    /// # Panics
    /// When the user may not sign in, has not proved the address, or has one.
    pub async fn totp(&self, user: &User) -> Authenticator {
        let factors = self.auth.factors().expect("second factors that are not off");
        let caller = self.principal(user).await;
        let setup = factors.begin_totp(&caller).await.expect("a secret");
        let app = Authenticator::new(&setup, &self.clock);
        let added = factors.confirm_totp(&caller, app.code(), ClientInfo::default()).await;
        added.expect("a code that was right");
        self.clock.advance(Duration::from_secs(30));
        app
    }

    /// The tokens of a new session of two factors. Half a minute passes, as each code is taken once.
    ///
    /// # Panics
    /// When the user may not sign in, or is asked for no code.
    pub async fn sign_in_with(&self, user: &User, app: &Authenticator) -> Tokens {
        let factors = self.auth.factors().expect("second factors that are not off");
        let challenge = match self.auth.login(Login::new(&*user.email, Self::PASSWORD)).await {
            Ok(SignIn::Challenge(challenge)) => challenge,
            other => panic!("{} is asked for no second factor: {other:?}", user.id),
        };
        let answer = Answer::new(challenge.auth_session, Method::Totp, app.next_code());
        factors.answer(answer).await.expect("a code that was right").tokens
    }

    /// An authenticator without a passkey yet, on a page of the site that [`PasskeyConfig`](crate::PasskeyConfig) names.
    ///
    /// # Panics
    /// When there are no passkeys: with the settings of [`with`](Self::with).
    pub fn authenticator(&self) -> SoftwareAuthenticator {
        let config = &self.auth.config().passkeys;
        let origin = config.origins.first().expect("a page of the site");
        SoftwareAuthenticator::on(origin)
    }

    /// The same as the value of a header `Authorization`.
    ///
    /// # Panics
    /// When the user may not sign in.
    pub async fn bearer(&self, user: &User) -> String {
        format!("Bearer {}", self.sign_in(user).await.access.expose())
    }

    /// An API key of somebody, for these scopes: for the header `Authorization: Bearer`.
    ///
    /// # Panics
    /// When the user may not have one of the scopes, or keys are switched off.
    pub async fn api_key(&self, user: &User, scopes: &[&str]) -> ApiKeySecret {
        let machines = self.auth.machines().expect("keys that are not switched off");
        let made = machines.create_key_for(user.id, new_key(scopes), ClientInfo::default()).await;
        made.expect("a key").secret
    }

    /// A key of a new service account with these roles, for these scopes.
    ///
    /// # Panics
    /// When a role or a scope has no good name, or keys are switched off.
    pub async fn service_key(&self, roles: &[&str], scopes: &[&str]) -> ApiKeySecret {
        let machines = self.auth.machines().expect("keys that are not switched off");
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let account = machines.create_service("a service", roles, ClientInfo::default()).await;
        let account = account.expect("a service account").id;
        let made = machines.create_service_key(account, new_key(scopes), ClientInfo::default()).await;
        made.expect("a key").secret
    }

    /// The caller that a handler is given, for one that is called without HTTP. A token was made and verified for it: there is
    /// no other way to one here either.
    ///
    /// # Panics
    /// When the user may not sign in.
    pub async fn principal(&self, user: &User) -> Principal {
        let tokens = self.sign_in(user).await;
        self.auth.verifier().verify(tokens.access.expose()).expect("a token that was made just now")
    }

    /// Sends what waits, and gives what was sent since the last call.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn mails(&self) -> Vec<(Mail, MailText)> {
        self.auth.deliver_mail().await.expect("the outbox in the database");
        self.outbox.take()
    }

    /// What other programs hear of since the last call, by the [feed](crate::Auth::events_after).
    ///
    /// # Panics
    /// When the database does not answer, or there is no audit.
    pub async fn events(&self) -> Vec<FeedEvent> {
        assert!(self.auth.config().audit_retention.is_some(), "a feed needs an audit");
        self.auth.place_events().await.expect("the feed in the database");
        let mut all = Vec::new();
        loop {
            let query = FeedQuery::after(self.read.load(Relaxed));
            let page = self.auth.events_after(query).await.expect("a place that was given");
            self.read.store(page.next, Relaxed);
            if page.events.is_empty() {
                return all;
            }
            all.extend(page.events);
        }
    }
}

fn new_key(scopes: &[&str]) -> NewApiKey {
    scopes.iter().fold(NewApiKey::new("a key"), |new, scope| new.scope(*scope))
}
