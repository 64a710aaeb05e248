//! The audit: events as rows, for whoever has to know later who did what (ASVS 16.2).

mod feed;

use std::{net::IpAddr, sync::atomic::Ordering, time::SystemTime};

use uuid::Uuid;

pub use self::feed::{FeedEvent, FeedPage, FeedQuery};

use crate::{
    ClientInfo, Error, Event, EventKind, FieldError, Principal, SessionId, UserId,
    clock::from_millis,
    email::Email,
    event::audited,
    kernel::Kernel,
    profile::Username,
    random,
    store::{ConnectionTrait, DatabaseTransaction, EventRow, insert_events, list_events},
};

/// The most events of one page.
const PAGE_MAX: u64 = 100;

/// An event as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// In the order of time.
    pub id: Uuid,
    /// When.
    pub at: SystemTime,
    /// What: [`EventKind::code`].
    pub code: String,
    /// Whose account it is about.
    pub user: Option<UserId>,
    /// Who was signed in when it happened. `None` where nobody was, and at the command line.
    pub actor: Option<UserId>,
    /// Who acted where nobody is signed in: `api_key:` and the id of the key, whose owner is the [`actor`](Self::actor); or `cli:` and the name of an account of the system, as
    /// [`AuthBuilder::operator`](crate::AuthBuilder::operator) has it. To users themselves only the part before the colon is told.
    pub operator: Option<String>,
    /// Which address it was about where there is no account to name: a keyed hash, by which rows about the same one are found.
    pub address: Option<Uuid>,
    /// Which session it is about.
    pub session: Option<SessionId>,
    /// Why, or which: [`EventKind::reason`].
    pub reason: Option<String>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// In which request.
    pub request_id: Option<String>,
}

impl AuditEvent {
    /// Every [`code`](Self::code) that there is.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        audited()
    }
}

/// Somebody who waits for what never comes is told so at once.
pub(crate) fn known_codes(types: &[String]) -> Result<(), Error> {
    match types.iter().find(|code| !audited().any(|known| known == code.as_str())) {
        Some(_) => {
            let rule = "has to be codes of events that the audit has";
            Err(Error::Validation(vec![FieldError::new("types", "invalid_types", rule)]))
        }
        None => Ok(()),
    }
}

impl Kernel {
    /// Writes an event down in the transaction of the change, and lets the host write there too.
    pub(crate) async fn record(
        &self,
        txn: &DatabaseTransaction,
        client: &ClientInfo,
        kind: &EventKind,
    ) -> Result<(), Error> {
        self.write_down(txn, client, kind).await?;
        self.after_change(txn, client, kind).await
    }

    /// The same for several at once.
    pub(crate) async fn record_all(
        &self,
        txn: &DatabaseTransaction,
        client: &ClientInfo,
        kinds: &[EventKind],
    ) -> Result<(), Error> {
        let rows = kinds.iter().filter_map(|kind| self.event_row(client, kind).transpose());
        insert_events(txn, rows.collect::<Result<_, Error>>()?).await?;
        for kind in kinds {
            self.after_change(txn, client, kind).await?;
        }
        Ok(())
    }

    /// What changes nothing.
    pub(crate) async fn write_down(
        &self,
        db: &impl ConnectionTrait,
        client: &ClientInfo,
        kind: &EventKind,
    ) -> Result<(), Error> {
        let row = self.event_row(client, kind)?;
        Ok(insert_events(db, row.into_iter().collect()).await?)
    }

    /// `None`: this one is not written down.
    fn event_row(&self, client: &ClientInfo, kind: &EventKind) -> Result<Option<EventRow>, Error> {
        if self.config.audit_retention.is_none() || !kind.row().is_audited() {
            return Ok(None);
        }
        let now = self.now();
        Ok(Some(EventRow {
            id: self.event_id(now)?,
            at: now,
            code: kind.code().to_owned(),
            user_id: kind.user().map(UserId::as_uuid),
            actor_id: client.actor.map(UserId::as_uuid),
            actor_name: self.operator_of(client),
            address: client.address,
            session_id: kind.session().map(SessionId::as_uuid),
            reason: kind.reason().map(|reason| reason.chars().take(64).collect()),
            ip: client.known_ip().map(|ip| ip.to_string()),
            request_id: client.request_id.clone(),
        }))
    }

    /// Who acts where nobody is signed in: a key, or whoever sits at the command line.
    fn operator_of(&self, client: &ClientInfo) -> Option<String> {
        match client.key {
            Some(key) => Some(format!("api_key:{key}")),
            None => self.operator.clone().filter(|_| client.actor.is_none()),
        }
    }

    /// In the order of time, and in that of one instance's events within a millisecond: a number that goes round stands where
    /// RFC 9562 section 6.2 has it.
    fn event_id(&self, now: i64) -> Result<Uuid, Error> {
        let mut tail: [u8; 10] = random::bytes(self.random.as_ref())?;
        let number = self.events_so_far.fetch_add(1, Ordering::Relaxed) % (1 << 12);
        if let Some(head) = tail.first_chunk_mut() {
            *head = number.to_be_bytes();
        }
        let millis = u64::try_from(now).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }

    /// Tells the sink of what has happened.
    pub(crate) fn emit(&self, client: &ClientInfo, kind: EventKind) {
        let reason = kind.reason().filter(|_| kind.row().is_counted_by_reason);
        let reason = reason.unwrap_or_default().to_owned();
        if kind.row().is_audited() {
            self.unplaced.notify_one();
        }
        metrics::counter!("auth_events_total", "event" => kind.code(), "reason" => reason).increment(1);
        self.events.emit(&self.event(client, kind));
    }

    pub(crate) fn event(&self, client: &ClientInfo, kind: EventKind) -> Event {
        // Nobody who listens needs the client's token.
        let operator = self.operator_of(client);
        let client = ClientInfo { device: None, operator, ..client.clone() };
        Event { at: self.clock.now(), client, kind }
    }

    /// Both, for what changed nothing: an attempt that was refused, a look at the data. It cannot be taken back because it could not
    /// be written down: that is logged. A change is [recorded](Self::record) in its own transaction.
    pub(crate) async fn note(&self, client: &ClientInfo, kind: EventKind) {
        if let Err(error) = self.write_down(self.store.db(), client, &kind).await {
            tracing::error!(event = kind.code(), error = error.code(), "an event is missing in the audit");
        }
        self.emit(client, kind);
    }

    pub(crate) async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<AuditEvent>, Error> {
        let rows = list_events(self.store.db(), user, before, limit.clamp(1, PAGE_MAX)).await?;
        Ok(rows.into_iter().map(AuditEvent::from).collect())
    }

    pub(crate) async fn own_events(
        &self,
        caller: &Principal,
        before: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<AuditEvent>, Error> {
        self.current_user(caller).await?;
        let mut events = self.events(caller.user_id(), before, limit).await?;
        for event in &mut events {
            event.operator.as_mut().map(without_account);
        }
        Ok(events)
    }

    /// As a client of which no more is known than the user name that it gave.
    pub(crate) fn about_name(&self, client: &ClientInfo, name: &Username) -> ClientInfo {
        ClientInfo { address: Some(self.keys.get().devices.name_in_audit(name)), ..client.clone() }
    }

    /// As a client of which no more is known than the address that it named.
    pub(crate) fn about(&self, client: &ClientInfo, email: &Email) -> ClientInfo {
        ClientInfo { address: Some(self.keys.get().devices.in_audit(email)), ..client.clone() }
    }
}

/// Whose account of the system it was is not for everybody to know.
fn without_account(operator: &mut String) {
    operator.truncate(operator.find(':').unwrap_or(operator.len()));
}

impl From<EventRow> for AuditEvent {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id,
            at: from_millis(row.at),
            code: row.code,
            user: row.user_id.map(UserId::from),
            actor: row.actor_id.map(UserId::from),
            operator: row.actor_name,
            address: row.address,
            session: row.session_id.map(SessionId::from),
            reason: row.reason,
            ip: row.ip.and_then(|ip| ip.parse().ok()),
            request_id: row.request_id,
        }
    }
}
