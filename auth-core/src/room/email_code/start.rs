//! A code is asked for.

use std::time::Duration;

use super::{
    FLOW, FlowToken, VALID_FOR,
    store::{FlowRow, insert_flow},
};
use crate::{
    Address, ClientInfo, Error, FieldError,
    clock::duration_millis,
    email::Email,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    random::{self, ordered_uuid},
    store::{Insert, find_user_by_email},
    task::until_won,
};

/// What somebody gives who wants to sign in by e-mail.
#[derive(Debug, Clone)]
pub struct Start {
    email: Address,
    redirect_to: Option<String>,
    client: ClientInfo,
}

impl Start {
    /// The address, in any writing that means the same.
    pub fn new(email: impl Into<Address>) -> Self {
        Self { email: email.into(), redirect_to: None, client: ClientInfo::default() }
    }

    /// Where to go afterwards: a path of this service, or a page of one of the
    /// [`redirect_origins`](crate::EmailCodeConfig::redirect_origins). It comes back with the sign-in.
    pub fn redirect_to(mut self, page: impl Into<String>) -> Self {
        self.redirect_to = Some(page.into());
        self
    }

    /// Who asks, for the event.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }
}

/// A sign-in that is under way.
#[derive(Debug)]
#[non_exhaustive]
pub struct Flow {
    /// For the browser that asked: the code is good only together with it. The same whatever the address.
    pub token: FlowToken,
    /// How long both work: the cookie's `Max-Age`.
    pub expires_in: Duration,
}

/// To be called [detached](crate::task::detached). Whatever the address, the same work: whether there is anything to send is found out
/// when the mail is written.
pub(super) async fn start(kernel: &Kernel, start: Start) -> Result<Flow, Error> {
    let Start { email, redirect_to, client } = start;
    let email = Email::parse(email.expose());
    let leads_away = redirect_to.as_ref().is_some_and(|place| !kernel.config.email_codes.may_lead_to(place));
    let unfit = leads_away.then(|| {
        let rule = "must be a path of this service, or an address of an origin that is allowed";
        FieldError::new("redirect_to", "not_allowed", rule)
    });
    let email = match (email, unfit) {
        (Ok(email), None) => email,
        (email, unfit) => return Err(Error::Validation(email.err().into_iter().chain(unfit).collect())),
    };
    kernel.attempt_in_network(&client)?.stays_counted();
    let now = kernel.now();
    let owner = find_user_by_email(kernel.store.db(), email.normalized()).await?;
    let mut row = FlowRow {
        id: ordered_uuid(kernel.random.as_ref(), now)?,
        owner: owner.map(|owner| (owner.id, owner.epoch)),
        email: email.typed().to_owned(),
        seed: random::bytes::<32>(kernel.random.as_ref())?.to_vec(),
        tries: 0,
        redirect_to,
        mailed_at: None,
        created_at: now,
        expires_at: now.saturating_add(duration_millis(VALID_FOR)),
    };
    let client = kernel.about(&client, &email);
    let user = row.owner.map(|(user, _)| user);
    let asked = EventKind::LinkAsked { user, kind: MailKind::SignInCode };
    while until_won(|| write_down(kernel, &row, &client, &asked)).await? == Insert::Taken {
        // Deleted since it was read.
        row.owner = None;
    }
    kernel.mail_waits();
    kernel.emit(&client, asked);
    let token = kernel.keys.get().one_time.make(row.id, &row.seed, FLOW.0);
    Ok(Flow { token: FlowToken::new(token.expose()), expires_in: VALID_FOR })
}

async fn write_down(
    kernel: &Kernel,
    row: &FlowRow,
    client: &ClientInfo,
    asked: &EventKind,
) -> Result<Insert, Error> {
    let txn = kernel.store.begin().await?;
    if insert_flow(&txn, row.clone()).await? == Insert::Taken {
        txn.rollback().await?;
        return Ok(Insert::Taken);
    }
    kernel.post(&txn, MailKind::SignInCode, &row.email, None, Some(row.id.to_string())).await?;
    kernel.record(&txn, client, asked).await?;
    txn.commit().await?;
    Ok(Insert::Done)
}
