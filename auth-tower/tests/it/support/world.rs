use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use auth_core::{
    Auth, AuthBuilder, Keys, Random, RandomUnavailable, SecretKey,
    test_util::{EventLog, InsecureHasher, ManualClock, Outbox},
};
use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthService, AuthServiceBuilder};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use super::{ADA, Answer, PASSWORD, Req, Transport};

/// The rules over a database of one test, with a clock and a random source that repeat themselves: the same
/// requests give the same answers, to the byte.
pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) clock: ManualClock,
    pub(crate) hasher: InsecureHasher,
    pub(crate) events: EventLog,
    pub(crate) db: DatabaseConnection,
    statements: Arc<AtomicUsize>,
    door: Transport,
}

impl World {
    pub(crate) async fn new(database: &TestDatabase) -> Self {
        Self::with_keys(database, |keys| keys).await
    }

    pub(crate) async fn with_keys(database: &TestDatabase, change: impl FnOnce(Keys) -> Keys) -> Self {
        Self::make(database, change, |builder| builder).await
    }

    /// With a mailer and other settings of the rules.
    pub(crate) async fn with_mail(
        database: &TestDatabase,
        settings: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> (Self, Outbox) {
        let outbox = Outbox::new();
        let mailer = Arc::new(outbox.clone());
        (Self::make(database, |keys| keys, |builder| settings(builder.mailer(mailer))).await, outbox)
    }

    /// Without a mailer, with other keys and settings of the rules.
    pub(crate) async fn make(
        database: &TestDatabase,
        change: impl FnOnce(Keys) -> Keys,
        settings: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        let mut db = database.connect().await;
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        db.set_metric_callback(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let (clock, hasher, events) = (ManualClock::new(), InsecureHasher::new(), EventLog::new());
        let keys = change(Keys::new(SecretKey::new("0123456789abcdef0123456789abcdef").unwrap()));
        let builder = Auth::builder(db.clone(), keys)
            .clock(Arc::new(clock.clone()))
            .hasher(Arc::new(hasher.clone()))
            .insecure_random(Arc::new(Counting::default()))
            .events(Arc::new(events.clone()))
            .configure(|config| config.mail.pages_at("http://127.0.0.1:8000"));
        let auth = settings(builder).build().unwrap();
        let door = Transport::direct(AuthService::new(auth.clone()));
        Self { auth, clock, hasher, events, db, statements, door }
    }

    /// The same with other settings of the service.
    pub(crate) fn with(mut self, settings: impl FnOnce(AuthServiceBuilder) -> AuthServiceBuilder) -> Self {
        self.door = Transport::direct(settings(AuthService::builder(self.auth.clone())).build().unwrap());
        self
    }

    /// The same with Ada, who has an account.
    pub(crate) async fn with_ada(self) -> Self {
        self.register(ADA, PASSWORD).await.expect(201);
        self
    }

    pub(crate) fn service(&self) -> AuthService {
        match &self.door {
            Transport::Direct(service, _) => service.clone(),
            Transport::Socket { .. } => panic!("the service is behind a socket"),
        }
    }

    pub(crate) async fn send(&self, request: Req) -> Answer {
        self.send_built(request.build()).await
    }

    pub(crate) async fn send_built(&self, request: http::Request<bytes::Bytes>) -> Answer {
        self.door.send(request).await
    }

    pub(crate) async fn register(&self, email: &str, password: &str) -> Answer {
        let body = serde_json::json!({ "email": email, "password": password });
        self.send(Req::post("/register").json(body.to_string())).await
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        let body = serde_json::json!({ "email": email, "password": password });
        self.send(Req::post("/login").json(body.to_string())).await
    }

    /// Ada signs in: her access token and her cookie.
    pub(crate) async fn ada_signs_in(&self) -> (String, String) {
        let answer = self.login(ADA, PASSWORD).await.expect(200);
        (answer.member("access_token"), answer.cookie().unwrap())
    }

    pub(crate) async fn refresh(&self, cookie: &str) -> Answer {
        self.send(Req::post("/refresh-token").cookie(cookie)).await
    }

    pub(crate) async fn me(&self, access: &str) -> Answer {
        self.send(Req::get("/users/me").bearer(access)).await
    }

    /// As if nobody had guessed before.
    pub(crate) async fn forget_failures(&self) {
        self.db.execute_unprepared("DELETE FROM auth_throttle").await.unwrap();
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap();
    }

    /// How many statements there were since the last call.
    pub(crate) fn statements(&self) -> usize {
        self.statements.swap(0, Ordering::SeqCst)
    }

    /// The number of rows of all tables that requests write to.
    pub(crate) async fn rows(&self) -> i64 {
        let mut rows = 0;
        for table in [
            "auth_user",
            "auth_password",
            "auth_user_role",
            "auth_session",
            "auth_one_time_token",
            "auth_lease",
            "auth_throttle",
            "auth_mail",
            "auth_event",
            "auth_deleted_user",
            "auth_identity",
            "auth_challenge",
            "auth_totp",
            "auth_recovery_code",
            "auth_factor_failure",
            "auth_service_account",
            "auth_api_key",
            "auth_ended_token",
            "auth_passkey",
            "auth_passkey_challenge",
            "auth_device",
            "auth_webhook",
            "auth_webhook_delivery",
            "auth_feed",
            "auth_profile",
        ] {
            let count = format!("SELECT COUNT(*) AS n FROM {table}");
            let count = Statement::from_string(self.db.get_database_backend(), count);
            let row = self.db.query_one_raw(count).await.unwrap().unwrap();
            rows += row.try_get::<i64>("", "n").unwrap();
        }
        rows
    }
}

/// Counts instead of drawing: no two calls give the same, and every run gives what the one before gave.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let number = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
        for (byte, digit) in bytes.iter_mut().zip(number.iter().cycle()) {
            *byte = *digit;
        }
        Ok(())
    }
}
