//! Devices on which the second factor is not asked for again for a while: the row hangs on account, epoch and factors, the
//! browser has the cookie that names it.

mod store;

use std::time::SystemTime;

use uuid::Uuid;

use self::store::{
    NewDevice, find_device, insert_device, is_good_device, list_devices, make_room, remove_devices,
    use_device,
};
use super::DEVICE_NOT_FOUND;
use crate::{
    ClientInfo, Error, Principal, UserId,
    clock::{duration_millis, from_millis},
    event::EventKind,
    kernel::{Arrival, Kernel, Remembered},
    random,
    store::{DatabaseTransaction, SessionRow, UserRow},
    task::{BoxFuture, until_won},
};

/// As many of one account: of more, the one that was used the longest ago is asked again.
const MOST: u64 = 20;

/// A device on which the second factor is not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RememberedDevice {
    /// Which.
    pub id: Uuid,
    /// What the browser called itself: its `User-Agent`.
    pub name: Option<String>,
    /// When the factor was shown there.
    pub created_at: SystemTime,
    /// When somebody last signed in there.
    pub last_used_at: SystemTime,
    /// From then on it is asked for.
    pub remembered_until: SystemTime,
    /// Whether the request came from there.
    pub is_current: bool,
}

/// A device whose factor was shown after this is remembered still. The setting of now decides, not that of then.
fn since(kernel: &Kernel) -> i64 {
    kernel.now().saturating_sub(duration_millis(kernel.config.factors.remember_device))
}

/// Whether the factors of who arrives were shown on this device lately. Its cookie is good for one sign-in, which brings the
/// next one; `spares` says whether it takes the place of a factor.
pub(super) async fn remembered(
    kernel: &Kernel,
    arrival: &Arrival,
    spares: bool,
) -> Result<Option<Remembered>, Error> {
    let Some(shown) = arrival.device else { return Ok(None) };
    let (db, user) = (kernel.store.db(), &arrival.user);
    let Some(device) = find_device(db, user.id, user.epoch, since(kernel), shown).await? else {
        return Ok(None);
    };
    let token_id = random::uuid(kernel.random.as_ref())?;
    Ok(Some(Remembered { device, shown, token_id, spares, rename }))
}

fn rename<'a>(
    txn: &'a DatabaseTransaction,
    by: &'a Remembered,
    now: i64,
) -> BoxFuture<'a, Result<bool, Error>> {
    Box::pin(async move { Ok(use_device(txn, by.device, (by.shown, by.token_id), now).await?) })
}

/// Whether the device for which a session was let in is remembered still.
pub(super) async fn still_spares(kernel: &Kernel, session: &SessionRow) -> Result<bool, Error> {
    let Some(device) = session.device else { return Ok(false) };
    let (db, user) = (kernel.store.db(), &session.user);
    Ok(is_good_device(db, user.id, user.epoch, since(kernel), device).await?)
}

/// What its cookie is to name a device by; `None`: it is not to be remembered.
pub(super) fn wanted(kernel: &Kernel, is_wanted: bool) -> Result<Option<Uuid>, Error> {
    let is_on = !kernel.config.factors.remember_device.is_zero();
    Ok(if is_on && is_wanted { Some(random::uuid(kernel.random.as_ref())?) } else { None })
}

/// Remembers the device, in the transaction that uses the factor up.
pub(super) async fn remember(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    user: &UserRow,
    token_id: Uuid,
    client: &ClientInfo,
) -> Result<EventKind, Error> {
    let now = kernel.now();
    make_room(txn, user.id, kernel.device_shown(client), MOST).await?;
    let new = NewDevice {
        id: random::ordered_uuid(kernel.random.as_ref(), now)?,
        user: user.id,
        token_id,
        epoch: user.epoch,
        name: client.storable_user_agent(),
        now,
    };
    insert_device(txn, new).await?;
    let kind = EventKind::DeviceRemembered { user: user.id };
    kernel.record(txn, client, &kind).await?;
    Ok(kind)
}

pub(super) async fn list(
    kernel: &Kernel,
    caller: &Principal,
    client: &ClientInfo,
) -> Result<Vec<RememberedDevice>, Error> {
    let user = kernel.live_session(caller).await?.user;
    let for_millis = duration_millis(kernel.config.factors.remember_device);
    let current = kernel.device_shown(client);
    let rows = list_devices(kernel.store.db(), user.id, user.epoch, since(kernel)).await?;
    let devices = rows.into_iter().map(|row| RememberedDevice {
        id: row.id,
        name: row.name,
        created_at: from_millis(row.created_at),
        last_used_at: from_millis(row.last_used_at),
        remembered_until: from_millis(row.created_at.saturating_add(for_millis)),
        is_current: current == Some(row.token_id),
    });
    Ok(devices.collect())
}

/// One, or all. To be called [detached](crate::task::detached).
pub(super) async fn forget(
    kernel: &Kernel,
    caller: &Principal,
    device: Option<Uuid>,
    client: &ClientInfo,
) -> Result<(), Error> {
    let user: UserId = kernel.live_session(caller).await?.user.id;
    let kind = EventKind::DeviceForgotten { user };
    let was_there = until_won(|| async {
        let txn = kernel.store.begin().await?;
        let was_there = remove_devices(&txn, user, device).await?;
        if was_there {
            kernel.record(&txn, client, &kind).await?;
        }
        txn.commit().await?;
        Ok(was_there)
    });
    match (was_there.await?, device) {
        (true, _) => kernel.emit(client, kind),
        (false, Some(_)) => return Err(DEVICE_NOT_FOUND.into()),
        (false, None) => {}
    }
    Ok(())
}
