use tempfile::tempdir;

use crate::support::{Answer, Client, PASSWORD, Program};

async fn wrong(client: &Client, email: &str, headers: &[(&str, &str)]) -> Answer {
    login(client, email, "wrong", headers).await
}

async fn login(client: &Client, email: &str, password: &str, headers: &[(&str, &str)]) -> Answer {
    let body = serde_json::json!({ "email": email, "password": password }).to_string();
    let headers = [&[("content-type", "application/json")], headers].concat();
    client.send("POST", "/login", &headers, &body).await
}

fn is_throttled(answer: &Answer) -> bool {
    let throttled = answer.status == 429;
    assert_eq!(throttled, answer.headers.contains_key("retry-after"));
    assert_eq!(throttled, answer.body["code"] == "throttled", "{answer:?}");
    throttled
}

#[tokio::test]
async fn a_forged_forwarding_header_is_no_other_network() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("THROTTLE_NETWORK_FAILURES", "5").start().await;
    let client = server.client();
    for number in 0..5 {
        let forged = format!("203.0.113.{number}");
        let email = format!("user{number}@example.com");
        assert_eq!(wrong(&client, &email, &[("x-forwarded-for", &forged)]).await.status, 401);
    }
    for header in ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip"] {
        let answer = wrong(&client, "new@example.com", &[(header, "203.0.113.99")]).await;
        assert!(is_throttled(&answer), "{header}");
    }
    assert!(is_throttled(&wrong(&client, "new@example.com", &[]).await));
    server.log().wait_for("X-Forwarded-For of a peer outside TRUSTED_PROXIES").await;
    let warnings = server.log().lines().into_iter().filter(|line| line.contains("TRUSTED_PROXIES"));
    assert_eq!(warnings.count(), 1, "said once");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_is_a_network_of_its_own() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .env("THROTTLE_NETWORK_FAILURES", "5")
        .env("TRUSTED_PROXIES", "127.0.0.0/8")
        .start()
        .await;
    let client = server.client();
    for (left, right) in [("198.51.100.1", "203.0.113.1"), ("198.51.100.2", "203.0.113.2")] {
        for number in 0..7 {
            // The one that the proxy has added is the last; what stands before it is the client's own writing.
            let forwarded = format!("{left}{number}, {right}");
            let email = format!("user{number}@example.com");
            let answer = wrong(&client, &email, &[("x-forwarded-for", &forwarded)]).await;
            assert_eq!(is_throttled(&answer), number >= 5, "{forwarded}");
        }
    }
}

#[tokio::test]
async fn the_settings_of_throttling_reach_what_they_set_and_a_known_device_signs_in() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .env("THROTTLE_ACCOUNT_FAILURES", "2")
        .env("THROTTLE_ACCOUNT_LIMIT", "2")
        .start()
        .await;
    let client = server.client();
    let device = client.sign_up("ada@example.com").await.device.unwrap();
    for expected in [false, false, true, true] {
        assert_eq!(is_throttled(&wrong(&client, "ada@example.com", &[]).await), expected);
    }
    assert!(is_throttled(&login(&client, "ada@example.com", PASSWORD, &[]).await));
    assert_eq!(login(&client, "ada@example.com", PASSWORD, &[("cookie", &device)]).await.status, 200);
    assert_eq!(login(&client, "ada@example.com", PASSWORD, &[]).await.status, 200, "the owner has opened it");
    server.log().wait_for("account_closed").await;
}

#[tokio::test]
async fn switched_off_it_is_off() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .env("THROTTLE", "off")
        .env("THROTTLE_ACCOUNT_FAILURES", "2")
        .env("THROTTLE_NETWORK_FAILURES", "2")
        .start()
        .await;
    let client = server.client();
    for _ in 0..6 {
        assert_eq!(wrong(&client, "ada@example.com", &[]).await.status, 401);
        assert_eq!(client.refresh("__Host-refresh_token=garbage").await.status, 401);
    }
    for number in 0..6 {
        assert!(client.sign_up(&format!("user{number}@example.com")).await.device.is_none());
    }
}
