use std::time::Duration;

use crate::{
    host::{REFRESH, Refreshes},
    world::{ADA, World},
};

/// Longer than the grace within which a refresh may be repeated.
const PAST_GRACE: Duration = Duration::from_secs(11);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn reloads_that_break_off_the_refresh_of_the_one_before_sign_nobody_out() {
    let world = World::of_ada().await;
    world.host.take(REFRESH);
    // From a tab that is none of the page: it has no token to hand over, and waits for no reload.
    world.browser.go(&world.host.at("/page.css")).await;
    world.browser.eval("void (window.page = open('/', 'storm'))").await;
    for round in 0..30 {
        // Every third time the last refresh was before the grace.
        world.host.clock.advance(Duration::from_secs(4));
        let before = world.host.take(REFRESH);
        assert!(!before.contains(&401), "{before:?}");
        world.host.refreshes(if round % 3 == 0 { Refreshes::AreWithheld } else { Refreshes::Arrive });
        world.browser.eval("void page.location.reload()").await;
        // Whoever does not wait breaks it off even before it was sent, now and then.
        if round % 3 != 1 {
            world.host.wait_for(REFRESH, 1).await;
        }
    }
    world.host.refreshes(Refreshes::Arrive);
    world.browser.eval("void page.location.reload()").await;
    world.browser.to_tab(&world.browser.tabs().await[1]).await;
    world.sees(ADA).await;
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
        world.host.refreshes(Refreshes::AreLost);
        let before = world.host.events.count("refreshed");
        world.browser.reload().await;
        world.until("document.getElementById('again').hidden", false).await;
        let told = "document.getElementById('status').textContent";
        world.until(told, "The server cannot be reached. Please try again.").await;
        // The server has rotated, and the browser does not know.
        assert!(world.host.take(REFRESH).iter().all(|status| *status == 0));
        assert_eq!(world.host.events.count("refreshed"), before + 1);

        world.host.clock.advance(Duration::from_hours(2));
        world.host.refreshes(Refreshes::Arrive);
        world.browser.click("#again").await;
        world.sees(ADA).await;
        world.host.clock.advance(PAST_GRACE);
        world.is_still_signed_in().await;
    }
    world.browser.close().await;
}
