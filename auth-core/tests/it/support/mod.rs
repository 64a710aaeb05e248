//! The set-up line of every test.

mod gated;
mod halting;
mod receiver;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use auth_core::{
    Auth, AuthBuilder, ClientInfo, Error, Keys, Login, OneTimeToken, Principal, RefreshToken, Register,
    SecretKey, SignIn, Tokens, User,
    mail::MailKind,
    test_util::{EventLog, InsecureHasher, ManualClock, Outbox},
};
use auth_migration::test_util::TestDatabase;
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};

pub(crate) use self::{
    gated::{gated, start},
    halting::Halting,
    receiver::{Received, Receiver},
};

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);
/// Longer than the default grace.
pub(crate) const PAST_GRACE: Duration = Duration::from_secs(11);

/// An `Auth` on a database of its own, with the parts that a test looks at.
pub(crate) struct TestAuth {
    pub(crate) auth: Auth,
    pub(crate) db: DatabaseConnection,
    pub(crate) clock: ManualClock,
    pub(crate) hasher: InsecureHasher,
    pub(crate) events: EventLog,
    pub(crate) outbox: Outbox,
    statements: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn keys() -> Keys {
    Keys::new(secret(1))
}

pub(crate) fn secret(byte: u8) -> SecretKey {
    SecretKey::new(vec![byte; 64]).unwrap()
}

/// Does everything in the background as often as it can.
pub(crate) fn polling(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| {
        let every = &mut config.background;
        (every.poll, every.mail, every.sweep) =
            (Duration::from_millis(1), Duration::from_millis(1), Duration::from_millis(1));
    })
}

impl TestAuth {
    pub(crate) async fn new(db: &TestDatabase) -> Self {
        Self::with(db, |builder| builder).await
    }

    /// With other settings.
    pub(crate) async fn with(db: &TestDatabase, settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        let clock = ManualClock::new();
        Self::instance(db, keys(), &clock, 5, settings).await
    }

    /// One that sends no mail.
    pub(crate) async fn without_mail(db: &TestDatabase) -> Self {
        let mut test = Self::new(db).await;
        let hasher = Arc::new(test.hasher.clone());
        test.auth = Auth::builder(test.db.clone(), keys())
            .clock(Arc::new(test.clock.clone()))
            .hasher(hasher)
            .build()
            .unwrap();
        test
    }

    /// One of several instances on the same database and clock.
    pub(crate) async fn instance(
        db: &TestDatabase,
        keys: Keys,
        clock: &ManualClock,
        connections: u32,
        settings: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        let options = auth_core::ConnectOptions::new(db.url()).max_connections(connections);
        let mut db = options.timeout(30 * SECOND).connect().await.unwrap();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&statements);
        db.set_metric_callback(move |info| log.lock().unwrap().push(info.statement.sql.clone()));
        let hasher = InsecureHasher::new();
        let (events, outbox) = (EventLog::new(), Outbox::new());
        let builder = Auth::builder(db.clone(), keys)
            .clock(Arc::new(clock.clone()))
            .hasher(Arc::new(hasher.clone()))
            .events(Arc::new(events.clone()))
            .configure(|config| config.mail.pages_at("http://127.0.0.1:8000"));
        let auth = settings(builder.mailer(Arc::new(outbox.clone()))).build().unwrap();
        Self { auth, db, clock: clock.clone(), hasher, events, outbox, statements }
    }

    pub(crate) async fn register(&self) -> User {
        self.auth.register(Register::new(EMAIL, PASSWORD)).await.unwrap()
    }

    pub(crate) async fn login(&self) -> Tokens {
        self.try_login(EMAIL, PASSWORD).await.unwrap()
    }

    pub(crate) async fn try_login(&self, email: &str, password: &str) -> Result<Tokens, Error> {
        granted(self.auth.login(Login::new(email, password)).await)
    }

    pub(crate) async fn refresh(&self, token: &RefreshToken) -> Result<Tokens, Error> {
        self.auth.refresh(token.clone(), ClientInfo::default()).await
    }

    /// Registers and signs in.
    pub(crate) async fn signed_in(&self) -> Tokens {
        self.register().await;
        self.login().await
    }

    /// Registers, signs in, and checks the access token.
    pub(crate) async fn caller(&self) -> (Tokens, Principal) {
        let tokens = self.signed_in().await;
        let caller = self.auth.verifier().verify(tokens.access.expose()).unwrap();
        (tokens, caller)
    }

    /// The same, of somebody whose address is proved.
    pub(crate) async fn proved_caller(&self) -> (Tokens, Principal) {
        let signed_in = self.caller().await;
        self.execute(&format!("UPDATE auth_user SET email_verified_at = 1 WHERE email = '{EMAIL}'")).await;
        signed_in
    }

    /// Delivers the mails, and takes the kinds of all that have left, in the order of their names.
    pub(crate) async fn kinds_of_mails(&self) -> Vec<&'static str> {
        self.auth.deliver_mail().await.unwrap();
        let mut kinds: Vec<_> = self.outbox.take().into_iter().map(|(mail, _)| mail.kind.code()).collect();
        kinds.sort_unstable();
        kinds
    }

    /// Delivers the mails, and takes the token out of the only one of this kind.
    pub(crate) async fn token_of(&self, kind: MailKind) -> OneTimeToken {
        self.auth.deliver_mail().await.unwrap();
        let mut mails = self.outbox.take();
        mails.retain(|(mail, _)| mail.kind == kind);
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails.remove(0).0.link.unwrap().token
    }

    /// The statements since the last call, without `BEGIN` and `COMMIT`.
    pub(crate) fn statements(&self) -> Vec<String> {
        std::mem::take(&mut self.statements.lock().unwrap())
    }

    /// A single number from the database.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS n FROM {from}");
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
    }

    /// A single text from the database.
    pub(crate) async fn text(&self, sql: &str) -> String {
        self.value(sql).await.try_get_by_index(0).unwrap()
    }

    /// Single bytes from the database.
    pub(crate) async fn bytes(&self, sql: &str) -> Vec<u8> {
        self.value(sql).await.try_get_by_index(0).unwrap()
    }

    async fn value(&self, sql: &str) -> QueryResult {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_one_raw(statement).await.unwrap().unwrap()
    }

    /// Every row of a table with all its bytes, in the order of its text.
    pub(crate) async fn dump(&self, table: &str) -> String {
        let statement =
            Statement::from_string(self.db.get_database_backend(), format!("SELECT * FROM {table}"));
        let rows = self.db.query_all_raw(statement).await.unwrap();
        let value = |row: &QueryResult, column: &str| {
            let number = row.try_get::<Option<i64>>("", column).map(|value| format!("{value:?}"));
            let id = || row.try_get::<Option<uuid::Uuid>>("", column).map(|value| format!("{value:?}"));
            let text = || row.try_get::<Option<String>>("", column).map(|value| format!("{value:?}"));
            let bytes = || row.try_get::<Option<Vec<u8>>>("", column).map(|value| format!("{value:?}"));
            number.or_else(|_| id()).or_else(|_| text()).or_else(|_| bytes()).unwrap()
        };
        let line = |row: &QueryResult| {
            let columns = row.column_names();
            columns.iter().map(|column| value(row, column)).collect::<Vec<_>>().join(" ")
        };
        let mut rows: Vec<_> = rows.iter().map(line).collect();
        rows.sort_unstable();
        rows.join("\n")
    }

    /// How SQLite would go about a statement.
    pub(crate) async fn plan(&self, sql: &str) -> String {
        let statement =
            Statement::from_string(self.db.get_database_backend(), format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = self.db.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap()).collect::<Vec<_>>().join("\n")
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap();
    }

    /// The stored hash of the only user.
    pub(crate) async fn stored_hash(&self) -> String {
        self.text("SELECT hash FROM auth_password").await
    }
}

/// By a connection of its own: one of SQLite's that has not looked since would go by the names of before.
pub(crate) async fn rename(db: &TestDatabase, table: &str, to: &str) {
    let own = db.connect_with(1).await;
    own.execute_unprepared(&format!("ALTER TABLE {table} RENAME TO {to}")).await.unwrap();
    own.close().await.unwrap();
}

pub(crate) fn granted(sign_in: Result<SignIn, Error>) -> Result<Tokens, Error> {
    match sign_in? {
        SignIn::Granted(tokens) => Ok(tokens),
        other => panic!("expected tokens, got {other:?}"),
    }
}

/// Asserts on the variant of an error and shows what came instead.
#[macro_export]
macro_rules! assert_refused {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}
