//! The pages for people are held to WCAG 2.2 AA by axe-core, in a real browser: each page and state, in each language, light and
//! dark, 320 and 1280 pixels wide.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::timeout;

use crate::{
    second_factor::code,
    support::{Browser, PASSWORD, PATIENCE, Program, installed},
};

/// What it finds, as rule and place, and whether the page can be moved sideways.
const ASK: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((found) => done({
        faults: found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}: ${node.failureSummary}`)),
        passes: found.passes.length,
        sideways: document.documentElement.scrollWidth > innerWidth,
    }), (error) => done({ faults: [String(error)] }));";

struct Inspector {
    axe: String,
    browser: Browser,
    faults: Vec<String>,
}

impl Inspector {
    async fn start() -> Self {
        let axe = installed("accessibility").await.join("node_modules/axe-core/axe.min.js");
        Self { axe: fs::read_to_string(axe).unwrap(), browser: Browser::start().await, faults: Vec::new() }
    }

    /// Looks at the page as it is, in light and dark, narrow and wide.
    async fn look(&mut self, state: &str) {
        self.browser.run(&format!("{}; arguments[arguments.length - 1]()", self.axe)).await;
        for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 320), ("dark", 320)] {
            // Without motion, or colours are looked at half way.
            let features = json!({"features": [
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]});
            self.browser.cdp("Emulation.setEmulatedMedia", features).await;
            let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
            self.browser.cdp("Emulation.setDeviceMetricsOverride", size).await;
            let found = self.browser.run(ASK).await;
            let place = format!("{state}, {scheme}, {width}");
            for fault in found["faults"].as_array().unwrap() {
                self.faults.push(format!("{place}: {fault}"));
            }
            assert!(found["passes"].as_u64().unwrap_or_default() > 10, "{place}: nothing was looked at");
            if found["sideways"] == true {
                self.faults.push(format!("{place}: can be moved sideways"));
            }
        }
    }

    async fn until(&self, expression: &str) {
        let asked = async {
            while self.browser.eval(expression).await != Some(Value::Bool(true)) {
                tokio::task::yield_now().await;
            }
        };
        assert!(timeout(PATIENCE, asked).await.is_ok(), "not {expression}, at {}", self.browser.url().await);
    }

    async fn fill(&self, values: &[(&str, &str)]) {
        for (field, value) in values {
            self.browser.type_into(&format!("#{field}"), value).await;
        }
        self.press("main button.main").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, node and npm"]
async fn no_page_has_a_fault_of_accessibility_and_none_can_be_moved_sideways() {
    for language in ["en", "de"] {
        let home = tempdir().unwrap();
        let server = Program::in_directory(home.path())
            .env("USERNAMES", "on")
            .env("EMAIL_SIGN_IN", "on")
            .start()
            .await;
        let mut inspector = Inspector::start().await;
        inspector.walk(&server.origin(), language).await;
        assert_eq!(inspector.faults, [""; 0], "{language}");
        inspector.browser.close().await;
    }
}

impl Inspector {
    /// Signs up, sets up an app, and signs in with it, and looks at every page on the way.
    async fn walk(&mut self, service: &str, language: &str) {
        let ada = [("email", "ada@example.com"), ("password", PASSWORD)];
        self.browser.go(&format!("{service}/account/sign-in")).await;
        self.press(&format!("button[value={language}]")).await;
        self.until(&format!("document.documentElement.lang === '{language}'")).await;
        self.look("sign-in").await;
        self.fill(&[("email", "ada@example.com"), ("password", "wrong")]).await;
        self.look("sign-in, wrong").await;
        self.press("a[href*='/code']").await;
        self.look("code by mail").await;
        self.fill(&[("email", "ada@example.com")]).await;
        self.look("code by mail, sent").await;
        self.fill(&[("code", "00000000")]).await;
        self.look("code by mail, wrong").await;
        self.browser.go(&format!("{service}/account/sign-in")).await;
        self.press("a[href*='forgot']").await;
        self.look("forgot").await;
        self.fill(&[("email", "ada@example.com")]).await;
        self.look("forgot, sent").await;
        self.browser.go(&format!("{service}/account/sign-up")).await;
        self.look("sign-up").await;
        self.fill(&[("email", "nobody"), ("password", "short")]).await;
        self.look("sign-up, wrong").await;
        self.browser.go(&format!("{service}/account/sign-up")).await;
        self.fill(&ada).await;
        self.look("account").await;
        self.fill(&[("username", "root")]).await;
        self.look("account, wrong").await;
        self.browser.go(&format!("{service}/account/password")).await;
        self.look("password").await;
        self.browser.go(&format!("{service}/account/confirm")).await;
        self.look("confirm").await;
        self.browser.go(&format!("{service}/account/sign-up/sent")).await;
        self.look("sign-up, sent").await;
        self.browser.go(&format!("{service}/account/nothing")).await;
        self.look("nothing there").await;
        for page in ["email", "data", "delete", "passkeys", "keys", "reset", "verify", "stop", "link"] {
            self.browser.go(&format!("{service}/account/{page}")).await;
            self.look(page).await;
        }
        self.browser.go(&format!("{service}/account/verify#token=x")).await;
        self.press("main button.main").await;
        self.look("verify, wrong").await;
        self.browser.go(&format!("{service}/account/delete")).await;
        self.fill(&[("password", "wrong")]).await;
        self.look("delete, wrong").await;
        self.browser.go(&format!("{service}/account/keys")).await;
        self.fill(&[("name", "backup")]).await;
        self.look("a key").await;
        self.browser.go(&format!("{service}/account/keys")).await;
        self.look("keys, with one").await;
        self.browser.go(&format!("{service}/account/security")).await;
        self.look("security").await;

        self.press("button[name=begin]").await;
        self.look("app").await;
        let secret = self.browser.eval("document.querySelector('dd code').textContent").await.unwrap();
        self.fill(&[("code", "000000")]).await;
        self.look("app, wrong").await;
        self.fill(&[("code", &code(secret.as_str().unwrap(), Duration::ZERO))]).await;
        self.look("recovery codes").await;
        let spare = self.browser.eval("document.querySelector('.codes li').textContent").await.unwrap();
        self.press("main a.main").await;
        self.look("security, with an app").await;
        self.press("header button").await;
        self.look("signed out").await;
        self.fill(&ada).await;
        self.look("second step").await;
        self.fill(&[("code", "000000")]).await;
        self.look("second step, wrong").await;
        self.press(".after a").await;
        self.look("second step by a recovery code").await;
        self.fill(&[("code", spare.as_str().unwrap())]).await;
        self.until("location.pathname === '/account'").await;
    }

    /// Presses something that leads to another page.
    async fn press(&self, css: &str) {
        self.browser.eval("(document.body.dataset.old = 1)").await;
        self.browser.click(css).await;
        self.until("document.readyState === 'complete' && !document.body.dataset.old").await;
    }
}
