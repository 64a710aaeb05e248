//! A gRPC service for those who have signed in elsewhere. Who may not call is told by a gRPC status:
//! `UNAUTHENTICATED` without a good token, `PERMISSION_DENIED` without the role, `UNAVAILABLE` while the issuer cannot
//! be asked.
//!
//! ```text
//! cargo run --example tonic                  # gRPC on 127.0.0.1:3000, until Ctrl-C; it says where to sign in
//! cargo run --example tonic -- 8080          # another port
//! cargo run --example tonic -- --self-check  # calls every door once; 0 if all is well
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;

use auth_core::{ClientInfo, Principal};
use auth_examples::{Arguments, Issuer, Visitor};
use auth_tower::{AuthLayer, RemoteJwks, RequireLayer};
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Response, Status,
    metadata::AsciiMetadataValue,
    service::LayerExt as _,
    transport::{Channel, Server, server::TcpIncoming},
};

use services::{
    admin_client::AdminClient,
    admin_server::{Admin, AdminServer},
    greeter_client::GreeterClient,
    greeter_server::{Greeter, GreeterServer},
};

/// What `build.rs` made.
#[allow(unreachable_pub, clippy::pedantic, reason = "nobody writes this")]
mod services {
    tonic::include_proto!("hello.Greeter");
    tonic::include_proto!("hello.Admin");
}

#[derive(Clone, PartialEq, prost::Message)]
struct Nothing {}

#[derive(Clone, PartialEq, prost::Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    text: String,
}

struct Hello;

#[tonic::async_trait]
impl Greeter for Hello {
    async fn hello(&self, request: Request<Nothing>) -> Result<Response<Greeting>, Status> {
        // The layer in front has verified the token and left the caller here.
        let caller = request.extensions().get::<Principal>().ok_or_else(|| Status::internal("no caller"))?;
        Ok(Response::new(Greeting { text: format!("hello, {}", caller.user_id()) }))
    }
}

#[tonic::async_trait]
impl Admin for Hello {
    async fn hello(&self, _: Request<Nothing>) -> Result<Response<Greeting>, Status> {
        Ok(Response::new(Greeting { text: "hello, admin".to_owned() }))
    }
}

/// `grpc()` makes refusals gRPC's own, those of the layers inside too.
async fn serve(listener: TcpListener, keys: RemoteJwks) -> Result<(), Box<dyn Error + Send + Sync>> {
    let admin = RequireLayer::role("admin")?.named_layer(AdminServer::new(Hello));
    Server::builder()
        .layer(AuthLayer::required(keys).grpc())
        .add_service(GreeterServer::new(Hello))
        .add_service(admin)
        .serve_with_incoming(TcpIncoming::from(listener))
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read()?;
    let issuer = Issuer::start().await?;
    let url = format!("{}/.well-known/jwks.json", issuer.url);
    let keys = RemoteJwks::new(&url, &issuer.url, &issuer.url)?;

    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    println!("gRPC on {address}, accounts on {}", issuer.url);
    let done = async {
        if arguments.self_check {
            check(&issuer, format!("http://{address}")).await
        } else {
            Ok(tokio::signal::ctrl_c().await?)
        }
    };
    tokio::select! {
        ended = serve(listener, keys) => ended.map_err(|error| -> Box<dyn Error> { error }),
        done = done => done,
    }
}

/// Calls over real sockets, by tonic's own client.
async fn check(issuer: &Issuer, service: String) -> Result<(), Box<dyn Error>> {
    let ada = r#"{"email": "ada@example.com", "password": "correct horse battery"}"#;
    let mut visitor = Visitor::new(issuer.address);
    let user = visitor.expect(201, "POST", "/register", ada).await?;
    visitor.expect(200, "POST", "/login", ada).await?;
    let id = user.get("id").and_then(|id| id.as_str()).ok_or("a user without an id")?;
    let channel = connect(service).await?;
    let mut greeter = GreeterClient::new(channel.clone());
    let mut admin = AdminClient::new(channel);

    let greeting = greeter.hello(call(&visitor)?).await?.into_inner();
    if greeting.text != format!("hello, {id}") {
        return Err(format!("somebody else is signed in: {greeting:?}").into());
    }
    let nobody = Visitor::new(issuer.address);
    let refused = greeter.hello(call(&nobody)?).await;
    expect(refused, Code::Unauthenticated, "A bearer token is needed.")?;
    let refused = greeter.hello(call(&nobody.with_token("x"))?).await;
    expect(refused, Code::Unauthenticated, "The token is malformed, expired or revoked.")?;

    let refused = admin.hello(call(&visitor)?).await;
    expect(refused, Code::PermissionDenied, "This is not allowed to you.")?;
    issuer.auth.set_roles(id.parse()?, &["admin"], ClientInfo::default()).await?;
    visitor.expect(200, "POST", "/refresh-token", "").await?;
    admin.hello(call(&visitor)?).await?;

    // A service that has never reached its issuer does not know, and says so.
    let away = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let keys = RemoteJwks::new(&format!("http://{away}/"), &issuer.url, &issuer.url)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, keys));
    let refused = GreeterClient::new(connect(url).await?).hello(call(&visitor)?).await;
    expect(refused, Code::Unavailable, "The service is not available at this moment; try again soon.")?;
    println!("all is well");
    Ok(())
}

async fn connect(url: String) -> Result<Channel, Box<dyn Error>> {
    Ok(Channel::from_shared(url)?.connect().await?)
}

/// A call with the token of a visitor.
fn call(visitor: &Visitor) -> Result<Request<Nothing>, Box<dyn Error>> {
    let mut request = Request::new(Nothing {});
    if let Some(token) = visitor.access_token() {
        let token: AsciiMetadataValue = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", token);
    }
    Ok(request)
}

/// The message tells that the status is ours, and not what the client makes of an HTTP status.
fn expect(
    answer: Result<Response<Greeting>, Status>,
    code: Code,
    message: &str,
) -> Result<(), Box<dyn Error>> {
    match answer {
        Err(status) if status.code() == code && status.message() == message => Ok(()),
        other => Err(format!("{other:?} instead of {code:?}: {message}").into()),
    }
}

/// A wrong order of layers, as a client of tonic sees it.
#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use auth_core::test_util::Kit;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn layers_in_the_order_of_axum_are_a_fault_of_the_server_and_one_line_names_it() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let _listening = tracing::subscriber::set_default(subscriber);
        let db = auth_core::connect("sqlite::memory:").await.unwrap();
        auth_migration::up(&db).await.unwrap();
        let kit = Kit::new(db);
        let ada = kit.user("ada@example.com").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let visitor =
            Visitor::new(listener.local_addr().unwrap()).with_token(kit.sign_in(&ada).await.access.expose());
        let url = format!("http://{}", listener.local_addr().unwrap());
        // The first layer of tonic's is the outermost.
        let serving = Server::builder()
            .layer(RequireLayer::role("user").unwrap())
            .layer(AuthLayer::required(kit.auth.verifier()).grpc())
            .add_service(GreeterServer::new(Hello))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(serving);

        let mut greeter = GreeterClient::new(connect(url).await.unwrap());
        let status = greeter.hello(call(&visitor).unwrap()).await.unwrap_err();
        // What clients make of an HTTP 500 (gRPC's table of HTTP statuses), and no UNAUTHENTICATED of a good token.
        assert!(matches!(status.code(), Code::Internal | Code::Unknown), "{status:?}");
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let errors: Vec<_> = lines.lines().filter(|line| line.contains("ERROR")).collect();
        assert_eq!(errors.len(), 1, "{lines}");
        assert!(errors[0].contains("AuthLayer") && errors[0].contains("tonic"), "{lines}");
    }
}
