//! A whole application on top of accounts: lists of things to do, in tables of its own. It has a sign-up of its own that also
//! asks for a name and signs in, a page for administrators, and tests; it was written from the README and the recipes of the manual.
//!
//! ```text
//! cargo run --example todo                  # http://localhost:3000, until Ctrl-C
//! cargo run --example todo -- 8080          # another port
//! cargo run --example todo -- --self-check  # calls every door once; 0 if all is well
//! cargo test --example todo                 # the tests, which are those of a host
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

mod app;
mod sign_up;
mod store;
#[cfg(test)]
mod tests;

use std::{error::Error, net::SocketAddr};

use auth_core::{ADMIN_ROLE, Auth, ClientInfo};
use auth_examples::{Arguments, Visitor};
use serde_json::Value;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read()?;
    // In memory: all is gone at the end. A service names a file or a server.
    let db = auth_core::connect("sqlite::memory:").await?;
    auth_migration::up(&db).await?;
    store::migrate(&db).await?;
    let auth = Auth::builder(db.clone(), auth_examples::keys_for_this_run()?).build()?;
    let background = auth.clone();
    tokio::spawn(async move { background.run_background().await });

    let listener = TcpListener::bind(arguments.address).await?;
    let address = listener.local_addr()?;
    let url = format!("http://localhost:{}", address.port());
    let app = app::app(&auth, db, &url)?;
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
    let ada = r#"{"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}"#;
    let login = r#"{"email": "ada@example.com", "password": "correct horse battery"}"#;
    let mut visitor = Visitor::new(address);

    visitor.expect(401, "GET", "/todos", "").await?;
    // Signed in at once.
    visitor.expect(200, "POST", "/sign-up", ada).await?;
    let me = visitor.expect(200, "GET", "/me", "").await?;
    visitor.expect(200, "POST", "/auth/refresh-token", "").await?;
    visitor.expect(404, "POST", "/auth/register", login).await?;
    visitor.expect(201, "POST", "/todos", r#"{"text": "write tests"}"#).await?;
    let todos = visitor.expect(200, "GET", "/todos", "").await?;
    let id = todos.get(0).and_then(|todo| todo.get("id")).ok_or("nothing to do")?;
    visitor.expect(204, "POST", &format!("/todos/{id}/done"), "").await?;
    visitor.expect(409, "POST", "/sign-up", ada).await?;

    visitor.expect(403, "GET", "/admin/people", "").await?;
    let id = me.get("id").and_then(Value::as_str).ok_or("a user without an id")?.parse()?;
    auth.set_roles(id, &[ADMIN_ROLE], ClientInfo::default()).await?;
    // The check there is a strict one: the role counts at once, whatever the token says.
    visitor.expect(200, "GET", "/admin/people", "").await?;

    visitor.expect(204, "POST", "/auth/logout", "").await?;
    visitor.expect(401, "GET", "/me", "").await?;
    visitor.expect(200, "POST", "/auth/login", login).await?;
    println!("all is well");
    Ok(())
}
