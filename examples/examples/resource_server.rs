//! A service without accounts: it lets in who has signed in elsewhere, by the public keys of that issuer. It has
//! neither the database nor the secret, and cannot make a token.
//!
//! ```text
//! cargo run --example resource_server                              # of the issuer at http://localhost:8000
//! cargo run --example resource_server -- https://auth.example.com  # of another one
//! cargo run --example resource_server -- --self-check              # with an issuer of its own; 0 if all is well
//! ```
//!
//! An issuer to try it with, in an empty directory; what `/login` answers there opens `http://localhost:3000` here:
//!
//! ```text
//! auth-server keys generate --out key.pem
//! auth-server --algorithm EdDSA --private-key-file key.pem
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{error::Error, net::SocketAddr, time::Duration};

use auth_examples::{Issuer, Visitor};
use auth_tower::{AuthLayer, RemoteJwks, axum::CurrentUser};
use axum::{Router, routing::get};
use tokio::net::TcpListener;

/// Every route needs a token of the issuer; its keys are fetched with the first one.
fn app(keys: RemoteJwks) -> Router {
    Router::new().route("/", get(hello)).layer(AuthLayer::required(keys))
}

async fn hello(CurrentUser(caller): CurrentUser) -> String {
    format!("hello, {}, who is {}\n", caller.user_id(), caller.roles().join(" and "))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "http://localhost:8000".to_owned());
    if argument == "--self-check" {
        return check().await;
    }
    // An issuer whose names are not its address says so in place of the latter two.
    let keys = RemoteJwks::new(&format!("{argument}/.well-known/jwks.json"), &argument, &argument)?;
    // Its keys may come later, too: until then a token is answered 503.
    if let Err(error) = keys.load().await {
        println!("no keys of {argument} yet: {error}");
    }
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let server = axum::serve(listener, app(keys));
    Ok(server.with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?)
}

/// An issuer and a service that trusts it, over real sockets.
async fn check() -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::start().await?;
    let url = format!("{}/.well-known/jwks.json", issuer.url);
    // By default it would take ten seconds until a key that nobody announced is asked for.
    let keys = RemoteJwks::builder(&url, &issuer.url, &issuer.url).refetch_interval(Duration::from_secs(1));
    let service = serve(app(keys.build()?)).await?;

    let ada = r#"{"email": "ada@example.com", "password": "correct horse battery"}"#;
    let mut visitor = Visitor::new(issuer.address);
    let user = visitor.expect(201, "POST", "/register", ada).await?;
    visitor.expect(200, "POST", "/login", ada).await?;

    visitor.at(service).expect(200, "GET", "/", "").await?;
    Visitor::new(service).expect(401, "GET", "/", "").await?;
    Visitor::new(service).with_token("x").expect(401, "GET", "/", "").await?;
    let (head, _) = visitor.access_token().and_then(|token| token.rsplit_once('.')).ok_or("no token")?;
    let forged = format!("{head}.{}", "A".repeat(86));
    Visitor::new(service).with_token(&forged).expect(401, "GET", "/", "").await?;

    // As after a theft: what the old key signed is refused by the issuer at once, and here as soon as the new keys
    // are here, which the first token of the new one brings about.
    let mut stolen = visitor.at(service);
    issuer.change_key()?;
    visitor.expect(200, "POST", "/refresh-token", "").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let greeting = visitor.at(service).expect(200, "GET", "/", "").await?;
    let id = user.get("id").and_then(|id| id.as_str()).ok_or("a user without an id")?;
    if greeting != format!("hello, {id}, who is user\n") {
        return Err(format!("somebody else is signed in: {greeting}").into());
    }
    stolen.expect(401, "GET", "/", "").await?;

    // A service that has never reached its issuer does not know, and says so.
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let keys = RemoteJwks::new(&format!("http://{nobody}/"), &issuer.url, &issuer.url)?;
    visitor.at(serve(app(keys)).await?).expect(503, "GET", "/", "").await?;
    println!("all is well");
    Ok(())
}

async fn serve(app: Router) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
