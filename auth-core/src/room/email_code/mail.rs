//! The mail: whether it goes out is found out when it is to leave, and code and link are made then.

use std::time::Duration;

use uuid::Uuid;

use super::{
    CODE, LINK, MAX_TRIES,
    store::{FlowRow, find_flow, note_mailed},
};
use crate::{
    EmailSignIn, Error, Password,
    email::Email,
    kernel::{Composed, Kernel},
    mail::{Link, Mail, MailKind},
    outbox::{CODES, MAX_ROUNDS, Turn},
    store::{ConnectionTrait, MailRow, find_user_by_email, lock_user},
    task::until_won,
};

/// What one round came to.
enum Round {
    /// To this address.
    Goes(FlowRow, String),
    Nothing,
    NotBefore(i64),
    /// Somebody else was counted at this moment.
    Again,
}

/// To be called [detached](crate::task::detached).
pub(super) async fn compose(kernel: &Kernel, row: &MailRow) -> Result<Composed, Error> {
    let Some(id) = row.detail.as_deref().and_then(|id| id.parse().ok()) else { return Ok(Composed::Nothing) };
    if kernel.config.email_codes.sign_in == EmailSignIn::Off {
        return Ok(Composed::Nothing);
    }
    for _ in 0..MAX_ROUNDS {
        return Ok(match until_won(|| round(kernel, id)).await? {
            Round::Goes(flow, to) => Composed::Mail(Box::new(written(kernel, row, &flow, to))),
            Round::Nothing => Composed::Nothing,
            Round::NotBefore(at) => Composed::NotBefore(at),
            Round::Again => continue,
        });
    }
    Err(Error::Overloaded { retry_after: Duration::from_secs(1) })
}

async fn round(kernel: &Kernel, id: Uuid) -> Result<Round, Error> {
    let txn = kernel.store.begin().await?;
    let now = kernel.now();
    let is_open = |flow: &FlowRow| now < flow.expires_at && flow.tries < MAX_TRIES;
    let Some(flow) = find_flow(&txn, id).await?.filter(is_open) else { return Ok(Round::Nothing) };
    let Some(to) = recipient(kernel, &txn, &flow).await? else { return Ok(Round::Nothing) };
    // It was counted at the first try.
    if flow.mailed_at.is_some() {
        return Ok(Round::Goes(flow, to));
    }
    let round = match kernel.mail_turn(&txn, MailKind::SignInCode.code(), &to, &CODES).await? {
        Turn::Yes if note_mailed(&txn, id, now).await? => {
            txn.commit().await?;
            return Ok(Round::Goes(flow, to));
        }
        Turn::TooSoon(at) if at < flow.expires_at => Round::NotBefore(at),
        Turn::Lost => Round::Again,
        Turn::Yes | Turn::TooSoon(_) | Turn::No => Round::Nothing,
    };
    txn.rollback().await?;
    Ok(round)
}

/// `None`: it would sign nobody in.
async fn recipient(
    kernel: &Kernel,
    txn: &impl ConnectionTrait,
    flow: &FlowRow,
) -> Result<Option<String>, Error> {
    let Ok(asked) = Email::parse(&flow.email) else { return Ok(None) };
    let Some((user, epoch)) = flow.owner else {
        let gets_account =
            kernel.signs_up_by_email() && find_user_by_email(txn, asked.normalized()).await?.is_none();
        return Ok(gets_account.then(|| flow.email.clone()));
    };
    let owner = lock_user(txn, user).await?.filter(|owner| {
        let is_the_same = Email::parse(&owner.email).is_ok_and(|own| own.normalized() == asked.normalized());
        is_the_same && !owner.disabled && owner.epoch == epoch
    });
    Ok(owner.map(|owner| owner.email))
}

fn written(kernel: &Kernel, row: &MailRow, flow: &FlowRow, to: String) -> Mail {
    let keys = kernel.keys.get();
    let token = keys.one_time.make(flow.id, &flow.seed, LINK.0);
    let left = u64::try_from(flow.expires_at.saturating_sub(kernel.now())).unwrap_or(0);
    Mail {
        id: row.id,
        kind: row.kind,
        to,
        link: Some(Link {
            url: format!("{}#token={}", kernel.config.mail.sign_in_url, token.expose()),
            token,
            valid_for: Duration::from_millis(left),
        }),
        code: Some(Password::new(keys.one_time.code(flow.id, &flow.seed, CODE))),
        new_address: None,
        provider: None,
        ways_in: None,
    }
}
