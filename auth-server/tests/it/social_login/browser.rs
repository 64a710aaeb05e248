//! A page in headless Chromium, by WebDriver. The provider is at `127.0.0.1` and the service at `localhost`: two sites.

use std::process::Stdio;

use fantoccini::{Client, ClientBuilder, Locator, cookies::Cookie};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::World;
use crate::support::PATIENCE;

/// Killed when dropped, and the browser with it.
struct Browser {
    _driver: Child,
    window: Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line =
                timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("chromedriver has ended");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            data,
        ]);
        let mut capabilities = fantoccini::wd::Capabilities::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        let window = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { _driver: driver, window, _profile: profile }
    }

    async fn go(&self, url: &str) {
        self.window.goto(url).await.unwrap();
    }

    /// What the page of the service does after it was loaded: it cannot read the cookie, and asks with it.
    async fn who_am_i(&self) -> Value {
        const SCRIPT: &str = "
            const done = arguments[arguments.length - 1];
            (async () => {
                const seen = document.cookie;
                const refreshed = await fetch('/refresh-token', { method: 'POST' });
                if (!refreshed.ok) return { status: refreshed.status, seen };
                const { access_token } = await refreshed.json();
                const me = await fetch('/users/me', { headers: { Authorization: `Bearer ${access_token}` } });
                return { status: me.status, email: (await me.json()).email, seen };
            })().then(done, (error) => done({ error: String(error) }));";
        self.window.execute_async(SCRIPT, Vec::new()).await.unwrap()
    }

    /// From the provider's first page back to the page of the service.
    async fn say_yes(&self, name: &str, world: &World) {
        for _ in 0..3 {
            let at = self.window.current_url().await.unwrap();
            if at.as_str().starts_with(&world.url) {
                return;
            }
            let login = self.window.find(Locator::Css("input[name=login]")).await;
            if let Ok(login) = login {
                login.send_keys(name).await.unwrap();
                self.window
                    .find(Locator::Css("input[name=password]"))
                    .await
                    .unwrap()
                    .send_keys("x")
                    .await
                    .unwrap();
            }
            self.window.find(Locator::Css("button[type=submit]")).await.unwrap().click().await.unwrap();
            // The form leads to another address each time.
            wait_until(async || self.window.current_url().await.is_ok_and(|now| now != at)).await;
        }
    }

    async fn cookie(&self, name: &str) -> Option<Cookie<'static>> {
        let all = self.window.get_all_cookies().await.unwrap();
        all.into_iter().find(|cookie| cookie.name() == name)
    }
}

async fn wait_until(condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, met).await.expect("it does not come to that");
}

/// A page of the service's own origin. Any of its answers is one: the script runs in it.
const PAGE: &str = "/verify-email";

async fn world() -> World {
    World::start(&[("OAUTH_REDIRECT_TO", PAGE)]).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm and Chromium"]
async fn a_page_signs_in_comes_back_and_refreshes_with_a_strict_cookie_set_on_the_way_from_another_site() {
    let (world, browser) = (world().await, Browser::start().await);
    browser.go(world.at(PAGE).as_str()).await;
    assert_eq!(browser.who_am_i().await["status"], 401);
    browser.go(world.at("/oauth/rsa/authorize").as_str()).await;
    assert!(browser.window.current_url().await.unwrap().as_str().starts_with(&world.provider.issuer));
    browser.say_yes("ada", &world).await;
    assert_eq!(browser.window.current_url().await.unwrap().as_str(), world.at(PAGE).as_str());

    let me = browser.who_am_i().await;
    assert_eq!(me, json!({"status": 200, "email": "ada@example.com", "seen": ""}));
    let refresh = browser.cookie("__Host-refresh_token").await.unwrap();
    assert_eq!(refresh.http_only(), Some(true));
    assert_eq!(refresh.secure(), Some(true));
    assert_eq!(refresh.same_site().map(|site| site.to_string()), Some("Strict".to_owned()));
    let all = browser.window.get_all_cookies().await.unwrap();
    assert!(
        !all.iter().any(|cookie| cookie.name().contains("oauth")),
        "what belongs to the way there is gone"
    );

    // Back and forth and again: nobody is signed out, and no page is an error.
    browser.window.back().await.unwrap();
    browser.window.refresh().await.unwrap();
    browser.window.forward().await.unwrap();
    browser.go(world.at(PAGE).as_str()).await;
    browser.window.refresh().await.unwrap();
    assert_eq!(browser.who_am_i().await["email"], "ada@example.com");
    browser.window.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm and Chromium"]
async fn two_tabs_sign_in_at_once_and_a_callback_that_is_loaded_again_does_no_harm() {
    let (world, browser) = (world().await, Browser::start().await);
    let first = browser.window.window().await.unwrap();
    browser.go(world.at("/oauth/rsa/authorize").as_str()).await;
    let second = browser.window.new_window(true).await.unwrap().handle;
    browser.window.switch_to_window(second).await.unwrap();
    browser.go(world.at("/oauth/ec/authorize").as_str()).await;
    // Both are at the provider now; the second comes back first.
    browser.say_yes("ada", &world).await;
    assert_eq!(browser.who_am_i().await["email"], "ada@example.com");
    browser.window.switch_to_window(first).await.unwrap();
    browser.say_yes("ada", &world).await;
    assert_eq!(browser.window.current_url().await.unwrap().as_str(), world.at(PAGE).as_str());
    assert_eq!(browser.who_am_i().await["email"], "ada@example.com");

    // The address of a callback, from the history: the page is told, and the user stays signed in.
    let mut walker = super::Walker::new();
    let callback = world.approve(&mut walker, "rsa", "bob", super::Answer::Yes).await;
    browser.go(callback.as_str()).await;
    let at = browser.window.current_url().await.unwrap();
    assert_eq!((at.path(), at.query()), ("/app", Some("error=cookie_missing")), "somebody else's");
    browser.go(world.at(PAGE).as_str()).await;
    assert_eq!(browser.who_am_i().await["email"], "ada@example.com");
    browser.window.clone().close().await.unwrap();
}
