//! A page in a real browser. The provider is at `127.0.0.1` and the service at `localhost`: two sites.

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Answer, Walker, World};
use crate::support::{Browser, PATIENCE};

/// A page of the service's own origin. Any of its answers is one: the scripts below run in it.
const PAGE: &str = "/verify-email";

async fn world() -> World {
    World::start(&[("OAUTH_REDIRECT_TO", PAGE), ("ACCOUNT_PAGES", "off")]).await
}

/// What the page of a host does after it was loaded: it cannot read the cookie, and asks with it.
async fn who_am_i(browser: &Browser) -> Value {
    let script = "
        const done = arguments[arguments.length - 1];
        (async () => {
            const seen = document.cookie;
            const refreshed = await fetch('/refresh-token', { method: 'POST' });
            if (!refreshed.ok) return { status: refreshed.status, seen };
            const { access_token } = await refreshed.json();
            const me = await fetch('/users/me', { headers: { Authorization: `Bearer ${access_token}` } });
            return { status: me.status, email: (await me.json()).email, seen };
        })().then(done, (error) => done({ error: String(error) }));";
    browser.run(script).await
}

/// From the provider's first page back to the page of the service.
async fn say_yes(browser: &Browser, world: &World, name: &str) {
    for _ in 0..3 {
        let at = browser.url().await;
        if at.starts_with(&world.url) {
            return;
        }
        if browser.has("input[name=login]").await {
            browser.type_into("input[name=login]", name).await;
            browser.type_into("input[name=password]", "x").await;
        }
        browser.click("button[type=submit]").await;
        // The form leads to another address each time.
        let moved = async {
            while browser.url().await == at {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, moved).await.expect("the form leads nowhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm and Chromium"]
async fn a_page_signs_in_comes_back_and_refreshes_with_a_strict_cookie_set_on_the_way_from_another_site() {
    let (world, browser) = (world().await, Browser::start().await);
    let page = world.at(PAGE);
    browser.go(page.as_str()).await;
    assert_eq!(who_am_i(&browser).await["status"], 401);
    browser.go(world.at("/oauth/rsa/authorize").as_str()).await;
    assert!(browser.url().await.starts_with(&world.provider.issuer));
    say_yes(&browser, &world, "ada").await;
    assert_eq!(browser.url().await, page.as_str());

    let me = who_am_i(&browser).await;
    assert_eq!(me, json!({"status": 200, "email": "ada@example.com", "seen": ""}));
    let cookies = browser.cookies().await;
    let refresh = cookies.iter().find(|cookie| cookie["name"] == "__Host-refresh_token").unwrap();
    assert_eq!(
        (&refresh["httpOnly"], &refresh["secure"], &refresh["sameSite"], &refresh["path"]),
        (&json!(true), &json!(true), &json!("Strict"), &json!("/"))
    );
    let is_of_way = |cookie: &Value| cookie["name"].as_str().unwrap().contains("oauth");
    assert!(!cookies.iter().any(is_of_way), "what belongs to the way there is gone");

    // Back and forth and again: nobody is signed out.
    browser.back().await;
    browser.reload().await;
    browser.forward().await;
    browser.go(page.as_str()).await;
    browser.reload().await;
    assert_eq!(who_am_i(&browser).await["email"], "ada@example.com");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm and Chromium"]
async fn two_tabs_sign_in_at_once_and_a_callback_that_is_opened_again_does_no_harm() {
    let (world, browser) = (world().await, Browser::start().await);
    let page = world.at(PAGE);
    browser.go(world.at("/oauth/rsa/authorize").as_str()).await;
    let [first, second] = browser.new_tab().await;
    browser.go(world.at("/oauth/ec/authorize").as_str()).await;
    // Both are at the provider now; the second comes back first.
    for tab in [second, first] {
        browser.to_tab(&tab).await;
        say_yes(&browser, &world, "ada").await;
        assert_eq!(browser.url().await, page.as_str());
        assert_eq!(who_am_i(&browser).await["email"], "ada@example.com");
    }

    // The callback of somebody else, opened here: the page is told, and the user stays who they are.
    let callback = world.approve(&mut Walker::new(), "rsa", "bob", Answer::Yes).await;
    for _ in 0..2 {
        browser.go(callback.as_str()).await;
        assert_eq!(browser.url().await, world.at("/app?error=cookie_missing").as_str());
        browser.reload().await;
    }
    browser.go(page.as_str()).await;
    assert_eq!(who_am_i(&browser).await["email"], "ada@example.com");
    browser.close().await;
}
