//! The outbox: what is to be sent lies in the database until it has left.
//!
//! A row is taken on by moving its next try into the future, under the condition that nobody else has: one instance sends.
//! When the mail has left, the row goes. An instance that dies between the two leaves a row that is due again later, so a
//! mail is sent at least once, and twice only then.
//!
//! The one-time token of a mail is made when the mail is sent, under the mail's own id: what waits in the outbox is of no
//! use to anybody, and a second try sends the same token.

use std::{sync::Arc, time::Duration};

use super::{Link, Mail, MailError, MailKind, Post};
use crate::{
    ClientInfo, Error, UserId,
    auth::Inner,
    clock::duration_millis,
    email::Email,
    event::EventKind,
    flow::{detached, until_won},
    random,
    store::{
        ConnectionTrait, MailRow, TokenRow, UserRow, claim_mail, due_mails, end_tokens, find_token,
        find_user, find_user_by_email, has_token_since, insert_mail, insert_token, lock_user, mail_backlog,
        postpone_mail, prolong_token, remove_mail,
    },
    token::Purpose,
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

/// Nobody is sent a second link of one kind so soon after the first, however often somebody asks.
const LEAST_BETWEEN_LINKS: i64 = 60 * 1000;

/// How much mail waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailBacklog {
    /// How many mails.
    pub waiting: u64,
    /// How long the oldest of them has been waiting.
    pub oldest: Option<Duration>,
}

/// What became of one mail.
enum Outcome {
    Sent,
    /// There is nothing to tell, or nobody to tell it to.
    Dropped,
    /// It stays in the outbox.
    Waits(MailError),
    GivenUp(MailError),
}

impl Outcome {
    fn code(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Waits(_) => "waits",
            Self::GivenUp(_) => "given_up",
        }
    }
}

impl Inner {
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
        Ok(insert_mail(db, row).await?)
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

    /// One round; tells how many mails left.
    pub(crate) async fn deliver_mail(self: Arc<Self>) -> Result<u64, Error> {
        let Some(post) = self.post.clone() else { return Ok(0) };
        let mut sent = 0;
        loop {
            let due = due_mails(self.store.db(), self.now(), BATCH).await?;
            let is_last = due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            let mut rest = due.into_iter();
            let mut under_way = tokio::task::JoinSet::new();
            let mut left = 0;
            loop {
                while under_way.len() < AT_ONCE
                    && let Some(row) = rest.next()
                {
                    let (inner, post) = (Arc::clone(&self), post.clone());
                    under_way.spawn(async move { inner.try_to_send(&post, row).await });
                }
                match under_way.join_next().await {
                    None => break,
                    Some(Ok(Ok(has_left))) => left += u64::from(has_left),
                    // One that fails keeps none of the others back.
                    Some(Ok(Err(error))) => tracing::warn!(error = error.code(), "a mail waits: {error}"),
                    Some(Err(panicked)) => return Err(Error::internal(panicked)),
                }
            }
            sent += left;
            // Where nothing leaves, more of the same would not either.
            if is_last || left == 0 {
                return Ok(sent);
            }
        }
    }

    /// `true`: it has left.
    async fn try_to_send(self: Arc<Self>, post: &Post, row: MailRow) -> Result<bool, Error> {
        let now = self.now();
        let claimed_until = now.saturating_add(CLAIMED_FOR);
        let wait = FIRST_WAIT.saturating_mul(1 << row.attempts.clamp(0, 10)).min(LONGEST_WAIT);
        let (inner, seen) = (Arc::clone(&self), row.clone());
        let claimed =
            detached(async move { Ok(claim_mail(inner.store.db(), &seen, claimed_until).await?) }).await?;
        if !claimed {
            return Ok(false);
        }
        let (id, kind, user) = (row.id, row.kind, row.user_id);
        let is_old = now >= row.created_at.saturating_add(GIVE_UP_AFTER);
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
            Outcome::GivenUp(error) => {
                tracing::error!(mail = %id, kind = kind.code(), error = %error, "a mail was given up");
                self.note(&ClientInfo::default(), EventKind::MailGivenUp { user, kind }).await;
            }
            Outcome::Sent | Outcome::Dropped => {}
        }
        detached(async move { Ok(remove_mail(self.store.db(), id).await?) }).await?;
        Ok(sent)
    }

    async fn send(self: &Arc<Self>, post: &Post, row: MailRow, is_old: bool) -> Result<Outcome, Error> {
        let inner = Arc::clone(self);
        let Some(mail) = detached(async move { inner.compose(row).await }).await? else {
            return Ok(Outcome::Dropped);
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
    async fn compose(&self, row: MailRow) -> Result<Option<Mail>, Error> {
        let purpose = match row.kind {
            MailKind::VerifyEmail => Purpose::VerifyEmail,
            MailKind::ResetPassword => Purpose::ResetPassword,
            MailKind::ChangeEmail => Purpose::ChangeEmail,
            kind => {
                let (id, to) = (row.id, row.recipient);
                let (new_address, provider) = match kind {
                    MailKind::IdentityLinked | MailKind::IdentityUnlinked => (None, row.detail),
                    _ => (row.detail, None),
                };
                return Ok(Some(Mail { id, kind, to, link: None, new_address, provider }));
            }
        };
        let user = match row.user_id {
            Some(user) => find_user(self.store.db(), user).await?,
            None => match Email::parse(&row.recipient) {
                Ok(email) => find_user_by_email(self.store.db(), email.normalized()).await?,
                Err(_) => None,
            },
        };
        let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
        if purpose == Purpose::VerifyEmail && user.email_verified_at.is_some() {
            return Ok(None);
        }
        let to = if purpose == Purpose::ChangeEmail { row.recipient } else { user.email.clone() };
        let link = self.link(row.id, purpose, &user, &to, row.detail.as_deref()).await?;
        let Some(link) = link else { return Ok(None) };
        Ok(Some(Mail { id: row.id, kind: row.kind, to, link: Some(link), new_address: None, provider: None }))
    }

    /// Makes the token of a mail, or the same again. `None`: it was used or replaced since, or the person has just been sent
    /// another. `asked_in` is the epoch in which a change of the address was asked for.
    async fn link(
        &self,
        id: uuid::Uuid,
        purpose: Purpose,
        user: &UserRow,
        to: &str,
        asked_in: Option<&str>,
    ) -> Result<Option<Link>, Error> {
        let now = self.now();
        let token = if let Some(made_before) = find_token(self.store.db(), id).await? {
            // Its time begins when the mail leaves.
            let expires_at = self.link_expires_at(purpose);
            prolong_token(self.store.db(), id, expires_at).await?;
            TokenRow { expires_at, ..made_before }
        } else {
            let token = self.new_token(id, purpose, user.id, Some(to))?;
            let made = until_won(|| async {
                let txn = self.store.begin().await?;
                // Two mails of one person may be under way at once.
                let just_now = now.saturating_sub(LEAST_BETWEEN_LINKS);
                let Some(locked) = lock_user(&txn, user.id).await? else { return Ok(false) };
                // What a reset, or a change of address or password, has ended is not sent after it.
                let is_ended = match purpose {
                    Purpose::ChangeEmail => asked_in != Some(locked.epoch.to_string().as_str()),
                    _ => locked.email != to,
                };
                if is_ended || has_token_since(&txn, user.id, purpose, just_now).await? {
                    return Ok(false);
                }
                end_tokens(&txn, user.id, Some(purpose), now).await?;
                insert_token(&txn, &token, now).await?;
                txn.commit().await?;
                Ok(true)
            });
            if !made.await? {
                return Ok(None);
            }
            token
        };
        Ok(token.is_alive(now).then(|| self.link_of(&token)))
    }

    fn link_expires_at(&self, purpose: Purpose) -> i64 {
        let is_reset = purpose == Purpose::ResetPassword;
        let ttl =
            if is_reset { self.config.mail.reset_password_ttl } else { self.config.mail.verify_email_ttl };
        self.now().saturating_add(duration_millis(ttl))
    }

    /// A token to be stored; `proves` is the address at which it is read.
    pub(crate) fn new_token(
        &self,
        id: uuid::Uuid,
        purpose: Purpose,
        user: UserId,
        proves: Option<&str>,
    ) -> Result<TokenRow, Error> {
        Ok(TokenRow {
            id,
            user_id: Some(user),
            purpose,
            seed: random::bytes::<32>(self.random.as_ref())?.to_vec(),
            payload: proves.map(str::to_owned),
            expires_at: self.link_expires_at(purpose),
            spent_at: None,
        })
    }

    pub(crate) fn link_of(&self, token: &TokenRow) -> Link {
        let is_reset = token.purpose == Purpose::ResetPassword;
        let page =
            if is_reset { &self.config.mail.reset_password_url } else { &self.config.mail.verify_email_url };
        let left = u64::try_from(token.expires_at.saturating_sub(self.now())).unwrap_or(0);
        let made = self.keys.get().one_time.make(token.id, &token.seed, token.purpose);
        Link {
            url: format!("{page}#token={}", made.expose()),
            token: made,
            valid_for: Duration::from_millis(left),
        }
    }

    /// Every so often, and at once when this instance has put something in.
    pub(crate) async fn keep_delivering_mail(self: Arc<Self>, every: Duration) {
        let mut failing = false;
        loop {
            let delivered = Arc::clone(&self).deliver_mail().await;
            match (&delivered, failing) {
                (Ok(_), true) => tracing::info!("the outbox is read again"),
                (Err(error), false) => {
                    tracing::warn!(code = error.code(), "the outbox cannot be read: {error}");
                }
                _ => {}
            }
            failing = delivered.is_err();
            let _ = tokio::time::timeout(every, self.mail_waits.notified()).await;
        }
    }
}
