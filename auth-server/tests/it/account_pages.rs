//! The pages for people, in a real browser and at the program's addresses.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::timeout;

use crate::{
    second_factor::code,
    support::{Browser, PASSWORD, PATIENCE, Program, Server},
};

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
async fn administrators_have_pages_unless_they_or_the_endpoints_of_the_same_are_switched_off() {
    let home = tempdir().unwrap();
    let at = |server: &Server, path| {
        let client = server.client();
        async move { client.send("GET", path, &[("sec-fetch-site", "none")], "").await }
    };
    let server = Program::in_directory(home.path()).start().await;
    let answer = at(&server, "/account/admin/users").await;
    assert_eq!(answer.headers["location"], "/account/sign-in?redirect_to=%2Faccount%2Fadmin%2Fusers");
    for (name, value) in [("ACCOUNT_PAGES", "admin-off"), ("ADMIN_API", "off")] {
        let server = Program::in_directory(home.path()).env(name, value).start().await;
        let found = at(&server, "/account/admin/users").await;
        let text = found.body.as_str().unwrap();
        assert!(found.status == 404 && text.contains("There is nothing here"), "{name}: {text}");
        assert_eq!(at(&server, "/account/sign-in").await.status, 200, "{name}");
    }
}

const PICTURE: &str =
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 1'><rect width='4' height='1'/></svg>";

#[tokio::test]
async fn an_operators_colour_picture_style_and_texts_are_on_the_pages() {
    let home = tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    fs::create_dir(home.path().join("brand")).unwrap();
    write("logo", PICTURE);
    write("brand/style.css", "h1 { letter-spacing: .01em }");
    write("brand/de.toml", "sign_in_title = \"Willkommen im Teeladen\"\n");
    write("brand/README.md", "Of us all.");
    let program = || {
        let program = Program::in_directory(home.path()).env("PAGES_ACCENT", "#6b21a8");
        program.env("PAGES_LOGO", "logo").env("PAGES_DIR", "brand")
    };
    let server = program().start().await;
    let client = server.client();
    let headers = [("sec-fetch-site", "none"), ("accept-language", "de")];
    let page = client.send("GET", "/account/sign-in", &headers, "").await;
    let html = page.body.as_str().unwrap();
    assert!(html.contains("<h1>Willkommen im Teeladen</h1>"), "{html}");
    let file = |part: &str| html.split('"').find(|address| address.contains(part)).unwrap().to_owned();
    let style = client.get(&file("/account/style.css?v=")).await;
    let css = style.body.as_str().unwrap();
    assert!(css.contains("--accent: #6b21a8") && css.ends_with("h1 { letter-spacing: .01em }"), "{css}");
    let picture = client.get(&file("/account/logo?v=")).await;
    assert_eq!(
        (picture.body.as_str(), &picture.headers["content-type"]),
        (Some(PICTURE), &"image/svg+xml".parse().unwrap())
    );

    let shown = program().args(&["config"]).run().await.stdout;
    for line in ["PAGES_ACCENT=#6b21a8", "PAGES_LOGO=logo", "PAGES_DIR=brand"] {
        assert!(shown.contains(line), "{shown}");
    }
    // What does not fit is passed over and named; the rest is there.
    write("brand/de.toml", "sign_in_title = \"Hallo\"\nsigned = \"x\"\nthrottled = \"Warten Sie.\"\n");
    write("brand/it.toml", "language_name = \"Italiano\"\n");
    let ended = program().args(&["check"]).run().await;
    for (code, text) in [
        ("page_text", "PAGES_DIR has de.toml: de: signed is the key of no text, and is passed over"),
        ("page_text", "PAGES_DIR has de.toml: de: throttled has no {seconds}, and is passed over"),
        ("page_texts_missing", "PAGES_DIR has it.toml, in which texts are missing: "),
    ] {
        assert!(ended.stdout.contains(&format!("{code}: {text}")), "{text} is not in {}", ended.stdout);
    }
    let server = program().start().await;
    let page = server.client().send("GET", "/account/sign-in", &headers, "").await;
    assert!(page.body.as_str().unwrap().contains("<h1>Hallo</h1>"));
    assert!(page.body.as_str().unwrap().contains("value=\"it\" lang=\"it\">Italiano<"));
}

#[tokio::test]
async fn what_cannot_be_used_for_the_pages_is_refused_with_its_setting() {
    let home = tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        fs::create_dir_all(home.path().join(name).parent().unwrap()).unwrap();
        fs::write(home.path().join(name), text).unwrap();
    };
    write("text", b"no picture");
    write("large", " ".repeat(600_000).as_bytes());
    write("toml/de.toml", b"sign_in = Los");
    write("list/de.toml", b"sign_in = [\"Los\"]");
    write("tag/German.toml", b"sign_in = \"Los\"");
    write("nameless/it.toml", b"sign_in = \"Accedi\"");
    write("bytes/style.css", b"\xff");
    write("long/style.css", " ".repeat(70_000).as_bytes());
    for (name, value, problem) in [
        (
            "PAGES_ACCENT",
            "#fffc00",
            "has a contrast of 1 on light pages, and 4.5 is the least: take a darker one",
        ),
        ("PAGES_ACCENT", "red", "is no colour like #1f5fd0"),
        ("PAGES_LOGO", "missing", "names a file that cannot be read: "),
        ("PAGES_LOGO", "text", "is neither SVG, PNG, WebP nor JPEG"),
        ("PAGES_LOGO", "large", "names a file that is larger than 524288 bytes"),
        ("PAGES_DIR", "missing", "names a folder that cannot be read: "),
        ("PAGES_DIR", "toml", "has de.toml, which is no list of key = \"text\": "),
        ("PAGES_DIR", "list", "has de.toml, which is no list of key = \"text\": "),
        ("PAGES_DIR", "tag", "has German.toml: \"German\" is no language like de"),
        ("PAGES_DIR", "nameless", "has it.toml without language_name, by which the menu calls the language"),
        ("PAGES_DIR", "bytes", "has style.css, which is no UTF-8"),
        ("PAGES_DIR", "long", "has style.css that is larger than 65536 bytes"),
        ("ACCOUNT_PAGES", "no", "is none of on, admin-off and off"),
    ] {
        let ended = Program::in_directory(home.path()).env(name, value).args(&["config"]).run().await;
        assert!(ended.stderr.contains(&format!("{name} (environment) {problem}")), "{value}: {ended:?}");
        let checked = Program::in_directory(home.path()).env(name, value).args(&["check"]).run().await;
        assert!(checked.stdout.contains(&format!("{name} (environment) {problem}")), "{value}: {checked:?}");
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

/// On every page, before anything of it runs; kept over pages.
async fn listen(browser: &Browser) {
    let listen = "addEventListener('securitypolicyviolation', event => { \
                  sessionStorage.stopped = (sessionStorage.stopped ?? '') + event.violatedDirective + ' ' + event.blockedURI + '\\n'; })";
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": listen })).await;
}

async fn nothing_was_stopped(browser: &Browser) {
    assert_eq!(browser.eval("sessionStorage.stopped ?? ''").await, Some(json!("")));
}

/// One that Chromium makes up.
async fn authenticator(browser: &Browser) -> Value {
    browser.cdp("WebAuthn.enable", json!({})).await;
    let options = json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
        "isUserVerified": true, "automaticPresenceSimulation": true,
    });
    browser.cdp("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await["authenticatorId"]
        .clone()
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
    let authenticator = authenticator(&browser).await;
    listen(&browser).await;
    browser.type_into("#email", "ada@example.com").await;
    browser.type_into("#password", PASSWORD).await;
    browser.click("button.main").await;
    until_title(&browser, "Your account").await;
    assert_eq!(browser.run(ADD_PASSKEY).await, json!("added"));
    // Not by itself, as the field of the name offers it.
    let alone = json!({"authenticatorId": authenticator, "enabled": false});
    browser.cdp("WebAuthn.setAutomaticPresenceSimulation", alone).await;
    browser.click("header button").await;
    until_title(&browser, "Sign in").await;
    until(&browser, "document.querySelector('.passkey button').checkVisibility()").await;
    let present = json!({"authenticatorId": authenticator, "enabled": true});
    browser.cdp("WebAuthn.setAutomaticPresenceSimulation", present).await;
    browser.eval("document.querySelector('.passkey button')?.click()").await;
    until_title(&browser, "Your account").await;
    nothing_was_stopped(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn in_a_browser_somebody_signs_up_out_and_in_and_no_policy_is_broken() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let browser = Browser::start().await;
    listen(&browser).await;
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
    nothing_was_stopped(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn in_the_first_three_minutes_somebody_signs_up_confirms_adds_a_passkey_and_signs_in_with_it() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("EMAIL_VERIFICATION", "on").start().await;
    let browser = Browser::start().await;
    listen(&browser).await;
    browser.go(&format!("{}/", server.origin())).await;
    until_title(&browser, "Sign in").await;
    let authenticator = authenticator(&browser).await;
    browser.click("a[href*='sign-up']").await;
    until_title(&browser, "Create an account").await;
    browser.type_into("#email", "ada@example.com").await;
    browser.type_into("#password", PASSWORD).await;
    browser.click("button.main").await;
    until_title(&browser, "Check your mail").await;

    // There is no mail server, and so the link is in the log. It leads to the page with the token in the fragment still.
    let line = server.log().wait_for("/verify-email#token=").await;
    let (before, after) = line.split_once("#token=").unwrap();
    let token: String =
        after.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let place = before.rsplit(['"', ' ', '=']).next().unwrap();
    browser.go(&format!("{place}#token={token}")).await;
    until_title(&browser, "Confirm your address").await;
    until(&browser, &format!("document.querySelector('#token').value === {}", json!(token))).await;
    until(&browser, "!document.querySelector('#token').checkVisibility()").await;
    assert_eq!(browser.eval("location.hash").await, Some(json!("")), "no copied address has the token");
    browser.click("button.main").await;
    until_title(&browser, "Sign in").await;
    until(&browser, "document.querySelector('.told').textContent.includes('is confirmed')").await;
    browser.type_into("#email", "ada@example.com").await;
    browser.type_into("#password", PASSWORD).await;
    browser.click("main form button.main").await;
    until_title(&browser, "Your account").await;

    browser.click("nav a[href$='/security']").await;
    until_title(&browser, "Security").await;
    browser.click("a[href$='/passkeys']").await;
    until_title(&browser, "Add a passkey").await;
    until(&browser, "!document.querySelector('.without').checkVisibility()").await;
    browser.type_into("#name", "My laptop").await;
    browser.click("main button.main").await;
    until_title(&browser, "Keep these recovery codes").await;
    browser.click("main a.main").await;
    until_title(&browser, "Security").await;
    until(&browser, "document.body.textContent.includes('My laptop')").await;
    let alone = json!({"authenticatorId": authenticator, "enabled": false});
    browser.cdp("WebAuthn.setAutomaticPresenceSimulation", alone).await;
    browser.click("header button").await;
    until_title(&browser, "Sign in").await;
    until(&browser, "document.querySelector('.passkey button').checkVisibility()").await;
    let present = json!({"authenticatorId": authenticator, "enabled": true});
    browser.cdp("WebAuthn.setAutomaticPresenceSimulation", present).await;
    browser.eval("document.querySelector('.passkey button')?.click()").await;
    until_title(&browser, "Your account").await;

    // It is the fresh proof that the end of the passkey wants, too.
    browser.go(&format!("{}/account/confirm?redirect_to=%2Faccount%2Fdata", server.origin())).await;
    until_title(&browser, "Confirm again that it is you").await;
    browser.click("form[data-options] button").await;
    until_title(&browser, "Your data").await;
    nothing_was_stopped(&browser).await;
    browser.close().await;
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// By the key Tab alone, as somebody who sees goes on until the focus is where they want it.
async fn tab_to(browser: &Browser, css: &str) {
    let there = format!("!!document.activeElement?.matches({})", json!(css));
    for _ in 0..60 {
        if browser.eval(&there).await == Some(Value::Bool(true)) {
            return;
        }
        browser.press(TAB).await;
    }
    panic!("no way to {css} at {}", browser.url().await);
}

async fn fill_by_keys(browser: &Browser, fields: &[(&str, &str)]) {
    for (field, value) in fields {
        tab_to(browser, &format!("#{field}")).await;
        browser.press(value).await;
    }
    browser.press(ENTER).await;
}

async fn follow_by_keys(browser: &Browser, css: &str) {
    tab_to(browser, css).await;
    browser.press(ENTER).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn by_tab_and_enter_alone_an_account_begins_is_made_safe_and_ends() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let browser = Browser::start().await;
    listen(&browser).await;
    browser.go(&format!("{}/", server.origin())).await;
    until_title(&browser, "Sign in").await;
    follow_by_keys(&browser, "a[href*='sign-up']").await;
    until_title(&browser, "Create an account").await;
    fill_by_keys(&browser, &[("email", "ada@example.com"), ("password", "short")]).await;
    until(&browser, "document.activeElement === document.querySelector('.errors')").await;
    fill_by_keys(&browser, &[("password", PASSWORD)]).await;
    until_title(&browser, "Your account").await;
    fill_by_keys(&browser, &[("name", "Ada")]).await;
    until(&browser, "document.querySelector('.told')?.textContent === 'Your changes are saved.'").await;

    follow_by_keys(&browser, "nav a[href$='/security']").await;
    until_title(&browser, "Security").await;
    follow_by_keys(&browser, "button[name=begin]").await;
    until(&browser, "!!document.querySelector('dd code')").await;
    let secret = browser.eval("document.querySelector('dd code').textContent").await.unwrap();
    let secret = secret.as_str().unwrap().to_owned();
    fill_by_keys(&browser, &[("code", &code(&secret, Duration::ZERO))]).await;
    until_title(&browser, "Keep these recovery codes").await;
    let spare = browser.eval("document.querySelector('.codes li').textContent").await.unwrap();
    follow_by_keys(&browser, "main a.main").await;
    until_title(&browser, "Security").await;

    follow_by_keys(&browser, "header form button").await;
    until_title(&browser, "Sign in").await;
    fill_by_keys(&browser, &[("email", "ada@example.com"), ("password", PASSWORD)]).await;
    until_title(&browser, "Confirm that it is you").await;
    follow_by_keys(&browser, "a[href*='method=recovery_code']").await;
    until(&browser, "location.search.includes('recovery_code')").await;
    fill_by_keys(&browser, &[("code", spare.as_str().unwrap())]).await;
    until_title(&browser, "Your account").await;
    follow_by_keys(&browser, "button[value=de]").await;
    until_title(&browser, "Ihr Konto").await;
    follow_by_keys(&browser, "main a[href$='/data']").await;
    until_title(&browser, "Ihre Daten").await;
    follow_by_keys(&browser, "main a[href$='/delete']").await;
    until_title(&browser, "Konto löschen").await;
    follow_by_keys(&browser, "main button.main").await;
    until_title(&browser, "Anmelden").await;
    until(&browser, "document.querySelector('.told')?.textContent === 'Ihr Konto ist gelöscht.'").await;
    nothing_was_stopped(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_picture_with_a_script_in_it_is_shown_and_runs_nothing_wherever_it_is_opened() {
    let home = tempdir().unwrap();
    let evil = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 1' onload='document.documentElement.id = \"ran\"'>\
                <script>document.documentElement.id = 'ran'</script><rect width='4' height='1'/></svg>";
    fs::write(home.path().join("logo.svg"), evil).unwrap();
    let server = Program::in_directory(home.path()).env("PAGES_LOGO", "logo.svg").start().await;
    let browser = Browser::start().await;
    browser.go(&format!("{}/account/sign-in", server.origin())).await;
    // It is as wide as it is made, and the page is itself.
    until(&browser, "document.querySelector('.brand img').naturalWidth > 0").await;
    until(&browser, "(box => Math.abs(box.width / box.height - 4) < .1)(document.querySelector('.brand img').getBoundingClientRect())").await;
    assert_eq!(browser.eval("document.documentElement.id").await, Some(json!("")));
    let address = browser.eval("document.querySelector('.brand img').src").await.unwrap();
    browser.go(address.as_str().unwrap()).await;
    until(&browser, "document.documentElement.tagName === 'svg'").await;
    assert_eq!(browser.eval("document.documentElement.id").await, Some(json!("")));
    browser.close().await;
}
