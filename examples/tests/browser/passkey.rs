use auth_core::{
    ClientInfo, Login, SignIn,
    factor::{Method, StepUp},
    test_util::Authenticator,
};
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

const LOGIN: &str = "/auth/passkeys/login";
const CHALLENGE: &str = "/auth/login/challenge";

/// How many the page lists, and what it says.
const LISTED: &str = "[document.querySelectorAll('#list-of-passkeys li').length, document.getElementById('status').textContent]";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_passkey_is_made_in_the_page_signs_in_by_form_and_button_and_is_removed() {
    let world = World::of_ada_with_an_authenticator().await;
    world.browser.click("#add-passkey").await;
    world.until(LISTED, json!([1, ""])).await;
    // The authenticator takes what the form offers, without a click.
    world.browser.click("#sign-out").await;
    world.host.wait_for(LOGIN, 1).await;
    world.sees(ADA).await;
    assert_eq!(world.host.take(LOGIN), [200]);
    // A browser that offers nothing in forms has the button.
    let none = "PublicKeyCredential.isConditionalMediationAvailable = async () => false, 1";
    world.browser.eval(none).await;
    world.browser.click("#sign-out").await;
    world.sees("nobody").await;
    world.browser.click("#by-passkey").await;
    world.sees(ADA).await;
    assert_eq!(world.host.take(LOGIN), [200]);
    world.until(LISTED, json!([1, ""])).await;
    world.browser.click("#list-of-passkeys button").await;
    world.until(LISTED, json!([0, ""])).await;
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_page_takes_the_second_step_with_a_passkey_where_one_is_asked_for() {
    let world = World::of_ada_with_an_authenticator().await;
    world.browser.click("#add-passkey").await;
    world.until(LISTED, json!([1, ""])).await;
    world.until("document.getElementById('codes').textContent.startsWith('Write')", true).await;
    let codes = world.browser.eval("document.getElementById('codes').textContent").await.unwrap();
    let code = codes.as_str().unwrap().split(' ').next_back().unwrap().to_owned();
    // Elsewhere, an app: from now on a password asks for another factor.
    let auth = &world.host.auth;
    let SignIn::Granted(tokens) = auth.login(Login::new(ADA, PASSWORD)).await.unwrap() else {
        panic!("nothing is asked for yet")
    };
    let caller = auth.verifier().verify(tokens.access.expose()).unwrap();
    let by = StepUp::Code(Method::RecoveryCode, code.into());
    auth.step_up(&caller, by, ClientInfo::default()).await.unwrap();
    let factors = auth.factors().unwrap();
    let setup = factors.begin_totp(&caller).await.unwrap();
    let app = Authenticator::new(&setup, &world.host.clock);
    factors.confirm_totp(&caller, app.code(), ClientInfo::default()).await.unwrap();

    world.browser.eval("PublicKeyCredential.isConditionalMediationAvailable = async () => false, 1").await;
    world.browser.click("#sign-out").await;
    world.sees("nobody").await;
    world.submit("sign-in", ADA, PASSWORD).await;
    world.sees(ADA).await;
    assert_eq!((world.host.take("/auth/login").last(), world.host.take(CHALLENGE)), (Some(&403), vec![200]));
    world.browser.close().await;
}

impl World {
    /// Ada has signed in, at a host with a name, in a browser that has an authenticator.
    async fn of_ada_with_an_authenticator() -> Self {
        let world = Self::at_localhost().await;
        world.browser.cdp("WebAuthn.enable", json!({})).await;
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        });
        world.browser.cdp("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await;
        world
    }
}
