//! The default address: this machine by its name.

use tempfile::tempdir;
use tokio::net::TcpListener;

use crate::support::{Client, Program};

/// A wrong password from one of the addresses of this machine.
async fn guess(url: &str) -> u16 {
    Client::new(url).login("nobody@example.com").await.status.as_u16()
}

#[tokio::test]
async fn both_addresses_of_this_machine_are_one_service_on_one_port_and_one_network() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("THROTTLE_NETWORK_FAILURES", "2").start().await;
    let port = server.address().rsplit_once(':').unwrap().1;
    let line = server.log().wait_for("listening on").await;
    assert!(line.contains(&format!("listening on http://localhost:{port} ")), "{line}");
    assert!(line.contains(&format!("http://localhost:{port}/register")), "{line}");
    let [v4, v6] = ["127.0.0.1", "[::1]"].map(|address| format!("http://{address}:{port}"));
    assert_eq!([guess(&v4).await, guess(&v6).await], [401, 401]);
    assert_eq!([guess(&v4).await, guess(&v6).await], [429, 429]);
    let answer = Client::new(&v6).get("/users/me").await;
    assert!(!answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn an_address_of_this_machine_that_is_taken_stops_the_start() {
    for address in ["127.0.0.1", "[::1]"] {
        let taken = TcpListener::bind(format!("{address}:0")).await.unwrap();
        let place = taken.local_addr().unwrap();
        let home = tempdir().unwrap();
        let ended = Program::in_directory(home.path()).env("PORT", &place.port().to_string()).run().await;
        let told = format!(
            "auth-server: HOST, PORT: cannot listen on {place}: address in use; another program has it"
        );
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.starts_with(&told), "{}", ended.stderr);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn one_address_alone_is_listened_on_where_it_is_asked_for_and_goes_by_the_name_too() {
    let home = tempdir().unwrap();
    for (host, other) in [("127.0.0.1", "[::1]"), ("::1", "127.0.0.1")] {
        let server = Program::in_directory(home.path()).env("HOST", host).start().await;
        let port = server.address().rsplit_once(':').unwrap().1;
        assert!(tokio::net::TcpStream::connect(format!("{other}:{port}")).await.is_err(), "{host}");
        let token = {
            let client = server.client();
            client.register("ada@example.com").await;
            client.login("ada@example.com").await.body["access_token"].as_str().unwrap().to_owned()
        };
        assert_eq!(claims(&token)["iss"], format!("http://localhost:{port}"));
    }
    for (host, public_url) in [
        ("localhost", "http://localhost:8000"),
        ("LocalHost", "http://localhost:8000"),
        ("127.0.0.2", "http://127.0.0.2:8000"),
        ("auth.localhost", "http://auth.localhost:8000"),
    ] {
        let program = Program::in_directory(home.path()).env("PORT", "").env("HOST", host);
        let config = program.args(&["config"]).run().await.stdout;
        assert!(config.contains(&format!("PUBLIC_URL={public_url}  # default")), "{host}");
    }
}

#[tokio::test]
async fn metrics_that_meet_a_taken_port_are_told_in_their_own_words() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let home = tempdir().unwrap();
    let ended = Program::in_directory(home.path()).env("METRICS_ADDR", &place).run().await;
    let told = format!(
        "auth-server: METRICS_ADDR: cannot listen on {place}: address in use; another program has it: stop that one or set \
         another port there\n"
    );
    assert_eq!((ended.code, ended.stderr), (Some(1), told));
}

fn claims(token: &str) -> serde_json::Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}
