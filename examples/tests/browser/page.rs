use auth_core::{ClientInfo, Login};
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

const STATUS: &str = "document.getElementById('status').textContent";
const ROWS: &str = "document.querySelectorAll('#sessions li').length";
const FOCUS: &str = "document.activeElement.id";

/// What a form says below its fields.
fn wrong(form: &str) -> String {
    format!("document.querySelector('#{form} .wrong').textContent")
}

async fn sign_in_elsewhere(world: &World, number: usize) {
    for _ in 0..number {
        let client = ClientInfo::default().user_agent("<b>a phone</b>");
        world.host.auth.login(Login::new(ADA, PASSWORD).client(client)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn somebody_with_a_keyboard_registers_and_signs_out_and_in() {
    let world = World::new().await;
    world.sees("nobody").await;
    let (tab, enter) = ("\u{E004}", "\u{E007}");
    world.browser.eval("document.getElementById('register-email').focus()").await;
    world.browser.press(&format!("{ADA}{tab}{PASSWORD}{enter}")).await;
    world.sees(ADA).await;
    world.until(FOCUS, "who-title").await;
    // The next stop after the heading.
    world.browser.press(tab).await;
    world.until(FOCUS, "sign-out").await;
    world.browser.press(enter).await;
    world.sees("nobody").await;
    world.until(FOCUS, "sign-in-title").await;
    world.browser.press(&format!("{tab}{ADA}{tab}{PASSWORD}{tab}{enter}")).await;
    world.sees(ADA).await;
    world.browser.reload().await;
    world.sees(ADA).await;
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn what_is_wrong_is_told_at_its_form_and_its_field() {
    let world = World::new().await;
    world.sees("nobody").await;
    world.submit("register", ADA, "short").await;
    world.until(&format!("{} !== ''", wrong("register")), true).await;
    world.until(FOCUS, "register-password").await;
    let marked = "[...document.querySelectorAll('[aria-invalid]')].map((field) => field.id)";
    world.until(marked, json!(["register-password"])).await;

    world.submit("register", ADA, PASSWORD).await;
    world.sees(ADA).await;
    world.browser.click("#sign-out").await;
    world.sees("nobody").await;
    world.submit("sign-in", ADA, "another password").await;
    world.until(&format!("{} !== ''", wrong("sign-in")), true).await;
    world.until(marked, json!([])).await;
    world.submit("register", ADA, PASSWORD).await;
    world.until(&format!("{} !== ''", wrong("register")), true).await;
    world.submit("sign-in", ADA, PASSWORD).await;
    world.sees(ADA).await;
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn sessions_are_listed_as_text_and_ended_one_by_one_or_all_others_at_once() {
    let world = World::of_ada().await;
    world.until(ROWS, 1).await;
    sign_in_elsewhere(&world, 3).await;
    world.browser.click("#reload").await;
    world.until(ROWS, 4).await;
    let agents = "[...document.querySelectorAll('.agent')].filter((agent) => agent.textContent === '<b>a phone</b>').length";
    world.until(agents, 3).await;
    world.browser.click("#sessions li button").await;
    world.until(ROWS, 3).await;
    world.until(STATUS, "That session has ended.").await;
    world.browser.click("#end-others").await;
    world.until(ROWS, 1).await;
    world.until(STATUS, "Every other session has ended.").await;
    world.until("document.querySelector('#sessions strong').textContent", "This browser").await;
    world.browser.close().await;
}
