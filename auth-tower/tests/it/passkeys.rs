//! Passkeys over HTTP.

use auth_core::{
    AuthBuilder, ClientInfo, CreateUser, SecondFactor, factor,
    test_util::{Authenticator, SoftwareAuthenticator},
};
use auth_migration::test_util::TestDatabase;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, PASSWORD, Req, World};

pub(crate) const ORIGIN: &str = "http://localhost:8000";

/// With passkeys for this site.
pub(crate) fn site(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| {
        config.passkeys.rp_id = Some("localhost".to_owned());
        config.passkeys.origins = vec![ORIGIN.to_owned(), "https://example.net".to_owned()];
    })
}

struct Ada {
    world: World,
    access: String,
    authenticator: SoftwareAuthenticator,
}

impl Ada {
    async fn new(database: &TestDatabase) -> Self {
        let (world, _) = World::with_mail(database, site).await;
        let new = CreateUser::new(ADA).password(PASSWORD).verified();
        world.auth.create_user(new).await.unwrap();
        let (access, _) = world.ada_signs_in().await;
        Self { world, access, authenticator: SoftwareAuthenticator::on(ORIGIN) }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = Req::new(method, path).bearer(&self.access);
        self.world.send(if body.is_null() { request } else { request.json(body.to_string()) }).await
    }

    async fn options(&self, path: &str) -> String {
        self.send("POST", path, Value::Null).await.expect(200).json()["options"].to_string()
    }

    async fn register(&mut self) -> Answer {
        let options = self.options("/users/me/passkeys/options").await;
        let made: Value = serde_json::from_str(&self.authenticator.create_for(&options)).unwrap();
        self.send("POST", "/users/me/passkeys", json!({"credential": made, "name": "Key"})).await
    }

    async fn signed(&mut self, path: &str) -> Value {
        let options = self.options(path).await;
        serde_json::from_str(&self.authenticator.sign_for(&options)).unwrap()
    }

    async fn sign_in(&mut self) -> Answer {
        let credential = self.signed("/passkeys/options").await;
        let answer = self.send("POST", "/passkeys/login", json!({"credential": credential})).await;
        if answer.status == 200 {
            self.access = answer.member("access_token");
        }
        answer
    }
}

auth_migration::each_database! {
    async fn a_passkey_is_made_used_renamed_and_taken_away(database: &TestDatabase) {
        let mut ada = Ada::new(database).await;
        let added = ada.register().await.expect(201);
        assert_eq!(added.json()["recovery_codes"].as_array().unwrap().len(), 10);
        let id = added.member("id");
        let lacks = ada.send("POST", "/users/me/passkeys/options", Value::Null).await;
        lacks.expect_problem(401, "insufficient_user_authentication");
        let answer = ada.sign_in().await.expect(200);
        assert!(answer.cookie().is_some() && answer.device().is_some());
        let list = ada.send("GET", "/users/me/passkeys", Value::Null).await.expect(200).json();
        let members: Vec<_> = list["passkeys"][0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["backed_up", "created_at", "id", "last_used_at", "name", "provider", "transports"]);
        let factors = ada.send("GET", "/users/me/factors", Value::Null).await.expect(200).json();
        assert_eq!(factors["passkeys"], list["passkeys"]);
        let path = format!("/users/me/passkeys/{id}");
        let renamed = ada.send("PATCH", &path, json!({"name": "Drawer"})).await.expect(200);
        assert_eq!(renamed.member("name"), "Drawer");
        let refused = ada.send("PATCH", &path, json!({"name": ""})).await;
        assert_eq!(refused.expect_problem(422, "validation_failed").fields(), ["name"]);
        ada.send("DELETE", "/users/me/password", Value::Null).await.expect(204);
        ada.send("DELETE", &path, Value::Null).await.expect_problem(409, "last_way_in");
        ada.world.login(ADA, PASSWORD).await.expect_problem(401, "invalid_credentials");
        let second = ada.register().await.expect(201);
        assert_eq!(second.json().get("recovery_codes"), None);
        let gone = ada.send("DELETE", &path, Value::Null).await.expect(200).json();
        assert_eq!(gone["signal"]["rpId"], "localhost");
        assert_eq!(gone["signal"]["allAcceptedCredentialIds"].as_array().unwrap().len(), 1);
        ada.send("DELETE", &path, Value::Null).await.expect_problem(404, "not_found");
    }

    async fn whatever_is_wrong_with_a_passkey_is_one_answer(database: &TestDatabase) {
        let mut ada = Ada::new(database).await;
        ada.register().await.expect(201);
        let good = ada.signed("/passkeys/options").await;
        let mut wrong = good.clone();
        wrong["id"] = "AAAA".into();
        let mut bodies = Vec::new();
        for body in [json!({}), json!({"credential": 1}), json!({"credential": {}}), json!({"credential": wrong})] {
            let answer = ada.send("POST", "/passkeys/login", body).await;
            bodies.push(answer.expect_problem(401, "invalid_credentials").body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1);
        let used = json!({"credential": good});
        ada.send("POST", "/passkeys/login", used.clone()).await.expect(200);
        ada.send("POST", "/passkeys/login", used).await.expect_problem(401, "invalid_credentials");
        let refused = ada.send("POST", "/users/me/passkeys", json!({})).await;
        refused.expect_problem(422, "validation_failed");
    }

    async fn a_passkey_is_a_second_step_and_a_step_up(database: &TestDatabase) {
        let mut ada = Ada::new(database).await;
        ada.register().await.expect(201);
        let credential = ada.signed("/step-up/options").await;
        let body = json!({"method": "passkey", "credential": credential});
        let stepped = ada.send("POST", "/step-up", body.clone()).await.expect(200);
        let refused = ada.send("POST", "/step-up", body).await.expect_problem(422, "validation_failed");
        assert_eq!(refused.fields(), ["credential"]);
        let auth = &ada.world.auth;
        let caller = auth.verifier().verify(&stepped.member("access_token")).unwrap();
        let factors = auth.factors().unwrap();
        let app = Authenticator::new(&factors.begin_totp(&caller).await.unwrap(), &ada.world.clock);
        factors.confirm_totp(&caller, app.code(), ClientInfo::default()).await.unwrap();
        let asked = ada.world.login(ADA, PASSWORD).await.expect_problem(403, "second_factor_required").json();
        assert_eq!(asked["methods"], json!(["totp", "passkey", "recovery_code"]));
        let signed = ada.authenticator.sign_for(&asked["passkey_options"].to_string());
        let signed: Value = serde_json::from_str(&signed).unwrap();
        let body = json!({"auth_session": asked["auth_session"], "method": "passkey", "credential": signed});
        ada.world.send(Req::post("/login/challenge").json(body.to_string())).await.expect(200);
    }

    async fn a_page_that_was_given_the_session_alone_is_told_what_to_sign(database: &TestDatabase) {
        let (world, mut authenticator, _) = with_a_passkey_required(database).await;
        let post = async |body: &Value| world.send(Req::post("/login/challenge").json(body.to_string())).await;
        let first = world.login(ADA, PASSWORD).await.expect_problem(403, "second_factor_required").json();
        let session = json!({"auth_session": first["auth_session"]});
        let again = post(&session).await.expect_problem(403, "second_factor_required").json();
        for member in ["auth_session", "methods", "expires_in", "error"] {
            assert_eq!(again[member], first[member], "{member}");
        }
        let signed = authenticator.sign_for(&again["passkey_options"].to_string());
        let signed: Value = serde_json::from_str(&signed).unwrap();
        let answer = json!({"auth_session": first["auth_session"], "method": "passkey", "credential": signed});
        post(&answer).await.expect(200);
        post(&session).await.expect_problem(401, "invalid_token");
    }

    async fn where_codes_are_locked_the_answer_has_what_is_left(database: &TestDatabase) {
        let (world, mut authenticator, codes) = with_a_passkey_required(database).await;
        let post = async |body: &Value| world.send(Req::post("/login/challenge").json(body.to_string())).await;
        let first = world.login(ADA, PASSWORD).await.expect_problem(403, "second_factor_required").json();
        assert_eq!(first["methods"], json!(["passkey", "recovery_code"]));
        let mut code = json!({"auth_session": first["auth_session"], "method": "recovery_code", "code": "wrong"});
        post(&code).await.expect_problem(401, "invalid_code");
        code["code"] = codes[0].clone();
        let locked = post(&code).await.expect_problem(403, "factor_locked").json();
        assert_eq!((&locked["methods"], &locked["error"]), (&json!(["passkey"]), &json!("invalid_grant")));
        let signed = authenticator.sign_for(&locked["passkey_options"].to_string());
        let signed: Value = serde_json::from_str(&signed).unwrap();
        let answer = json!({"auth_session": locked["auth_session"], "method": "passkey", "credential": signed});
        post(&answer).await.expect(200);
        code["auth_session"] = world.login(ADA, PASSWORD).await.json()["auth_session"].clone();
        post(&code).await.expect(200);
    }

    async fn one_is_made_on_the_way_in_over_http(database: &TestDatabase) {
        let required = |builder: AuthBuilder| {
            site(builder).configure(|config| config.factors.policy = SecondFactor::Required)
        };
        let (world, _) = World::with_mail(database, required).await;
        world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
        let asked = world.login(ADA, PASSWORD).await.expect_problem(403, "second_factor_enrolment_required").json();
        assert_eq!(asked["methods"], json!(["totp", "passkey"]));
        let session = &asked["auth_session"];
        let post = async |path: &str, body: Value| world.send(Req::post(path).json(body.to_string())).await;
        let begun = post("/login/challenge/enrol", json!({"auth_session": session, "method": "passkey"})).await;
        let options = begun.expect(200).json()["options"].to_string();
        let made = SoftwareAuthenticator::on(ORIGIN).create_for(&options);
        let made: Value = serde_json::from_str(&made).unwrap();
        let body = json!({"auth_session": session, "method": "passkey", "credential": made, "name": "Key"});
        let answer = post("/login/challenge", body).await.expect(200).json();
        assert_eq!(answer["recovery_codes"].as_array().unwrap().len(), 10);
    }
}

/// Where a factor is required, one wrong code locks them, and Ada has a passkey and these recovery codes.
async fn with_a_passkey_required(database: &TestDatabase) -> (World, SoftwareAuthenticator, Vec<Value>) {
    let required = |builder: AuthBuilder| {
        site(builder).configure(|config| {
            config.factors.policy = SecondFactor::Required;
            config.factors.max_failures = 1;
        })
    };
    let (world, _) = World::with_mail(database, required).await;
    world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
    let session = world.login(ADA, PASSWORD).await.json()["auth_session"].as_str().unwrap().to_owned();
    let factors = world.auth.factors().unwrap();
    let options = factors.enrol_passkey(session.as_str().into(), ClientInfo::default()).await.unwrap();
    let mut authenticator = SoftwareAuthenticator::on(ORIGIN);
    let answer = factor::Answer::new(session, factor::Method::Passkey, authenticator.create(&options));
    let codes = factors.answer(answer).await.unwrap().recovery_codes;
    (world, authenticator, codes.iter().map(|code| code.expose().into()).collect())
}

#[tokio::test]
async fn browsers_find_the_related_origins_and_nothing_is_there_without_a_site() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, site).await;
    let origins = world.send(Req::get("/.well-known/webauthn")).await.expect(200).json();
    assert_eq!(origins, json!({"origins": ["https://example.net"]}));
    assert_eq!(world.send(Req::get("/.well-known/passkey-endpoints")).await.expect(200).json(), json!({}));
    crate::pages::walker::pages_of(&world);
    let told = world.send(Req::get("/.well-known/passkey-endpoints")).await.expect(200).json();
    let pages = "http://localhost:8000/account";
    assert_eq!(told, json!({"enroll": format!("{pages}/passkeys"), "manage": format!("{pages}/security")}));
    let without = World::new(&database).await;
    for path in ["/.well-known/webauthn", "/.well-known/passkey-endpoints"] {
        without.send(Req::get(path)).await.expect_problem(404, "not_found");
    }
    without.send(Req::post("/passkeys/options")).await.expect_problem(404, "not_found");
}
