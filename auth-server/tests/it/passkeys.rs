//! Passkeys in a real browser, with an authenticator that Chromium makes up.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{Browser, Program, Server};

/// A page of the service in a browser, with Ada's access token in it.
struct Page {
    browser: Browser,
    authenticator: String,
}

/// What the page's scripts have.
const HELPERS: &str = r"
    const done = arguments[arguments.length - 1];
    const send = async (method, path, body) => {
        const headers = { authorization: `Bearer ${sessionStorage.token}` };
        if (body) headers['content-type'] = 'application/json';
        const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
        const text = await answer.text();
        return { status: answer.status, body: text && JSON.parse(text) };
    };
    const create = async () => {
        const { status, body } = await send('POST', '/users/me/passkeys/options');
        if (status !== 200) return { status, body };
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(body.options);
        const credential = await navigator.credentials.create({ publicKey });
        return send('POST', '/users/me/passkeys', { credential: credential.toJSON() });
    };
    const sign = async (options, more) => {
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
        return (await navigator.credentials.get({ publicKey, ...more })).toJSON();
    };
    const signIn = async (more) => {
        const { body } = await send('POST', '/passkeys/options');
        const answer = await send('POST', '/passkeys/login', { credential: await sign(body.options, more) });
        if (answer.status === 200) sessionStorage.token = answer.body.access_token;
        return answer;
    };
    const stepUp = async () => {
        const { body } = await send('POST', '/step-up/options');
        return send('POST', '/step-up', { method: 'passkey', credential: await sign(body.options) });
    };
";

impl Page {
    async fn open(server: &Server, token: &str) -> Self {
        let browser = Browser::start().await;
        let port = server.address().rsplit(':').next().unwrap().to_owned();
        browser.go(&format!("http://localhost:{port}/verify-email")).await;
        browser.cdp("WebAuthn.enable", json!({})).await;
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
            "defaultBackupEligibility": true, "defaultBackupState": true,
        });
        let added = browser.cdp("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await;
        let authenticator = added["authenticatorId"].as_str().unwrap().to_owned();
        let page = Self { browser, authenticator };
        page.run(&format!("sessionStorage.token = {}", json!(token))).await;
        page
    }

    /// What an expression comes to; `{"error"}` with the name of what it throws.
    async fn run(&self, expression: &str) -> Value {
        let script = format!(
            "{HELPERS} (async () => {expression})().then(done, (error) => done({{ error: error.name }}));"
        );
        self.browser.run(&script).await
    }

    /// Tells the authenticator something.
    async fn set(&self, command: &str, mut parameters: Value) -> Value {
        parameters["authenticatorId"] = json!(self.authenticator);
        self.browser.cdp(command, parameters).await
    }

    async fn override_bits(&self, bits: Value) {
        self.set("WebAuthn.setResponseOverrideBits", bits).await;
    }

    /// The only credential, as the authenticator has it.
    async fn credential(&self) -> Value {
        let all = self.set("WebAuthn.getCredentials", json!({})).await;
        all["credentials"].as_array().unwrap()[0].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_browser_makes_a_passkey_and_signs_in_with_it() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let page = Page::open(&server, &session.access_token).await;

    let added = page.run("create()").await;
    assert_eq!(added["status"], 201, "{added}");
    assert_eq!(added["body"]["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(added["body"]["backed_up"], true);

    let answer = page.run("signIn()").await;
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(page.run("stepUp()").await["status"], 200);
    // Offered in a form, and taken by the authenticator without a click.
    let answer = page.run("signIn({ mediation: 'conditional' })").await;
    assert_eq!(answer["status"], 200, "{answer}");

    // The browser itself knows that there is one already.
    assert_eq!(page.run("create()").await, json!({"error": "InvalidStateError"}));

    let id = added["body"]["id"].as_str().unwrap();
    let renamed = page.run(&format!("send('PATCH', '/users/me/passkeys/{id}', {{ name: 'Drawer' }})")).await;
    assert_eq!(renamed["body"]["name"], "Drawer");
    assert_eq!(page.run("send('DELETE', '/users/me/password')").await["status"], 204);
    let last = page.run(&format!("send('DELETE', '/users/me/passkeys/{id}')")).await;
    assert_eq!((&last["status"], &last["body"]["code"]), (&json!(409), &json!("last_way_in")));
    page.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn each_of_two_devices_has_a_passkey_of_its_own_and_the_lost_one_signs_nobody_in() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let telephone = Page::open(&server, &session.access_token).await;
    let first = telephone.run("create()").await;
    assert_eq!(first["status"], 201, "{first}");
    assert_eq!(telephone.run("signIn()").await["status"], 200);
    let token = telephone.run("sessionStorage.token").await;

    // A browser of its own, whose authenticator knows nothing of the other's. It is let in by the session of that one.
    let laptop = Page::open(&server, token.as_str().unwrap()).await;
    let none = laptop.run("signIn()").await;
    assert!(none["error"].is_string(), "{none}");
    let second = laptop.run("create()").await;
    assert_eq!(second["status"], 201, "{second}");
    assert_eq!(second["body"]["recovery_codes"], Value::Null);
    for device in [&telephone, &laptop] {
        assert_eq!(device.run("signIn()").await["status"], 200);
        assert_eq!(device.run("stepUp()").await["status"], 200);
    }

    // The telephone is lost.
    let id = first["body"]["id"].as_str().unwrap();
    let removed = laptop.run(&format!("send('DELETE', '/users/me/passkeys/{id}')")).await;
    let left = removed["body"]["signal"]["allAcceptedCredentialIds"].as_array().unwrap().len();
    assert_eq!((&removed["status"], left), (&json!(200), 1));
    let refused = telephone.run("signIn()").await;
    assert_eq!((&refused["status"], &refused["body"]["code"]), (&json!(401), &json!("invalid_credentials")));
    assert_eq!(laptop.run("signIn()").await["status"], 200);
    telephone.browser.close().await;
    laptop.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_browser_whose_authenticator_lies_signs_nobody_in() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let page = Page::open(&server, &session.access_token).await;
    assert_eq!(page.run("create()").await["status"], 201);
    for lie in ["isBogusSignature", "isBadUV", "isBadUP"] {
        page.override_bits(json!({ lie: true })).await;
        let answer = page.run("signIn()").await;
        let is_refused = answer["status"] == 401 && answer["body"]["code"] == "invalid_credentials";
        // What the browser finds out itself it does not send.
        assert!(is_refused || answer["error"].is_string(), "{lie}: {answer}");
        page.override_bits(json!({ lie: false })).await;
    }
    page.set("WebAuthn.setUserVerified", json!({"isUserVerified": false})).await;
    assert_eq!(page.run("signIn()").await, json!({"error": "NotAllowedError"}));
    page.set("WebAuthn.setUserVerified", json!({"isUserVerified": true})).await;
    assert_eq!(page.run("signIn()").await["status"], 200);
    page.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn signs_of_a_copy_are_told_and_signed_in() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let page = Page::open(&server, &session.access_token).await;
    assert_eq!(page.run("create()").await["status"], 201);
    assert_eq!(page.run("signIn()").await["status"], 200);
    let mut restored = page.credential().await;
    assert_eq!(page.run("signIn()").await["status"], 200);
    // As from a backup of before: its counter has gone back.
    restored["signCount"] = json!(1);
    page.set("WebAuthn.clearCredentials", json!({})).await;
    page.set("WebAuthn.addCredential", json!({ "credential": restored })).await;
    assert_eq!(page.run("signIn()").await["status"], 200);
    let id = page.credential().await["credentialId"].clone();
    let other = json!({"credentialId": id, "backupEligibility": false, "backupState": false});
    page.set("WebAuthn.setCredentialProperties", other).await;
    assert_eq!(page.run("signIn()").await["status"], 200);
    let events = page.run("send('GET', '/users/me/events?limit=100')").await;
    let events = events["body"]["events"].to_string();
    assert!(events.contains("passkey_counter") && events.contains("passkey_backup_changed"), "{events}");
    page.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn two_tabs_that_begin_at_once_both_sign_in() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let page = Page::open(&server, &session.access_token).await;
    assert_eq!(page.run("create()").await["status"], 201);
    // Each with options of its own; the same answer twice is one sign-in.
    let both = page
        .run(
            "(async () => {
                const [one, other] = await Promise.all([send('POST', '/passkeys/options'), send('POST', '/passkeys/options')]);
                const first = await sign(one.body.options);
                const second = await sign(other.body.options);
                const all = [first, second, first, second].map((credential) => send('POST', '/passkeys/login', { credential }));
                return (await Promise.all(all)).map((answer) => answer.status);
            })()",
        )
        .await;
    let mut statuses: Vec<_> =
        both.as_array().unwrap().iter().map(|status| status.as_u64().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 401, 401]);
    page.browser.close().await;
}
