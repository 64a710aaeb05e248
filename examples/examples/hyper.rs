//! The endpoints on bare hyper, without a framework, beside a route of the host's own.
//!
//! ```text
//! cargo run --example hyper                  # http://localhost:3000, until Ctrl-C
//! cargo run --example hyper -- 8080          # another port
//! cargo run --example hyper -- --self-check  # calls every door once; 0 if all is well
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example tells what it does")]

use std::{convert::Infallible, error::Error, net::SocketAddr};

use auth_core::{Auth, Principal};
use auth_examples::{Arguments, Visitor};
use auth_tower::{AuthLayer, AuthService, ClientAddr};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

/// The host's own route. The layer in front of it has verified the token and left the caller here.
async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Principal>();
    let name = caller.map_or_else(|| "nobody".to_owned(), |caller| caller.user_id().to_string());
    Ok(Response::new(Full::from(format!("hello, {name}\n"))))
}

/// A router for two: the own route, and the endpoints for everything else.
fn app(
    auth: &Auth,
    endpoints: AuthService,
) -> impl Service<
    Request<Incoming>,
    Response = Response<BoxBody<Bytes, Infallible>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let hello = AuthLayer::required(auth.verifier()).layer(service_fn(hello));
    service_fn(move |request: Request<Incoming>| {
        let (hello, endpoints) = (hello.clone(), endpoints.clone());
        async move {
            // Both sides have a body type of their own; a box makes them one.
            match request.uri().path() {
                "/hello" => Ok(hello.oneshot(request).await?.map(BodyExt::boxed)),
                _ => Ok(endpoints.oneshot(request).await?.map(BodyExt::boxed)),
            }
        }
    })
}

async fn serve(listener: TcpListener, auth: &Auth, endpoints: AuthService) -> Result<(), Box<dyn Error>> {
    let app = app(auth, endpoints);
    loop {
        let (stream, peer) = listener.accept().await?;
        let app = app.clone().map_request(move |mut request: Request<Incoming>| {
            // Sessions and events record who asked; only the host knows.
            request.extensions_mut().insert(ClientAddr(peer.ip()));
            request
        });
        tokio::spawn(async move {
            // A server on the open net also bounds the number of connections and how long each may be silent.
            let http = auto::Builder::new(TokioExecutor::new());
            let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)).await;
            if let Err(error) = served {
                eprintln!("a connection ended early: {error}");
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read()?;
    // In memory: accounts are gone at the end. A service names a file or a server.
    let db = auth_core::connect("sqlite::memory:").await?;
    auth_migration::up(&db).await?;
    let auth = Auth::builder(db, auth_examples::keys_for_this_run()?).build()?;
    // Mails, and what is over: one task for each process.
    let background = auth.clone();
    tokio::spawn(async move { background.run_background().await });

    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    let url = format!("http://localhost:{}", address.port());
    // Browsers tell where a page comes from; requests of pages of another origin are refused.
    let endpoints = AuthService::builder(auth.clone()).public_url(&url).build()?;
    println!("listening on {url}");

    let done = async {
        if arguments.self_check { check(address).await } else { Ok(tokio::signal::ctrl_c().await?) }
    };
    tokio::select! {
        ended = serve(listener, &auth, endpoints) => ended,
        done = done => done,
    }
}

/// One visit over a real socket.
async fn check(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let ada = r#"{"email": "ada@example.com", "password": "correct horse battery"}"#;
    let mut visitor = Visitor::new(address);

    visitor.expect(401, "GET", "/hello", "").await?;
    let user = visitor.expect(201, "POST", "/register", ada).await?;
    visitor.expect(200, "POST", "/login", ada).await?;
    let greeting = visitor.expect(200, "GET", "/hello", "").await?;
    let id = user.get("id").and_then(|id| id.as_str()).ok_or("a user without an id")?;
    if greeting != format!("hello, {id}\n") {
        return Err(format!("somebody else is signed in: {greeting}").into());
    }

    visitor.expect(200, "POST", "/refresh-token", "").await?;
    visitor.expect(200, "GET", "/users/me", "").await?;
    visitor.expect(204, "POST", "/logout", "").await?;
    visitor.expect(401, "POST", "/refresh-token", "").await?;
    visitor.expect(401, "GET", "/users/me", "").await?;
    visitor.expect(404, "GET", "/elsewhere", "").await?;
    println!("all is well");
    Ok(())
}
