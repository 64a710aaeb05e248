//! A page that registers, signs in, also with a passkey, and stays signed in, in as many tabs as you like. `session.js` and `passkey.js`
//! beside this file are the parts to take along; the manual's page on [browsers](auth_core::manual::browser) says why it is as it is.
//!
//! ```text
//! cargo run --example browser                  # http://localhost:3000, until Ctrl-C
//! cargo run --example browser -- 8080          # another port
//! cargo run --example browser -- --self-check  # gets every file and calls every door once; 0 if all is well
//! ```
//!
//! `examples/tests/browser` drives it with a real browser.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

mod app;

use std::{error::Error, net::SocketAddr};

use auth_core::{Auth, test_util::SoftwareAuthenticator};
use auth_examples::{Arguments, Visitor};
use serde_json::Value;
use tokio::net::TcpListener;

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
        .configure(|config| {
            config.passkeys.rp_id = Some("localhost".to_owned());
            config.passkeys.origins = vec![url.clone()];
        })
        .build()?;
    // Mails, and what is over: one task for each process.
    let background = auth.clone();
    tokio::spawn(async move { background.run_background().await });

    let app = app::app(&auth, &url)?;
    println!("listening on {url}");
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());

    let done = async {
        if arguments.self_check { check(address, &url).await } else { Ok(tokio::signal::ctrl_c().await?) }
    };
    tokio::select! {
        ended = server => Ok(ended?),
        done = done => done,
    }
}

/// One visit over a real socket: what the page loads, and what it calls.
async fn check(address: SocketAddr, url: &str) -> Result<(), Box<dyn Error>> {
    let ada = r#"{"email": "ada@example.com", "password": "correct horse battery"}"#;
    let mut visitor = Visitor::new(address);

    let page = visitor.expect(200, "GET", "/", "").await?;
    for file in ["/page.css", "/page.js", "/passkey.js", "/session.js"] {
        visitor.expect(200, "GET", file, "").await?;
    }
    if !page.as_str().is_some_and(|page| page.contains(r#"<script type="module" src="/page.js">"#)) {
        return Err("the page does not load its script".into());
    }

    visitor.expect(401, "POST", "/auth/refresh-token", "").await?;
    visitor.expect(201, "POST", "/auth/register", ada).await?;
    visitor.expect(200, "POST", "/auth/login", ada).await?;
    visitor.expect(200, "POST", "/auth/refresh-token", "").await?;
    visitor.expect(200, "GET", "/auth/users/me", "").await?;
    visitor.expect(200, "GET", "/auth/users/me/sessions", "").await?;
    visitor.expect(204, "DELETE", "/auth/users/me/sessions", "").await?;

    // What `passkey.js` does, with the authenticator of the test kit in the place of a browser's.
    let mut authenticator = SoftwareAuthenticator::on(url);
    let begun = visitor.expect(200, "POST", "/auth/users/me/passkeys/options", "").await?;
    let made = of_credential(&authenticator.create_for(&options_of(&begun)));
    let added = visitor.expect(201, "POST", "/auth/users/me/passkeys", &made).await?;
    visitor.expect(204, "POST", "/auth/logout", "").await?;
    visitor.expect(401, "POST", "/auth/refresh-token", "").await?;
    let begun = visitor.expect(200, "POST", "/auth/passkeys/options", "").await?;
    let signed = of_credential(&authenticator.sign_for(&options_of(&begun)));
    visitor.expect(200, "POST", "/auth/passkeys/login", &signed).await?;
    let passkey =
        format!("/auth/users/me/passkeys/{}", added.get("id").and_then(Value::as_str).unwrap_or_default());
    visitor.expect(200, "DELETE", &passkey, "").await?;
    visitor.expect(204, "POST", "/auth/logout", "").await?;
    visitor.expect(401, "POST", "/auth/refresh-token", "").await?;
    println!("all is well");
    Ok(())
}

/// The body of a request with what an authenticator made.
fn of_credential(credential: &str) -> String {
    format!(r#"{{"credential": {credential}}}"#)
}

/// What a browser would be given.
fn options_of(begun: &Value) -> String {
    begun.get("options").map(Value::to_string).unwrap_or_default()
}
