//! A passkey is made: for an account that is signed in to, or where a factor has to be set up first.

use uuid::Uuid;

use super::{
    PASSKEY, Passkey, TOO_MANY_PASSKEYS,
    challenge::{self, Answered, Purpose, to_make},
    credential::Made,
    party,
    provider::name_of,
    store::{PasskeyRow, count_passkeys, insert_passkey},
    verify::{self, Ceremony, Registered},
};
use crate::{
    ClientInfo, Error, FieldError, PasskeyOptions, Password, Principal, SecondFactor, UserId,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    random,
    room::factor::{
        enrol::needs_proved_address,
        recovery::{self, Set},
        store::put_codes,
    },
    store::{DatabaseTransaction, Insert, UserRow},
    task::until_won,
};

/// So many passkeys an account may have.
const MOST: u64 = 20;

/// As many as fit into the column.
const NAME_CHARS: usize = 64;

/// A passkey stands from now on.
#[derive(Debug)]
#[non_exhaustive]
pub struct PasskeyAdded {
    /// The new one.
    pub passkey: Passkey,
    /// Where it is the first factor of the account: to be shown once, and written down.
    pub recovery_codes: Vec<Password>,
}

/// One that was made for an account and does not stand yet.
pub(crate) struct New {
    row: PasskeyRow,
    hash: [u8; 32],
    challenge: Answered,
    codes: Option<Set>,
}

pub(super) async fn begin(kernel: &Kernel, caller: &Principal) -> Result<PasskeyOptions, Error> {
    let user = kernel.recent_proof(caller).await?;
    begin_for(kernel, &user).await
}

pub(crate) async fn begin_for(kernel: &Kernel, user: &UserRow) -> Result<PasskeyOptions, Error> {
    needs_proved_address(kernel, user).await?;
    to_make(kernel, user).await
}

/// To be called [detached](crate::task::detached).
pub(super) async fn finish(
    kernel: &Kernel,
    caller: &Principal,
    json: &str,
    name: Option<String>,
    client: &ClientInfo,
) -> Result<PasskeyAdded, Error> {
    let user = kernel.recent_proof(caller).await?;
    needs_proved_address(kernel, &user).await?;
    let new = look(kernel, user.id, json, name, client).await?;
    let (kind, has_codes) = until_won(|| async {
        let txn = kernel.store.begin().await?;
        // Ten hashes take their time.
        kernel.hold_session(&txn, user.id, caller.session()?).await?;
        let stood = stand(kernel, &txn, &user, &new, client).await?;
        txn.commit().await?;
        Ok(stood)
    })
    .await?;
    kernel.mail_waits();
    kernel.emit(client, kind);
    Ok(new.added(has_codes))
}

/// Whether it is one that was asked for, of this account. Draws recovery codes where it would be the first factor.
pub(crate) async fn look(
    kernel: &Kernel,
    user: UserId,
    json: &str,
    name: Option<String>,
    client: &ClientInfo,
) -> Result<New, Error> {
    let name = name.as_deref().map(named).transpose()?;
    let (Some(party), Some(made)) = (party(kernel), Made::read(json)) else { return Err(no_good()) };
    let registered = verify::registered(&made.client_data, &made.attestation_object)
        .filter(|new| new.id == made.id && party.wants(Ceremony::Create, &new.facts));
    let Registered { facts, aaguid, id, public_key } = registered.ok_or_else(no_good)?;
    let challenge = challenge::answered(kernel, &facts.challenge, Purpose::Register, Some(user));
    let challenge = challenge.ok_or_else(no_good)?;
    let (now, aaguid) = (kernel.now(), Uuid::from_bytes(aaguid));
    let row = PasskeyRow {
        id: random::ordered_uuid(kernel.random.as_ref(), now)?,
        user_id: user,
        public_key,
        rp_id: party.id().to_owned(),
        name: name.unwrap_or_else(|| name_of(aaguid).unwrap_or("Passkey").to_owned()),
        aaguid,
        transports: made.transports,
        counter: facts.counter.into(),
        backup_eligible: facts.backup_eligible,
        backed_up: facts.backed_up,
        created_at: now,
        last_used_at: None,
        credential_id: id,
    };
    let is_first = kernel.config.factors.policy != SecondFactor::Off
        && kernel.factors_of(kernel.store.db(), user).await?.is_none();
    let codes = if is_first { Some(recovery::draw(kernel, client).await?) } else { None };
    Ok(New { hash: verify::sha256(&row.credential_id), row, challenge, codes })
}

/// Makes it stand, in a transaction that holds the user's row. Tells whether the recovery codes do too.
pub(crate) async fn stand(
    kernel: &Kernel,
    txn: &DatabaseTransaction,
    user: &UserRow,
    new: &New,
    client: &ClientInfo,
) -> Result<(EventKind, bool), Error> {
    if count_passkeys(txn, user.id).await? >= MOST {
        return Err(TOO_MANY_PASSKEYS.into());
    }
    let codes = match &new.codes {
        // Another factor may have come first meanwhile, with codes of its own.
        Some(codes) if kernel.factors_of(txn, user.id).await?.is_none() => Some(codes),
        _ => None,
    };
    if !new.challenge.spend(txn).await? {
        return Err(no_good());
    }
    if insert_passkey(txn, new.row.clone(), &new.hash).await? == Insert::Taken {
        return Err(no_good());
    }
    if let Some(codes) = codes {
        put_codes(txn, user.id, &codes.rows, kernel.now()).await?;
    }
    kernel.spare_nobody(txn, user.id).await?;
    let kind = EventKind::FactorAdded { user: user.id, factor: PASSKEY };
    kernel.post(txn, MailKind::PasskeyAdded, &user.email, Some(user.id), None).await?;
    kernel.record(txn, client, &kind).await?;
    Ok((kind, codes.is_some()))
}

impl New {
    pub(crate) fn added(self, has_codes: bool) -> PasskeyAdded {
        let codes = self.codes.filter(|_| has_codes).map(|set| set.codes);
        PasskeyAdded { passkey: self.row.into(), recovery_codes: codes.unwrap_or_default() }
    }
}

/// What its owner calls it: any text of one line that fits.
pub(super) fn named(name: &str) -> Result<String, Error> {
    let name = name.trim().to_owned();
    let is_good = (1..=NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if is_good {
        return Ok(name);
    }
    let rule = "the name has 1 to 64 characters, all on one line";
    Err(Error::Validation(vec![FieldError::new("name", "bad_name", rule)]))
}

/// One answer to all that may be wrong.
fn no_good() -> Error {
    let rule = "this is no passkey that was asked for here in the last 5 minutes";
    Error::Validation(vec![FieldError::new("credential", "invalid_credential", rule)])
}
