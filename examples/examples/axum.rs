//! The endpoints in an axum application, and two routes of its own that know who is calling.
//!
//! ```text
//! cargo run --example axum                  # http://127.0.0.1:3000, until Ctrl-C
//! cargo run --example axum -- 8080          # another port
//! cargo run --example axum -- --self-check  # calls every door once; 0 if all is well
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{error::Error, net::SocketAddr};

use auth_core::{Auth, ClientInfo};
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
    Ok(Router::new()
        .route("/me", get(me))
        // 403 without the role. Inside of the layer below, so it runs after it.
        .merge(admin.layer(RequireLayer::role("admin")))
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
    let auth = Auth::builder(db, auth_examples::keys_for_this_run()?).build()?;

    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    let app = app(&auth, &format!("http://{address}"))?;
    println!("listening on http://{address}");
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
