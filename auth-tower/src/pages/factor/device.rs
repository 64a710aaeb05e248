//! Of `/security`: the devices on which no second factor is asked for; `POST /devices`.

use auth_core::{Error, Principal, factor::DEVICE_NOT_FOUND};

use crate::{
    pages::{
        ask::{Answered, Ask, Stop},
        program, security,
        texts::fill,
    },
    problem::Problem,
};

/// A device in the list.
pub(in crate::pages) struct Row {
    pub(in crate::pages) id: String,
    pub(in crate::pages) name: String,
    pub(in crate::pages) until: String,
    pub(in crate::pages) is_this: bool,
}

/// Those of the caller; none where nothing is remembered.
pub(in crate::pages) async fn rows(ask: &Ask, caller: &Principal) -> Result<Vec<Row>, Stop> {
    let Some(factors) = ask.auth().factors() else { return Ok(Vec::new()) };
    let texts = ask.texts();
    let devices = factors.devices(caller, &ask.client).await?.into_iter().map(|device| Row {
        id: device.id.to_string(),
        name: device
            .name
            .as_deref()
            .and_then(program::of)
            .unwrap_or_else(|| texts.unknown_browser.to_owned()),
        until: fill(texts.device_until, &[("time", &ask.language.moment(device.remembered_until))]),
        is_this: device.is_current,
    });
    Ok(devices.collect())
}

/// The same rules as `DELETE /users/me/devices` and `DELETE /users/me/devices/{id}`.
pub(in crate::pages) async fn forget(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let (factors, client) = (ask.auth().factors().ok_or_else(Problem::not_found)?, ask.client.clone());
    let forgotten = match ask.field("device").parse() {
        Ok(device) => factors.forget_device(&caller, device, client).await,
        Err(_) => factors.forget_devices(&caller, client).await,
    };
    match forgotten {
        // One that is forgotten already, too.
        Ok(()) | Err(Error::Refused(DEVICE_NOT_FOUND)) => Ask::go(&security::told(ask, "forgotten")),
        Err(error) => Err(error.into()),
    }
}
