//! Second factors over HTTP.

mod every_route;

use std::time::Duration;

use auth_core::{
    AuthBuilder, ClientInfo, Password, Principal, SecondFactor, factor::TotpSetup, test_util::Authenticator,
};
use auth_migration::test_util::TestDatabase;
use auth_tower::problem::Problem;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, PASSWORD, Req, World};

const STEP: Duration = Duration::from_secs(30);

/// Ada, who has an authenticator app.
pub(crate) struct Enrolled {
    pub(crate) world: World,
    pub(crate) app: Authenticator,
    pub(crate) codes: Vec<Password>,
    /// An access token of two factors.
    pub(crate) access: String,
    pub(crate) cookie: String,
}

pub(crate) async fn enrol(world: World) -> Enrolled {
    let (access, cookie) = world.ada_signs_in().await;
    let caller: Principal = world.auth.verifier().verify(&access).unwrap();
    let factors = world.auth.factors().unwrap();
    let setup: TotpSetup = factors.begin_totp(&caller).await.unwrap();
    let app = Authenticator::new(&setup, &world.clock);
    let added = factors.confirm_totp(&caller, app.code(), ClientInfo::default()).await.unwrap();
    world.clock.advance(STEP);
    let access = added.access.expose().to_owned();
    Enrolled { world, app, codes: added.recovery_codes, access, cookie }
}

impl Enrolled {
    async fn new(database: &TestDatabase) -> Self {
        enrol(World::new(database).await.with_ada().await).await
    }

    async fn challenge(&self) -> String {
        let answer = self.world.login(ADA, PASSWORD).await;
        answer.expect_problem(403, "second_factor_required").member("auth_session")
    }

    async fn answer(&self, auth_session: &str, method: &str, code: &str) -> Answer {
        let body = json!({"auth_session": auth_session, "method": method, "code": code});
        self.post("/login/challenge", None, &body).await
    }

    async fn post(&self, path: &str, access: Option<&str>, body: &Value) -> Answer {
        let request = Req::post(path).json(body.to_string());
        self.world.send(access.into_iter().fold(request, Req::bearer)).await
    }
}

fn required(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| config.factors.policy = SecondFactor::Required)
}

auth_migration::each_database! {
    async fn a_sign_in_of_two_steps_ends_as_one_of_one_step_does(database: &TestDatabase) {
        let ada = Enrolled::new(database).await;
        let answer = ada.world.login(ADA, PASSWORD).await.expect_problem(403, "second_factor_required");
        assert_eq!(answer.header("set-cookie"), None);
        let session = answer.member("auth_session");
        let wrong = ada.answer(&session, "totp", "000").await.expect_problem(401, "invalid_code");
        assert_eq!(wrong.member("error"), "invalid_grant");
        assert_eq!(ada.answer(&session, "sms", "1").await.expect_problem(422, "validation_failed").fields(), ["method"]);
        let missing = ada.post("/login/challenge", None, &json!({})).await.expect_problem(422, "validation_failed");
        assert_eq!(missing.fields(), ["auth_session", "method", "code"]);
        let answer = ada.answer(&session, "totp", &ada.app.next_code()).await.expect(200);
        let members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["access_token", "expires_in", "token_type"]);
        assert!(answer.cookie().is_some() && answer.device().is_some(), "{answer:?}");
        ada.world.me(&answer.member("access_token")).await.expect(200);
        ada.world.refresh(&answer.cookie().unwrap()).await.expect(200);
        let over = ada.answer(&session, "totp", &ada.app.next_code()).await.expect_problem(401, "invalid_token");
        assert_eq!(over.member("error"), "invalid_grant");
        let session = ada.challenge().await;
        ada.answer(&session, "recovery_code", ada.codes[0].expose()).await.expect(200);
    }

    async fn a_device_is_remembered_by_its_cookie_listed_and_forgotten(database: &TestDatabase) {
        let ada = Enrolled::new(database).await;
        let body = |remember: Value, session: &str, code: &str| {
            json!({"auth_session": session, "method": "totp", "code": code, "remember_device": remember})
        };
        let session = ada.challenge().await;
        let wrong = ada.post("/login/challenge", None, &body(json!("yes"), &session, "000")).await;
        assert_eq!(wrong.expect_problem(422, "validation_failed").fields(), ["remember_device"]);
        let answer = ada.post("/login/challenge", None, &body(json!(true), &session, &ada.app.next_code())).await.expect(200);
        let device = answer.device().unwrap();
        let login = json!({"email": ADA, "password": PASSWORD}).to_string();
        let on_it = |request: Req| request.cookie(&device);
        let answer = ada.world.send(on_it(Req::post("/login").json(login.clone()))).await.expect(200);
        let (access, device) = (answer.member("access_token"), answer.device().unwrap());
        let list = Req::get("/users/me/devices").bearer(&access).cookie(&device);
        let devices = ada.world.send(list).await.expect(200).json()["devices"].clone();
        let told: Vec<_> = devices[0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(told, ["created_at", "current", "id", "last_used_at", "name", "remembered_until"]);
        assert_eq!((devices.as_array().unwrap().len(), &devices[0]["current"]), (1, &json!(true)));
        let factors = ada.world.send(Req::get("/users/me/factors").bearer(&access)).await.expect(200).json();
        assert_eq!(factors["devices"][0]["id"], devices[0]["id"]);
        let path = format!("/users/me/devices/{}", devices[0]["id"].as_str().unwrap());
        let forget = || Req::new("DELETE", &path).bearer(&access);
        ada.world.send(forget()).await.expect(204);
        ada.world.send(forget()).await.expect_problem(404, "not_found");
        ada.world.send(Req::new("DELETE", "/users/me/devices").bearer(&access)).await.expect(204);
        let asked = ada.world.send(Req::post("/login").json(login).cookie(&device)).await;
        asked.expect_problem(403, "second_factor_required");
    }

    async fn an_app_is_set_up_with_a_picture_and_taken_away(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let send = async |method: &str, path: &str, body: &str| {
            let request = Req::new(method, path).bearer(&access);
            world.send(if body.is_empty() { request } else { request.json(body.to_owned()) }).await
        };
        let factors = send("GET", "/users/me/factors", "").await.expect(200).json();
        assert_eq!(factors, json!({"second_factor": "optional", "totp": null, "locked": false, "recovery_codes_left": 0, "passkeys": [], "devices": []}));
        let setup = send("POST", "/users/me/totp", "").await.expect(201);
        assert!(setup.member("uri").contains(&setup.member("secret")));
        let picture = setup.member("qr");
        assert!(picture.contains("<svg ") && picture.ends_with("</svg>") && !picture.contains("<script"), "{picture}");
        assert_eq!(setup.header("cache-control"), Some("no-store"));
        let refused = send("POST", "/users/me/totp/confirm", r#"{"code":"000"}"#).await;
        assert_eq!(refused.expect_problem(422, "validation_failed").fields(), ["code"]);
        send("DELETE", "/users/me/totp", "").await.expect(204);
        send("DELETE", "/users/me/totp", "").await.expect_problem(404, "not_found");
        send("POST", "/users/me/recovery-codes", "").await.expect_problem(404, "not_found");
    }

    async fn where_one_is_required_it_is_set_up_on_the_way_in(database: &TestDatabase) {
        let (world, _) = World::with_mail(database, required).await;
        let new = auth_core::CreateUser::new(ADA).password(PASSWORD).verified();
        world.auth.create_user(new).await.unwrap();
        let answer = world.login(ADA, PASSWORD).await.expect_problem(403, "second_factor_enrolment_required");
        assert_eq!(answer.json()["methods"], json!(["totp"]));
        let session = answer.member("auth_session");
        let enrol = json!({"auth_session": session, "method": "totp"}).to_string();
        world.send(Req::post("/login/challenge/enrol").json(enrol.clone())).await.expect(200);
        let factors = world.auth.factors().unwrap();
        let setup = factors.enrol(session.as_str().into(), ClientInfo::default()).await.unwrap();
        let code = Authenticator::new(&setup, &world.clock).code();
        let body = json!({"auth_session": session, "method": "totp", "code": code}).to_string();
        let answer = world.send(Req::post("/login/challenge").json(body)).await.expect(200);
        assert_eq!(answer.json()["recovery_codes"].as_array().unwrap().len(), 10);
        world.send(Req::post("/login/challenge/enrol").json(enrol)).await.expect_problem(401, "invalid_token");
        let kept = Req::new("DELETE", "/users/me/totp").bearer(&answer.member("access_token"));
        world.send(kept).await.expect_problem(409, "factor_required");
    }

    async fn a_session_from_before_is_lifted_by_code_and_cookie_where_one_is_required(database: &TestDatabase) {
        let ada = Enrolled::new(database).await;
        ada.world.execute("UPDATE auth_session SET methods = 'pwd', auth_time = NULL").await;
        let strict = World::with_mail(database, |builder| {
            required(builder).clock(std::sync::Arc::new(ada.world.clock.clone()))
        }).await.0;
        let refused = strict.refresh(&ada.cookie).await.expect_problem(403, "second_factor_required");
        assert_eq!(refused.header("set-cookie"), None, "the cookie stays");
        assert_eq!(refused.json()["methods"], json!(["totp", "recovery_code"]));
        // The same at a door of the host's own.
        let token = ada.cookie.split_once('=').unwrap().1;
        let error = strict.auth.refresh(token.into(), ClientInfo::default()).await.unwrap_err();
        let body = Problem::from(error).into_response().into_body().collect().await.unwrap().to_bytes();
        let own: Value = serde_json::from_slice(&body).unwrap();
        for member in ["code", "auth_session", "methods"] {
            assert_eq!(own[member], refused.json()[member], "{member}");
        }
        let code = ada.app.next_code();
        let body = json!({"auth_session": refused.member("auth_session"), "method": "totp", "code": code}).to_string();
        let request = || Req::post("/login/challenge").json(body.clone());
        strict.send(request()).await.expect_problem(401, "invalid_token");
        let answer = strict.send(request().cookie(&ada.cookie)).await.expect(200);
        strict.refresh(&answer.cookie().unwrap()).await.expect(200);
    }

    async fn what_is_dangerous_asks_for_recent_proof_and_a_step_up_is_one(database: &TestDatabase) {
        let ada = Enrolled::new(database).await;
        ada.world.clock.advance(Duration::from_mins(6));
        let doors = [
            Req::get("/users/me/export"),
            Req::post("/users/me/totp"),
            Req::post("/users/me/recovery-codes"),
            Req::new("DELETE", "/users/me/totp"),
            Req::post("/users/me/password").json(json!({"current_password": PASSWORD, "new_password": "another horse"}).to_string()),
            Req::new("DELETE", "/users/me").json(json!({"password": PASSWORD}).to_string()),
        ];
        for door in doors {
            let answer = ada.world.send(door.bearer(&ada.access)).await;
            let answer = answer.expect_problem(401, "insufficient_user_authentication");
            let asked = answer.header("www-authenticate").unwrap();
            assert!(asked.ends_with(r#"acr_values="aal2", max_age="300""#), "{asked}");
        }
        let step_up = async |body: Value| ada.post("/step-up", Some(&ada.access), &body).await;
        for (body, field) in [
            (json!({}), "method"),
            (json!({"method": "password", "password": PASSWORD}), "method"),
            (json!({"method": "totp"}), "code"),
            (json!({"method": "totp", "code": "000"}), "code"),
        ] {
            assert_eq!(step_up(body).await.expect_problem(422, "validation_failed").fields(), [field]);
        }
        let answer = step_up(json!({"method": "totp", "code": ada.app.next_code()})).await.expect(200);
        assert_eq!(answer.header("set-cookie"), None, "the cookie stays");
        let access = answer.member("access_token");
        ada.world.send(Req::get("/users/me/export").bearer(&access)).await.expect(200);
        ada.world.refresh(&ada.cookie).await.expect(200);
    }

    async fn administrators_need_recent_proof_and_reset_factors_of_others(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let ada = world.auth.find_user(ADA).await.unwrap().id;
        world.auth.set_roles(ada, &["admin"], ClientInfo::default()).await.unwrap();
        let bob = world.register("bob@example.com", PASSWORD).await.expect(201).member("id");
        let (access, _) = world.ada_signs_in().await;
        let ask = async |method: &str, path: String| {
            let request = Req::new(method, &path).bearer(&access);
            world.send(if method == "PATCH" { request.json(r#"{"disabled":false}"#) } else { request }).await
        };
        ask("DELETE", format!("/users/{bob}/factors")).await.expect(204);
        ask("DELETE", format!("/users/{ada}/factors")).await.expect_problem(403, "forbidden");
        world.clock.advance(Duration::from_mins(6));
        for (method, below) in [("PATCH", ""), ("DELETE", ""), ("DELETE", "/sessions"), ("DELETE", "/factors")] {
            let answer = ask(method, format!("/users/{bob}{below}")).await;
            answer.expect_problem(401, "insufficient_user_authentication");
        }
        ask("GET", format!("/users/{bob}")).await.expect(200);
        let body = json!({"method": "password", "password": PASSWORD}).to_string();
        world.send(Req::post("/step-up").bearer(&access).json(body)).await.expect(200);
        ask("PATCH", format!("/users/{bob}")).await.expect(200);
    }

    async fn a_proxy_can_ask_for_two_factors_a_recent_proof_and_a_role(database: &TestDatabase) {
        let ada = Enrolled::new(database).await;
        let before = ada.world.auth.verifier().verify(&ada.access).unwrap();
        let pwd = ada.world.refresh(&ada.cookie).await.expect(200).member("access_token");
        assert_eq!(before.assurance(), auth_core::Assurance::Aal2);
        let verify = async |query: &str| ada.world.send(Req::get(&format!("/verify{query}")).bearer(&pwd)).await;
        for query in ["", "?acr=aal1", "?acr=aal2&max_age=300&role=user", "?max_age=30"] {
            verify(query).await.expect(204);
        }
        verify("?role=editor").await.expect_problem(403, "forbidden");
        for query in ["?acr=aal3", "?acr=AAL2", "?max_age=-1", "?max_age=+1", "?max_age=", "?role=", "?roles=user", "?acr=aal2&acr=aal2"] {
            verify(query).await.expect_problem(400, "malformed_request");
        }
        ada.world.clock.advance(Duration::from_mins(6));
        let answer = verify("?acr=aal2&max_age=300").await.expect_problem(401, "insufficient_user_authentication");
        assert!(answer.header("www-authenticate").unwrap().ends_with(r#"acr_values="aal2", max_age="300""#));
        ada.world.execute("UPDATE auth_session SET methods = 'pwd', auth_time = NULL").await;
        let one = ada.world.refresh(&ada.cookie).await.expect(200).member("access_token");
        let answer = ada.world.send(Req::get("/verify?acr=aal2").bearer(&one)).await;
        answer.expect_problem(401, "insufficient_user_authentication");
    }

    async fn where_they_are_off_there_is_no_door_but_the_step_up(database: &TestDatabase) {
        let off = |builder: AuthBuilder| builder.configure(|config| config.factors.policy = SecondFactor::Off);
        let (world, _) = World::with_mail(database, off).await;
        let new = auth_core::CreateUser::new(ADA).password(PASSWORD).verified();
        world.auth.create_user(new).await.unwrap();
        let (access, _) = world.ada_signs_in().await;
        let factors = world.send(Req::get("/users/me/factors").bearer(&access)).await.expect(200).json();
        assert_eq!(factors, json!({"second_factor": "off", "totp": null, "locked": false, "passkeys": [], "recovery_codes_left": 0, "devices": []}));
        world.send(Req::get("/users/me/devices").bearer(&access)).await.expect_problem(404, "not_found");
        world.send(Req::post("/login/challenge").json("{}")).await.expect_problem(404, "not_found");
        let body = json!({"method": "password", "password": PASSWORD}).to_string();
        world.send(Req::post("/step-up").bearer(&access).json(body)).await.expect(200);
    }
}
