//! Second factors.

mod account;
mod device;
mod guessing;
mod moving;
mod policy;
mod sign_in;
mod step_up;
mod stored;

use std::time::Duration;

use auth_core::{
    AuthBuilder, Challenge, ClientInfo, CreateUser, Error, Login, Password, Principal, SecondFactor, SignIn,
    Tokens, User,
    factor::{Answer, Answered, Factors, Method},
    test_util::Authenticator,
};
use auth_migration::test_util::TestDatabase;

use crate::support::{EMAIL, PASSWORD, TestAuth};

pub(crate) const STEP: Duration = Duration::from_secs(30);

/// Somebody with a proved address, a password, an authenticator app and ten recovery codes.
pub(crate) struct World {
    pub(crate) test: TestAuth,
    pub(crate) user: User,
    pub(crate) app: Authenticator,
    pub(crate) codes: Vec<Password>,
    /// Of the session in which the app was set up, from before and after.
    pub(crate) tokens: Tokens,
    pub(crate) caller: Principal,
}

pub(crate) fn nobody() -> ClientInfo {
    ClientInfo::default()
}

pub(crate) fn from(ip: &str) -> ClientInfo {
    nobody().ip(ip.parse().unwrap())
}

impl World {
    pub(crate) async fn new(db: &TestDatabase) -> Self {
        Self::with(db, |builder| builder).await
    }

    pub(crate) async fn with(db: &TestDatabase, settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        Self::over(TestAuth::with(db, settings).await).await
    }

    pub(crate) async fn over(test: TestAuth) -> Self {
        let user = test.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap();
        let tokens = test.login().await;
        let caller = test.verify(&tokens.access);
        let (app, codes, caller) = enrolled(&test, &caller).await;
        test.clock.advance(STEP);
        test.outbox_is_empty().await;
        Self { test, user, app, codes, tokens, caller }
    }

    pub(crate) fn factors(&self) -> Factors {
        self.test.auth.factors().unwrap()
    }

    /// The first factor.
    pub(crate) async fn challenge(&self) -> Challenge {
        challenged(self.test.auth.login(Login::new(EMAIL, PASSWORD)).await)
    }

    pub(crate) async fn answer(&self, method: Method, code: impl Into<Password>) -> Result<Answered, Error> {
        let challenge = self.challenge().await;
        self.factors().answer(Answer::new(challenge.auth_session, method, code)).await
    }

    /// Both factors.
    pub(crate) async fn sign_in(&self) -> Tokens {
        self.answer(Method::Totp, self.app.next_code()).await.unwrap().tokens
    }

    pub(crate) async fn count(&self, from: &str) -> i64 {
        self.test.count(from).await
    }
}

impl TestAuth {
    pub(crate) fn verify(&self, token: &auth_core::AccessToken) -> Principal {
        self.auth.verifier().verify(token.expose()).unwrap()
    }

    pub(crate) async fn outbox_is_empty(&self) {
        self.auth.deliver_mail().await.unwrap();
        self.outbox.take();
    }

    /// What kinds of mail were sent since the last call.
    pub(crate) async fn mails(&self) -> Vec<&'static str> {
        self.auth.deliver_mail().await.unwrap();
        self.outbox.take().iter().map(|(mail, _)| mail.kind.code()).collect()
    }
}

/// Sets up an authenticator app.
pub(crate) async fn enrolled(
    test: &TestAuth,
    caller: &Principal,
) -> (Authenticator, Vec<Password>, Principal) {
    let factors = test.auth.factors().unwrap();
    let setup = factors.begin_totp(caller).await.unwrap();
    let app = Authenticator::new(&setup, &test.clock);
    let added = factors.confirm_totp(caller, app.code(), nobody()).await.unwrap();
    (app, added.recovery_codes, test.verify(&added.access))
}

pub(crate) fn challenged(sign_in: Result<SignIn, Error>) -> Challenge {
    match sign_in.unwrap() {
        SignIn::Challenge(challenge) => challenge,
        other => panic!("no second factor was asked for: {other:?}"),
    }
}

pub(crate) fn required(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| config.factors.policy = SecondFactor::Required)
}

/// A code that is certainly wrong.
pub(crate) fn wrong(right: &str) -> String {
    right.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect()
}
