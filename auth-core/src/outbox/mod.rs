//! The outbox: what is to be sent lies in the database until it has left.
//!
//! A row is taken on by moving its next try into the future, under the condition that nobody else has: one instance sends.
//! When the mail has left, the row goes. An instance that dies between the two leaves a row that is due again later, so a
//! mail is sent at least once, and twice only then.
//!
//! The one-time token of a mail is made when the mail is sent, under the mail's own id: what waits in the outbox is of no
//! use to anybody, and a second try sends the same token.

mod check;
mod link;
mod pace;

use std::{sync::Arc, time::Duration};

pub(crate) use self::pace::{CODES, MAX_ROUNDS, Turn};
use self::pace::{NOTICES, TAKEN};
use crate::{
    ClientInfo, Error, UserId,
    email::Email,
    event::EventKind,
    kernel::{Composed, Kernel, LinkMail},
    mail::{Detail, Link, Mail, MailBacklog, MailError, MailKind, Post},
    random,
    store::{
        ConnectionTrait, MailRow, claim_mail, due_mails, find_user, find_user_by_email, insert_mail,
        mail_backlog, postpone_mail, remove_mail,
    },
    task::{detached, until_won},
};

/// How many are looked at in one round, and how many are sent at once.
const BATCH: u64 = 32;
const AT_ONCE: usize = 4;

/// A mailer that takes longer is given up on.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// For so long nobody else tries: longer than any try takes.
const CLAIMED_FOR: i64 = 60 * 1000;

/// The wait after the first try that failed, doubled after each.
const FIRST_WAIT: i64 = 5 * 1000;
const LONGEST_WAIT: i64 = 60 * 60 * 1000;

/// After a day a mail is given up.
const GIVE_UP_AFTER: i64 = 24 * 60 * 60 * 1000;

/// What became of one mail.
enum Outcome {
    Sent,
    /// There is nothing to tell, or nobody to tell it to.
    Dropped,
    /// It stays in the outbox.
    Waits(MailError),
    /// Until it is its turn, in unix milliseconds.
    Postponed(i64),
    GivenUp(MailError),
}

impl Outcome {
    fn code(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Waits(_) => "waits",
            Self::Postponed(_) => "postponed",
            Self::GivenUp(_) => "given_up",
        }
    }
}

impl Mail {
    fn of(row: &MailRow, to: String, detail: Option<&str>, link: Option<Link>) -> Self {
        let detail = detail.map(str::to_owned);
        let (new_address, provider, ways_in) = match row.kind.detail() {
            Detail::Nothing => (None, None, None),
            Detail::NewAddress => (detail, None, None),
            Detail::Provider => (None, detail, None),
            Detail::WaysIn => (None, None, detail),
        };
        Self { id: row.id, kind: row.kind, to, link, code: None, new_address, provider, ways_in }
    }
}

impl Kernel {
    /// Puts a mail into the outbox, in the transaction of what it tells of. Without a mailer nothing is written.
    pub(crate) async fn post(
        &self,
        db: &impl ConnectionTrait,
        kind: MailKind,
        recipient: &str,
        user: Option<UserId>,
        detail: Option<String>,
    ) -> Result<(), Error> {
        if self.post.is_none() {
            return Ok(());
        }
        let now = self.now();
        let row = MailRow {
            id: random::ordered_uuid(self.random.as_ref(), now)?,
            kind,
            recipient: recipient.to_owned(),
            user_id: user,
            detail,
            attempts: 0,
            created_at: now,
            next_try_at: now,
        };
        insert_mail(db, row).await?;
        if !self.config.background.runs_elsewhere {
            self.background.mail_waits();
        }
        Ok(())
    }

    /// After a commit: the runner of this instance need not wait for its next round.
    pub(crate) fn mail_waits(&self) {
        self.mail_waits.notify_one();
    }

    pub(crate) async fn mail_backlog(&self) -> Result<MailBacklog, Error> {
        let (waiting, oldest) = mail_backlog(self.store.db()).await?;
        let age = |since| u64::try_from(self.now().saturating_sub(since)).unwrap_or(0);
        Ok(MailBacklog { waiting, oldest: oldest.map(age).map(Duration::from_millis) })
    }

    /// One round over what is due when it begins; tells how many mails left.
    pub(crate) async fn deliver_mail(self: Arc<Self>) -> Result<u64, Error> {
        let Some(post) = self.post.clone() else { return Ok(0) };
        // A mail that waits is due after this: none is tried twice in a round, so that a round ends.
        let began = self.now();
        let mut sent = 0;
        loop {
            let due = due_mails(self.store.db(), began, BATCH).await?;
            let is_last = due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            let mut rest = due.into_iter();
            let mut under_way = tokio::task::JoinSet::new();
            let mut was_taken_on = false;
            loop {
                while under_way.len() < AT_ONCE
                    && let Some(row) = rest.next()
                {
                    let (kernel, post) = (Arc::clone(&self), post.clone());
                    under_way.spawn(async move { kernel.try_to_send(&post, row).await });
                }
                match under_way.join_next().await {
                    None => break,
                    Some(Ok(Ok(None))) => {}
                    Some(Ok(Ok(Some(has_left)))) => {
                        was_taken_on = true;
                        sent += u64::from(has_left);
                    }
                    Some(Ok(Err(error))) => {
                        tracing::warn!(error = error.code(), "a mail waits: {}", error.with_cause());
                    }
                    // The host's own mailer or templates. One that fails keeps none of the others back.
                    Some(Err(panicked)) => {
                        was_taken_on = true;
                        tracing::error!("a mail waits: {panicked}");
                    }
                }
            }
            // What was taken on is not due any more, and others may stand behind it, whatever became of it. Where nothing could
            // be, another instance is at work, or the database is away.
            if is_last || !was_taken_on {
                return Ok(sent);
            }
        }
    }

    /// `None`: another instance has it. `true`: it has left.
    async fn try_to_send(self: Arc<Self>, post: &Post, row: MailRow) -> Result<Option<bool>, Error> {
        let claimed_until = self.now().saturating_add(CLAIMED_FOR);
        let (kernel, seen) = (Arc::clone(&self), row.clone());
        let claimed =
            detached(async move { Ok(claim_mail(kernel.store.db(), &seen, claimed_until).await?) }).await?;
        if !claimed {
            return Ok(None);
        }
        let sent = self.send_claimed(post, row, claimed_until).await;
        Ok(Some(sent.unwrap_or_else(|error| {
            tracing::warn!(error = error.code(), "a mail waits: {}", error.with_cause());
            false
        })))
    }

    async fn send_claimed(
        self: Arc<Self>,
        post: &Post,
        row: MailRow,
        claimed_until: i64,
    ) -> Result<bool, Error> {
        let wait = FIRST_WAIT.saturating_mul(1 << row.attempts.clamp(0, 10)).min(LONGEST_WAIT);
        let (id, kind, user) = (row.id, row.kind, row.user_id);
        let is_old = self.now() >= row.created_at.saturating_add(GIVE_UP_AFTER);
        let outcome = self.send(post, row, is_old).await?;
        let sent = matches!(outcome, Outcome::Sent);
        metrics::counter!("auth_mails_total", "kind" => kind.code(), "outcome" => outcome.code())
            .increment(1);
        match outcome {
            Outcome::Waits(error) => {
                let next = self.now().saturating_add(wait);
                detached(async move { Ok(postpone_mail(self.store.db(), id, claimed_until, next).await?) })
                    .await?;
                tracing::warn!(mail = %id, kind = kind.code(), error = %error, "a mail waits");
                return Ok(false);
            }
            Outcome::Postponed(until) => {
                detached(async move { Ok(postpone_mail(self.store.db(), id, claimed_until, until).await?) })
                    .await?;
                return Ok(false);
            }
            Outcome::GivenUp(error) => {
                tracing::error!(mail = %id, kind = kind.code(), error = %error, "a mail was given up");
                let (nobody, given_up) = (ClientInfo::default(), EventKind::MailGivenUp { user, kind });
                let (kernel, told) = (Arc::clone(&self), given_up.clone());
                detached(async move {
                    until_won(|| async {
                        let txn = kernel.store.begin().await?;
                        remove_mail(&txn, id).await?;
                        kernel.record(&txn, &ClientInfo::default(), &told).await?;
                        Ok(txn.commit().await?)
                    })
                    .await
                })
                .await?;
                self.emit(&nobody, given_up);
                return Ok(false);
            }
            Outcome::Sent | Outcome::Dropped => {}
        }
        detached(async move { Ok(remove_mail(self.store.db(), id).await?) }).await?;
        Ok(sent)
    }

    async fn send(self: &Arc<Self>, post: &Post, row: MailRow, is_old: bool) -> Result<Outcome, Error> {
        let kernel = Arc::clone(self);
        let mail = match detached(async move { kernel.compose(row).await }).await? {
            Composed::Mail(mail) => mail,
            Composed::Nothing => return Ok(Outcome::Dropped),
            Composed::NotBefore(at) => return Ok(Outcome::Postponed(at)),
        };
        let text = post.templates.write(&mail, &self.config.mail.service_name);
        let sent = tokio::time::timeout(SEND_TIMEOUT, post.mailer.send(&mail, &text));
        let sent = sent.await.unwrap_or_else(|_| Err(MailError::NotNow("it took too long".to_owned())));
        Ok(match sent {
            Ok(()) => Outcome::Sent,
            Err(error @ MailError::NotNow(_)) if !is_old => Outcome::Waits(error),
            Err(error) => Outcome::GivenUp(error),
        })
    }

    /// Finds out whether there is anything to tell, and to whom. An address in a request for a link is only what somebody
    /// typed: the mail goes to the address of the account.
    async fn compose(&self, row: MailRow) -> Result<Composed, Error> {
        if let Some(writes) = self.rooms.iter().filter_map(|room| room.writes).find(|of| of.kind == row.kind)
        {
            return (writes.compose)(self, &row).await;
        }
        let mail = match self.link_mail(row.kind) {
            Some(link_mail) => self.compose_link(row, link_mail).await?,
            None if self.is_told(&row).await? => {
                Some(Mail::of(&row, row.recipient.clone(), row.detail.as_deref(), None))
            }
            None => None,
        };
        Ok(mail.map_or(Composed::Nothing, |mail| Composed::Mail(Box::new(mail))))
    }

    async fn compose_link(&self, row: MailRow, link_mail: &LinkMail) -> Result<Option<Mail>, Error> {
        let user = match row.user_id {
            Some(user) => find_user(self.store.db(), user).await?,
            None => match Email::parse(&row.recipient) {
                Ok(email) => find_user_by_email(self.store.db(), email.normalized()).await?,
                Err(_) => None,
            },
        };
        let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
        if !(link_mail.is_due)(&user) {
            return Ok(None);
        }
        let to = if link_mail.to.is_written_down() { &row.recipient } else { &user.email };
        // The epoch in which it was asked for, and what else the mail tells.
        let (asked_in, detail) = match row.detail.as_deref().map(|detail| detail.split_once(' ')) {
            Some(Some((epoch, detail))) => (Some(epoch), Some(detail)),
            _ => (row.detail.as_deref(), None),
        };
        let link = self.link(row.id, link_mail, &user, to, asked_in).await?;
        Ok(link.map(|link| Mail::of(&row, to.clone(), detail, Some(link))))
    }

    /// Whether a notice goes out. What strangers can do with an address that is not theirs is told a few times, and not as
    /// often as they do it; the owner of a proved address is told of everything.
    async fn is_told(&self, row: &MailRow) -> Result<bool, Error> {
        // It was counted at the first try.
        if row.attempts > 0 {
            return Ok(true);
        }
        let db = self.store.db();
        let user = match row.user_id {
            Some(user) => find_user(db, user).await?,
            None => None,
        };
        let pace = match row.kind {
            MailKind::EmailTaken => &TAKEN,
            _ if user.is_some_and(|user| user.email_verified_at.is_some()) => return Ok(true),
            _ => &NOTICES,
        };
        for _ in 0..MAX_ROUNDS {
            match self.mail_turn(db, row.kind.code(), &row.recipient, pace).await? {
                Turn::Lost => {}
                turn => return Ok(turn == Turn::Yes),
            }
        }
        Err(Error::Overloaded { retry_after: Duration::from_secs(1) })
    }

    /// Every so often, and at once when this instance has put something in.
    pub(crate) async fn keep_delivering_mail(self: Arc<Self>, every: Duration) {
        let mut failing = false;
        loop {
            let delivered = Arc::clone(&self).deliver_mail().await;
            match (&delivered, failing) {
                (Ok(_), true) => tracing::info!("the outbox is read again"),
                (Err(error), false) => {
                    tracing::warn!(code = error.code(), "the outbox cannot be read: {}", error.with_cause());
                }
                _ => {}
            }
            failing = delivered.is_err();
            let _ = tokio::time::timeout(every, self.mail_waits.notified()).await;
        }
    }
}
