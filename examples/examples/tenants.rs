//! A host with a say of its own: two companies share one service. Who signs up gives an address of one of them, and once the address
//! is proved the token says of which. Before, an address is only what somebody has typed, and opens nothing.
//!
//! ```text
//! cargo run --example tenants                  # http://localhost:3000, until Ctrl-C
//! cargo run --example tenants -- --self-check  # calls every door once; 0 if all is well
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{collections::HashMap, error::Error, net::SocketAddr, sync::Arc};

use auth_core::{
    Asking, Auth, BeforeRegister, Claims, ClaimsFor, Config, EmailVerification, Hooks, Verdict,
    mail::{Mail, MailText, Mailer, Sending},
};
use auth_examples::{Arguments, Visitor};
use auth_tower::{AuthLayer, AuthService, ClientAddr, axum::CurrentUser};
use axum::{
    Json, Router,
    extract::{ConnectInfo, Request},
    middleware::map_request,
    routing::get,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

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

    /// Asked for each token, so that it is never older than the token. Only who has proved the address has its company: a sign-up
    /// takes any address, also that of somebody else.
    fn claims<'a>(&'a self, asked: &'a ClaimsFor) -> Asking<'a, Claims> {
        let tenant = asked.user.email_verified.then(|| self.of(&asked.user.email)).flatten();
        let claim = tenant.map(|tenant| ("tenant".to_owned(), json!(tenant)));
        Box::pin(async { Ok(claim.into_iter().collect()) })
    }
}

/// Shows mails instead of sending them, and hands their tokens to the self check. A service takes `SmtpMailer`.
struct Shown(UnboundedSender<String>);

impl Mailer for Shown {
    fn send<'a>(&'a self, mail: &'a Mail, text: &'a MailText) -> Sending<'a> {
        if let Some(link) = &mail.link {
            println!("{}: {}", text.subject, link.url);
            // Nobody listens but the self check.
            let _ = self.0.send(link.token.expose().to_owned());
        }
        Box::pin(async { Ok(()) })
    }
}

fn app(auth: &Auth, public_url: &str) -> Result<Router, auth_tower::ConfigError> {
    let endpoints = AuthService::builder(auth.clone()).public_url(public_url).mounted_at("/auth").build()?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .layer(AuthLayer::required(auth.verifier()))
        .nest_service("/auth", endpoints)
        .layer(map_request(client_address)))
}

/// Who calls, for throttling and the list of sessions; behind a proxy it is what that proxy says.
async fn client_address(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(ClientAddr(peer.ip()));
    request
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
    let (shown, letters) = unbounded_channel();
    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    let url = format!("http://localhost:{}", address.port());

    let mut config = Config::default();
    config.email_verification = EmailVerification::On;
    config.mail.pages_at(&format!("{url}/auth"));
    let auth = Auth::builder(db, auth_examples::keys_for_this_run()?)
        .config(config)
        .hooks(Arc::new(tenants))
        .mailer(Arc::new(Shown(shown)))
        .build()?;
    // Mails leave by it.
    let background = auth.clone();
    tokio::spawn(async move { background.run_background().await });

    println!("listening on {url}");
    let app = app(&auth, &url)?.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app);
    let done = async {
        if arguments.self_check { check(address, letters).await } else { Ok(tokio::signal::ctrl_c().await?) }
    };
    tokio::select! {
        ended = server => Ok(ended?),
        done = done => done,
    }
}

/// One visit over a real socket.
async fn check(address: SocketAddr, mut letters: UnboundedReceiver<String>) -> Result<(), Box<dyn Error>> {
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
        visitor.expect(202, "POST", "/auth/register", &account).await?;
        visitor.expect(200, "POST", "/auth/login", &account).await?;
        let seen = visitor.expect(200, "GET", "/orders", "").await?;
        if seen != json!({"tenant": null, "orders": []}) {
            return Err(format!("whoever types {email} sees {seen}").into());
        }
        let token = letters.recv().await.ok_or("no mail")?;
        let proof = json!({ "token": token }).to_string();
        visitor.expect(200, "POST", "/auth/verify-email", &proof).await?;
        visitor.expect(200, "POST", "/auth/refresh-token", "").await?;
        let seen = visitor.expect(200, "GET", "/orders", "").await?;
        if seen != json!({"tenant": tenant, "orders": [order]}) {
            return Err(format!("{email} sees {seen}").into());
        }
    }
    println!("all is well");
    Ok(())
}
