use std::time::Duration;

use auth_core::{Login, Register};

use crate::{
    host::{LOGOUT, REFRESH, Refreshes, SCRIPT},
    world::{ADA, PASSWORD, World},
};

/// Longer than an access token lives.
const TOKEN_LIFETIME: Duration = Duration::from_mins(16);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn eight_tabs_that_are_opened_at_once_make_one_refresh_and_are_all_signed_in() {
    let world = World::of_ada().await;
    world.host.take(REFRESH);
    world.host.take(SCRIPT);
    // No answer comes before all of them have begun.
    world.host.refreshes(Refreshes::Wait);
    let tabs = world.open_tabs(8).await;
    world.host.wait_for(SCRIPT, 8).await;
    world.host.wait_for(REFRESH, 1).await;
    world.host.refreshes(Refreshes::Arrive);
    world.each_sees(&tabs, ADA).await;
    assert_eq!(world.host.take(REFRESH), [200]);
    assert_eq!(world.host.events.count("refreshed"), 1);
    // One that is opened later asks the others and not the server.
    let late = world.browser.new_tab().await;
    world.browser.go(&world.host.at("/")).await;
    world.sees(ADA).await;
    assert!(world.host.take(REFRESH).is_empty());
    world.each_sees(&late, ADA).await;
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn eight_tabs_whose_token_has_ended_make_one_refresh_and_each_request_is_answered() {
    let world = World::of_ada().await;
    let tabs = world.open_tabs(8).await;
    world.each_sees(&tabs, ADA).await;
    for tab in &tabs {
        world.browser.to_tab(tab).await;
        let listen =
            "void (new BroadcastChannel('test').onmessage = () => document.getElementById('reload').click())";
        world.browser.eval(listen).await;
        world.browser.eval("void document.getElementById('sessions').replaceChildren()").await;
    }
    world.host.take(REFRESH);
    world.host.take("/auth/users/me/sessions");
    world.host.clock.advance(TOKEN_LIFETIME);
    world.browser.eval("void new BroadcastChannel('test').postMessage(1)").await;
    for tab in &tabs {
        world.browser.to_tab(tab).await;
        world.until("document.querySelectorAll('#sessions li').length", 1).await;
    }
    assert_eq!(world.host.take(REFRESH), [200]);
    let mut answered = world.host.take("/auth/users/me/sessions");
    answered.retain(|status| *status == 200);
    assert_eq!(answered.len(), 8);
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn without_locks_each_tab_refreshes_for_itself_and_all_are_signed_in_by_the_grace() {
    let world = World::of_ada_without_locks().await;
    world.host.take(REFRESH);
    let tabs = world.open_tabs(8).await;
    world.each_sees(&tabs, ADA).await;
    assert_eq!(world.host.take(REFRESH), [200; 8]);
    assert_eq!(world.host.events.count("refreshed"), 1, "the others got the same successor");
    world.is_still_signed_in().await;
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_sign_out_in_one_tab_is_one_in_all_and_so_is_the_next_sign_in() {
    let world = World::of_ada().await;
    let grace = "grace@example.com";
    world.host.auth.register(Register::new(grace, PASSWORD)).await.unwrap();
    let tabs = world.open_tabs(3).await;
    world.each_sees(&tabs, ADA).await;
    world.browser.click("#sign-out").await;
    world.each_sees(&tabs, "nobody").await;
    for tab in &tabs {
        world.browser.to_tab(tab).await;
        world.until("document.getElementById('status').textContent", "You are signed out.").await;
        assert_eq!(
            world.browser.eval("document.body.textContent.includes('ada@')").await,
            Some(false.into())
        );
    }
    assert_eq!(world.host.take(LOGOUT), [204]);

    world.submit("sign-in", grace, PASSWORD).await;
    world.each_sees(&tabs, grace).await;
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn what_one_person_clicked_is_not_done_to_who_has_signed_in_unheard_meanwhile() {
    let world = World::of_ada().await;
    let grace = "grace@example.com";
    world.host.auth.register(Register::new(grace, PASSWORD)).await.unwrap();
    for email in [ADA, grace] {
        world.host.auth.login(Login::new(email, PASSWORD)).await.unwrap();
    }
    world.browser.reload().await;
    world.until("document.getElementById('end-others').hidden", false).await;
    // As a sign-in at a provider does: the cookie is another one, and no tab was told.
    let sign_in = format!(
        "fetch('/auth/login', {{
            method: 'POST',
            headers: {{ 'Content-Type': 'application/json' }},
            body: JSON.stringify({{ email: '{grace}', password: '{PASSWORD}' }}),
        }}).then((answer) => answer.status)"
    );
    assert_eq!(world.browser.eval(&sign_in).await, Some(200.into()));
    world.browser.click("#end-others").await;
    world.sees(grace).await;
    world.until("document.querySelectorAll('#sessions li').length", 2).await;
    assert_eq!(world.host.events.count("others_signed_out"), 0, "hers are as they were");
    world.browser.close().await;
}
