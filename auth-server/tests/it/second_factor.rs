//! Second factors in the program.

use std::time::Duration;

use auth_core::{
    Clock as _, SystemClock,
    test_util::{Authenticator, ManualClock},
};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::task::JoinSet;

use crate::support::{Answer, Browser, Client, KEY, PASSWORD, Program, Session};

const ADA: &str = "ada@example.com";

/// What an app shows so long from now. A code of the next step is taken, too.
pub(crate) fn code(secret: &str, ahead: Duration) -> String {
    let clock = ManualClock::new();
    clock.advance(SystemClock.now().duration_since(clock.now()).unwrap() + ahead);
    Authenticator::of_secret(secret, &clock).code()
}

async fn post(client: &Client, path: &str, access: Option<&str>, body: Value) -> Answer {
    let bearer = access.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    client.send("POST", path, &headers, &body.to_string()).await
}

/// Ada's secret, from now on asked for.
async fn enrol(client: &Client) -> String {
    let Session { access_token, .. } = client.sign_up(ADA).await;
    let setup = post(client, "/users/me/totp", Some(&access_token), json!({})).await;
    let secret = setup.body["secret"].as_str().unwrap().to_owned();
    let body = json!({"code": code(&secret, Duration::ZERO)});
    assert_eq!(post(client, "/users/me/totp/confirm", Some(&access_token), body).await.status, 200);
    secret
}

async fn challenge(client: &Client) -> String {
    let answer = client.login(ADA).await;
    assert_eq!(answer.status, 403, "{:?}", answer.body);
    answer.body["auth_session"].as_str().unwrap().to_owned()
}

async fn answer(client: &Client, auth_session: &str, code: &str) -> Answer {
    post(
        client,
        "/login/challenge",
        None,
        json!({"auth_session": auth_session, "method": "totp", "code": code}),
    )
    .await
}

each_database! {
    async fn of_64_who_give_two_programs_the_same_code_at_once_one_gets_in(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || {
            Program::in_directory(home.path())
                .env("DATABASE_URL", database.url())
                .env("SECRET_KEY", KEY)
                .env("DATABASE_TIMEOUT_MS", "30000")
                .env("PUBLIC_URL", "http://localhost:8000")
        };
        let servers = [program().start().await, program().start().await];
        let clients = [servers[0].client(), servers[1].client()];
        let secret = enrol(&clients[0]).await;
        let mut challenges = Vec::new();
        for number in 0..8 {
            challenges.push(challenge(&clients[number % 2]).await);
        }
        let (code, mut tasks) = (code(&secret, Duration::from_secs(30)), JoinSet::new());
        for number in 0..64 {
            let (client, code) = (clients[number % 2].clone(), code.clone());
            let challenge = challenges[number / 8].clone();
            tasks.spawn(async move { answer(&client, &challenge, &code).await.status.as_u16() });
        }
        let mut answered = tasks.join_all().await;
        answered.sort_unstable();
        assert_eq!(answered[0], 200, "{answered:?}");
        // Wrong by now, one that has to wait, or of the challenge that was answered.
        assert!(answered[1..].iter().all(|status| [401, 429].contains(status)), "{answered:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_key_goes_on_with_the_apps_of_before() {
    const NEW: &str = "another key of 32 bytes and more, for tests only";
    let (home, database) = (tempdir().unwrap(), TestDatabase::sqlite().await);
    let program = |key: &str| {
        let program = Program::in_directory(home.path()).env("DATABASE_URL", database.url());
        program.env("PUBLIC_URL", "http://localhost:8000").env("SECRET_KEY", key)
    };
    let secret = enrol(&program(KEY).start().await.client()).await;
    let sign_in = async |program: Program| {
        // Each code is taken once, and the test does not wait for the next one.
        database.connect().await.execute_unprepared("UPDATE auth_totp SET last_step = 0").await.unwrap();
        let server = program.start().await;
        let challenge = challenge(&server.client()).await;
        answer(&server.client(), &challenge, &code(&secret, Duration::ZERO)).await.status.as_u16()
    };
    assert_eq!(sign_in(program(NEW)).await, 401, "a key that was not told");
    assert_eq!(sign_in(program(NEW).env("SECRET_KEY_PREVIOUS", KEY)).await, 200);
    assert_eq!(sign_in(program(NEW)).await, 200, "it was encrypted anew");
    assert_eq!(sign_in(program(KEY)).await, 401, "and the former is of no use any more");
    database.drop_database().await;
}

/// Runs an operation by its form on the page; what it answers.
async fn execute(browser: &Browser, operation: &str, body: Option<Value>) -> (String, Value) {
    let block = format!("document.querySelector('[id^=operations-][id$=-{operation}]')");
    let script = format!(
        "const done = arguments[arguments.length - 1];
         const body = {body};
         const block = () => {block};
         const until = look => new Promise(found => {{
             const again = () => {{ const it = look(); it ? found(it) : requestAnimationFrame(again); }};
             again();
         }});
         const set = (field, value) => {{
             const kind = Object.getPrototypeOf(field);
             Object.getOwnPropertyDescriptor(kind, 'value').set.call(field, value);
             field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', {{bubbles: true}}));
         }};
         (async () => {{
             (await until(() => block()?.querySelector('.opblock-summary-control'))).click();
             (await until(() => block().querySelector('.try-out__btn'))).click();
             if (body !== null) {{
                 const kind = block().querySelector('.opblock-section-request-body select.content-type');
                 if (kind) set(kind, 'application/json');
                 set(await until(() => block().querySelector('textarea.body-param__text')), body);
             }}
             (await until(() => block().querySelector('.execute'))).click();
             const status = await until(() => block().querySelector('.live-responses-table tbody .response-col_status')?.textContent.trim());
             const shown = await until(() => block().querySelector('.live-responses-table tbody .highlight-code')?.textContent);
             // As it was, for the next time.
             block().querySelector('.btn-clear').click();
             await until(() => !block().querySelector('.live-responses-table'));
             block().querySelector('.try-out__btn.cancel').click();
             block().querySelector('.opblock-summary-control').click();
             done([status, shown]);
         }})();",
        body = body.map_or(Value::Null, |body| Value::String(body.to_string())),
    );
    let told = browser.run(&script).await;
    let shown = told[1].as_str().unwrap();
    let document = shown.find('{').zip(shown.rfind('}')).map(|(from, to)| &shown[from..=to]).unwrap();
    (
        told[0].as_str().unwrap().to_owned(),
        serde_json::from_str(document).unwrap_or_else(|_| panic!("{shown}")),
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn in_a_browser_the_docs_page_walks_through_enrolment_and_a_challenged_sign_in() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("COOKIE_SECURE", "false").start().await;
    assert_eq!(server.client().register(ADA).await.status, 201);
    let browser = Browser::start().await;
    browser.go(&format!("http://{}/docs", server.address())).await;
    let login = || json!({"email": ADA, "password": PASSWORD});
    let (status, tokens) = execute(&browser, "login", Some(login())).await;
    assert!(status.starts_with("200") && tokens["access_token"].is_string(), "{status} {tokens}");
    crate::docs::authorize(&browser, ADA).await;
    let (status, setup) = execute(&browser, "begin_totp", None).await;
    assert!(status.starts_with("201") && setup["qr"].as_str().unwrap().contains("<svg"), "{status} {setup}");
    let secret = setup["secret"].as_str().unwrap();
    let body = json!({"code": code(secret, Duration::ZERO)});
    let (status, confirmed) = execute(&browser, "confirm_totp", Some(body)).await;
    assert!(status.starts_with("200") && confirmed["recovery_codes"][9].is_string(), "{status} {confirmed}");
    let (status, challenge) = execute(&browser, "login", Some(login())).await;
    assert!(
        status.starts_with("403") && challenge["code"] == "second_factor_required",
        "{status} {challenge}"
    );
    let body = json!({
        "auth_session": challenge["auth_session"], "method": "totp", "code": code(secret, Duration::from_secs(30)),
        "remember_device": true,
    });
    let (status, tokens) = execute(&browser, "answer_challenge", Some(body)).await;
    assert!(status.starts_with("200") && tokens["access_token"].is_string(), "{status} {tokens}");
    // The browser has the cookie of the device now.
    let (status, tokens) = execute(&browser, "login", Some(login())).await;
    assert!(status.starts_with("200") && tokens["access_token"].is_string(), "{status} {tokens}");
    browser.close().await;
}
