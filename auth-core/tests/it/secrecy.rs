//! Secrets are planted, everything is done with them, and every `Debug`, error, event and log line is searched.

use std::{
    fmt::Debug,
    io::Write,
    sync::{Arc, Mutex},
};

use auth_core::{
    Algorithm, Auth, ClientInfo, ImportRow, Keys, Login, Password, RefreshToken, Register, SecretKey, SignIn,
    TracingEvents, UserRecord,
    email_code::{Confirm, Start},
    factor::{Answer, Method, PasskeyLogin, StepUp},
    machine::NewApiKey,
    password::Argon2Hasher,
    test_util::{Authenticator, ManualClock, SoftwareAuthenticator},
};
use auth_migration::{each_database, test_util::TestDatabase};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use sea_orm::ConnectionTrait;
use tracing_subscriber::{
    fmt::{MakeWriter, format::FmtSpan},
    layer::SubscriberExt,
};

use crate::email_code;
use crate::support::{TestAuth, granted};

const CANARY_PASSWORD: &str = "canary-pass phrase";
const CANARY_EMAIL: &str = "canary-mail@example.com";
const CANARY_SECRET: &str = "canary-secret-0123456789abcdef-0123456789abcdef-0123456789abcdef-";

/// Everything that was said, by whatever way.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn debug(&self, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{value:?} {value:#?}").unwrap();
    }

    fn error(&self, error: &dyn std::error::Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            writeln!(self.0.lock().unwrap(), "{error} {error:?}").unwrap();
            next = error.source();
        }
    }

    /// Until the answer is dropped.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let layer = tracing_subscriber::fmt::layer().with_writer(self.clone()).with_ansi(false);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

each_database! {
    async fn nothing_that_is_said_contains_a_secret_or_an_address(db: &TestDatabase) {
        let heard = Heard::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(heard.clone()).with_ansi(false);
        // At TRACE, so that not even a debugging session shows one.
        let _quiet = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

        let secret = SecretKey::new(CANARY_SECRET).unwrap();
        let keys = Keys::new(secret.clone()).previous(secret.clone());
        let connection = auth_core::connect(db.url()).await.unwrap();
        let clock = ManualClock::new();
        let builder = Auth::builder(connection, keys.clone()).events(Arc::new(TracingEvents)).clock(Arc::new(clock.clone()));
        let builder = builder.configure(|config| {
            config.passkeys.rp_id = Some("example.com".to_owned());
            config.passkeys.origins = vec!["https://example.com".to_owned()];
        });
        heard.debug(&(&secret, &keys, &builder));
        let auth = builder.build().unwrap();
        heard.debug(&(&auth, auth.config(), auth.verifier(), Argon2Hasher::default()));

        let register = Register::new(CANARY_EMAIL, CANARY_PASSWORD);
        heard.debug(&register);
        heard.debug(&auth.prepare_register(register.clone()).await.unwrap());
        let user = auth.register(register.clone()).await.unwrap();
        let taken = auth.register(register).await.unwrap_err();
        heard.error(&taken);
        let login = Login::new(CANARY_EMAIL, CANARY_PASSWORD).replacing("canary-token".into());
        heard.debug(&(&login, Password::new(CANARY_PASSWORD), RefreshToken::new("canary-token")));
        let tokens = granted(auth.login(login).await).unwrap();
        let device = tokens.device.clone().unwrap();
        let known = ClientInfo::default().device(device.clone());
        heard.debug(&(&tokens, &known));
        for _ in 0..30 {
            let guess = Login::new(CANARY_EMAIL, "canary-wrong").client(known.clone());
            heard.error(&auth.login(guess).await.unwrap_err());
        }
        auth.unlock(user.id, ClientInfo::default()).await.unwrap();
        for (email, password) in [(CANARY_EMAIL, "canary-wrong"), ("canary-unknown", "canary-wrong")] {
            heard.error(&auth.login(Login::new(email, password)).await.unwrap_err());
        }
        let refused = auth.register(Register::new("canary-invalid", "canary")).await.unwrap_err();
        heard.debug(&refused);
        heard.error(&refused);
        heard.debug(&auth.verifier().verify(tokens.access.expose()).unwrap());
        heard.error(&auth.verifier().verify("canary-token").unwrap_err());
        let next = auth.refresh(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        heard.error(&auth.refresh("canary-token".into(), ClientInfo::default()).await.unwrap_err());
        auth.logout(next.refresh.clone(), ClientInfo::default()).await.unwrap();
        heard.error(&auth.refresh(next.refresh.clone(), ClientInfo::default()).await.unwrap_err());
        let ring = auth.key_ring();
        heard.debug(&(&ring, ring.rotate(Algorithm::EdDsa).await.unwrap(), ring.list().await.unwrap()));
        let strangers = Keys::new(SecretKey::new([7; 32]).unwrap()).key_ring(Algorithm::EdDsa);
        let connection = auth_core::connect(db.url()).await.unwrap();
        let stranger = Auth::builder(connection, strangers).build().unwrap();
        heard.error(&stranger.poll_keys().await.unwrap_err());

        let factors = auth.factors().unwrap();
        let caller = auth.verifier().verify(granted(auth.login(Login::new(CANARY_EMAIL, CANARY_PASSWORD)).await).unwrap().access.expose()).unwrap();
        let setup = factors.begin_totp(&caller).await.unwrap();
        let app = Authenticator::new(&setup, &clock);
        let added = factors.confirm_totp(&caller, app.code(), ClientInfo::default()).await.unwrap();
        let challenged = auth.login(Login::new(CANARY_EMAIL, CANARY_PASSWORD)).await.unwrap();
        heard.debug(&(&factors, &setup, &added, &challenged));
        let SignIn::Challenge(challenge) = challenged else { panic!("no second factor was asked for") };
        let wrong = Answer::new(challenge.auth_session.clone(), Method::Totp, "canary");
        heard.debug(&wrong);
        heard.error(&factors.answer(wrong).await.unwrap_err());
        let right = Answer::new(challenge.auth_session.clone(), Method::RecoveryCode, added.recovery_codes[0].expose());
        let right = right.remembering_device();
        heard.debug(&right);
        let answered = factors.answer(right).await.unwrap();
        heard.debug(&answered);
        let remembered = answered.tokens.device.clone().unwrap();
        let on_it = ClientInfo::default().device(remembered.clone());
        heard.debug(&factors.devices(&caller, &on_it).await.unwrap());
        heard.debug(&granted(auth.login(Login::new(CANARY_EMAIL, CANARY_PASSWORD).client(on_it)).await).unwrap());
        factors.forget_devices(&caller, ClientInfo::default()).await.unwrap();
        heard.debug(&auth.export_users(None, true).await.unwrap());
        let mut record = UserRecord::new("canary-import@example.com");
        record.totp_secret = Some("canary-secret".into());
        heard.debug(&record);
        heard.debug(&auth.import(ClientInfo::default()).rows(vec![ImportRow { number: 1, record }]).await.unwrap());

        let passkeys = auth.passkeys().unwrap();
        let mut authenticator = SoftwareAuthenticator::on("https://example.com");
        let aal2 = auth.verifier().verify(answered.tokens.access.expose()).unwrap();
        let options = passkeys.begin_registration(&aal2).await.unwrap();
        heard.debug(&(&passkeys, &options));
        let made = authenticator.create(&options);
        let name = Some("canary-name".to_owned());
        let bad = passkeys.register(&aal2, made.replace("clientDataJSON\":\"", "clientDataJSON\":\"AAAA"), name.clone(), ClientInfo::default());
        heard.error(&bad.await.unwrap_err());
        passkeys.register(&aal2, made.clone(), name, ClientInfo::default()).await.unwrap();
        let stepping = passkeys.begin_step_up(&aal2).await.unwrap();
        let wrong = StepUp::Code(Method::Passkey, made.as_str().into());
        heard.debug(&(&stepping, &wrong));
        heard.error(&auth.step_up(&aal2, wrong, ClientInfo::default()).await.unwrap_err());
        let options = passkeys.begin_login().unwrap();
        let signed = authenticator.sign(&options);
        let login = PasskeyLogin::new(signed.as_str());
        heard.debug(&(&options, &login, &authenticator));
        heard.debug(&passkeys.login(login).await.unwrap());
        heard.error(&passkeys.login(PasskeyLogin::new(signed.as_str())).await.unwrap_err());
        let parts = [&made, &signed].into_iter().flat_map(|text| parts_of(text)).collect::<Vec<_>>();

        let machines = auth.machines().unwrap();
        let new = NewApiKey::new("a key").scope("read:todos");
        let made = machines.create_key_for(user.id, new.clone(), ClientInfo::default()).await.unwrap();
        let key = made.secret.expose().to_owned();
        heard.debug(&(&machines, &new, &made, machines.all_keys().await.unwrap()));
        heard.debug(&machines.verify(&key, &ClientInfo::default()).await.unwrap());
        heard.debug(&machines.introspect(&key).await.unwrap().map(|found| found.kind));
        heard.error(&machines.verify("ak_canary", &ClientInfo::default()).await.unwrap_err());
        heard.error(&auth.verifier().verify(&key).unwrap_err());
        machines.revoke(&key, ClientInfo::default()).await.unwrap();
        heard.error(&machines.verify(&key, &ClientInfo::default()).await.unwrap_err());

        // A database that no longer has what the statements ask for: its errors quote them.
        let test = TestAuth::new(db).await;
        test.execute("ALTER TABLE auth_user RENAME TO auth_gone").await;
        heard.error(&auth.register(Register::new(CANARY_EMAIL, CANARY_PASSWORD)).await.unwrap_err());
        heard.error(&auth.login(Login::new(CANARY_EMAIL, CANARY_PASSWORD)).await.unwrap_err());

        let said = heard.text();
        assert!(said.contains(&user.id.to_string()), "the log is listened to");
        for token in [&tokens.refresh, &next.refresh] {
            assert!(!said.contains(token.expose()), "a refresh token was said");
        }
        for device in [&device, &remembered] {
            assert!(!said.contains(device.expose()), "a device token was said");
        }
        let codes = added.recovery_codes.iter().map(Password::expose);
        for secret in codes.chain([setup.secret.expose(), challenge.auth_session.expose()]) {
            assert!(!said.contains(secret), "something of a second factor was said");
        }
        assert!(parts.len() >= 8, "{parts:?}");
        for part in &parts {
            assert!(!said.contains(part), "something that a browser made with a passkey was said");
        }
        assert!(!said.contains(&key[8..]), "an API key was said");
        for token in [&tokens.access, &next.access] {
            assert!(!said.contains(token.expose()), "an access token was said");
        }
        let line = said.lines().find(|line| line.contains("canary"));
        assert_eq!(line, None, "a secret was said");
    }

    async fn nothing_that_is_said_of_a_sign_in_by_mail_contains_what_is_in_it_or_the_address(db: &TestDatabase) {
        let heard = Heard::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(heard.clone()).with_ansi(false);
        let _quiet = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let test = TestAuth::with(db, |builder| email_code::on(builder).events(Arc::new(TracingEvents))).await;
        let user = test.auth.register(Register::new(CANARY_EMAIL, CANARY_PASSWORD)).await.unwrap();
        let codes = test.codes();
        let start = Start::new(CANARY_EMAIL);
        heard.debug(&(&codes, &start));
        let flow = codes.start(start).await.unwrap();
        let mail = test.codes_mailed().await.remove(0);
        let (code, link) = (mail.code.clone().unwrap(), mail.link.clone().unwrap().token);
        heard.debug(&(&flow, &mail, codes.link_owner(&link, Some(&flow.token), ClientInfo::default()).await.unwrap()));
        for confirm in [
            Confirm::code(CANARY_EMAIL, "canary-code", Some(flow.token.clone())),
            Confirm::link("canary-link"),
        ] {
            heard.debug(&confirm);
            heard.error(&codes.confirm(confirm).await.unwrap_err());
        }
        let confirm = Confirm::code(CANARY_EMAIL, code.expose(), Some(flow.token.clone()));
        heard.debug(&confirm);
        heard.debug(&codes.confirm(confirm).await.unwrap());
        heard.error(&codes.confirm(Confirm::link(link.clone())).await.unwrap_err());
        test.execute("ALTER TABLE auth_email_code RENAME TO auth_gone").await;
        heard.error(&codes.start(Start::new(CANARY_EMAIL)).await.unwrap_err());

        let said = heard.text();
        assert!(said.contains(&user.id.to_string()), "the log is listened to");
        for secret in [code.expose(), link.expose(), flow.token.expose()] {
            assert!(!said.contains(secret), "something of the mail was said");
        }
        assert_eq!(said.lines().find(|line| line.contains("canary")), None, "a secret was said");
    }

    async fn what_is_stored_of_a_session_is_not_its_token(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let token = test.signed_in().await.refresh;
        assert!(token.expose().len() > 80, "an id, a number and 256 bits of mac");
        let token = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
        let seed = test.bytes("SELECT seed FROM auth_session").await;
        assert_eq!(seed.len(), 32);
        assert!(seed.iter().any(|byte| *byte != seed[0]), "drawn at random");
        // Neither of the two is in the other: the mac in the token is made with a key that is not in the database.
        assert!(!token.windows(8).any(|part| seed.windows(8).any(|of_seed| of_seed == part)));
    }

    async fn a_unique_violation_does_not_tell_the_address(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let duplicate = "INSERT INTO auth_migration (version, applied_at) SELECT version, applied_at FROM auth_migration";
        let error = auth_core::Error::from(test.db.execute_unprepared(duplicate).await.unwrap_err());
        let heard = Heard::default();
        heard.error(&error);
        assert!(heard.text().contains("code"), "{}", heard.text());
        assert!(!heard.text().contains("m0001"), "{}", heard.text());
    }
}

/// Challenge, key, signature and the id of a credential: all that is long in what a browser made.
fn parts_of(credential: &str) -> Vec<String> {
    let credential: serde_json::Value = serde_json::from_str(credential).unwrap();
    let response = credential["response"].as_object().unwrap().values();
    let texts = response.chain([&credential["id"]]).filter_map(|part| part.as_str());
    texts.filter(|text| text.len() > 20).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_wrong_database_url_is_refused_without_its_password() {
    let heard = Heard::default();
    let layer = tracing_subscriber::fmt::layer().with_writer(heard.clone()).with_span_events(FmtSpan::FULL);
    let _quiet = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    for url in [
        "postgres://user:canary-pass@127.0.0.1:1/db",
        "mysql://user:canary-pass@127.0.0.1:1/db",
        "oracle://user:canary-pass@127.0.0.1/db",
        "canary-pass",
        "sqlite:///nonexistent/canary-pass.db",
        "postgres://user:canary-pass@:::/?sslmode=canary-mode",
    ] {
        let options = auth_core::ConnectOptions::new(url).timeout(std::time::Duration::from_millis(200));
        heard.debug(&options);
        heard.error(&options.connect().await.unwrap_err());
    }
    assert!(!heard.text().contains("canary"), "{}", heard.text());
}
