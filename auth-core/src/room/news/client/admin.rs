//! What administrators do with webhooks.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::Uri;
use uuid::Uuid;

use super::{
    WEBHOOK_NOT_FOUND, WEBHOOK_OF_SETTING, WebhookSecret,
    config::SetUp,
    deliver::{new_row, secrets_of},
    message,
    secret::SigningSecret,
};
use crate::{
    ClientInfo, Error, FieldError,
    audit::known_codes,
    clock::{duration_millis, from_millis},
    event::EventKind,
    kernel::Kernel,
    random,
    refusal::CURSOR_TOO_OLD,
    room::news::store::{
        DeliveryRow, WebhookRow, count_webhooks, find_webhook, insert_delivery, insert_webhook,
        list_deliveries, list_webhooks, readdress, remove_webhook, replace_secret, restart, retype,
        switch_off,
    },
    store::{begin_places, first_place, hold_last_place, last_place},
    task::{detached, until_won},
};

/// A secret that was replaced signs on for so long.
const OVERLAP: Duration = Duration::from_hours(24);
/// More than anybody needs, so that an administrator who is none cannot fill the disk.
const MAX_WEBHOOKS: u64 = 100;
const MAX_TYPES: usize = 50;
const MAX_DELIVERIES: u64 = 100;

/// Who is told of events: from [`Auth::webhooks`](crate::Auth::webhooks). Check that the caller may.
#[derive(Clone)]
pub struct Webhooks {
    kernel: Arc<Kernel>,
    set_up: Arc<SetUp>,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}

/// A webhook that is to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    url: String,
    types: Vec<String>,
    secret: Option<WebhookSecret>,
}

impl NewWebhook {
    /// Told of every event.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), types: Vec::new(), secret: None }
    }

    /// Told of these only: [codes](crate::AuditEvent::codes). With none, of all.
    pub fn types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// With a secret that the receiver has already. Default: a new one.
    pub fn secret(mut self, secret: impl Into<WebhookSecret>) -> Self {
        self.secret = Some(secret.into());
        self
    }
}

/// What is to be changed; the rest stays.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WebhookChange {
    /// Where to.
    pub url: Option<String>,
    /// Of what; empty: of all.
    pub types: Option<Vec<String>>,
    /// Off, or on again: then it goes on where it was.
    pub on: Option<bool>,
}

/// Who is told of events, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Where to.
    pub url: String,
    /// Of what; empty: of all.
    pub types: Vec<String>,
    /// Whether a setting of the service names it, so that it is changed there.
    pub is_of_setting: bool,
    /// When it was made.
    pub created_at: SystemTime,
    /// The last event of the feed that it was told of.
    pub after: i64,
    /// Since when it has answered nothing good.
    pub failing_since: Option<SystemTime>,
    /// When the next try is, after one that failed.
    pub next_try_at: Option<SystemTime>,
    /// It is told of nothing any more.
    pub off: Option<Off>,
}

/// When a webhook was switched off, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Off {
    /// When.
    pub at: SystemTime,
    /// `gone` (it answered 410), `failing` (for three days), `by_hand`.
    pub reason: String,
}

/// A webhook with its secret, which is told once.
#[derive(Debug)]
#[non_exhaustive]
pub struct MadeWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// What it is signed with.
    pub secret: WebhookSecret,
}

/// A try to hand an event over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Of the event; the header `webhook-id`.
    pub event: Uuid,
    /// Its code.
    pub code: String,
    /// When.
    pub at: SystemTime,
    /// The status of the answer. `None`: there was none.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// When it is tried again. `None`: it arrived, or is not.
    pub next_try_at: Option<SystemTime>,
}

impl From<WebhookRow> for Webhook {
    fn from(row: WebhookRow) -> Self {
        let off = row.off_at.zip(row.off_reason);
        Self {
            id: row.id,
            url: row.url,
            types: row.types.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect(),
            is_of_setting: row.setting.is_some(),
            created_at: from_millis(row.created_at),
            after: row.after_seq,
            failing_since: row.failing_since.map(from_millis),
            next_try_at: (row.tries > 0 && off.is_none()).then(|| from_millis(row.next_try_at)),
            off: off.map(|(at, reason)| Off { at: from_millis(at), reason }),
        }
    }
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            event: row.event_id,
            code: row.code,
            at: from_millis(row.at),
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            took: Duration::from_millis(u64::try_from(row.duration_ms).unwrap_or(0)),
            next_try_at: row.next_try_at.map(from_millis),
        }
    }
}

impl Webhooks {
    pub(super) fn new(kernel: Arc<Kernel>, set_up: Arc<SetUp>) -> Self {
        Self { kernel, set_up }
    }

    /// Adds one, which is told of what happens from now on; its secret is told once.
    ///
    /// # Errors
    /// [`Error::Validation`]: the address is not https or not of the public net, the types are no codes, the secret has another form,
    /// or there are a hundred already; [`Error::Unavailable`].
    pub async fn create(&self, new: NewWebhook, client: ClientInfo) -> Result<MadeWebhook, Error> {
        let this = self.clone();
        detached(async move {
            let (kernel, db) = (&this.kernel, this.kernel.store.db());
            let (url, types) = (this.checked_url(new.url)?, checked_types(&new.types)?);
            let secret = match new.secret {
                Some(secret) => secret,
                None => kernel.new_webhook_secret()?,
            };
            SigningSecret::of_field(&secret)?;
            let mut row = new_row(kernel, None, url, types, 0)?;
            row.secret = Some(kernel.seal_webhook_secret(row.id, &secret)?);
            let kind = EventKind::WebhookAdded { webhook: row.id.to_string() };
            begin_places(db).await?;
            let row = until_won(|| async {
                let txn = kernel.store.begin().await?;
                // Held to the end, so that of many who add one at once each counts those of the others.
                let after_seq = hold_last_place(&txn).await?.unwrap_or(0);
                if count_webhooks(&txn).await? >= MAX_WEBHOOKS {
                    let rule = format!("there are {MAX_WEBHOOKS} webhooks already");
                    return Err(Error::Validation(vec![FieldError::new("url", "too_many_webhooks", rule)]));
                }
                let row = WebhookRow { after_seq, ..row.clone() };
                insert_webhook(&txn, row.clone()).await?;
                kernel.record(&txn, &client, &kind).await?;
                txn.commit().await?;
                Ok(row)
            })
            .await?;
            kernel.emit(&client, kind);
            Ok(MadeWebhook { webhook: row.into(), secret })
        })
        .await
    }

    /// All of them, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list(&self) -> Result<Vec<Webhook>, Error> {
        Ok(list_webhooks(self.kernel.store.db()).await?.into_iter().map(Webhook::from).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`WEBHOOK_NOT_FOUND`], [`Error::Unavailable`].
    pub async fn find(&self, id: Uuid) -> Result<Webhook, Error> {
        Ok(self.row(id).await?.into())
    }

    /// Changes one. At another address it begins where it was, without a rest; one that is off because it failed is on again.
    ///
    /// # Errors
    /// As [`create`](Self::create); [`WEBHOOK_NOT_FOUND`]; [`WEBHOOK_OF_SETTING`] unless it is only switched.
    pub async fn change(
        &self,
        id: Uuid,
        change: WebhookChange,
        client: ClientInfo,
    ) -> Result<Webhook, Error> {
        let this = self.clone();
        detached(async move {
            let (kernel, row) = (&this.kernel, this.row(id).await?);
            let WebhookChange { url, types, on } = change;
            if row.setting.is_some() && (url.is_some() || types.is_some()) {
                return Err(WEBHOOK_OF_SETTING.into());
            }
            let url = url.map(|url| this.checked_url(url)).transpose()?;
            let types = types.map(|types| checked_types(&types)).transpose()?;
            let kind = EventKind::WebhookChanged { webhook: id.to_string() };
            until_won(|| async {
                let txn = kernel.store.begin().await?;
                if let Some(url) = &url {
                    readdress(&txn, id, url).await?;
                }
                if let Some(types) = &types {
                    retype(&txn, id, types).await?;
                }
                match on {
                    Some(true) => _ = restart(&txn, id, None).await?,
                    Some(false) => switch_off(&txn, id, kernel.now()).await?,
                    None => {}
                }
                kernel.record(&txn, &client, &kind).await?;
                Ok(txn.commit().await?)
            })
            .await?;
            kernel.emit(&client, kind);
            this.find(id).await
        })
        .await
    }

    /// Removes one, with the list of its deliveries.
    ///
    /// # Errors
    /// [`WEBHOOK_NOT_FOUND`], [`WEBHOOK_OF_SETTING`], [`Error::Unavailable`].
    pub async fn remove(&self, id: Uuid, client: ClientInfo) -> Result<(), Error> {
        let this = self.clone();
        detached(async move {
            let kernel = &this.kernel;
            this.own(id).await?;
            let kind = EventKind::WebhookRemoved { webhook: id.to_string() };
            until_won(|| async {
                let txn = kernel.store.begin().await?;
                if !remove_webhook(&txn, id).await? {
                    return Err(WEBHOOK_NOT_FOUND.into());
                }
                kernel.record(&txn, &client, &kind).await?;
                Ok(txn.commit().await?)
            })
            .await?;
            kernel.emit(&client, kind);
            Ok(())
        })
        .await
    }

    /// Sends an event of the type `test` at once, whether it is on or off, and tells how that went. It is tried once.
    ///
    /// # Errors
    /// [`WEBHOOK_NOT_FOUND`]; [`WEBHOOK_OF_SETTING`] of one that is sent logout tokens; [`Error::Unavailable`].
    pub async fn test(&self, id: Uuid) -> Result<Delivery, Error> {
        let (kernel, row) = (&self.kernel, self.row(id).await?);
        let secrets = secrets_of(kernel, &self.set_up, &row)?;
        if secrets.is_empty() {
            return Err(WEBHOOK_OF_SETTING.into());
        }
        let (event, began) = (random::uuid(kernel.random.as_ref())?, kernel.now());
        let body = message::body("test", began, &serde_json::json!({"id": event}))?;
        let request = message::signed(&row.url, &secrets, event, began, body)?;
        let client = if row.setting.is_some() { &self.set_up.trusted } else { &self.set_up.given };
        let status = client.send(request).await.ok().map(|answer| answer.status.as_u16());
        let now = kernel.now();
        let delivery = DeliveryRow {
            id: random::ordered_uuid(kernel.random.as_ref(), now)?,
            webhook_id: id,
            event_id: event,
            code: "test".to_owned(),
            at: now,
            status: status.map(i64::from),
            duration_ms: now.saturating_sub(began),
            next_try_at: None,
        };
        let (kernel, row) = (Arc::clone(kernel), delivery.clone());
        detached(async move { Ok(insert_delivery(kernel.store.db(), row).await?) }).await?;
        Ok(delivery.into())
    }

    /// Begins again after a place of the feed, and switches it on.
    ///
    /// # Errors
    /// [`CURSOR_TOO_OLD`](crate::refusal::CURSOR_TOO_OLD), [`WEBHOOK_NOT_FOUND`], [`Error::Unavailable`].
    pub async fn replay(&self, id: Uuid, after: i64, client: ClientInfo) -> Result<Webhook, Error> {
        let this = self.clone();
        detached(async move {
            let (kernel, db) = (&this.kernel, this.kernel.store.db());
            let last = last_place(db).await?.unwrap_or(0);
            let first = first_place(db).await?.unwrap_or(last.saturating_add(1));
            if after > last || after.saturating_add(1) < first {
                return Err(CURSOR_TOO_OLD.into());
            }
            let kind = EventKind::WebhookChanged { webhook: id.to_string() };
            until_won(|| async {
                let txn = kernel.store.begin().await?;
                if !restart(&txn, id, Some(after)).await? {
                    return Err(WEBHOOK_NOT_FOUND.into());
                }
                kernel.record(&txn, &client, &kind).await?;
                Ok(txn.commit().await?)
            })
            .await?;
            kernel.emit(&client, kind);
            this.find(id).await
        })
        .await
    }

    /// Gives it a new secret, which is told once. For a day both sign.
    ///
    /// # Errors
    /// [`WEBHOOK_NOT_FOUND`], [`WEBHOOK_OF_SETTING`], [`Error::Unavailable`].
    pub async fn rotate_secret(&self, id: Uuid, client: ClientInfo) -> Result<MadeWebhook, Error> {
        let this = self.clone();
        detached(async move {
            let (kernel, row) = (&this.kernel, this.own(id).await?);
            let secret = kernel.new_webhook_secret()?;
            let sealed = kernel.seal_webhook_secret(id, &secret)?;
            let until = kernel.now().saturating_add(duration_millis(OVERLAP));
            let kind = EventKind::WebhookChanged { webhook: id.to_string() };
            until_won(|| async {
                let txn = kernel.store.begin().await?;
                if !replace_secret(&txn, &row, sealed.clone(), until).await? {
                    return Err(WEBHOOK_NOT_FOUND.into());
                }
                kernel.record(&txn, &client, &kind).await?;
                Ok(txn.commit().await?)
            })
            .await?;
            kernel.emit(&client, kind);
            Ok(MadeWebhook { webhook: this.find(id).await?, secret })
        })
        .await
    }

    /// The tries of a week, the latest first, at most 100.
    ///
    /// # Errors
    /// [`WEBHOOK_NOT_FOUND`], [`Error::Unavailable`].
    pub async fn deliveries(&self, id: Uuid, limit: u64) -> Result<Vec<Delivery>, Error> {
        self.row(id).await?;
        let rows = list_deliveries(self.kernel.store.db(), id, limit.clamp(1, MAX_DELIVERIES)).await?;
        Ok(rows.into_iter().map(Delivery::from).collect())
    }

    async fn row(&self, id: Uuid) -> Result<WebhookRow, Error> {
        find_webhook(self.kernel.store.db(), id).await?.ok_or(Error::Refused(WEBHOOK_NOT_FOUND))
    }

    /// One that no setting names.
    async fn own(&self, id: Uuid) -> Result<WebhookRow, Error> {
        let row = self.row(id).await?;
        if row.setting.is_some() { Err(WEBHOOK_OF_SETTING.into()) } else { Ok(row) }
    }

    fn checked_url(&self, url: String) -> Result<String, Error> {
        let refuse = |rule: String| Err(Error::Validation(vec![FieldError::new("url", "invalid_url", rule)]));
        let Some(uri) = url.parse::<Uri>().ok().filter(|_| url.len() <= 2048) else {
            return refuse("has to be an address of at most 2048 bytes".to_owned());
        };
        match self.set_up.reach.allows(&uri) {
            Ok(()) => Ok(url),
            Err(error) => refuse(error.to_string()),
        }
    }
}

fn checked_types(types: &[String]) -> Result<String, Error> {
    known_codes(types)?;
    if types.len() > MAX_TYPES {
        let rule = format!("has to be at most {MAX_TYPES} codes of events");
        return Err(Error::Validation(vec![FieldError::new("types", "invalid_types", rule)]));
    }
    Ok(types.join(","))
}
