//! Hands events over: one after the other to each webhook, to all webhooks at once, by one instance at a time.
//!
//! Each has its own place in the feed, which moves when an answer is a success. Whoever sends and does not get to write that down
//! sends again: an event arrives at least once, with the same id each time.

use std::{collections::HashMap, sync::Arc};

use http::Request;
use tokio::{
    task::{Id, JoinSet},
    time::MissedTickBehavior,
};
use uuid::Uuid;

use super::{
    config::{OfSetting, SetUp},
    logout, message, outcome,
    secret::SigningSecret,
};
use crate::{
    ADMIN_ROLE, Auth, ClientInfo, Error,
    clock::duration_millis,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    random,
    room::news::store::{
        DeliveryRow, WebhookRow, insert_delivery, insert_webhook, least_place, list_webhooks, readdress,
        remove_webhook, retype, stand,
    },
    store::{Insert, Placed, events_after, find_able, find_user, last_place},
    task::{detached, until_won},
};

/// How many events are read at once.
const BATCH: u64 = 50;
/// How long the turn of an instance lasts that does not come back. Longer than a try may take, so that one which is cut off has ended
/// its tries before another one begins.
const TURN: i64 = 20 * 1000;

impl Auth {
    /// Hands over what is due, in one round, and tells how many events arrived. For a host with a scheduler of its own; several
    /// instances at once send some events twice. 0 where webhooks are off.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn deliver_webhooks(&self) -> Result<u64, Error> {
        let kernel = Arc::clone(&self.kernel);
        let Some(set_up) = kernel.set_up::<SetUp>() else { return Ok(0) };
        follow_settings(&kernel, &set_up).await?;
        let mut tries = JoinSet::new();
        for row in due(&kernel, &set_up).await? {
            let (kernel, set_up) = (Arc::clone(&kernel), Arc::clone(&set_up));
            tries.spawn(async move { deliver(&kernel, &set_up, row).await });
        }
        let mut arrived: u64 = 0;
        while let Some(delivered) = tries.join_next().await {
            arrived = arrived.saturating_add(delivered.map_err(Error::internal)??);
        }
        Ok(arrived)
    }
}

/// For ever, where webhooks are on. One that takes its time keeps no other waiting.
pub(in crate::room::news) async fn keep_delivering(kernel: Arc<Kernel>) {
    let Some(set_up) = kernel.set_up::<SetUp>() else { return };
    let mut placed = kernel.placed.subscribe();
    let mut ticks = tokio::time::interval(kernel.config.background.poll);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tries = JoinSet::new();
    let mut busy: HashMap<Id, Uuid> = HashMap::new();
    let (mut follows, mut failing) = (false, false);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = placed.changed() => {}
            Some(ended) = tries.join_next_with_id(), if !tries.is_empty() => {
                let (id, outcome): (Id, Result<u64, Error>) = match ended {
                    Ok(done) => done,
                    // Given up: whoever's turn it is sends what this one would have.
                    Err(error) if error.is_cancelled() => (error.id(), Ok(0)),
                    Err(error) => (error.id(), Err(Error::internal(error))),
                };
                busy.remove(&id);
                if let Err(error) = outcome {
                    tracing::warn!(error = error.code(), "events for a webhook wait: {}", error.with_cause());
                }
            }
        }
        let looked = async {
            if !follows {
                follow_settings(&kernel, &set_up).await?;
            }
            let mut due = due(&kernel, &set_up).await?;
            due.retain(|row| !busy.values().any(|id| *id == row.id));
            // Kept for as long as something is under way: another instance would send the same again.
            if (!due.is_empty() || !busy.is_empty()) && !is_our_turn(&kernel).await? {
                due.clear();
                tries.abort_all();
            }
            Ok::<_, Error>(due)
        };
        let looked = looked.await;
        match (&looked, failing) {
            (Ok(_), true) => tracing::info!("webhooks are looked at again"),
            (Err(error), false) => {
                tracing::warn!(code = error.code(), "webhooks cannot be looked at: {}", error.with_cause());
            }
            (Ok(_), false) | (Err(_), true) => {}
        }
        (failing, follows) = (looked.is_err(), follows || looked.is_ok());
        for row in looked.unwrap_or_default() {
            let (kernel, set_up, id) = (Arc::clone(&kernel), Arc::clone(&set_up), row.id);
            let task = tries.spawn(async move { deliver(&kernel, &set_up, row).await });
            busy.insert(task.id(), id);
        }
    }
}

async fn is_our_turn(kernel: &Arc<Kernel>) -> Result<bool, Error> {
    let (kernel, now) = (Arc::clone(kernel), kernel.now());
    detached(async move {
        // Renewed at each poll, of which one or two may be late.
        let turn = TURN.max(duration_millis(kernel.config.background.poll).saturating_mul(3));
        let until = now.saturating_add(turn);
        kernel.take_turn("webhooks", until).await
    })
    .await
}

/// Sees to it that those whom settings name have a row, and that no others have one as if they did.
async fn follow_settings(kernel: &Arc<Kernel>, set_up: &Arc<SetUp>) -> Result<(), Error> {
    let (kernel, set_up) = (Arc::clone(kernel), Arc::clone(set_up));
    detached(async move {
        let db = kernel.store.db();
        let rows = list_webhooks(db).await?;
        for of in &set_up.of_settings {
            let types = if of.secret.is_none() { logout::endings() } else { String::new() };
            match rows.iter().find(|row| row.setting.as_ref() == Some(&of.name)) {
                Some(row) if row.url == of.url && row.types == types => {}
                Some(row) => {
                    retype(db, row.id, &types).await?;
                    readdress(db, row.id, &of.url).await?;
                }
                None => {
                    // From now on: what happened before is not news.
                    let after = last_place(db).await?.unwrap_or(0);
                    let new = new_row(&kernel, Some(of.name.clone()), of.url.clone(), types, after)?;
                    // Another instance was first.
                    let (Insert::Done | Insert::Taken) = insert_webhook(db, new).await?;
                }
            }
        }
        for row in rows {
            if row.setting.as_deref().is_some_and(|name| of_setting(&set_up, name).is_none()) {
                remove_webhook(db, row.id).await?;
            }
        }
        Ok(())
    })
    .await
}

/// A row without a secret.
pub(super) fn new_row(
    kernel: &Kernel,
    setting: Option<String>,
    url: String,
    types: String,
    after_seq: i64,
) -> Result<WebhookRow, Error> {
    let created_at = kernel.now();
    Ok(WebhookRow {
        id: random::ordered_uuid(kernel.random.as_ref(), created_at)?,
        setting,
        url,
        types,
        secret: None,
        secret_before: None,
        secret_before_until: None,
        after_seq,
        tries: 0,
        failing_since: None,
        next_try_at: 0,
        off_at: None,
        off_reason: None,
        created_at,
    })
}

pub(super) fn of_setting<'a>(set_up: &'a SetUp, name: &str) -> Option<&'a OfSetting> {
    set_up.of_settings.iter().find(|of| of.name == name)
}

/// Those that are on, are not resting after a failure, and have not been told of everything.
async fn due(kernel: &Kernel, set_up: &SetUp) -> Result<Vec<WebhookRow>, Error> {
    let db = kernel.store.db();
    let (mut rows, now) = (list_webhooks(db).await?, kernel.now());
    rows.retain(|row| row.off_at.is_none() && row.next_try_at <= now);
    rows.retain(|row| row.setting.as_deref().is_none_or(|name| of_setting(set_up, name).is_some()));
    if rows.is_empty() {
        return Ok(rows);
    }
    let last = last_place(db).await?.unwrap_or(0);
    rows.retain(|row| row.after_seq < last);
    Ok(rows)
}

/// The first event that some webhook has not been told of.
pub(in crate::room::news) async fn needed(kernel: &Kernel) -> Result<Option<i64>, Error> {
    if kernel.set_up::<SetUp>().is_none() {
        return Ok(None);
    }
    let least = least_place(kernel.store.db()).await?;
    Ok(least.map(|place| place.saturating_add(1)))
}

/// Everything that one webhook has not been told of, until there is no more or a try fails.
async fn deliver(kernel: &Arc<Kernel>, set_up: &SetUp, mut row: WebhookRow) -> Result<u64, Error> {
    let types: Vec<String> =
        row.types.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect();
    let mut arrived: u64 = 0;
    loop {
        let db = kernel.store.db();
        let last = last_place(db).await?.unwrap_or(0);
        let batch = events_after(db, row.after_seq, &types, BATCH).await?;
        if batch.is_empty() {
            if row.after_seq < last {
                // It was told of everything that it wants to hear.
                let standing = outcome::after(&row, last, Some(204), kernel.now());
                detached_stand(kernel, &row, standing, None).await?;
            }
            return Ok(arrived);
        }
        for placed in batch {
            let began = kernel.now();
            let status = attempt(kernel, set_up, &row, &placed).await;
            let now = kernel.now();
            let standing = outcome::after(&row, placed.seq, status, now);
            let is_success = standing.after_seq == placed.seq;
            let next_try_at = (!is_success && standing.off.is_none()).then_some(standing.next_try_at);
            let delivery = DeliveryRow {
                id: random::ordered_uuid(kernel.random.as_ref(), now)?,
                webhook_id: row.id,
                event_id: placed.event.id,
                code: placed.event.code.clone(),
                at: now,
                status: status.map(i64::from),
                duration_ms: now.saturating_sub(began),
                next_try_at,
            };
            let label = if is_success { "arrived" } else { "failed" };
            metrics::counter!("auth_webhook_deliveries_total", "outcome" => label).increment(1);
            let after = WebhookRow { after_seq: standing.after_seq, tries: standing.tries, ..row.clone() };
            if !detached_stand(kernel, &row, standing, Some(delivery)).await? || !is_success {
                return Ok(arrived);
            }
            row = WebhookRow { failing_since: None, next_try_at: 0, ..after };
            arrived = arrived.saturating_add(1);
        }
    }
}

/// The status of the answer. `None`: there was none, or nothing could be sent.
async fn attempt(kernel: &Kernel, set_up: &SetUp, row: &WebhookRow, placed: &Placed) -> Option<u16> {
    let request = match request(kernel, set_up, row, placed) {
        Ok(request) => request,
        Err(error) => {
            tracing::error!(webhook = %row.id, error = error.code(), "a webhook cannot be asked: {error}");
            return None;
        }
    };
    let client = if row.setting.is_some() { &set_up.trusted } else { &set_up.given };
    match client.send(request).await {
        Ok(answer) => Some(answer.status.as_u16()),
        Err(error) => {
            tracing::info!(webhook = %row.id, "a webhook does not answer: {error}");
            None
        }
    }
}

fn request(
    kernel: &Kernel,
    set_up: &SetUp,
    row: &WebhookRow,
    placed: &Placed,
) -> Result<Request<bytes::Bytes>, Error> {
    if row.setting.as_deref().and_then(|name| of_setting(set_up, name)).is_some_and(|of| of.secret.is_none())
    {
        return logout::request(kernel, &row.url, placed);
    }
    let secrets = secrets_of(kernel, set_up, row)?;
    message::signed(&row.url, &secrets, placed.event.id, kernel.now(), message::body_of(placed)?)
}

/// Those that sign now, the newest first.
pub(super) fn secrets_of(
    kernel: &Kernel,
    set_up: &SetUp,
    row: &WebhookRow,
) -> Result<Vec<SigningSecret>, Error> {
    if let Some(of) = row.setting.as_deref().and_then(|name| of_setting(set_up, name)) {
        return Ok(of.secret.iter().cloned().collect());
    }
    let still = row.secret_before_until.is_some_and(|until| kernel.now() < until);
    let before = row.secret_before.as_ref().filter(|_| still);
    let opened: Vec<_> = row
        .secret
        .iter()
        .chain(before)
        .filter_map(|sealed| kernel.open_webhook_secret(row.id, sealed))
        .collect();
    if opened.is_empty() {
        return Err(Error::Internal(
            "the secret of a webhook is encrypted under a secret key that is gone".into(),
        ));
    }
    Ok(opened)
}

/// What a try came to, with the row that lists it; where it was the last one, those who administer are told. `false`: the webhook is
/// no longer as it was read.
async fn detached_stand(
    kernel: &Arc<Kernel>,
    row: &WebhookRow,
    standing: crate::room::news::store::Standing,
    delivery: Option<DeliveryRow>,
) -> Result<bool, Error> {
    let (kernel, row) = (Arc::clone(kernel), row.clone());
    detached(async move {
        let off = standing.off.map(|_| EventKind::WebhookOff { webhook: row.id.to_string() });
        let nobody = ClientInfo::default();
        let stood = until_won(|| async {
            let txn = kernel.store.begin().await?;
            if !stand(&txn, &row, &standing).await? {
                return Ok(false);
            }
            if let Some(delivery) = &delivery {
                insert_delivery(&txn, delivery.clone()).await?;
            }
            if let Some(off) = &off {
                kernel.record(&txn, &nobody, off).await?;
                for user in find_able(&txn, ADMIN_ROLE).await? {
                    if let Some(user) = find_user(&txn, user).await? {
                        kernel.post(&txn, MailKind::WebhookOff, &user.email, Some(user.id), None).await?;
                    }
                }
            }
            txn.commit().await?;
            Ok(true)
        });
        let stood = stood.await?;
        if let (true, Some(off)) = (stood, off) {
            kernel.mail_waits();
            kernel.emit(&nobody, off);
        }
        Ok(stood)
    })
    .await
}
