//! Headless Chromium, by way of the W3C's WebDriver protocol, which is JSON over HTTP. The tests of the examples use it too.
#![allow(dead_code, reason = "of the two test programs each needs a part")]

use std::process::Stdio;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::PATIENCE;

/// Killed when dropped, and what it has started with it.
pub(crate) struct Browser {
    driver: Child,
    _profile: tempfile::TempDir,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    session: String,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("chromedriver is silent").unwrap();
            let line = line.expect("chromedriver has ended");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        let mut browser =
            Self { driver, _profile: profile, http, session: format!("http://127.0.0.1:{port}/session") };
        let options = json!({"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}});
        let begun = browser.tell("", json!({ "capabilities": options })).await;
        browser.session = format!("{}/{}", browser.session, text(&begun["sessionId"]));
        browser
    }

    /// Ends it in an orderly way, so that no process of the browser is left.
    pub(crate) async fn close(self) {
        self.command("DELETE", "", "").await.unwrap();
    }

    pub(crate) async fn go(&self, url: &str) {
        self.tell("/url", json!({ "url": url })).await;
    }

    pub(crate) async fn url(&self) -> String {
        text(&self.command("GET", "/url", "").await.unwrap())
    }

    pub(crate) async fn back(&self) {
        self.tell("/back", json!({})).await;
    }

    pub(crate) async fn forward(&self) {
        self.tell("/forward", json!({})).await;
    }

    pub(crate) async fn reload(&self) {
        self.tell("/refresh", json!({})).await;
    }

    /// Opens another tab and goes there; both handles, the former first.
    pub(crate) async fn new_tab(&self) -> [String; 2] {
        let former = text(&self.command("GET", "/window", "").await.unwrap());
        let new = text(&self.tell("/window/new", json!({"type": "tab"})).await["handle"]);
        self.to_tab(&new).await;
        [former, new]
    }

    pub(crate) async fn to_tab(&self, handle: &str) {
        self.tell("/window", json!({ "handle": handle })).await;
    }

    /// The value that the page's script hands to its last argument.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.tell("/execute/async", json!({"script": script, "args": []})).await
    }

    /// What an expression is in the page; nothing while the page is being replaced by another.
    pub(crate) async fn eval(&self, expression: &str) -> Option<Value> {
        let script = format!("return {expression}");
        let body = json!({"script": script, "args": []}).to_string();
        self.command("POST", "/execute/sync", &body).await.ok()
    }

    /// All open tabs.
    pub(crate) async fn tabs(&self) -> Vec<String> {
        let tabs = self.command("GET", "/window/handles", "").await.unwrap();
        tabs.as_array().unwrap().iter().map(text).collect()
    }

    /// Keys, whatever has the focus; the private characters of the WebDriver protocol are Tab and the like.
    pub(crate) async fn press(&self, keys: &str) {
        let element = self.command("GET", "/element/active", "").await.unwrap();
        let element = text(element.as_object().unwrap().values().next().unwrap());
        self.tell(&format!("/element/{element}/value"), json!({ "text": keys })).await;
    }

    /// A command of Chromium's own protocol.
    pub(crate) async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.tell("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// All cookies of the page, also those that no script sees.
    pub(crate) async fn cookies(&self) -> Vec<Value> {
        self.command("GET", "/cookie", "").await.unwrap().as_array().unwrap().clone()
    }

    pub(crate) async fn has(&self, css: &str) -> bool {
        self.element(css).await.is_ok()
    }

    pub(crate) async fn type_into(&self, css: &str, what: &str) {
        let element = self.element(css).await.unwrap();
        self.tell(&format!("/element/{element}/value"), json!({ "text": what })).await;
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await.unwrap();
        self.tell(&format!("/element/{element}/click"), json!({})).await;
    }

    async fn element(&self, css: &str) -> Result<String, Value> {
        let body = json!({"using": "css selector", "value": css}).to_string();
        let found = self.command("POST", "/element", &body).await?;
        Ok(text(found.as_object().unwrap().values().next().unwrap()))
    }

    async fn tell(&self, path: &str, body: Value) -> Value {
        let done = self.command("POST", path, &body.to_string()).await;
        done.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn command(&self, method: &str, path: &str, body: &str) -> Result<Value, Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.session))
            .header("content-type", "application/json")
            .body(Full::from(body.to_owned()))
            .unwrap();
        let answer = async {
            let (head, body) = self.http.request(request).await.unwrap().into_parts();
            (head.status, body.collect().await.unwrap().to_bytes())
        };
        let (status, body) = timeout(PATIENCE, answer).await.expect("the browser does not answer");
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        if status == 200 { Ok(answer["value"].take()) } else { Err(answer["value"].take()) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver does not take its browser along when a test has failed; both are of one group.
        let driver = self.driver.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        driver.map(|driver| kill_process_group(driver, Signal::KILL));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
