use serde_json::Value;
use tempfile::tempdir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use crate::support::{Client, PASSWORD, PATIENCE, Program};

const EMAIL: &str = "ada.canary@example.com";

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON: {error}: {line}"))
}

#[tokio::test]
async fn every_line_is_json_with_its_request_and_nothing_that_was_planted() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .env("LOG_LEVEL", "trace")
        .env("REFRESH_GRACE_SECONDS", "0")
        .start()
        .await;
    let client = server.client();
    let session = client.sign_up(EMAIL).await;
    let renewed = client.refresh(&session.cookie).await.session();
    client.refresh(&session.cookie).await;
    client.register(EMAIL).await;
    client.me(&renewed.access_token).await;
    client.me(&format!("{}x", renewed.access_token)).await;
    let json = ("content-type", "application/json");
    let wrong = format!(r#"{{"email":"{EMAIL}","password":"wrong-canary"}}"#);
    client.send("POST", "/login", &[json, ("x-request-id", "the-clients-own")], &wrong).await;
    client.send("POST", "/login", &[json], r#"{"email":"broken-canary"#).await;
    client.send("POST", "/register", &[json], r#"{"email":"invalid-canary","password":"x"}"#).await;
    client.send("GET", "/users/me?access_token=query-canary", &[("user-agent", "agent\t-canary")], "").await;
    client.http2().refresh("__Host-refresh_token=cookie-canary").await;
    server.signal("TERM").await;
    let (_, lines) = server.wait().await;

    let cookie = |pair: &str| pair.split_once('=').unwrap().1.to_owned();
    let planted = [
        PASSWORD.to_owned(),
        "canary".to_owned(),
        session.access_token.rsplit('.').next().unwrap().to_owned(),
        renewed.access_token.rsplit('.').next().unwrap().to_owned(),
        cookie(&session.cookie),
        cookie(&renewed.cookie),
        std::fs::read_to_string(home.path().join("auth.key")).unwrap().trim().to_owned(),
    ];
    for line in &lines {
        let object = parsed(line);
        let time = object["time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
        assert!(object["level"].is_string() && object["message"].is_string(), "{line}");
        for secret in &planted {
            assert!(!line.contains(secret.as_str()), "{secret} in {line}");
        }
    }
    let objects: Vec<Value> = lines.iter().map(|line| parsed(line)).collect();
    let own: Vec<&Value> = objects.iter().filter(|line| line["request_id"] == "the-clients-own").collect();
    assert!(own.iter().any(|line| line["event"] == "sign_in_failed" && line["reason"] == "wrong_password"));
    assert!(
        own.iter()
            .any(|line| line["status"] == 401 && line["path"] == "/login" && line["http_method"] == "POST")
    );
    for event in ["registered", "signed_in", "refreshed", "refresh_reused"] {
        let line = objects.iter().find(|line| line["event"] == event).unwrap_or_else(|| panic!("no {event}"));
        assert!(line["request_id"].is_string() && line["client"] == "127.0.0.1", "{line}");
    }
}

#[tokio::test]
async fn a_line_names_the_route_and_the_trace_that_the_request_is_part_of() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    client.send("GET", "/users/00000000-0000-4000-8000-000000000001", &[("traceparent", &parent)], "").await;
    let line = parsed(&server.log().wait_for("/users/{id}").await);
    assert_eq!((&line["trace_id"], &line["parent_id"]), (&trace.into(), &"b7ad6b7169203331".into()));
    assert_eq!((&line["route"], &line["status"]), (&"/users/{id}".into(), &401.into()));
    client.send("GET", "/forged", &[("traceparent", "00-forged-b7ad6b7169203331-01")], "").await;
    let line = parsed(&server.log().wait_for("/forged").await);
    assert!(line["trace_id"].is_null() && line["route"] == "none", "{line}");
}

#[tokio::test]
async fn the_level_and_the_form_are_settings() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("LOG_FORMAT", "human").start().await;
    assert_eq!(server.client().get("/nope").await.status, 404);
    let line = server.log().wait_for("/nope").await;
    assert!(line.contains("INFO") && line.contains("404") && !line.contains('\u{1b}'), "{line}");
    assert!(serde_json::from_str::<Value>(&line).is_err());
    server.kill().await;

    let ended = Program::in_directory(home.path())
        .env("LOG_LEVEL", "error")
        .env("HOST", "0.0.0.0")
        .args(&["config"])
        .run()
        .await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn probes_stay_out_of_the_log_until_it_is_asked_for_more() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client();
    for path in ["/health/live", "/health/ready", "/nope"] {
        client.get(path).await;
    }
    server.log().wait_for("/nope").await;
    assert!(!server.log().lines().iter().any(|line| line.contains("/health/")));
}

/// 800 KB and more: a pipe (64 KiB) and what is kept (twice 256 KiB) do not hold that.
async fn fill_the_log(client: &Client) {
    let (path, id) = (format!("/{}", "x".repeat(127)), "y".repeat(128));
    for _ in 0..2000 {
        assert_eq!(client.send("GET", &path, &[("x-request-id", &id)], "").await.status, 404);
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_neither_requests_nor_the_end() {
    let home = tempdir().unwrap();
    let (mut server, url) = Program::in_directory(home.path()).start_unread().await;
    let client = Client::new(&url);
    fill_the_log(&client).await;
    let id = server.id().unwrap();
    let told = Command::new("sh").args(["-c", &format!("kill -s TERM {id}")]).status().await.unwrap();
    assert!(told.success());
    let ended = timeout(PATIENCE, server.wait()).await.expect("the server does not end").unwrap();
    assert!(ended.success());
}

#[tokio::test]
async fn lines_that_were_lost_are_counted_in_the_log() {
    let home = tempdir().unwrap();
    let (mut server, url) = Program::in_directory(home.path()).start_unread().await;
    let client = Client::new(&url);
    fill_the_log(&client).await;
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut answered: u64 = 0;
    let lost = loop {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        // The first one may be the end of a line.
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        answered += u64::from(line["status"] == 404);
        if let Some(lost) = line["lost"].as_u64() {
            break lost;
        }
    };
    assert!(lost > 0 && answered + lost >= 2000 - 50, "{answered} and {lost}");
}

/// Who a failed login is attributed to.
async fn client_of(trusted: &str) -> (Value, Vec<String>) {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("TRUSTED_PROXIES", trusted).start().await;
    let headers = [("content-type", "application/json"), ("x-forwarded-for", "192.0.2.66, 198.51.100.7")];
    for _ in 0..3 {
        let body = r#"{"email":"nobody@example.com","password":"whatever it is"}"#;
        assert_eq!(server.client().send("POST", "/login", &headers, body).await.status, 401);
    }
    let line = server.log().wait_for("sign_in_failed").await;
    server.signal("TERM").await;
    (parsed(&line)["client"].clone(), server.wait().await.1)
}

#[tokio::test]
async fn a_forwarded_address_is_believed_from_trusted_proxies_only() {
    let warning = "outside TRUSTED_PROXIES is ignored";
    let (client, lines) = client_of("10.0.0.0/8").await;
    assert_eq!(client, "127.0.0.1");
    assert_eq!(lines.iter().filter(|line| line.contains(warning)).count(), 1, "said once");
    let (client, lines) = client_of("127.0.0.0/8").await;
    assert_eq!(client, "198.51.100.7");
    assert!(!lines.iter().any(|line| line.contains(warning)));
}
