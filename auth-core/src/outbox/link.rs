//! The link of a mail: its token is made when the mail leaves.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    Error, UserId,
    clock::duration_millis,
    kernel::{Kernel, LinkMail, Recipient},
    mail::{Link, MailKind},
    random,
    store::{
        TokenRow, UserRow, end_tokens, find_token, has_token_since, insert_token, lock_user, prolong_token,
    },
    task::until_won,
};

/// Nobody is sent a second link of one kind so soon after the first, however often somebody asks.
const LEAST_BETWEEN_LINKS: i64 = 60 * 1000;

impl Kernel {
    /// What the link of this kind of mail is for. `None`: it has no link.
    pub(super) fn link_mail(&self, kind: MailKind) -> Option<&'static LinkMail> {
        self.rooms.iter().flat_map(|room| room.links).find(|link| link.kind == kind)
    }

    /// Makes the token of a mail, or the same again. `None`: it was used or replaced since, or the person has just been sent
    /// another. `asked_in` is the epoch in which it was asked for.
    pub(super) async fn link(
        &self,
        id: Uuid,
        mail: &LinkMail,
        user: &UserRow,
        to: &str,
        asked_in: Option<&str>,
    ) -> Result<Option<Link>, Error> {
        let now = self.now();
        let token = if let Some(made_before) = find_token(self.store.db(), id).await? {
            // Its time begins when the mail leaves.
            let expires_at = self.link_expires_at(mail);
            prolong_token(self.store.db(), id, expires_at).await?;
            TokenRow { expires_at, ..made_before }
        } else {
            let token = self.new_token(id, mail, user.id, Some(to))?;
            let made = until_won(|| async {
                let txn = self.store.begin().await?;
                // Two mails of one person may be under way at once.
                let just_now = now.saturating_sub(LEAST_BETWEEN_LINKS);
                let Some(locked) = lock_user(&txn, user.id).await? else { return Ok(false) };
                // What a reset, or a change of address or password, has ended is not sent after it.
                let is_ended = match mail.to {
                    Recipient::Asked => asked_in != Some(locked.epoch.to_string().as_str()),
                    Recipient::Account => locked.email != to,
                };
                if is_ended || has_token_since(&txn, user.id, mail.purpose, just_now).await? {
                    return Ok(false);
                }
                end_tokens(&txn, user.id, Some(mail.purpose), now).await?;
                insert_token(&txn, &token, now).await?;
                txn.commit().await?;
                Ok(true)
            });
            if !made.await? {
                return Ok(None);
            }
            token
        };
        Ok(token.is_alive(now).then(|| self.link_of(mail, &token)))
    }

    fn link_expires_at(&self, mail: &LinkMail) -> i64 {
        self.now().saturating_add(duration_millis((mail.valid_for)(&self.config)))
    }

    /// A token to be stored; `proves` is the address at which it is read.
    pub(crate) fn new_token(
        &self,
        id: Uuid,
        mail: &LinkMail,
        user: UserId,
        proves: Option<&str>,
    ) -> Result<TokenRow, Error> {
        Ok(TokenRow {
            id,
            user_id: Some(user),
            purpose: mail.purpose.0.to_owned(),
            seed: random::bytes::<32>(self.random.as_ref())?.to_vec(),
            payload: proves.map(str::to_owned),
            expires_at: self.link_expires_at(mail),
            spent_at: None,
        })
    }

    pub(crate) fn link_of(&self, mail: &LinkMail, token: &TokenRow) -> Link {
        let page = (mail.page)(&self.config);
        let left = u64::try_from(token.expires_at.saturating_sub(self.now())).unwrap_or(0);
        let made = self.keys.get().one_time.make(token.id, &token.seed, &token.purpose);
        Link {
            url: format!("{page}#token={}", made.expose()),
            token: made,
            valid_for: Duration::from_millis(left),
        }
    }
}
