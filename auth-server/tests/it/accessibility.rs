//! The pages for people are held to WCAG 2.2 AA by axe-core, in a real browser: each page and state, in each language, light and
//! dark, 320 and 1280 pixels wide.

use std::{fmt::Write as _, fs, time::Duration};

use auth_tower::PageTexts;
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

/// A language of no people, by the tag of one that is written from the right.
const FROM_THE_RIGHT: &str = "ar";

/// Every text in letters that are written from the right, a third longer than in English.
fn from_the_right() -> String {
    let letters: Vec<char> = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي".chars().collect();
    let mut file = String::new();
    for (key, text) in PageTexts::of_pages() {
        let (mut written, mut is_placeholder) = (String::new(), false);
        for character in text.chars() {
            is_placeholder = character == '{' || is_placeholder && character != '}';
            if is_placeholder || !character.is_ascii_alphabetic() {
                written.push(character);
                continue;
            }
            let letter = letters[usize::from(character.to_ascii_lowercase() as u8 - b'a')];
            let times = if "aeiou".contains(character.to_ascii_lowercase()) { 2 } else { 1 };
            written.extend(std::iter::repeat_n(letter, times));
        }
        writeln!(file, "{key} = {}", json!(written)).unwrap();
    }
    file
}

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
    for language in ["en", "de", "ru", FROM_THE_RIGHT] {
        let home = tempdir().unwrap();
        fs::write(home.path().join(format!("{FROM_THE_RIGHT}.toml")), from_the_right()).unwrap();
        let server = Program::in_directory(home.path())
            .env("USERNAMES", "on")
            .env("EMAIL_SIGN_IN", "on")
            .env("PAGES_DIR", ".")
            .start()
            .await;
        let mut inspector = Inspector::start().await;
        inspector.walk(&server.origin(), language).await;
        let direction = if language == FROM_THE_RIGHT { "rtl" } else { "ltr" };
        let shown = inspector.browser.eval("getComputedStyle(document.querySelector('h1')).direction").await;
        assert_eq!(shown, Some(json!(direction)));
        let to_admin = ["users", "set-role", "ada@example.com", "admin"];
        assert_eq!(Program::in_directory(home.path()).args(&to_admin).run().await.code, Some(0));
        inspector.administer(&server.origin()).await;
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

    /// Looks at every page for administrators.
    async fn administer(&mut self, service: &str) {
        let at = |path: &str| format!("{service}/account/admin/{path}");
        self.browser.go(&at("users")).await;
        self.look("accounts").await;
        self.fill(&[("q", "nobody")]).await;
        self.look("accounts, nobody").await;
        self.browser.go(&at("users")).await;
        self.press(".rows a").await;
        self.look("one account").await;
        self.browser.type_into("#roles", " Wrong!").await;
        self.press("button[value=roles]").await;
        self.look("one account, wrong").await;
        self.browser.go(&at("services")).await;
        self.look("service accounts").await;
        self.fill(&[("label", "billing"), ("roles", "editor")]).await;
        self.look("one service account").await;
        self.browser.type_into("#key_name", "nightly export").await;
        self.press("button[value=key]").await;
        self.look("a key, told once").await;
        self.press("main a.main").await;
        self.look("one service account, with a key").await;
        self.browser.go(&at("webhooks")).await;
        self.fill(&[("url", "http://hooks.example.com/")]).await;
        self.look("webhooks, wrong").await;
        self.browser.go(&at("webhooks")).await;
        self.fill(&[(
            "url",
            "https://hooks.example.com/of-a-name-that-is-long-enough-to-be-wider-than-a-phone",
        )])
        .await;
        self.press("main a.main").await;
        self.look("one webhook").await;
    }

    /// Presses something that leads to another page.
    async fn press(&self, css: &str) {
        self.browser.eval("(document.body.dataset.old = 1)").await;
        self.browser.click(css).await;
        self.until("document.readyState === 'complete' && !document.body.dataset.old").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn with_forced_colours_everything_has_an_edge_and_with_reduced_motion_nothing_moves() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let browser = Browser::start().await;
    browser.go(&format!("{}/account/sign-in", server.origin())).await;
    let set = async |name: &str, value: &str| {
        let features = json!({"features": [{"name": name, "value": value}]});
        browser.cdp("Emulation.setEmulatedMedia", features).await;
        assert_eq!(
            browser.eval(&format!("matchMedia('({name}: {value})').matches")).await,
            Some(json!(true))
        );
    };
    let moves = "getComputedStyle(document.querySelector('button.main')).transitionDuration !== '0s'";
    set("prefers-reduced-motion", "no-preference").await;
    assert_eq!(browser.eval(moves).await, Some(json!(true)));
    set("prefers-reduced-motion", "reduce").await;
    assert_eq!(browser.eval(moves).await, Some(json!(false)));
    set("forced-colors", "active").await;
    // The others are underlined, as links are.
    let edges = "[...document.querySelectorAll('button:not(.quiet, .languages *), .card')].filter((one) => \
                 getComputedStyle(one).borderTopStyle !== 'solid' || getComputedStyle(one).borderTopWidth === '0px').length";
    assert_eq!(browser.eval(edges).await, Some(json!(0)));
    browser.close().await;
}
