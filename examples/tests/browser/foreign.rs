use serde_json::json;
use tokio::time::timeout;

use crate::{
    PATIENCE,
    host::{LOGOUT, REFRESH, SCRIPT, elsewhere},
    world::{ADA, World},
};

/// Everything that a page may try by script: with the cookie, without asking, in the background, and as a picture.
fn attempts(world: &World, path: &str) -> String {
    let url = world.host.at(path);
    format!(
        "const done = arguments[arguments.length - 1];
        const outcome = (promise) => promise.then((answer) => `${{answer.type}} ${{answer.status}}`, () => 'refused');
        (async () => [
            await outcome(fetch('{url}', {{ method: 'POST', credentials: 'include' }})),
            await outcome(fetch('{url}', {{ method: 'POST', credentials: 'include', mode: 'no-cors' }})),
            await outcome(fetch('{url}', {{ method: 'POST', credentials: 'include', headers: {{ 'X-Own': '1' }} }})),
            await outcome(fetch('{url}', {{ credentials: 'include', mode: 'no-cors' }})),
            navigator.sendBeacon('{url}', 'x'),
        ])().then(done, (error) => done(String(error)));"
    )
}

async fn post_a_form(world: &World, from: &str, path: &str) {
    world.browser.go(from).await;
    let url = world.host.at(path);
    let script = format!(
        "(() => {{
            const form = document.createElement('form');
            Object.assign(form, {{ method: 'post', action: '{url}' }});
            document.body.append(form);
            form.submit();
        }})()"
    );
    world.browser.eval(&script).await;
    let arrived = async {
        while world.browser.url().await != url {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, arrived).await.expect("the form leads to the example");
}

async fn nobody_gets_anything(world: &World, from: &str, is_same_site: bool) {
    for path in [REFRESH, LOGOUT] {
        world.browser.go(from).await;
        let outcomes = world.browser.run(&attempts(world, path)).await;
        // The browser hands over nothing, not even the refusals.
        assert_eq!(outcomes, json!(["refused", "refused", "refused", "refused", true]), "{path} from {from}");
        post_a_form(world, from, path).await;
        // They did arrive, from the same site with the cookies, and were refused for where they come from.
        let answered = world.host.take_with_cookies(path);
        let posts: Vec<_> = answered.iter().filter(|(status, _)| *status != 405).collect();
        assert!(posts.iter().all(|(status, _)| *status == 403), "{path} from {from}: {answered:?}");
        // The other one is the question before a request with a header of its own, which never has cookies.
        let expected = posts.iter().filter(|(_, with_cookies)| *with_cookies == is_same_site).count();
        assert!(expected >= 3 && posts.len() - expected <= 1, "{path} from {from}: {answered:?}");
    }
    let kept = world.browser.cdp("Network.getCookies", json!({"urls": [world.host.at("/")]})).await;
    assert_eq!(kept["cookies"].as_array().map(Vec::len), Some(2), "both cookies are where they were");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_page_of_another_origin_can_neither_refresh_nor_sign_out_whether_of_this_site_or_of_another() {
    let world = World::of_ada().await;
    for (from, is_same_site) in elsewhere().await.into_iter().zip([true, false]) {
        let refreshed = world.host.events.count("refreshed");
        world.host.take(REFRESH);
        nobody_gets_anything(&world, &from, is_same_site).await;
        assert_eq!(world.host.events.count("refreshed"), refreshed, "{from}");
        assert_eq!(world.host.events.count("signed_out"), 0, "{from}");
        world.is_still_signed_in().await;
    }
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_page_of_another_origin_can_neither_frame_the_page_nor_hear_its_tabs() {
    let world = World::of_ada().await;
    for from in elsewhere().await {
        let [page, stranger] = world.browser.new_tab().await;
        world.browser.go(&from).await;
        world.host.take(SCRIPT);
        let script = format!(
            "(() => {{
                window.heard = [];
                new BroadcastChannel('auth').onmessage = ({{ data }}) => heard.push(data);
                new BroadcastChannel('auth').postMessage({{}});
                document.body.append(Object.assign(document.createElement('iframe'), {{ src: '{}' }}));
            }})()",
            world.host.at("/")
        );
        world.browser.eval(&script).await;
        // A token goes from tab to tab meanwhile.
        world.browser.to_tab(&page).await;
        world.browser.new_tab().await;
        world.browser.go(&world.host.at("/")).await;
        world.sees(ADA).await;
        world.browser.to_tab(&stranger).await;
        let heard = world.browser.eval("heard").await;
        // Its own question, at the other end of its own channel.
        assert_eq!(heard, Some(json!([{}])), "{from}");
        // A page in a frame would have asked for its script too.
        assert_eq!(world.host.take(SCRIPT).len(), 1, "{from}: that of the new tab");
        world.browser.to_tab(&page).await;
    }
    world.browser.close().await;
}
