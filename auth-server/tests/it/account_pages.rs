//! The pages for people, in a real browser and at the program's addresses.

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::timeout;

use crate::support::{Browser, PASSWORD, PATIENCE, Program};

/// Until an expression is true on whatever page there is then.
async fn until(browser: &Browser, expression: &str) {
    let asked = async {
        while browser.eval(expression).await != Some(Value::Bool(true)) {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, asked).await.is_ok(), "not {expression}, at {}", browser.url().await);
}

async fn until_title(browser: &Browser, title: &str) {
    until(browser, &format!("document.querySelector('h1')?.textContent === {}", json!(title))).await;
}

#[tokio::test]
async fn whoever_opens_the_address_sees_a_page_unless_they_are_switched_off() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("PAGES_NAME", "Tea & Co").start().await;
    let client = server.client();
    let root = client.get("/").await;
    assert_eq!((root.status.as_u16(), &root.headers["location"]), (303, &"/account".parse().unwrap()));
    assert_eq!(client.send("POST", "/", &[], "").await.status, 405);
    let here = [("sec-fetch-site", "none")];
    let account = client.send("GET", "/account", &here, "").await;
    let to = account.headers["location"].to_str().unwrap();
    assert_eq!((account.status.as_u16(), to), (303, "/account/sign-in"));
    let page = client.send("GET", to, &here, "").await;
    let html = page.body.as_str().unwrap();
    assert!(html.contains("<h1>Sign in</h1>") && html.contains("Tea &#38; Co"), "{html}");
    assert_eq!(page.headers["x-request-id"].as_bytes().len(), 32);
    for path in ["/accounts", "/account.html"] {
        assert_eq!(client.get(path).await.body["code"], "not_found", "{path}");
    }

    let server = Program::in_directory(home.path()).env("ACCOUNT_PAGES", "off").start().await;
    for path in ["/", "/account", "/account/sign-in", "/account/style.css"] {
        let answer = server.client().get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (404, &json!("not_found")), "{path}");
    }
}

#[tokio::test]
async fn below_a_path_every_link_has_it() {
    let home = tempdir().unwrap();
    let program = Program::in_directory(home.path()).env("PUBLIC_URL", "https://example.com/auth");
    let server = program.start().await;
    // A proxy has taken the path off.
    assert_eq!(server.client().get("/").await.headers["location"], "/auth/account");
    let page = server.client().send("GET", "/account/sign-in", &[("sec-fetch-site", "none")], "").await;
    let html = page.body.as_str().unwrap();
    assert!(html.contains("action=\"/auth/account/sign-in\"") && !html.contains("\"/account"), "{html}");
    assert!(html.contains("example.com"), "{html}");
}

/// By the endpoints, as an application does it that has somebody's session.
const ADD_PASSKEY: &str = "
    const done = arguments[arguments.length - 1];
    (async () => {
        const post = async (path, token, body) => {
            const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
            return (await fetch(path, { method: 'POST', headers, body: body && JSON.stringify(body) })).json();
        };
        const { access_token } = await post('/refresh-token');
        const { options } = await post('/users/me/passkeys/options', access_token);
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
        const credential = await navigator.credentials.create({ publicKey });
        await post('/users/me/passkeys', access_token, { credential: credential.toJSON() });
    })().then(() => done('added'), (error) => done(String(error)));
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn with_a_passkey_somebody_signs_in_by_the_button_of_the_page() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let browser = Browser::start().await;
    browser.go(&format!("{}/account/sign-up", server.origin())).await;
    browser.cdp("WebAuthn.enable", json!({})).await;
    let options = json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
        "isUserVerified": true, "automaticPresenceSimulation": true,
    });
    let added = browser.cdp("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await;
    browser.type_into("#email", "ada@example.com").await;
    browser.type_into("#password", PASSWORD).await;
    browser.click("button.main").await;
    until_title(&browser, "Your account").await;
    assert_eq!(browser.run(ADD_PASSKEY).await, json!("added"));
    // Not by itself, as the field of the name offers it.
    let alone = json!({"authenticatorId": added["authenticatorId"], "enabled": false});
    browser.cdp("WebAuthn.setAutomaticPresenceSimulation", alone).await;
    browser.click("header button").await;
    until_title(&browser, "Sign in").await;
    until(&browser, "document.querySelector('.passkey button').checkVisibility()").await;
    let present = json!({"authenticatorId": added["authenticatorId"], "enabled": true});
    browser.cdp("WebAuthn.setAutomaticPresenceSimulation", present).await;
    browser.eval("document.querySelector('.passkey button')?.click()").await;
    until_title(&browser, "Your account").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn in_a_browser_somebody_signs_up_out_and_in_and_no_policy_is_broken() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let browser = Browser::start().await;
    // On every page, before anything of it runs; kept over pages.
    let listen = "addEventListener('securitypolicyviolation', event => { \
                  sessionStorage.stopped = (sessionStorage.stopped ?? '') + event.violatedDirective + ' ' + event.blockedURI + '\\n'; })";
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": listen })).await;
    browser.go(&format!("{}/", server.origin())).await;
    until_title(&browser, "Sign in").await;
    browser.click("a[href*='sign-up']").await;
    until_title(&browser, "Create an account").await;
    // The first field has the focus.
    browser.press("ada@example.com").await;
    browser.type_into("#password", "passwort").await;
    browser.click("button.main").await;
    until(&browser, "!!document.querySelector('.errors')").await;
    until(&browser, "document.activeElement === document.querySelector('.errors')").await;
    assert_eq!(browser.eval("document.querySelector('#email').value").await, Some(json!("ada@example.com")));
    assert_eq!(browser.eval("document.querySelector('#password').value").await, Some(json!("")));
    browser.type_into("#password", PASSWORD).await;
    browser.click("button[aria-controls=password]").await;
    until(&browser, "document.querySelector('#password').type === 'text'").await;
    browser.click("button.main").await;
    until_title(&browser, "Your account").await;
    // Whoever comes by a link of another site is signed in all the same. (`127.0.0.1` is another site than `localhost`.)
    browser.go(&format!("http://{}/account/sign-in", server.address())).await;
    until_title(&browser, "Sign in").await;
    let link = format!("location.href = {}", json!(format!("{}/account", server.origin())));
    browser.eval(&link).await;
    until_title(&browser, "Your account").await;
    browser.click("button[value=de]").await;
    until_title(&browser, "Ihr Konto").await;
    browser.click("header button").await;
    until_title(&browser, "Anmelden").await;
    browser.type_into("#email", "ada@example.com").await;
    browser.type_into("#password", "wrong").await;
    browser.click("button.main").await;
    until(&browser, "document.title.startsWith('Fehler: ')").await;
    browser.type_into("#password", PASSWORD).await;
    browser.click("button.main").await;
    until_title(&browser, "Ihr Konto").await;
    assert_eq!(browser.eval("sessionStorage.stopped ?? ''").await, Some(json!("")));
    browser.close().await;
}
