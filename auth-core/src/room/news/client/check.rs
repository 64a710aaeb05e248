//! What a look at webhooks finds.

use super::{config::SetUp, outcome::FAILING};
use crate::{Error, Finding, clock::duration_millis, kernel::Kernel, room::news::store::list_webhooks};

/// After four tries something is wrong that does not mend itself.
const STUCK: std::time::Duration = std::time::Duration::from_mins(15);

pub(in crate::room::news) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    let Some(set_up) = kernel.set_up::<SetUp>() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let since = kernel.now().saturating_sub(duration_millis(STUCK));
    for row in list_webhooks(kernel.store.db()).await? {
        let (id, url) = (row.id, row.url);
        match row.off_reason.as_deref() {
            Some(FAILING) => found.push(Finding::error(
                "webhook_off",
                format!("the webhook {id} ({url}) was switched off: for three days nothing could be handed over"),
                "see why it fails in the list of its deliveries, then switch it on again: it goes on where it was",
            )),
            None if row.failing_since.is_some_and(|failing| failing < since) => found.push(Finding::warning(
                "webhook_failing",
                format!("the webhook {id} ({url}) fails: events wait, and after three days it is switched off"),
                "see why it fails in the list of its deliveries",
            )),
            _ => {}
        }
    }
    for of in set_up.of_settings.iter().filter(|of| of.url.starts_with("http:")) {
        found.push(Finding::note(
            "webhook_plain_http",
            format!("events are sent to {} by plain http: whoever is on the way reads them", of.url),
            "use https, unless it is this machine or a network of your own",
        ));
    }
    Ok(found)
}
