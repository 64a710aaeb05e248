//! The endpoints in an axum application, and two routes of its own that know who is calling.
//!
//! ```text
//! cargo run --example axum                  # http://localhost:3000, until Ctrl-C
//! cargo run --example axum -- 8080          # another port
//! cargo run --example axum -- --self-check  # calls every door once; 0 if all is well
//! cargo test --example axum                 # the tests at the end, which are those of a host
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{error::Error, net::SocketAddr, time::Duration};

use auth_core::{Assurance, Auth, ClientInfo, PasskeyConfig};
use auth_examples::{Arguments, Visitor};
use auth_tower::{AuthLayer, AuthService, ClientAddr, RequireLayer, axum::CurrentUser};
use axum::{
    Json, Router,
    extract::{ConnectInfo, Request},
    routing::get,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;

fn app(auth: &Auth, public_url: &str) -> Result<Router, auth_tower::ConfigError> {
    let endpoints = AuthService::builder(auth.clone())
        // Browsers tell where a page comes from; requests of other pages are refused.
        .public_url(public_url)
        .mounted_at("/auth")
        .build()?;
    let admin = Router::new().route("/admin", get(async || "for admins only"));
    // 401 with `insufficient_user_authentication` (RFC 9470) without two factors, the second of them shown lately; the page then
    // asks for a code, and goes to `POST /auth/step-up`.
    let lately = RequireLayer::assurance(Assurance::Aal2).max_age(Duration::from_mins(5), auth.clock());
    let payout = Router::new().route("/payout", get(async || "for who has just shown two factors"));
    Ok(Router::new()
        .route("/me", get(me))
        .merge(payout.layer(lately))
        // 403 without the role. Inside of the layer below, so it runs after it.
        .merge(admin.layer(RequireLayer::role("admin")?))
        // 401 without a good token, for every route above.
        .layer(AuthLayer::required(auth.verifier()))
        // After that layer, because nobody has a token yet when they come to sign in.
        .nest_service("/auth", endpoints)
        .layer(MapRequestLayer::new(with_client_address)))
}

async fn me(CurrentUser(caller): CurrentUser) -> Json<Value> {
    Json(json!({"id": caller.user_id().to_string(), "roles": caller.roles()}))
}

/// Sessions and events record who asked. Here that is the other end of the connection; behind a proxy it is
/// what that proxy says, and only the host knows which proxies to believe.
fn with_client_address(mut request: Request) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        request.extensions_mut().insert(ClientAddr(peer.ip()));
    }
    request
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read()?;
    // In memory: accounts are gone at the end. A service names a file or a server.
    let db = auth_core::connect("sqlite::memory:").await?;
    auth_migration::up(&db).await?;
    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    let url = format!("http://localhost:{}", address.port());
    let auth = Auth::builder(db, auth_examples::keys_for_this_run()?)
        // All that passkeys need: the address of the pages.
        .configure(|config| config.passkeys = PasskeyConfig::for_page(&url))
        .build()?;
    // Mails, and what is over: one task for each process.
    let background = auth.clone();
    tokio::spawn(async move { background.run_background().await });

    let app = app(&auth, &url)?;
    println!("listening on {url}");
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());

    let done = async {
        if arguments.self_check { check(&auth, address).await } else { Ok(tokio::signal::ctrl_c().await?) }
    };
    tokio::select! {
        ended = server => Ok(ended?),
        done = done => done,
    }
}

/// One visit over a real socket.
async fn check(auth: &Auth, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let ada = r#"{"email": "ada@example.com", "password": "correct horse battery"}"#;
    let mut visitor = Visitor::new(address);

    visitor.expect(401, "GET", "/me", "").await?;
    let user = visitor.expect(201, "POST", "/auth/register", ada).await?;
    visitor.expect(200, "POST", "/auth/login", ada).await?;
    let me = visitor.expect(200, "GET", "/me", "").await?;
    visitor.expect(401, "GET", "/payout", "").await?;
    visitor.expect(200, "POST", "/auth/passkeys/options", "").await?;
    if me.get("id") != user.get("id") {
        return Err(format!("somebody else is signed in: {me}").into());
    }

    visitor.expect(403, "GET", "/admin", "").await?;
    let id = user.get("id").and_then(Value::as_str).ok_or("a user without an id")?.parse()?;
    auth.set_roles(id, &["admin"], ClientInfo::default()).await?;
    // The token at hand was made before and says what was true then.
    visitor.expect(403, "GET", "/admin", "").await?;
    visitor.expect(200, "POST", "/auth/refresh-token", "").await?;
    visitor.expect(200, "GET", "/admin", "").await?;

    visitor.expect(204, "POST", "/auth/logout", "").await?;
    visitor.expect(401, "POST", "/auth/refresh-token", "").await?;
    // The endpoint reads the session and refuses at once; `/me` would take the token until it expires.
    visitor.expect(401, "GET", "/auth/users/me", "").await?;
    visitor.expect(200, "GET", "/me", "").await?;
    println!("all is well");
    Ok(())
}

/// How a host tests its own routes: the application as it is, without a socket, and a kit in the place of everything else.
#[cfg(test)]
mod tests {
    use auth_core::{ADMIN_ROLE, CreateUser, test_util::Kit};
    use axum::{body::Body, response::Response};
    use http::{
        StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    };
    use tower::ServiceExt as _;

    use super::*;

    async fn kit() -> Kit {
        let db = auth_core::connect("sqlite::memory:").await.unwrap();
        auth_migration::up(&db).await.unwrap();
        Kit::new(db)
    }

    async fn send(kit: &Kit, request: http::request::Builder, body: &Value) -> Response {
        let app = app(&kit.auth, "https://app.example.com").unwrap();
        let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
        app.oneshot(request.unwrap()).await.unwrap()
    }

    async fn get(kit: &Kit, path: &str, authorization: &str) -> StatusCode {
        let request = Request::get(path).header(AUTHORIZATION, authorization);
        send(kit, request, &Value::Null).await.status()
    }

    #[tokio::test]
    async fn each_route_opens_to_those_that_it_is_for() {
        let kit = kit().await;
        let ada = kit.user("ada@example.com").await;
        let admin = kit.create(CreateUser::new("grace@example.com").role(ADMIN_ROLE)).await;
        let (ada, admin) = (kit.bearer(&ada).await, kit.bearer(&admin).await);
        for (who, me, for_admins) in [("", 401, 401), (&ada, 200, 403), (&admin, 200, 200)] {
            assert_eq!(get(&kit, "/me", who).await, me);
            assert_eq!(get(&kit, "/admin", who).await, for_admins);
        }
    }

    #[tokio::test]
    async fn a_token_is_refused_when_its_time_is_over() {
        let kit = kit().await;
        let authorization = kit.bearer(&kit.user("ada@example.com").await).await;
        assert_eq!(get(&kit, "/me", &authorization).await, 200);
        kit.clock.advance(kit.auth.config().tokens.access_ttl);
        assert_eq!(get(&kit, "/me", &authorization).await, 401);
    }

    #[tokio::test]
    async fn what_wants_two_factors_opens_to_who_has_just_shown_them() {
        let kit = kit().await;
        let ada = kit.user("ada@example.com").await;
        let one = kit.bearer(&ada).await;
        let app = kit.totp(&ada).await;
        let two = format!("Bearer {}", kit.sign_in_with(&ada, &app).await.access.expose());
        assert_eq!(get(&kit, "/payout", &one).await, 401);
        assert_eq!(get(&kit, "/payout", &two).await, 200);
        kit.clock.advance(Duration::from_mins(6));
        assert_eq!(get(&kit, "/payout", &two).await, 401);
    }

    #[tokio::test]
    async fn a_handler_is_handed_the_caller_without_http() {
        let kit = kit().await;
        let ada = kit.user("ada@example.com").await;
        let Json(answer) = me(CurrentUser(kit.principal(&ada).await)).await;
        assert_eq!(answer, json!({"id": ada.id.to_string(), "roles": ["user"]}));
    }

    #[tokio::test]
    async fn the_link_in_a_mail_sets_a_new_password() {
        let kit = kit().await;
        kit.user("ada@example.com").await;
        let email = json!({"email": "ada@example.com"});
        assert_eq!(send(&kit, Request::post("/auth/forgot-password"), &email).await.status(), 202);
        let [(mail, _)] = &kit.mails().await[..] else { panic!("one mail") };
        let token = mail.link.as_ref().unwrap().token.expose();
        let reset = json!({"token": token, "password": "a ship in port is safe"});
        assert_eq!(send(&kit, Request::post("/auth/reset-password"), &reset).await.status(), 204);
        let login = json!({"email": "ada@example.com", "password": "a ship in port is safe"});
        assert_eq!(send(&kit, Request::post("/auth/login"), &login).await.status(), 200);
    }
}
