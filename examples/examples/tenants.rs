//! A host with a say of its own: two companies share one service. Who signs up has to have an address of one of them, and the token
//! says of which.
//!
//! ```text
//! cargo run --example tenants                  # http://127.0.0.1:3000, until Ctrl-C
//! cargo run --example tenants -- --self-check  # calls every door once; 0 if all is well
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{collections::HashMap, error::Error, net::SocketAddr, sync::Arc};

use auth_core::{Asking, Auth, BeforeRegister, Claims, ClaimsFor, Hooks, Verdict};
use auth_examples::{Arguments, Visitor};
use auth_tower::{AuthLayer, AuthService, axum::CurrentUser};
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Which domain is whose. A service reads its own table here.
struct Tenants(HashMap<&'static str, &'static str>);

impl Tenants {
    fn of(&self, email: &str) -> Option<&'static str> {
        let (_, domain) = email.rsplit_once('@')?;
        self.0.get(domain.to_lowercase().as_str()).copied()
    }
}

impl Hooks for Tenants {
    /// Asked before the address is looked up, alike for one that has an account.
    fn before_register<'a>(&'a self, asked: &'a BeforeRegister) -> Asking<'a, Verdict> {
        let verdict = match self.of(&asked.email) {
            Some(_) => Verdict::Allow,
            None => Verdict::deny("unknown_domain", "Sign up with the address of your company."),
        };
        Box::pin(async { Ok(verdict) })
    }

    /// Asked for each token, so that it is never older than the token.
    fn claims<'a>(&'a self, asked: &'a ClaimsFor) -> Asking<'a, Claims> {
        let tenant = self.of(&asked.user.email).map(|tenant| ("tenant".to_owned(), json!(tenant)));
        Box::pin(async { Ok(tenant.into_iter().collect()) })
    }
}

fn app(auth: &Auth, public_url: &str) -> Result<Router, auth_tower::ConfigError> {
    let endpoints = AuthService::builder(auth.clone()).public_url(public_url).mounted_at("/auth").build()?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .layer(AuthLayer::required(auth.verifier()))
        .nest_service("/auth", endpoints))
}

/// Those of the caller's company, and no other's: the token says which, and nobody but the service can have written it.
async fn orders(CurrentUser(caller): CurrentUser) -> Json<Value> {
    let tenant: Option<String> = caller.claim("tenant");
    let orders = match tenant.as_deref() {
        Some("acme") => vec!["anvils"],
        Some("globex") => vec!["doomsday device"],
        _ => Vec::new(),
    };
    Json(json!({"tenant": tenant, "orders": orders}))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read()?;
    let db = auth_core::connect("sqlite::memory:").await?;
    auth_migration::up(&db).await?;
    let tenants = Tenants(HashMap::from([("acme.example", "acme"), ("globex.example", "globex")]));
    let auth = Auth::builder(db, auth_examples::keys_for_this_run()?).hooks(Arc::new(tenants)).build()?;

    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    let server = axum::serve(listener, app(&auth, &format!("http://{address}"))?.into_make_service());
    let done = async {
        if arguments.self_check { check(address).await } else { Ok(tokio::signal::ctrl_c().await?) }
    };
    tokio::select! {
        ended = server => Ok(ended?),
        done = done => done,
    }
}

/// One visit over a real socket.
async fn check(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let stranger = r#"{"email": "ada@elsewhere.example", "password": "correct horse battery"}"#;
    let refused = Visitor::new(address).expect(403, "POST", "/auth/register", stranger).await?;
    if refused.get("code") != Some(&json!("unknown_domain")) {
        return Err(format!("refused for another reason: {refused}").into());
    }
    for (email, tenant, order) in
        [("ada@acme.example", "acme", "anvils"), ("hank@globex.example", "globex", "doomsday device")]
    {
        let mut visitor = Visitor::new(address);
        let account = json!({"email": email, "password": "correct horse battery"}).to_string();
        visitor.expect(201, "POST", "/auth/register", &account).await?;
        visitor.expect(200, "POST", "/auth/login", &account).await?;
        let seen = visitor.expect(200, "GET", "/orders", "").await?;
        if seen != json!({"tenant": tenant, "orders": [order]}) {
            return Err(format!("{email} sees {seen}").into());
        }
    }
    println!("all is well");
    Ok(())
}
