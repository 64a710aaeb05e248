//! Passkeys.

mod account;
mod races;
mod second_step;
mod sign_in;

use auth_core::{
    AuthBuilder, ClientInfo, CreateUser, Error, PasskeyOptions, Password, Principal, SignIn, Tokens, User,
    factor::{Passkey, PasskeyAdded, PasskeyLogin, Passkeys},
    test_util::SoftwareAuthenticator,
};
use auth_migration::test_util::TestDatabase;
use serde_json::Value;

use crate::support::{EMAIL, PASSWORD, TestAuth, granted};

pub(crate) const SITE: &str = "example.com";
pub(crate) const ORIGIN: &str = "https://app.example.com";

/// Somebody with a proved address, a password, and an authenticator with a passkey.
pub(crate) struct World {
    pub(crate) test: TestAuth,
    pub(crate) user: User,
    pub(crate) authenticator: SoftwareAuthenticator,
    pub(crate) passkey: Passkey,
    pub(crate) codes: Vec<Password>,
    /// Of two factors.
    pub(crate) tokens: Tokens,
    pub(crate) caller: Principal,
}

pub(crate) fn nobody() -> ClientInfo {
    ClientInfo::default()
}

/// A site with one page of its own, one elsewhere, and an app.
pub(crate) fn site(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| {
        config.passkeys.rp_id = Some(SITE.to_owned());
        let origins = [ORIGIN, "https://example.net", "android:apk-key-hash:AAAA"];
        config.passkeys.origins = origins.map(str::to_owned).to_vec();
    })
}

/// Somebody who has no passkey yet.
pub(crate) async fn somebody(test: &TestAuth) -> (User, Principal) {
    let new = CreateUser::new(EMAIL).password(PASSWORD).verified();
    let user = test.auth.create_user(new).await.unwrap();
    let caller = test.verify(&test.login().await.access);
    test.outbox_is_empty().await;
    (user, caller)
}

impl World {
    pub(crate) async fn new(db: &TestDatabase) -> Self {
        Self::with(db, |builder| builder).await
    }

    pub(crate) async fn with(db: &TestDatabase, settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        Self::over(TestAuth::with(db, |builder| settings(site(builder))).await).await
    }

    pub(crate) async fn over(test: TestAuth) -> Self {
        let (user, caller) = somebody(&test).await;
        let mut authenticator = SoftwareAuthenticator::on(ORIGIN);
        let added = test.make(&caller, &mut authenticator).await.unwrap();
        let signed = authenticator.sign(&test.passkeys().begin_login().unwrap());
        let tokens = test.sign_in(signed).await.unwrap();
        let caller = test.verify(&tokens.access);
        test.outbox_is_empty().await;
        Self {
            user,
            authenticator,
            passkey: added.passkey,
            codes: added.recovery_codes,
            tokens,
            caller,
            test,
        }
    }

    pub(crate) fn passkeys(&self) -> Passkeys {
        self.test.passkeys()
    }

    pub(crate) fn begin(&self) -> PasskeyOptions {
        self.passkeys().begin_login().unwrap()
    }

    /// What the authenticator makes of new options.
    pub(crate) fn signed(&mut self) -> String {
        let options = self.begin();
        self.authenticator.sign(&options)
    }

    pub(crate) async fn sign_in(&mut self) -> Result<Tokens, Error> {
        let signed = self.signed();
        self.test.sign_in(signed).await
    }
}

impl TestAuth {
    pub(crate) fn passkeys(&self) -> Passkeys {
        self.auth.passkeys().unwrap()
    }

    pub(crate) async fn make(
        &self,
        caller: &Principal,
        authenticator: &mut SoftwareAuthenticator,
    ) -> Result<PasskeyAdded, Error> {
        let passkeys = self.passkeys();
        let made = authenticator.create(&passkeys.begin_registration(caller).await?);
        passkeys.register(caller, made, None, nobody()).await
    }

    pub(crate) async fn sign_in(&self, signed: impl Into<Password>) -> Result<Tokens, Error> {
        granted(self.try_sign_in(signed).await)
    }

    pub(crate) async fn try_sign_in(&self, signed: impl Into<Password>) -> Result<SignIn, Error> {
        self.passkeys().login(PasskeyLogin::new(signed)).await
    }
}

pub(crate) fn read(options: &PasskeyOptions) -> Value {
    serde_json::from_str(options.json()).unwrap()
}

/// The fields of a validation error.
pub(crate) fn fields<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<&'static str> {
    match result {
        Err(Error::Validation(errors)) => errors.iter().map(|error| error.field).collect(),
        other => panic!("no validation error: {other:?}"),
    }
}
