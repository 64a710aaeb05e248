//! The devices on which no second factor is asked for.

use auth_core::factor::{Factors, RememberedDevice};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    endpoint::answer::{json, no_content},
    openapi::{
        Operation,
        shape::{closed, id, list, nullable, time},
    },
    rfc3339,
    route::{Answered, Caller, Route},
    service::{Call, Inner},
};

pub(super) const LIST: Route =
    Route::get(|call| Box::pin(devices(call)), describe_list).open_to(Caller::Bearer);
pub(super) const FORGET_ALL: Route =
    Route::delete(|call| Box::pin(forget_all(call)), describe_forget_all).open_to(Caller::Bearer);
pub(super) const FORGET: Route =
    Route::delete(|call| Box::pin(forget(call)), describe_forget).open_to(Caller::Bearer);

#[derive(Serialize)]
pub(super) struct DeviceDocument {
    id: String,
    name: Option<String>,
    created_at: String,
    last_used_at: String,
    remembered_until: String,
    current: bool,
}

impl DeviceDocument {
    fn of(device: RememberedDevice) -> Self {
        Self {
            id: device.id.to_string(),
            name: device.name,
            created_at: rfc3339(device.created_at),
            last_used_at: rfc3339(device.last_used_at),
            remembered_until: rfc3339(device.remembered_until),
            current: device.is_current,
        }
    }
}

/// Those of the caller.
pub(super) async fn of_caller(
    factors: &Factors,
    caller: &auth_core::Principal,
    client: &auth_core::ClientInfo,
) -> Result<Vec<DeviceDocument>, auth_core::Error> {
    let devices = factors.devices(caller, client).await?;
    Ok(devices.into_iter().map(DeviceDocument::of).collect())
}

#[derive(Serialize)]
struct DevicesDocument {
    devices: Vec<DeviceDocument>,
}

/// `GET /users/me/devices`: the last used first.
async fn devices(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let devices = of_caller(&call.service.factors()?, &caller, &call.client).await?;
    Ok(json(StatusCode::OK, &DevicesDocument { devices }))
}

fn describe_list(_: &Inner) -> Operation {
    Operation::new("devices", "My devices on which no second factor is asked for").answers_with(
        200,
        "The last used first.",
        "Devices",
    )
}

/// `DELETE /users/me/devices`.
async fn forget_all(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let client = call.client.actor(caller.user_id());
    call.service.factors()?.forget_devices(&caller, client).await?;
    Ok(no_content())
}

fn describe_forget_all(_: &Inner) -> Operation {
    Operation::new("forget_devices", "Forget all my devices").answers(204, "Each is asked again.")
}

/// `DELETE /users/me/devices/{id}`. One that is somebody else's is as unknown as one that never was.
async fn forget(mut call: Call) -> Answered {
    let (caller, device) = (call.caller()?, call.id()?);
    let client = call.client.actor(caller.user_id());
    call.service.factors()?.forget_device(&caller, device, client).await?;
    Ok(no_content())
}

fn describe_forget(_: &Inner) -> Operation {
    Operation::new("forget_device", "Forget a device")
        .describe("A second factor is asked for there at the next sign-in, and at the next refresh of who was let in without.")
        .answers(204, "It is asked again.")
        .fails(&["not_found"])
}

pub(super) fn schemas() -> [(&'static str, Value); 2] {
    let device = closed(&json!({
        "id": id(),
        "name": nullable(),
        "created_at": time(),
        "last_used_at": time(),
        "remembered_until": time(),
        "current": {"type": "boolean", "description": "Whether this request came from there."},
    }));
    [("Device", device), ("Devices", closed(&json!({"devices": list("Device")})))]
}
