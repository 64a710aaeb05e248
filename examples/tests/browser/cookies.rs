use serde_json::json;

use crate::world::{ADA, World};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_cookies_are_for_this_host_for_https_for_pages_of_this_site_and_for_no_script() {
    let world = World::of_ada().await;
    let all = world.browser.cdp("Network.getAllCookies", json!({})).await;
    let mut cookies: Vec<_> = all["cookies"].as_array().unwrap().iter().collect();
    cookies.sort_by_key(|cookie| cookie["name"].to_string());
    let names: Vec<_> = cookies.iter().map(|cookie| cookie["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["__Host-auth_device", "__Host-refresh_token"]);
    for cookie in cookies {
        // A domain that subdomains share would begin with a dot.
        let actual = ["httpOnly", "secure", "sameSite", "path", "domain"].map(|member| &cookie[member]);
        let expected = [&json!(true), &json!(true), &json!("Strict"), &json!("/"), &json!("127.0.0.1")];
        assert_eq!(actual, expected, "{}", cookie["name"]);
    }
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn neither_token_is_anywhere_where_a_script_could_find_it() {
    let world = World::of_ada().await;
    world.browser.reload().await;
    world.sees(ADA).await;
    let stored = world
        .browser
        .run(
            "const done = arguments[arguments.length - 1];
            (async () => ({
                cookie: document.cookie,
                cookies: await cookieStore.getAll(),
                local: localStorage.length,
                session: sessionStorage.length,
                databases: await indexedDB.databases(),
                caches: await caches.keys(),
                history: history.state,
                address: location.href,
                page: /eyJ/.test(document.documentElement.outerHTML),
                globals: Object.keys(window).filter((key) => /eyJ/.test(String(window[key]))),
            }))().then(done, (error) => done(String(error)));",
        )
        .await;
    let expected = json!({
        "cookie": "", "cookies": [], "local": 0, "session": 0, "databases": [], "caches": [], "history": null,
        "address": world.host.at("/"), "page": false, "globals": [],
    });
    assert_eq!(stored, expected);
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn markup_that_somebody_smuggled_in_does_not_run_and_sends_nothing_elsewhere() {
    let world = World::of_ada().await;
    let [same_site, other_site] = crate::host::elsewhere().await;
    let script = format!(
        "const done = arguments[arguments.length - 1];
        const refused = new Set();
        const all = new Promise((resolve) => {{
            addEventListener('securitypolicyviolation', (event) => {{
                refused.add(event.effectiveDirective);
                if (refused.size === 7) resolve();
            }});
        }});
        const add = (name, members) => document.body.append(Object.assign(document.createElement(name), members));
        add('script', {{ textContent: 'window.ran = 1' }});
        add('script', {{ src: '{same_site}' }});
        document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.ran = 2\" id=smuggled style=\"color: red\">');
        document.getElementById('smuggled').click();
        add('img', {{ src: '{other_site}' }});
        add('iframe', {{ src: '{same_site}' }});
        add('base', {{ href: '{other_site}' }});
        (async () => {{
            const sent = await fetch('{other_site}', {{ mode: 'no-cors' }}).then(() => 'sent', () => 'refused');
            await all;
            return [window.ran ?? null, sent, document.baseURI, [...refused].sort()];
        }})().then(done, (error) => done(String(error)));"
    );
    let refused = world.browser.run(&script).await;
    let directives = json!([
        "base-uri",
        "connect-src",
        "frame-src",
        "img-src",
        "script-src-attr",
        "script-src-elem",
        "style-src-attr"
    ]);
    assert_eq!(refused, json!([null, "refused", world.host.at("/"), directives]));
    world.browser.close().await;
}
