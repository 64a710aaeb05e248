use std::time::Duration;

use crate::{
    host::REFRESH,
    world::{ADA, World},
};

/// Longer than the grace within which a refresh may be repeated.
const PAST_GRACE: Duration = Duration::from_secs(11);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn reloads_that_break_off_the_refresh_of_the_one_before_sign_nobody_out() {
    let world = World::of_ada().await;
    // A tab that is none of the page has no token to hand over.
    world.browser.go(&world.host.at("/page.css")).await;
    for _ in 0..4 {
        world.host.clock.advance(PAST_GRACE);
        let storm = "
            const done = arguments[arguments.length - 1];
            (async () => {
                const page = open('/', 'storm');
                for (let i = 0; i < 40; i++) {
                    // Sometimes before the request is sent, sometimes while it is answered, sometimes after.
                    await new Promise((resolve) => setTimeout(resolve, (i * 7) % 60));
                    if (i % 3) page.location.reload();
                    else page.location.href = i % 2 ? '/' : '/page.css';
                }
                page.location.href = '/';
            })().then(done, (error) => done(String(error)));";
        assert_eq!(world.browser.run(storm).await, serde_json::Value::Null);
        let tabs = world.browser.tabs().await;
        world.each_sees(&tabs[1..], ADA).await;
        world.browser.to_tab(&tabs[0]).await;
    }
    let refreshes = world.host.take(REFRESH);
    assert!(refreshes.len() > 8, "{refreshes:?}");
    assert_eq!(refreshes.iter().filter(|status| **status != 200).count(), 1, "but for the first: {refreshes:?}");
    let tabs = world.browser.tabs().await;
    world.browser.to_tab(&tabs[1]).await;
    world.host.clock.advance(PAST_GRACE);
    world.is_still_signed_in().await;
    world.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn an_answer_that_was_lost_signs_nobody_out_however_late_the_next_try() {
    let world = World::of_ada().await;
    for _ in 0..2 {
        world.host.take(REFRESH);
        world.host.clock.advance(PAST_GRACE);
        world.host.lose_refreshes(true);
        let before = world.host.events.count("refreshed");
        world.browser.reload().await;
        world.until("document.getElementById('again').hidden", false).await;
        let told = "document.getElementById('status').textContent";
        world.until(told, "The server cannot be reached. Please try again.").await;
        // The server has rotated, and the browser does not know.
        assert!(world.host.take(REFRESH).iter().all(|status| *status == 0));
        assert_eq!(world.host.events.count("refreshed"), before + 1);

        world.host.clock.advance(Duration::from_hours(2));
        world.host.lose_refreshes(false);
        world.browser.click("#again").await;
        world.sees(ADA).await;
        world.host.clock.advance(PAST_GRACE);
        world.is_still_signed_in().await;
    }
    world.browser.close().await;
}
