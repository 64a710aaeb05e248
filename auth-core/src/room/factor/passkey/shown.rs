//! A passkey is shown: looked at, and spent in the transaction of what it is shown for.

use super::{
    challenge::{self, Answered, Purpose},
    credential::Signed,
    party,
    store::{Guessed, PasskeyRow, Used, find_passkey, use_passkey},
    verify::{self, Ceremony, Facts},
};
use crate::{
    ClientInfo, Error, UserId,
    clock::duration_millis,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    room::factor::{guess::COUNTS_FOR, store::forget_tries},
    store::DatabaseTransaction,
    throttle::Rule,
};

/// A signature that was right, and is not spent yet.
pub(crate) struct Shown {
    row: PasskeyRow,
    facts: Facts,
    challenge: Answered,
    /// Its owner's codes are locked, and are opened by it.
    opens: bool,
}

/// The base point of P-256 in COSE. What is signed for a credential that nobody has is checked with it, so that the answer costs
/// the same.
const DECOY: &[u8] = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20\
    \x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\
    \x22\x58\x20\
    \x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";

/// Looks at what a browser sent: of the passkeys of this user, or, where somebody signs in, of the one whom it names. `Err` holds
/// whose passkey it is, where it is somebody's.
pub(crate) async fn look(
    kernel: &Kernel,
    json: &str,
    purpose: Purpose,
    user: Option<UserId>,
) -> Result<Result<Shown, Option<UserId>>, Error> {
    let (Some(party), Some(signed)) = (party(kernel), Signed::read(json)) else { return Ok(Err(None)) };
    let since = kernel.now().saturating_sub(duration_millis(COUNTS_FOR));
    let hash = verify::sha256(&signed.id);
    let found = find_passkey(kernel.store.db(), &hash, party.id(), since).await?;
    let key = found.as_ref().map_or(DECOY, |(row, _)| &row.public_key);
    let facts = verify::asserted(key, &signed.client_data, &signed.authenticator_data, &signed.signature);
    let Some((row, Guessed { tries, locked })) = found else { return Ok(Err(None)) };
    let owner = row.user_id;
    let handle = owner.as_uuid();
    let is_theirs = match (user, &signed.user_handle) {
        // Found without a name being typed, so it has to say whose it is (WebAuthn section 7.2, step 6).
        (None, told) => told.as_deref() == Some(handle.as_bytes()),
        (Some(user), told) => user == owner && told.as_deref().is_none_or(|told| told == handle.as_bytes()),
    };
    let shown = facts.filter(|facts| is_theirs && party.wants(Ceremony::Get, facts)).and_then(|facts| {
        let challenge = challenge::answered(kernel, &facts.challenge, purpose, user)?;
        let opens = locked > 0 || tries >= Rule::of_factor(&kernel.config).limit();
        Some(Shown { row, facts, challenge, opens })
    });
    Ok(shown.ok_or(Some(owner)))
}

impl Shown {
    pub(crate) fn owner(&self) -> UserId {
        self.row.user_id
    }

    /// A counter goes up with each use, unless it is none: one that does not may be that of a copy.
    fn may_be_a_copy(&self) -> bool {
        let counter = i64::from(self.facts.counter);
        (counter > 0 || self.row.counter > 0) && counter <= self.row.counter
    }

    /// What there is to tell of it.
    fn events(&self) -> Vec<EventKind> {
        let user = self.row.user_id;
        let mut events = Vec::new();
        if self.may_be_a_copy() {
            events.push(EventKind::PasskeyCounter { user });
        }
        if self.facts.backup_eligible != self.row.backup_eligible {
            events.push(EventKind::PasskeyBackupChanged { user });
        }
        if self.opens {
            events.push(EventKind::FactorUnlocked { user });
        }
        events
    }

    /// Uses it up in this transaction, with all that belongs to it. `false`: somebody else was faster, it is gone, or it may be a
    /// copy and those are refused; then the transaction is to be rolled back.
    pub(crate) async fn spend(
        &self,
        kernel: &Kernel,
        txn: &DatabaseTransaction,
        email: &str,
        client: &ClientInfo,
    ) -> Result<bool, Error> {
        if !self.challenge.spend(txn).await? {
            return Ok(false);
        }
        let used = Used {
            counter: self.facts.counter.into(),
            backup_eligible: self.facts.backup_eligible,
            backed_up: self.facts.backed_up,
            now: kernel.now(),
        };
        if !use_passkey(txn, self.row.id, used, kernel.config.passkeys.refuse_counter).await? {
            return Ok(false);
        }
        if self.opens {
            forget_tries(txn, self.row.user_id, None).await?;
        }
        for kind in self.events() {
            if let Some(mail) = mail_of(&kind) {
                kernel.post(txn, mail, email, Some(self.row.user_id), None).await?;
            }
            kernel.record(txn, client, &kind).await?;
        }
        Ok(true)
    }

    /// After the commit.
    pub(crate) fn spent(self, kernel: &Kernel, client: &ClientInfo) {
        kernel.mail_waits();
        for kind in self.events() {
            kernel.emit(client, kind);
        }
    }

    /// After a rollback. Where copies are refused, the owner is told that there was one: once for each challenge, so not of a
    /// request that is sent again because its answer was lost.
    pub(crate) async fn was_refused(
        self,
        kernel: &Kernel,
        email: &str,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let is_refused = kernel.config.passkeys.refuse_counter && self.may_be_a_copy();
        if is_refused && self.challenge.spend(kernel.store.db()).await? {
            let user = self.row.user_id;
            kernel.post(kernel.store.db(), MailKind::PasskeyCounter, email, Some(user), None).await?;
            kernel.mail_waits();
            kernel.note(client, EventKind::PasskeyCounter { user }).await;
        }
        Ok(())
    }
}

fn mail_of(kind: &EventKind) -> Option<MailKind> {
    match kind {
        EventKind::PasskeyCounter { .. } => Some(MailKind::PasskeyCounter),
        EventKind::PasskeyBackupChanged { .. } => Some(MailKind::PasskeyBackupChanged),
        _ => None,
    }
}
