//! The pages that links in mails lead to, in a real browser.

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::timeout;

use crate::support::{Browser, PATIENCE, Program};

const SHOWN: &str = "document.querySelector('button').checkVisibility()";

async fn until(browser: &Browser, expression: &str, value: Value) {
    let asked = async {
        while browser.eval(expression).await.as_ref() != Some(&value) {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, asked).await.is_ok(), "{expression} does not get {value}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_page_shows_its_button_where_there_is_something_to_press_it_for() {
    let home = tempdir().unwrap();
    // Where there are pages for people these lead to theirs.
    let program = Program::in_directory(home.path()).env("ACCOUNT_PAGES", "off");
    let server = program.env("EMAIL_SIGN_IN", "on").start().await;
    let (base, browser) = (format!("http://{}", server.address()), Browser::start().await);
    for page in ["/verify-email", "/stop-email-change", "/reset-password", "/login/email/confirm"] {
        browser.go(&format!("{base}{page}")).await;
        until(&browser, SHOWN, json!(false)).await;
        let told = browser.eval("document.querySelector('[role=status]').textContent").await.unwrap();
        assert_eq!(told, "This address is not complete: follow the link in the mail.", "{page}");
    }
    for (page, told) in [
        ("/verify-email", "Ask for a new one"),
        ("/stop-email-change", "nothing to stop"),
        ("/login/email/confirm", "Ask for a new one"),
    ] {
        // By another page: to the fragment alone a browser goes without loading anything.
        browser.go(&format!("{base}/health/live")).await;
        browser.go(&format!("{base}{page}#token=made-up")).await;
        until(&browser, SHOWN, json!(true)).await;
        assert_eq!(browser.eval("location.hash").await.unwrap(), "", "no history keeps the token");
        browser.click("button").await;
        until(&browser, SHOWN, json!(false)).await;
        let said = format!("document.querySelector('[role=status]').textContent.includes({})", json!(told));
        until(&browser, &said, json!(true)).await;
    }
    browser.close().await;
}
