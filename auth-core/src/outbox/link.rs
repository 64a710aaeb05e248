//! The link of a mail: its token is made when the mail leaves.

use std::time::Duration;

use uuid::Uuid;

use super::pace::{LINKS, MAX_ROUNDS, Turn};
use crate::{
    Error, UserId,
    clock::duration_millis,
    kernel::{Kernel, LinkMail, Recipient},
    mail::{Link, MailKind},
    random,
    store::{About, TokenRow, UserRow, end_tokens_of, find_token, insert_token, lock_user, prolong_token},
    task::until_won,
};

impl Kernel {
    /// What the link of this kind of mail is for. `None`: it has no link.
    pub(super) fn link_mail(&self, kind: MailKind) -> Option<&'static LinkMail> {
        self.rooms.iter().flat_map(|room| room.links).find(|link| link.kind == kind)
    }

    /// Makes the token of a mail, or the same again. `None`: it was used or ended since, or the person has been sent enough of
    /// them. `asked_in` is the epoch in which it was asked for.
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
            if !self.may_write_down(mail, user.id, &token, to, asked_in).await? {
                return Ok(None);
            }
            token
        };
        Ok(token.is_alive(now).then(|| self.link_of(mail, &token)))
    }

    async fn may_write_down(
        &self,
        mail: &LinkMail,
        user: UserId,
        token: &TokenRow,
        to: &str,
        asked_in: Option<&str>,
    ) -> Result<bool, Error> {
        let now = self.now();
        for _ in 0..MAX_ROUNDS {
            let turn = until_won(|| async {
                let txn = self.store.begin().await?;
                let Some(locked) = lock_user(&txn, user).await? else { return Ok(Turn::No) };
                // What a reset, or a change of address or password, has ended is not sent after it.
                let is_of_epoch = asked_in == Some(locked.epoch.to_string().as_str());
                let is_ended = locked.disabled
                    || match mail.to {
                        Recipient::Account => locked.email != to,
                        Recipient::Asked => !is_of_epoch,
                        Recipient::AccountThen => !is_of_epoch || locked.email != to,
                    };
                if is_ended {
                    return Ok(Turn::No);
                }
                let turn = self.mail_turn(&txn, mail.purpose.0, to, &LINKS).await?;
                if turn != Turn::Yes {
                    txn.rollback().await?;
                    return Ok(turn);
                }
                if mail.to == Recipient::Asked {
                    end_tokens_of(&txn, user, mail.purpose, About::AnythingBut(to), now).await?;
                }
                insert_token(&txn, token, now).await?;
                txn.commit().await?;
                Ok(turn)
            });
            match turn.await? {
                Turn::Yes => return Ok(true),
                Turn::No | Turn::TooSoon(_) => return Ok(false),
                Turn::Lost => {}
            }
        }
        Err(Error::Overloaded { retry_after: Duration::from_secs(1) })
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
