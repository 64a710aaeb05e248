//! `/openapi.json` and `/docs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{Browser, PASSWORD, Program};

#[tokio::test]
async fn the_description_has_the_service_and_the_doors_of_the_program() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client();
    let answer = client.get("/openapi.json").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    for path in
        ["/register", "/login", "/refresh-token", "/logout", "/users/me", "/health/live", "/health/ready"]
    {
        assert!(answer.body["paths"][path].is_object(), "{path}");
    }
    // As the library has it: a page of an origin that is trusted may read it.
    let origin = [("origin", "https://app.example.com")];
    let trusting = Program::in_directory(home.path()).env("TRUSTED_ORIGINS", origin[0].1).start().await;
    let told = trusting.client().send("GET", "/openapi.json", &origin, "").await;
    assert_eq!(told.headers["access-control-allow-origin"], origin[0].1);
    assert_eq!(answer.body["info"]["version"], env!("CARGO_PKG_VERSION"));
    let live = &answer.body["paths"]["/health/live"]["get"]["responses"];
    assert!(live["200"].is_object() && live["503"].is_null());
    // What is described is there; `/health` is asked for elsewhere.
    for (path, item) in answer.body["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
        let options = client.send("PUT", &path, &[], "").await;
        let allowed: BTreeSet<_> = options.headers["allow"].to_str().unwrap().split(", ").collect();
        let methods = ["GET", "POST", "PATCH", "DELETE"].into_iter();
        let told: BTreeSet<_> = methods.filter(|method| item[method.to_lowercase()].is_object()).collect();
        assert_eq!(
            allowed.into_iter().filter(|method| *method != "HEAD").collect::<BTreeSet<_>>(),
            told,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_page_is_from_this_program_alone_and_has_no_script_within() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client();
    let page = client.get("/docs").await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("http")
    );
    assert_eq!(page.headers["cross-origin-opener-policy"], "same-origin");
    let html = page.body.as_str().unwrap();
    assert!(!html.contains("://") && !html.contains("style=") && !html.contains("<script>"), "{html}");
    for file in html.split('"').filter(|part| part.starts_with("docs/")) {
        let head = client.send("HEAD", &format!("/{file}"), &[], "").await;
        assert_eq!(
            (head.status.as_u16(), &head.headers["x-content-type-options"]),
            (200, &"nosniff".parse().unwrap())
        );
        assert_eq!(head.headers.contains_key("content-encoding"), file.contains("swagger-ui"), "{file}");
        assert_eq!(client.send("POST", &format!("/{file}"), &[], "").await.status, 405);
    }
    assert_eq!(client.get("/docs/index.html").await.status, 404);
}

#[tokio::test]
async fn page_and_description_can_be_switched_off() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("DOCS", "off").start().await;
    for path in ["/docs", "/docs/docs.js", "/docs/swagger-ui.css", "/openapi.json"] {
        let answer = server.client().get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (404, &json!("not_found")), "{path}");
    }
}

/// Resolves when `ready` holds on the page.
async fn wait(browser: &Browser, ready: &str) -> Value {
    let script = format!(
        "const done = arguments[arguments.length - 1];
         const look = () => {{ const found = {ready}; if (found) done(found); else requestAnimationFrame(look); }};
         look();"
    );
    browser.run(&script).await
}

/// The page's own click: its dialog scrolls, which keeps a pointer from some of the buttons.
async fn press(browser: &Browser, css: &str) {
    wait(browser, &format!("(button => button && (button.click(), true))(document.querySelector('{css}'))"))
        .await;
}

/// Signs in by the page's own dialog.
pub(crate) async fn authorize(browser: &Browser, email: &str) {
    press(browser, ".btn.authorize").await;
    wait(browser, "document.querySelector('#oauth_username')").await;
    let first =
        "document.querySelector('.auth-container').contains(document.querySelector('#oauth_username'))";
    assert_eq!(wait(browser, first).await, json!(true), "by password comes first");
    let dialog = wait(browser, "document.querySelector('.modal-ux').textContent").await;
    assert!(!dialog.as_str().unwrap().contains("refresh_cookie"), "the browser sends it by itself");
    browser.type_into("#oauth_username", email).await;
    browser.type_into("#oauth_password", PASSWORD).await;
    press(browser, "form:has(#oauth_username) .authorize, .auth-container:has(#oauth_username) .authorize")
        .await;
    wait(
        browser,
        "[...document.querySelectorAll('.auth-btn-wrapper button')].some(b => b.textContent === 'Logout')",
    )
    .await;
    press(browser, ".modal-ux-header .close-modal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_the_page_signs_in_and_asks_without_leaving_this_host() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("COOKIE_SECURE", "false").start().await;
    assert_eq!(server.client().register("ada@example.com").await.status, 201);
    let browser = Browser::start().await;
    let origin = format!("http://{}", server.address());
    browser.go(&format!("{origin}/docs")).await;
    // From here on whatever the policy stops is told.
    browser
        .run(
            "window.stopped = []; addEventListener('securitypolicyviolation', e => stopped.push(e.violatedDirective + ' ' + e.blockedURI));
             arguments[arguments.length - 1]()",
        )
        .await;
    wait(&browser, "document.querySelector('#operations-Own_account-me')").await;
    authorize(&browser, "ada@example.com").await;
    press(&browser, "#operations-Own_account-me .opblock-summary-control").await;
    wait(&browser, "document.querySelector('.opblock.is-open .try-out__btn')").await;
    press(&browser, ".opblock.is-open .try-out__btn").await;
    wait(&browser, "document.querySelector('.opblock.is-open .execute')").await;
    press(&browser, ".opblock.is-open .execute").await;
    let status = wait(
        &browser,
        "document.querySelector('.live-responses-table tbody .response-col_status')?.textContent.trim()",
    )
    .await;
    assert!(status.as_str().unwrap().starts_with("200"), "{status}");
    let shown =
        wait(&browser, "document.querySelector('.live-responses-table tbody .highlight-code')?.textContent")
            .await;
    assert!(shown.as_str().unwrap().contains("ada@example.com"), "{shown}");
    let asked = wait(&browser, "performance.getEntriesByType('resource').map(entry => entry.name)").await;
    for url in asked.as_array().unwrap() {
        let url = url.as_str().unwrap();
        assert!(url.starts_with(&origin) || url.starts_with("data:"), "{url}");
    }
    assert_eq!(
        wait(&browser, "window.stopped").await,
        json!([]),
        "the page wants more than its policy allows"
    );
    browser.close().await;
}
