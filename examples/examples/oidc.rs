//! Signing in with an account elsewhere: a page, the endpoints, and a small provider in this process in the place of Google.
//!
//! ```text
//! cargo run --example oidc                  # http://localhost:3000, until Ctrl-C
//! cargo run --example oidc -- 8080          # another port
//! cargo run --example oidc -- --self-check  # signs in once; 0 if all is well
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{error::Error, net::SocketAddr};

use auth_core::{Auth, oidc};
use auth_examples::{Arguments, Provider, Visitor};
use auth_tower::{AuthService, ClientAddr};
use axum::{
    Router,
    extract::{ConnectInfo, Request},
    response::Html,
    routing::get,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;

/// The link goes to the provider by way of the service. Who comes back has the refresh cookie, which the page cannot read
/// and the browser sends along when the page asks for an access token.
const PAGE: &str = r#"<!doctype html>
<title>Sign in elsewhere</title>
<p id="who">Nobody is signed in. <a href="/auth/oauth/local/authorize?redirect_to=/">Sign in with the local provider</a></p>
<script>
  const failed = new URLSearchParams(location.search).get("error");
  const show = async () => {
    const answer = await fetch("/auth/refresh-token", { method: "POST" });
    if (!answer.ok) return failed && document.body.append(`That did not work: ${failed}`);
    const { access_token } = await answer.json();
    const me = await fetch("/auth/users/me", { headers: { Authorization: `Bearer ${access_token}` } });
    document.getElementById("who").textContent = `Signed in as ${(await me.json()).email}`;
  };
  show();
</script>"#;

fn app(auth: &Auth, public_url: &str) -> Result<Router, auth_tower::ConfigError> {
    let endpoints = AuthService::builder(auth.clone()).public_url(public_url).mounted_at("/auth").build()?;
    Ok(Router::new()
        .route("/", get(async || Html(PAGE)))
        .nest_service("/auth", endpoints)
        .layer(MapRequestLayer::new(with_client_address)))
}

/// Sessions and events record who asked, and throttling counts by it.
fn with_client_address(mut request: Request) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        request.extensions_mut().insert(ClientAddr(peer.ip()));
    }
    request
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read()?;
    let db = auth_core::connect("sqlite::memory:").await?;
    auth_migration::up(&db).await?;
    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    let public_url = format!("http://localhost:{}", address.port());

    let provider = Provider::start().await?;
    let (id, secret) = Provider::CLIENT;
    // The callback to register with a provider is what is given here, and `/local/callback`.
    let providers = oidc::Config::new(format!("{public_url}/auth/oauth"))
        // With an account there: `oidc::Provider::google(id, secret)`.
        .provider(oidc::Provider::oidc("local", &provider.url, id, secret));
    let auth = Auth::builder(db, auth_examples::keys_for_this_run()?).oidc(providers).build()?;
    // Mails, and what is over: one task for each process.
    let background = auth.clone();
    tokio::spawn(async move { background.run_background().await });

    let app = app(&auth, &public_url)?;
    println!("listening on {public_url}");
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    let done = async {
        if arguments.self_check {
            check(address, provider.address).await
        } else {
            Ok(tokio::signal::ctrl_c().await?)
        }
    };
    tokio::select! {
        ended = server => Ok(ended?),
        done = done => done,
    }
}

/// What a browser does, step by step.
async fn check(address: SocketAddr, provider: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut visitor = Visitor::new(address);
    visitor.expect(302, "GET", "/auth/oauth/local/authorize?redirect_to=/", "").await?;
    // At the provider.
    let mut there = Visitor::new(provider);
    let page = visitor.path_to_go_to(provider)?;
    there.expect(200, "GET", &page, "").await?;
    there.expect(303, "POST", &page, "email=ada%40example.com").await?;
    // And back.
    let callback = there.path_to_go_to(address)?;
    visitor.expect(302, "GET", &callback, "").await?;
    visitor.expect(200, "POST", "/auth/refresh-token", "").await?;
    let me = visitor.expect(200, "GET", "/auth/users/me", "").await?;
    if me.get("email").and_then(Value::as_str) != Some("ada@example.com") {
        return Err(format!("somebody else is signed in: {me}").into());
    }
    // Once is enough.
    visitor.expect(302, "GET", &callback, "").await?;
    if !visitor.path_to_go_to(address)?.ends_with("error=state_used") {
        return Err("a callback works twice".into());
    }
    visitor.expect(204, "POST", "/auth/logout", "").await?;
    println!("all is well");
    Ok(())
}
