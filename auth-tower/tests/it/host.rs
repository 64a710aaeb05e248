//! What a host reaches for around the endpoints: who asks, cookies as values, the caller's account, its own errors.

use auth_core::{ClientInfo, Error, Login, SignIn, refusal, test_util::CHALLENGED_ROLE};
use auth_migration::test_util::TestDatabase;
use auth_tower::{
    AuthLayer, AuthService, ClientAddr, Problem,
    axum::{Client, CurrentUser, User},
    client_info,
};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    response::Redirect,
    routing::{get, post},
};
use sea_orm::ConnectionTrait;
use tower::ServiceExt;

use crate::{
    log::heard,
    support::{ADA, Answer, PASSWORD, Req, World},
};

async fn send(router: &Router, request: Req) -> Answer {
    let Ok(response) = router.clone().oneshot(request.build().map(Body::from)).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// Of the row of the only session, which is what the host handed over.
async fn session_of(world: &World) -> (String, String) {
    let sql = "SELECT ip, user_agent FROM auth_session";
    let row = world.db.query_one_raw(sea_orm::Statement::from_string(world.db.get_database_backend(), sql));
    let row = row.await.unwrap().unwrap();
    (row.try_get("", "ip").unwrap(), row.try_get("", "user_agent").unwrap())
}

auth_migration::each_database! {
    async fn a_sign_in_of_the_hosts_own_is_one_for_the_browser_too(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let endpoints = world.service();
        let router = Router::new()
            .route("/sso", post({
                let (auth, endpoints) = (world.auth.clone(), endpoints.clone());
                async move |Client(client): Client| {
                    let user = auth.list_users(auth_core::UserQuery::default()).await?.users.remove(0);
                    match auth.sign_in(user.id, "saml", client).await? {
                        SignIn::Granted(tokens) => Ok((endpoints.session_cookies(&tokens), Redirect::to("/"))),
                        _ => Err(Problem::forbidden()),
                    }
                }
            }))
            .route("/bye", post({
                let endpoints = endpoints.clone();
                async move || (endpoints.cleared_session_cookies(), Redirect::to("/"))
            }))
            .nest_service("/auth", endpoints);
        let sso = Req::post("/sso").header("user-agent", "a browser").extension(ClientAddr([192, 0, 2, 9].into()));
        let answer = send(&router, sso).await.expect(303);
        assert_eq!(answer.header("location"), Some("/"));
        assert!(answer.device().is_some());
        assert_eq!(session_of(&world).await, ("192.0.2.9".to_owned(), "a browser".to_owned()));

        // They are the cookies of the endpoints.
        let login = world.login(ADA, PASSWORD).await;
        let attributes = |answer: &Answer| answer.set_cookie("refresh_token").unwrap().split_once(';').unwrap().1.to_owned();
        assert_eq!(attributes(&answer), attributes(&login));
        let refresh = Req::post("/auth/refresh-token").cookie(&answer.cookie().unwrap());
        let access = send(&router, refresh).await.expect(200).member("access_token");
        let caller = world.auth.verifier().verify(&access).unwrap();
        assert_eq!(caller.methods(), ["saml"]);

        let bye = send(&router, Req::post("/bye")).await.expect(303);
        let logout = world.send(Req::post("/logout")).await.expect(204);
        assert_eq!(bye.set_cookie("refresh_token"), logout.set_cookie("refresh_token"));
    }

    async fn the_extractor_of_the_account_reads_it_and_refuses_at_once(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let me = async |User(user): User| format!("{} {}", user.email, user.roles.join(","));
        let router = Router::new()
            .route("/me", get(me))
            .layer(AuthLayer::optional(world.auth.verifier()))
            .with_state(world.auth.clone());
        let user = world.auth.verifier().verify(&access).unwrap().user_id();
        world.auth.set_roles(user, &["editor"], ClientInfo::default()).await.unwrap();
        let bearer = || Req::get("/me").bearer(&access);
        assert_eq!(send(&router, bearer()).await.expect(200).body, format!("{ADA} user,editor"));
        send(&router, Req::get("/me")).await.expect_problem(401, "invalid_token");
        world.auth.disable(user, ClientInfo::default()).await.unwrap();
        send(&router, bearer()).await.expect_problem(401, "invalid_token");
        world.db.close_by_ref().await.unwrap();
        let (answer, lines) = heard(send(&router, bearer().header("x-request-id", "the-request"))).await;
        answer.expect_problem(503, "unavailable");
        assert!(lines.contains("WARN") && lines.contains("the-request"), "{lines}");
    }

    async fn an_error_of_the_hosts_own_statement_is_a_problem_that_shows_nothing(database: &TestDatabase) {
        let world = World::new(database).await;
        let count = async |State(db): State<sea_orm::DatabaseConnection>| -> Result<Json<u64>, Problem> {
            Ok(Json(db.execute_unprepared("DELETE FROM no_such_table").await?.rows_affected()))
        };
        let router = Router::new().route("/", get(count)).with_state(world.db.clone());
        let (answer, lines) = heard(send(&router, Req::get("/"))).await;
        let answer = answer.expect_problem(500, "internal");
        assert!(!answer.body.contains("no_such_table"), "{answer:?}");
        assert!(lines.contains("ERROR") && lines.contains("code"), "{lines}");
        assert!(!lines.contains("no_such_table"), "it may quote data: {lines}");
        world.db.close_by_ref().await.unwrap();
        let (answer, lines) = heard(send(&router, Req::get("/"))).await;
        answer.expect_problem(503, "unavailable");
        assert!(lines.contains("WARN"), "{lines}");
    }

    async fn an_account_that_the_host_still_needs_is_no_fault_of_the_server(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let kind = match world.db.get_database_backend() {
            sea_orm::DbBackend::Postgres => "uuid",
            sea_orm::DbBackend::MySql => "binary(16)",
            _ => "blob",
        };
        world.execute(&format!("CREATE TABLE host_list (u {kind}, FOREIGN KEY (u) REFERENCES auth_user (id))")).await;
        world.execute("INSERT INTO host_list SELECT id FROM auth_user").await;
        let delete = || Req::new("DELETE", "/users/me").bearer(&access).json(format!(r#"{{"password":"{PASSWORD}"}}"#));
        world.send(delete()).await.expect_problem(409, "user_in_use");
        world.execute("DELETE FROM host_list").await;
        world.send(delete()).await.expect(204);
    }
}

#[tokio::test]
async fn a_sign_in_of_the_hosts_own_is_answered_as_a_login_is() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, auth_core::AuthBuilder::second_factor_due).await;
    let world = world.with_ada().await;
    let endpoints = world.service();
    let of = async |sign_in: Result<SignIn, Error>| {
        let (parts, body) = endpoints.answer(sign_in.unwrap()).into_parts();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    };
    let (access, _) = world.ada_signs_in().await;
    let user = world.auth.verifier().verify(&access).unwrap().user_id();
    let answer = of(world.auth.sign_in(user, "ldap", ClientInfo::default()).await).await.expect(200);
    world.me(&answer.member("access_token")).await.expect(200);
    world.refresh(&answer.cookie().unwrap()).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    world.auth.set_roles(user, &[CHALLENGED_ROLE], ClientInfo::default()).await.unwrap();
    let answer = of(world.auth.sign_in(user, "ldap", ClientInfo::default()).await).await;
    let answer = answer.expect_problem(403, "second_factor_required");
    assert!(
        answer.json()["auth_session"].is_string() && answer.set_cookie("refresh_token").is_none(),
        "{answer:?}"
    );
}

#[tokio::test]
async fn who_asks_is_told_by_the_request_alone() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let caller = world.auth.verifier().verify(&access).unwrap();
    let login = world.login(ADA, PASSWORD).await;
    let info = |request: Req| client_info(&request.build().into_parts().0);
    assert_eq!(info(Req::get("/")), ClientInfo::default());
    let told = info(
        Req::get("/")
            .header("user-agent", "a browser")
            .header("x-forwarded-for", "203.0.113.1")
            .header("x-request-id", "the-request")
            .extension(ClientAddr([192, 0, 2, 1].into()))
            .extension(caller.clone()),
    );
    assert_eq!((told.ip, told.user_agent.as_deref()), (Some([192, 0, 2, 1].into()), Some("a browser")));
    assert_eq!((told.request_id.as_deref(), told.actor), (Some("the-request"), Some(caller.user_id())));

    // The device is known to throttling: whoever guesses elsewhere does not keep its owner out.
    for _ in 0..10 {
        world.login(ADA, "wrong").await;
    }
    let of = |request: Req| Login::new(ADA, PASSWORD).client(info(request));
    assert!(matches!(world.auth.login(of(Req::get("/"))).await, Err(Error::Throttled { .. })));
    world.auth.login(of(Req::get("/").cookie(&login.device().unwrap()))).await.unwrap();
}

#[tokio::test]
async fn an_error_of_the_rules_in_a_handler_is_told_to_the_operator() {
    let refused = || async { Err::<(), Problem>(Error::Refused(refusal::EMAIL_TAKEN).into()) };
    let broken = || async { Err::<(), Problem>(Error::Internal("a bug".into()).into()) };
    let router = Router::new().route("/refused", get(refused)).route("/broken", get(broken));
    let (answer, lines) = heard(send(&router, Req::get("/refused"))).await;
    answer.expect_problem(409, "email_taken");
    assert_eq!(lines, "");
    let (answer, lines) = heard(send(&router, Req::get("/broken"))).await;
    answer.expect_problem(500, "internal");
    assert!(lines.contains("ERROR") && lines.contains("a bug"), "{lines}");
}

fn _the_extractors_need_no_state_but_the_account(auth: AuthService) -> Router {
    Router::new().route("/", get(async |_: Client, _: CurrentUser| "")).nest_service("/auth", auth)
}
