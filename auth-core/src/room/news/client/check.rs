//! What a look at webhooks finds.

use super::{config::SetUp, deliver::of_setting, outcome::FAILING};
use crate::{Error, Finding, clock::duration_millis, kernel::Kernel, room::news::store::list_webhooks};

/// After four tries something is wrong that does not mend itself.
const STUCK: std::time::Duration = std::time::Duration::from_mins(15);

pub(in crate::room::news) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    let rows = list_webhooks(kernel.store.db()).await?;
    let Some(set_up) = kernel.set_up::<SetUp>() else {
        return Ok(Vec::from_iter((!rows.is_empty()).then(|| {
            Finding::warning(
                "webhooks_off",
                format!("{} webhooks are stored and told of nothing: webhooks are off", rows.len()),
                "set audit_retention, and hand webhooks to the builder; or remove them while they are on",
            )
        })));
    };
    let mut found = Vec::new();
    let since = kernel.now().saturating_sub(duration_millis(STUCK));
    for row in rows {
        let (id, url) = (row.id, row.url);
        if row.setting.is_some_and(|name| of_setting(&set_up, &name).is_none()) {
            found.push(Finding::note(
                "webhook_left",
                format!("the webhook {id} ({url}) was named by a setting that is gone: with it ends what it was not told yet"),
                "nothing, if that is meant: the next start removes it",
            ));
            continue;
        }
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
