//! Where the host has a say: who may register, who may sign in, what tokens tell besides.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use auth_core::{
    Asking, AuthBuilder, BeforeRegister, BeforeSignIn, Claims, ClaimsFor, ClientInfo, CreateUser, DbErr,
    Error, Event, EventKind, Following, HookError, Hooks, ImportRow, OnHookFailure, Register, SignInFailure,
    UserRecord, Verdict, webhooks::HttpHooks,
};
use auth_migration::{
    each_database,
    test_util::{TestDatabase, run},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait};
use serde_json::{Value, json};

use crate::{
    assert_refused, factor,
    oidc::{World, issuer::Person, providers},
    support::{DAY, EMAIL, PASSWORD, PAST_GRACE, Receiver, TestAuth},
};

/// Says what it is told to, and keeps what it was asked.
#[derive(Clone, Default)]
struct House(Arc<Mutex<Rules>>);

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a test, each by itself")]
struct Rules {
    denies: bool,
    fails: bool,
    hangs: bool,
    claims: Claims,
    asked: Vec<String>,
    keeps_book: bool,
    /// Once: as if another transaction had been faster.
    loses: bool,
}

impl House {
    fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.0.lock().unwrap());
    }

    fn claims(&self, claims: &Value) {
        self.rules(|rules| rules.claims.clone_from(claims.as_object().unwrap()));
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    fn answer<'a, T: Send + 'a>(&self, asked: String, answer: impl FnOnce(&Rules) -> T) -> Asking<'a, T> {
        let mut rules = self.0.lock().unwrap();
        rules.asked.push(asked);
        if rules.hangs {
            return Box::pin(std::future::pending());
        }
        let answer = if rules.fails { Err(HookError("out of order".into())) } else { Ok(answer(&rules)) };
        Box::pin(std::future::ready(answer))
    }
}

/// Writes each change into a table of the host.
async fn write(event: &Event, txn: &DatabaseTransaction) -> Result<(), DbErr> {
    let user = event.kind.user().map(|user| user.to_string()).unwrap_or_default();
    let sql = format!("INSERT INTO book VALUES ('{}', '{user}')", event.kind.code());
    txn.execute_unprepared(&sql).await.map(drop)
}

fn verdict(rules: &Rules) -> Verdict {
    if rules.denies { Verdict::deny("wrong_house", "Not from here.") } else { Verdict::Allow }
}

impl Hooks for House {
    fn before_register<'a>(&'a self, asked: &'a BeforeRegister) -> Asking<'a, Verdict> {
        self.answer(format!("register {}", asked.email), verdict)
    }

    fn before_sign_in<'a>(&'a self, asked: &'a BeforeSignIn) -> Asking<'a, Verdict> {
        self.answer(format!("sign_in {} {}", asked.user.email, asked.methods.join(" ")), verdict)
    }

    fn claims<'a>(&'a self, asked: &'a ClaimsFor) -> Asking<'a, Claims> {
        self.answer(format!("claims {}", asked.user.email), |rules| rules.claims.clone())
    }

    fn after_change<'a>(&'a self, event: &'a Event, txn: &'a DatabaseTransaction) -> Following<'a> {
        let mut rules = self.0.lock().unwrap();
        let loses = std::mem::take(&mut rules.loses);
        let (keeps_book, fails, hangs) = (rules.keeps_book, rules.fails, rules.hangs);
        Box::pin(async move {
            if !keeps_book {
                return Ok(());
            }
            write(event, txn).await?;
            if loses {
                let lost = "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$";
                txn.execute_unprepared(lost).await?;
            }
            if hangs {
                std::future::pending::<()>().await;
            }
            if fails { Err(DbErr::Custom("out of order".into())) } else { Ok(()) }
        })
    }
}

/// The host's own table.
struct Book(DatabaseConnection);

impl Book {
    async fn open(db: &TestDatabase) -> Self {
        let db = db.connect().await;
        db.execute_unprepared("CREATE TABLE book (code VARCHAR(40), user_id VARCHAR(40))").await.unwrap();
        Self(db)
    }

    async fn entries(&self) -> Vec<(String, String)> {
        let rows = Statement::from_string(self.0.get_database_backend(), "SELECT code, user_id FROM book");
        let rows = self.0.query_all_raw(rows).await.unwrap();
        rows.iter()
            .map(|row| (row.try_get("", "code").unwrap(), row.try_get("", "user_id").unwrap()))
            .collect()
    }
}

fn with(house: &House) -> impl FnOnce(AuthBuilder) -> AuthBuilder {
    let house = Arc::new(house.clone());
    |builder| builder.hooks(house).configure(|config| config.hooks.deadline = Duration::from_millis(50))
}

each_database! {
    async fn a_host_is_asked_before_an_account_is_made_alike_for_known_and_unknown_addresses(db: &TestDatabase) {
        let house = House::default();
        let test = TestAuth::with(db, with(&house)).await;
        test.register().await;
        assert_eq!(house.take(), [format!("register {EMAIL}")]);
        house.rules(|rules| rules.denies = true);
        test.statements();
        let hashed = test.hasher.hashes();
        for email in [EMAIL, "bob@example.com"] {
            let refused = test.auth.register(Register::new(email, PASSWORD)).await;
            let Err(Error::Denied(denial)) = refused else { panic!("{refused:?}") };
            assert_eq!((&*denial.code, &*denial.text), ("wrong_house", "Not from here."));
        }
        assert_eq!((test.statements().len(), test.hasher.hashes()), (0, hashed), "before any work");
        test.auth.create_user(CreateUser::new("carol@example.com")).await.expect("administrators are not asked");
    }

    async fn a_host_is_asked_before_a_sign_in_and_only_about_who_was_right(db: &TestDatabase) {
        let house = House::default();
        let test = TestAuth::with(db, with(&house)).await;
        test.register().await;
        test.login().await;
        house.take();
        house.rules(|rules| rules.denies = true);
        assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
        assert_eq!(house.take(), [""; 0]);
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Denied(_));
        assert_eq!(house.take(), [format!("sign_in {EMAIL} pwd")]);
        assert_eq!(test.count("auth_session").await, 1);
        let told = test.events.kinds();
        assert!(matches!(told.last(), Some(EventKind::SignInFailed { reason: SignInFailure::Denied, .. })), "{told:?}");
        // A right password is no guess.
        for _ in 0..20 {
            assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Denied(_));
        }
    }

    async fn with_a_second_factor_the_host_is_asked_before_the_challenge_and_again_at_the_end(db: &TestDatabase) {
        let house = House::default();
        let world = factor::World::with(db, with(&house)).await;
        house.take();
        let challenge = world.challenge().await;
        assert_eq!(house.take(), [format!("sign_in {EMAIL} pwd")]);
        house.rules(|rules| rules.denies = true);
        let code = world.app.next_code();
        let answer = auth_core::factor::Answer::new(challenge.auth_session, auth_core::factor::Method::Totp, code);
        assert_refused!(world.factors().answer(answer).await, Error::Denied(_));
        assert_eq!(house.take(), [format!("sign_in {EMAIL} pwd otp mfa")]);
    }

    async fn claims_of_the_host_are_in_each_token_of_a_session_and_its_caller_has_them(db: &TestDatabase) {
        let house = House::default();
        house.claims(&json!({"tenant": "acme", "plan": {"seats": 5}}));
        let test = TestAuth::with(db, with(&house)).await;
        let tokens = test.signed_in().await;
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        assert_eq!(caller.claim::<String>("tenant").as_deref(), Some("acme"));
        assert_eq!(caller.claim::<Value>("plan"), Some(json!({"seats": 5})));
        assert_eq!((caller.claim::<u64>("tenant"), caller.claim::<Value>("other")), (None, None));
        house.claims(&json!({"tenant": "globex"}));
        test.clock.advance(PAST_GRACE);
        let next = test.refresh(&tokens.refresh).await.unwrap();
        let caller = test.auth.verifier().verify(next.access.expose()).unwrap();
        assert_eq!(caller.claim::<String>("tenant").as_deref(), Some("globex"));
        let strict = test.auth.verify_session(&caller).await.unwrap();
        assert_eq!(strict.claim::<String>("tenant").as_deref(), Some("globex"));
    }

    async fn claims_that_are_reserved_or_too_long_are_a_failure_and_none_of_them_gets_into_a_token(db: &TestDatabase) {
        let house = House::default();
        let test = TestAuth::with(db, with(&house)).await;
        test.register().await;
        for bad in [json!({"sub": "1"}), json!({"roles": ["admin"]}), json!({"exp": 1}), json!({"long": "x".repeat(1100)})] {
            house.claims(&bad);
            assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::HookUnavailable);
        }
        assert_eq!(test.count("auth_session").await, 0);
    }

    async fn a_hook_that_fails_or_is_late_closes_the_door_and_leaves_the_refresh_token_good(db: &TestDatabase) {
        let house = House::default();
        let test = TestAuth::with(db, with(&house)).await;
        let tokens = test.signed_in().await;
        test.clock.advance(PAST_GRACE);
        for (fails, hangs) in [(true, false), (false, true)] {
            house.rules(|rules| (rules.fails, rules.hangs) = (fails, hangs));
            assert_refused!(test.auth.register(Register::new("bob@example.com", PASSWORD)).await, Error::HookUnavailable);
            assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::HookUnavailable);
            assert_refused!(test.refresh(&tokens.refresh).await, Error::HookUnavailable);
        }
        assert_eq!((test.count("auth_user").await, test.count("auth_session").await), (1, 1));
        house.rules(|rules| (rules.fails, rules.hangs) = (false, false));
        test.refresh(&tokens.refresh).await.unwrap();
    }

    async fn a_host_that_says_so_goes_on_without_its_hook(db: &TestDatabase) {
        let house = House::default();
        let test = TestAuth::with(db, |builder| {
            with(&house)(builder).configure(|config| config.hooks.on_failure = OnHookFailure::Open)
        }).await;
        house.rules(|rules| rules.fails = true);
        let tokens = test.signed_in().await;
        assert_eq!(house.take().len(), 3);
        test.refresh(&tokens.refresh).await.unwrap();
    }

    async fn who_comes_from_a_provider_is_asked_about_once_where_they_are_new(db: &TestDatabase) {
        let house = House::default();
        let world = World::with(db, |builder, issuer| with(&house)(builder.oidc(providers(issuer)))).await;
        house.rules(|rules| rules.denies = true);
        assert!(world.arrive(&Person::new("1", EMAIL)).await.is_err());
        assert_eq!((house.take(), world.test.count("auth_user").await), (vec![format!("register {EMAIL}")], 0));
        house.rules(|rules| rules.denies = false);
        world.arrive(&Person::new("1", EMAIL)).await.unwrap();
        house.take();
        world.arrive(&Person::new("1", EMAIL)).await.unwrap();
        assert!(!house.take().iter().any(|asked| asked.starts_with("register")), "known");
    }

    async fn what_a_host_writes_with_a_change_is_there_with_it_by_whatever_door_it_came(db: &TestDatabase) {
        let house = House::default();
        let world = World::with(db, |builder, issuer| with(&house)(builder.oidc(providers(issuer)))).await;
        let (test, book) = (&world.test, Book::open(db).await);
        house.rules(|rules| rules.keeps_book = true);
        let ada = test.register().await.id;
        let bob = test.auth.create_user(CreateUser::new("bob@example.com")).await.unwrap().id;
        world.arrive(&Person::new("1", "carol@example.com")).await.unwrap();
        test.auth.import(ClientInfo::default()).rows(vec![ImportRow { number: 1, record: UserRecord::new("dora@example.com") }]).await.unwrap();
        let tokens = test.login().await;
        test.auth.delete_user(tokens.user_id, ClientInfo::default()).await.unwrap();
        let entries = book.entries().await;
        let of = |code: &str| entries.iter().filter(|(entry, _)| entry == code).map(|(_, user)| &**user).collect::<Vec<_>>();
        assert!(of("registered").contains(&&*ada.to_string()), "{entries:?}");
        assert_eq!((of("created"), of("imported").len(), of("deleted")), (vec![&*bob.to_string()], 1, vec![&*ada.to_string()]));
        // As many as the log has: nothing twice, nothing left out.
        let told = test.events.kinds().iter().filter(|kind| kind.code() != "sign_in_failed").count();
        assert_eq!(entries.len(), told, "{entries:?}");
    }

    async fn a_host_that_cannot_write_takes_the_change_back_whatever_its_settings_say(db: &TestDatabase) {
        let house = House::default();
        let test = TestAuth::with(db, |builder| {
            with(&house)(builder).configure(|config| config.hooks.on_failure = OnHookFailure::Open)
        }).await;
        let (tokens, book) = (test.signed_in().await, Book::open(db).await);
        let events = test.count("auth_event").await;
        for (fails, hangs) in [(true, false), (false, true)] {
            house.rules(|rules| (rules.keeps_book, rules.fails, rules.hangs) = (true, fails, hangs));
            assert_refused!(test.auth.create_user(CreateUser::new("bob@example.com")).await, Error::HookUnavailable);
            assert_refused!(test.auth.logout_all(tokens.user_id, ClientInfo::default()).await, Error::HookUnavailable);
        }
        house.rules(|rules| rules.hangs = false);
        assert_eq!((test.count("auth_user").await, test.count("auth_event").await, book.entries().await), (1, events, vec![]));
        test.refresh(&tokens.refresh).await.expect("signed in as before");
    }

    async fn a_transaction_of_the_host_that_makes_an_account_is_the_one_that_it_writes_by(db: &TestDatabase) {
        let house = House::default();
        let test = TestAuth::with(db, with(&house)).await;
        let book = Book::open(db).await;
        house.rules(|rules| rules.keeps_book = true);
        for commits in [false, true] {
            let prepared = test.auth.prepare_register(Register::new(EMAIL, PASSWORD)).await.unwrap();
            let txn = book.0.begin().await.unwrap();
            prepared.insert_in(&txn).await.unwrap();
            if commits { txn.commit().await.unwrap() } else { txn.rollback().await.unwrap() }
            assert_eq!(book.entries().await.len(), usize::from(commits));
        }
    }

    async fn a_hook_over_http_is_asked_by_signed_posts_and_its_answers_count(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let hooks = HttpHooks::new(&receiver.url, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &[]).unwrap();
        let test = TestAuth::with(db, |builder| {
            builder.hooks(Arc::new(hooks)).configure(|config| config.audit_retention = Some(DAY))
        }).await;
        receiver.answer(200, r#"{"allow": true, "claims": {"tenant": "acme"}}"#);
        let client = ClientInfo::default().ip([192, 0, 2, 7].into());
        test.auth.register(Register::new(EMAIL, PASSWORD).client(client)).await.unwrap();
        let tokens = test.login().await;
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        assert_eq!(caller.claim::<String>("tenant").as_deref(), Some("acme"));
        let asked = receiver.take();
        let kinds: Vec<_> = asked.iter().map(crate::support::Received::kind).collect();
        assert_eq!(kinds, ["before_register", "before_sign_in", "claims"]);
        assert_eq!(asked[0].json()["data"], json!({"email": EMAIL, "ip": "192.0.2.7", "user_agent": null}));
        assert_eq!(asked[1].json()["data"]["user"]["id"], json!(tokens.user_id.as_uuid()));
        assert_eq!(asked[2].json()["data"]["session_id"], json!(tokens.session_id.as_uuid()));
        assert!(asked[0].header("webhook-signature").starts_with("v1,"));

        receiver.answer(200, r#"{"allow": false, "code": "wrong_house", "detail": "Not from here."}"#);
        let refused = test.auth.register(Register::new("bob@example.com", PASSWORD)).await;
        let Err(Error::Denied(denial)) = refused else { panic!("{refused:?}") };
        assert_eq!((&*denial.code, &*denial.text), ("wrong_house", "Not from here."));
        receiver.answer(200, r#"{"allow": false, "code": "No \"code\""}"#);
        let Err(Error::Denied(denial)) = test.try_login(EMAIL, PASSWORD).await else { panic!() };
        assert_eq!(denial.code, "denied");

        for (status, body) in [(500, "{}"), (302, "{}"), (204, ""), (200, "{}"), (200, "no json")] {
            receiver.answer(status, body);
            assert_refused!(test.auth.register(Register::new("bob@example.com", PASSWORD)).await, Error::HookUnavailable);
        }
        receiver.answer(200, &format!(r#"{{"allow": true, "more": "{}"}}"#, "x".repeat(5000)));
        assert_refused!(test.auth.register(Register::new("bob@example.com", PASSWORD)).await, Error::HookUnavailable);
    }
}

#[test]
fn a_hook_over_http_needs_an_address_and_a_secret_of_the_right_form() {
    let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert!(HttpHooks::new("http://127.0.0.1:9/", good, &[]).is_ok());
    for (url, secret, setting) in [
        ("nowhere", good, "hook url"),
        ("ftp://a/", good, "hook url"),
        ("https://a.example/", "short", "hook secret"),
    ] {
        assert_eq!(HttpHooks::new(url, secret, &[]).unwrap_err().setting(), setting);
    }
}

#[test]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
fn a_hook_that_loses_a_race_is_asked_again_with_the_change_postgres() {
    run(TestDatabase::postgres, async |db: &TestDatabase| {
        let house = House::default();
        let test = TestAuth::with(db, with(&house)).await;
        let book = Book::open(db).await;
        house.rules(|rules| (rules.keeps_book, rules.loses) = (true, true));
        let ada = test.register().await.id;
        assert_eq!(book.entries().await, [("registered".to_owned(), ada.to_string())]);
    });
}
