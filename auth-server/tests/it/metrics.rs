//! `/metrics`, after things have happened.

use std::{collections::BTreeSet, str::FromStr};

use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::json;
use tempfile::tempdir;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::support::{Client, KEY, PASSWORD, PATIENCE, Program, Server, SmtpServer};

const MANUAL: &str = include_str!("../../../auth-core/src/manual/metrics.md");

fn is_name(word: &str) -> bool {
    word.starts_with("auth_") || word.starts_with("process_")
}

/// The number with this name and these labels, in their order.
fn number<T: FromStr>(metrics: &str, name: &str) -> Option<T> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn total(metrics: &str, name: &str, labels: &str) -> u64 {
    let name = format!("{name}{{{labels}}}");
    number(metrics, &name).unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
}

fn events(metrics: &str, event: &str, reason: &str) -> u64 {
    total(metrics, "auth_events_total", &format!(r#"event="{event}",reason="{reason}""#))
}

async fn wrong_password(client: &Client) {
    let body = json!({"email": "ada@example.com", "password": "not-her-password"}).to_string();
    let answer = client.send("POST", "/login", &[("content-type", "application/json")], &body).await;
    assert_eq!(answer.status, 401);
}

/// Signs in, fails to, refreshes, and asks for what there is and what there is not.
async fn live(server: &Server) {
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;
    wrong_password(&client).await;
    let renewed = client.refresh(&session.cookie).await.session();
    assert_eq!(client.refresh(&renewed.cookie).await.status, 200, "within the grace");
    assert_eq!(client.refresh("__Host-refresh_token=of-nobody").await.status, 401);
    client.me(&renewed.access_token).await;
    for id in ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] {
        client.get(&format!("/users/{id}")).await;
    }
    client.get("/canary").await;
    client.send("CANARY", "/login", &[], "").await;
}

each_database! {
    async fn what_happens_is_counted_by_route_reason_and_outcome(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let smtp = SmtpServer::prepared();
        let server = Program::in_directory(home.path())
            .env("DATABASE_URL", database.url())
            .env("SECRET_KEY", KEY)
            .env("METRICS_ADDR", "127.0.0.1:0")
            .env("EMAIL_VERIFICATION", "off")
            .env("SMTP_URL", &smtp.url())
            .env("MAIL_FROM", "tea@example.com")
            .start()
            .await;
        live(&server).await;
        let metrics = server.metrics().await;
        // Where a rise from nothing is an alarm.
        assert_eq!(events(&metrics, "refresh_reused", ""), 0);
        assert_eq!(events(&metrics, "registered", ""), 1);
        assert_eq!(events(&metrics, "signed_in", "pwd"), 1);
        assert_eq!(events(&metrics, "sign_in_failed", "wrong_password"), 1);
        for outcome in ["rotated", "repeated", "invalid_token"] {
            assert_eq!(total(&metrics, "auth_refreshes_total", &format!(r#"outcome="{outcome}""#)), 1, "{outcome}");
        }
        let requests = |labels| total(&metrics, "auth_http_requests_total", labels);
        assert_eq!(requests(r#"route="/login",method="POST",status="200""#), 1);
        assert_eq!(requests(r#"route="/login",method="POST",status="401""#), 1);
        assert_eq!(requests(r#"route="/login",method="other",status="405""#), 1);
        assert_eq!(requests(r#"route="/users/{id}",method="GET",status="401""#), 2);
        assert_eq!(requests(r#"route="none",method="GET",status="404""#), 1);
        assert_eq!(total(&metrics, "auth_http_request_seconds_count", r#"route="/login",method="POST""#), 2);
        // A registration, a login and a wrong password.
        assert_eq!(number(&metrics, "auth_hash_seconds_count"), Some(3));
        assert_eq!(number(&metrics, "auth_hash_wait_seconds_count"), Some(3));
        assert_eq!(number(&metrics, "auth_hash_running"), Some(0));
        assert!(number::<u64>(&metrics, "auth_hash_slots").unwrap() >= 1);
        let open = ["idle", "used"].map(|state| total(&metrics, "auth_database_connections", &format!("state=\"{state}\"")));
        assert!(open.iter().sum::<u64>() >= 1, "{open:?}");
        assert_eq!(total(&metrics, "auth_build_info", concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")), 1);
        assert!(!metrics.contains("canary") && !metrics.contains('@') && !metrics.contains("CANARY"), "{metrics}");

        // Nobody takes the mail: it waits, which is seen at the next look.
        let body = json!({"email": "ada@example.com"}).to_string();
        server.client().send("POST", "/forgot-password", &[("content-type", "application/json")], &body).await;
        let deadline = Instant::now() + PATIENCE;
        let metrics = loop {
            let metrics = server.metrics().await;
            if number(&metrics, "auth_mail_waiting") == Some(1) && metrics.contains("auth_mails_total") {
                break metrics;
            }
            assert!(Instant::now() < deadline, "{metrics}");
            sleep(std::time::Duration::from_millis(50)).await;
        };
        assert!(total(&metrics, "auth_mails_total", r#"kind="reset_password",outcome="waits""#) >= 1);
        assert!(number::<f64>(&metrics, "auth_mail_oldest_seconds").is_some());
    }
}

/// The names in the manual's table.
fn described() -> BTreeSet<&'static str> {
    let rows = MANUAL
        .lines()
        .skip_while(|line| !line.starts_with("| name"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').filter(|word| is_name(word))).collect()
}

#[tokio::test]
async fn the_manual_has_each_number_that_is_told_and_no_other() {
    let home = tempdir().unwrap();
    let smtp = SmtpServer::prepared();
    let server = Program::in_directory(home.path())
        .env("METRICS_ADDR", "127.0.0.1:0")
        .env("SMTP_URL", &smtp.url())
        .env("MAIL_FROM", "tea@example.com")
        .start()
        .await;
    live(&server).await;
    let described = described();
    let metrics = server.metrics().await;
    let told: BTreeSet<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    // What has not happened is not told yet.
    let missing: Vec<_> = described.difference(&told).copied().collect();
    let may_be_missing = [
        "auth_api_keys_total",
        "auth_challenges_total",
        "auth_hooks_total",
        "auth_mail_oldest_seconds",
        "auth_mail_waiting",
        "auth_mails_total",
        "auth_revocation_delay_seconds",
        "auth_service_tokens_total",
        "auth_sweep_failures_total",
        "auth_webhook_deliveries_total",
    ];
    assert!(missing.iter().all(|name| may_be_missing.contains(name)), "{missing:?}");
    assert_eq!(told.difference(&described).collect::<Vec<_>>(), Vec::<&&str>::new());
    for name in told {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }
}

#[tokio::test]
async fn clients_that_leave_before_their_answer_are_counted_as_such() {
    let home = tempdir().unwrap();
    let program =
        Program::in_directory(home.path()).env("METRICS_ADDR", "127.0.0.1:0").env("HASH_SLOTS", "1");
    let server = program.start().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let head = "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length";
    let request = format!("{head}: {}\r\n\r\n{body}", body.len());
    let mut streams = Vec::new();
    // One is hashed for at a time, so that most of them wait.
    for _ in 0..40 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let deadline = Instant::now() + PATIENCE;
    while number(&server.metrics().await, "auth_hash_waiting") < Some(1) {
        assert!(Instant::now() < deadline, "nobody waits");
    }
    drop(streams);
    let left = r#"auth_http_requests_total{route="/login",method="POST",status="left"}"#;
    loop {
        let metrics = server.metrics().await;
        if number::<u64>(&metrics, left).is_some() {
            break;
        }
        assert!(Instant::now() < deadline, "{metrics}");
    }
}

/// What rules and panels ask for: words of the forms of our names, whole.
fn asked_for(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| is_name(word));
    names
        .map(|name| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name))
        })
        .collect()
}

#[test]
fn alerts_and_dashboard_name_numbers_that_there_are() {
    let described = described();
    for (file, least) in [("alerts.yml", 10), ("dashboard.json", 20)] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring/").to_owned() + file;
        let text = std::fs::read_to_string(path).unwrap();
        let asked_for = asked_for(&text);
        assert!(asked_for.len() >= least, "{asked_for:?}");
        let unknown: Vec<_> = asked_for.difference(&described).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    let dashboard = include_str!("../../monitoring/dashboard.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    assert!(
        dashboard["panels"].as_array().unwrap().iter().all(|panel| panel["targets"][0]["expr"].is_string())
    );
}

#[tokio::test]
async fn what_a_rule_waits_for_to_rise_begins_with_nought() {
    let rules =
        include_str!("../../monitoring/alerts.yml").split("increase(auth_events_total{event=\"").skip(1);
    let events: BTreeSet<&str> = rules.filter_map(|rest| rest.split('"').next()).collect();
    assert!(events.contains("factor_locked") && events.len() > 4, "{events:?}");
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("METRICS_ADDR", "127.0.0.1:0").start().await;
    let metrics = server.metrics().await;
    // Mails are counted by what they are about, and one that was given up is nothing to be woken up for.
    for event in events.into_iter().filter(|event| *event != "mail_given_up") {
        let line = format!("auth_events_total{{event=\"{event}\",reason=\"\"}} 0");
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
}

#[tokio::test]
#[ignore = "needs promtool"]
async fn prometheus_understands_the_rules_and_they_fire_when_they_should() {
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let mut promtool = tokio::process::Command::new("promtool");
        let monitoring = concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring");
        let done = promtool.args(arguments).current_dir(monitoring).output().await.expect("promtool");
        assert!(
            done.status.success(),
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }
}
