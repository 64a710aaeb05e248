//! Signing in at providers, against an issuer that is honest and one that is not.

mod accounts;
mod github;
mod hostile;
pub(crate) mod issuer;
mod known;
mod links;
mod races;
mod recent;
mod throttle;
mod transaction;
mod trust;

use auth_core::{
    AuthBuilder, BrowserToken, ClientInfo, Error, Principal, Tokens,
    mail::LogMailer,
    oidc::{Authorization, Callback, Config, Failure, Finished, Oidc, Outcome, Provider, Refused, Start},
    test_util::ManualClock,
};
use auth_migration::test_util::TestDatabase;

use self::issuer::{CLIENT, Issuer, Person, SECRET};
use crate::support::{TestAuth, granted, keys};

pub(crate) const CALLBACKS: &str = "https://auth.example.com/oauth";

/// An `Auth` with the issuer under the name `idp`, and under `github` with GitHub's doors.
pub(crate) struct World {
    pub(crate) test: TestAuth,
    pub(crate) issuer: Issuer,
    /// Where it is the test's own, it goes with the test.
    own_db: Option<TestDatabase>,
}

pub(crate) fn idp(issuer: &Issuer) -> Provider {
    Provider::oidc("idp", issuer.url(), CLIENT, SECRET)
}

/// Another name than the issuer's, as GitHub is another provider.
pub(crate) fn github_url(issuer: &Issuer) -> String {
    format!("http://localhost:{}", issuer.address.port())
}

pub(crate) fn providers(issuer: &Issuer) -> Config {
    let github = Provider::github(CLIENT, SECRET);
    let github = github.github_at(github_url(issuer), format!("{}/api/v3", github_url(issuer)));
    Config::new(CALLBACKS).provider(idp(issuer)).provider(github)
}

impl World {
    /// For what hangs on no database.
    pub(crate) async fn on_sqlite() -> Self {
        let db = TestDatabase::sqlite().await;
        let world = Self::new(&db).await;
        Self { own_db: Some(db), ..world }
    }

    /// Another instance beside the same issuer.
    pub(crate) fn beside(&self, test: TestAuth) -> Self {
        Self { test, issuer: self.issuer.clone(), own_db: None }
    }

    /// The same as it was before it could send mail, when nobody could prove an address.
    pub(crate) async fn before_mail(&self, db: &TestDatabase) -> Self {
        let test = TestAuth::instance(db, keys(), &self.test.clock, 2, |builder| {
            builder.oidc(providers(&self.issuer)).mailer(std::sync::Arc::new(LogMailer))
        });
        self.beside(test.await)
    }

    pub(crate) async fn new(db: &TestDatabase) -> Self {
        Self::with(db, |builder, issuer| builder.oidc(providers(issuer))).await
    }

    pub(crate) async fn with(
        db: &TestDatabase,
        settings: impl FnOnce(AuthBuilder, &Issuer) -> AuthBuilder,
    ) -> Self {
        let clock = ManualClock::new();
        let issuer = Issuer::start(&clock).await;
        let test = TestAuth::instance(db, keys(), &clock, 5, |builder| settings(builder, &issuer)).await;
        Self { test, issuer, own_db: None }
    }

    pub(crate) fn oidc(&self) -> Oidc {
        self.test.auth.oidc().unwrap()
    }

    pub(crate) async fn start(&self) -> Authorization {
        self.oidc().start(Start::new("idp").redirect_to("/app")).await.unwrap()
    }

    /// Somebody goes to the provider, says yes, and comes back in the same browser.
    pub(crate) async fn arrive(&self, person: &Person) -> Result<Finished, Refused> {
        let begun = self.start().await;
        let query = self.issuer.approve(&begun.url, person);
        self.come_back(&query, Some(begun.browser)).await
    }

    pub(crate) async fn come_back(
        &self,
        query: &str,
        browser: Option<BrowserToken>,
    ) -> Result<Finished, Refused> {
        self.oidc().finish(Callback::new("idp", query).browser(browser)).await
    }

    pub(crate) async fn sign_in(&self, person: &Person) -> Tokens {
        tokens(self.arrive(person).await.unwrap())
    }

    pub(crate) async fn refusal(&self, person: &Person) -> Failure {
        refused(self.arrive(person).await)
    }

    pub(crate) fn principal(&self, tokens: &Tokens) -> Principal {
        self.test.auth.verifier().verify(tokens.access.expose()).unwrap()
    }

    /// A signed-in user links what a person is at the provider.
    pub(crate) async fn link(
        &self,
        caller: &Principal,
        password: Option<&str>,
        person: &Person,
    ) -> Result<Finished, Refused> {
        let start = Start::new("idp").redirect_to("/app");
        let begun = self.oidc().start_link(caller, password.map(Into::into), start).await.unwrap();
        let query = self.issuer.approve(&begun.url, person);
        self.come_back(&query, Some(begun.browser)).await
    }

    pub(crate) async fn unlink(
        &self,
        caller: &Principal,
        password: Option<&str>,
        identity: uuid::Uuid,
    ) -> Result<(), Error> {
        let client = ClientInfo::default();
        self.oidc().unlink(caller, identity, password.map(Into::into), client).await
    }
}

pub(crate) fn tokens(finished: Finished) -> Tokens {
    match finished.outcome {
        Outcome::SignedIn(sign_in) => granted(Ok(sign_in)).unwrap(),
        other => panic!("expected a sign-in, got {other:?}"),
    }
}

/// Why it was refused; the page is told the same.
pub(crate) fn refused(outcome: Result<Finished, Refused>) -> Failure {
    match outcome {
        Err(Refused { error, redirect_to, .. }) => {
            let failure = Failure::of(&error).unwrap_or_else(|| panic!("{error:?}"));
            assert!(redirect_to.ends_with(&format!("error={}", failure.code())), "{redirect_to}");
            failure
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}
