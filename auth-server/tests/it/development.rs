//! A page of a development server (Vite) in a real browser, by both ways of the manual's recipe, and by the mix that fails.

use std::{fs, net::TcpListener, path::Path, process::Stdio};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::support::{Browser, PASSWORD, PATIENCE, Program, Server, installed};

const RECIPES: &str = include_str!("../../../auth-core/src/manual/recipes.md");

/// Vite with an empty page. Killed when dropped.
struct Vite {
    _process: Child,
    _project: TempDir,
}

impl Vite {
    /// With the configuration of the recipe, for a program on this port.
    async fn start(port: u16, program: &str) -> Self {
        let home = installed("development").await;
        let project = tempfile::tempdir_in(&home).unwrap();
        let (_, rest) = RECIPES.split_once("<!-- run: vite -->\n```js\n").unwrap();
        let config = rest.split_once("```").unwrap().0.replace("8000", program);
        assert!(config.contains(&format!("127.0.0.1:{program}")));
        write(project.path(), "vite.config.js", &config);
        write(project.path(), "index.html", "<!doctype html><title>page</title>");
        write(project.path(), "package.json", r#"{"type": "module"}"#);
        let mut process = Command::new("node")
            .arg(home.join("node_modules/vite/bin/vite.js"))
            .args(["--strictPort", "--port", &port.to_string()])
            .current_dir(project.path())
            // Or `CI` in the environment makes it paint the line that is waited for.
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while !timeout(PATIENCE, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .expect("Vite has ended")
            .contains("Local:")
        {}
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _process: process, _project: project }
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What becomes of a sign-in and a refresh of the page, at a service with this address.
async fn sign_in_and_refresh(browser: &Browser, service: &str) -> Value {
    let script = format!(
        "const done = arguments[arguments.length - 1];
         (async () => {{
             const send = (path, body) => fetch('{service}' + path, {{ method: 'POST', credentials: 'include', ...body }});
             const login = await send('/login', {{ body: new URLSearchParams({{ username: 'ada@example.com', password: '{PASSWORD}' }}) }});
             const refreshed = await send('/refresh-token');
             const {{ access_token, detail, code }} = await refreshed.json();
             return {{ answers: [login.status, refreshed.status], token: !!access_token, code, detail }};
         }})().then(done, (error) => done({{ error: String(error) }}));"
    );
    browser.run(&script).await
}

async fn start(home: &Path, settings: &[(&str, &str)]) -> Server {
    let program =
        settings.iter().fold(Program::in_directory(home), |program, (name, value)| program.env(name, value));
    let server = program.start().await;
    assert_eq!(server.client().register("ada@example.com").await.status, 201);
    server
}

fn port_of(server: &Server) -> &str {
    server.address().rsplit_once(':').unwrap().1
}

fn signed_in() -> Value {
    json!({"answers": [200, 200], "token": true, "code": null, "detail": null})
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm and Chromium"]
async fn a_page_of_a_development_server_that_passes_the_service_on_signs_in_without_any_setting() {
    let home = tempdir().unwrap();
    let server = start(home.path(), &[]).await;
    let port = free_port();
    let (_vite, browser) = (Vite::start(port, port_of(&server)).await, Browser::start().await);
    browser.go(&format!("http://localhost:{port}/")).await;
    assert_eq!(sign_in_and_refresh(&browser, "/auth").await, signed_in());
    let cookies = browser.cookies().await;
    let refresh = cookies.iter().find(|cookie| cookie["name"] == "__Host-refresh_token").unwrap();
    assert_eq!((&refresh["secure"], &refresh["domain"]), (&json!(true), &json!("localhost")));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm and Chromium"]
async fn a_page_of_a_trusted_origin_on_localhost_signs_in_and_the_mix_with_an_address_is_told_what_is_wrong()
{
    let home = tempdir().unwrap();
    let page = format!("http://localhost:{}", free_port());
    let server = start(home.path(), &[("TRUSTED_ORIGINS", &page)]).await;
    let page_port = page.rsplit_once(':').unwrap().1.parse().unwrap();
    let (_vite, browser) = (Vite::start(page_port, port_of(&server)).await, Browser::start().await);
    browser.go(&page).await;
    assert_eq!(sign_in_and_refresh(&browser, &server.origin()).await, signed_in());

    let mixed = sign_in_and_refresh(&browser, &format!("http://127.0.0.1:{}", port_of(&server))).await;
    assert_eq!((&mixed["answers"], &mixed["code"]), (&json!([200, 401]), &json!("invalid_token")));
    let detail = mixed["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("No refresh cookie came with the request.")
            && detail.contains("localhost and 127.0.0.1 are two"),
        "{detail}"
    );
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm and Chromium"]
async fn a_page_of_a_development_server_that_nobody_named_is_refused_and_the_log_says_what_to_set() {
    let home = tempdir().unwrap();
    let server = start(home.path(), &[]).await;
    let port = free_port();
    let page = format!("http://localhost:{port}");
    let (_vite, browser) = (Vite::start(port, port_of(&server)).await, Browser::start().await);
    browser.go(&page).await;
    let refused = sign_in_and_refresh(&browser, &server.origin()).await;
    assert!(refused["error"].is_string(), "{refused}");
    let line: Value = serde_json::from_str(&server.log().wait_for("TRUSTED_ORIGINS").await).unwrap();
    assert_eq!((&line["level"], &line["origin"]), (&json!("INFO"), &json!(page)));
    // Both requests of the page and the question before one: one line.
    sign_in_and_refresh(&browser, &server.origin()).await;
    let told = server.log().lines().into_iter().filter(|line| line.contains("TRUSTED_ORIGINS")).count();
    assert_eq!(told, 1);
    browser.close().await;
}
