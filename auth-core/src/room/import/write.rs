use super::{
    Checked, UserRecord,
    store::{Held, NewAccount, find_held, insert_accounts},
};
use crate::{
    ClientInfo, Error, FieldError, Password, UserId, event::EventKind, kernel::Kernel, random::ordered_uuid,
    store::Insert, task::until_won,
};

/// How often a batch is tried as a whole, before its rows are tried one by one.
const WHOLE_TRIES: u32 = 3;

/// One account to import.
#[derive(Debug, Clone)]
pub struct ImportRow {
    /// Tells the row from others, like the number of its line.
    pub number: u64,
    /// The account.
    pub record: UserRecord,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportOutcome {
    /// The account is there now; in a dry run: would be.
    Inserted,
    /// It was there, with this id and address; for a row without an id, with this address and, if the row has one, this time.
    /// Nothing was changed.
    AlreadyThere,
    /// Nothing was done, and why.
    Refused(FieldError),
}

impl Kernel {
    /// What is there decides; the unique indexes decide about what comes at the same time. Then it is looked anew.
    pub(super) async fn import(
        &self,
        rows: &[Checked],
        client: &ClientInfo,
        dry_run: bool,
    ) -> Result<Vec<ImportOutcome>, Error> {
        for _ in 0..WHOLE_TRIES {
            if let Some(outcomes) = self.try_import(rows, client, dry_run).await? {
                return Ok(outcomes);
            }
        }
        if rows.len() < 2 {
            return Ok(rows.iter().map(|_| ImportOutcome::Refused(taken())).collect());
        }
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows.chunks(1) {
            outcomes.extend(Box::pin(self.import(row, client, dry_run)).await?);
        }
        Ok(outcomes)
    }

    /// `None`: somebody else made one of these accounts meanwhile, and nothing was written.
    async fn try_import(
        &self,
        rows: &[Checked],
        client: &ClientInfo,
        dry_run: bool,
    ) -> Result<Option<Vec<ImportOutcome>>, Error> {
        let ids: Vec<_> = rows.iter().filter_map(|row| row.id).map(UserId::as_uuid).collect();
        let emails: Vec<_> = rows.iter().map(|row| row.email.normalized()).collect();
        let usernames: Vec<_> = rows.iter().filter_map(Checked::username).collect();
        let written = until_won(|| async {
            let (txn, now) = (self.store.begin().await?, self.now());
            let held = find_held(&txn, &ids, &emails, &usernames).await?;
            let outcomes: Vec<_> = rows.iter().map(|row| judge(row, &held)).collect();
            let new = rows.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == ImportOutcome::Inserted);
            let mut secrets = Vec::new();
            let mut account = |row| -> Result<NewAccount<'_>, Error> {
                let (account, secret) = self.new_account(row, now)?;
                secrets.extend(secret.map(|secret| (account.id, secret)));
                Ok(account)
            };
            let new = new.map(|(row, _)| account(row)).collect::<Result<Vec<_>, Error>>()?;
            if dry_run || new.is_empty() {
                txn.rollback().await?;
                return Ok(Some((outcomes, Vec::new())));
            }
            if insert_accounts(&txn, &new, now).await? == Insert::Taken {
                txn.rollback().await?;
                return Ok(None);
            }
            if let Some(moves) = self.moves() {
                (moves.write)(self, &txn, secrets).await?;
            }
            let kinds: Vec<_> = new.iter().map(|new| EventKind::Imported { user: new.id }).collect();
            self.record_all(&txn, client, &kinds).await?;
            txn.commit().await?;
            Ok(Some((outcomes, kinds)))
        });
        let Some((outcomes, kinds)) = written.await? else { return Ok(None) };
        for kind in kinds {
            self.emit(client, kind);
        }
        Ok(Some(outcomes))
    }

    /// An id that sorts with those of its time, like one of a registration; and the secret of the second factor.
    fn new_account<'a>(
        &self,
        row: &'a Checked,
        now: i64,
    ) -> Result<(NewAccount<'a>, Option<&'a Password>), Error> {
        let created_at = row.created_at.unwrap_or(now);
        let id = match row.id {
            Some(id) => id,
            None => ordered_uuid(self.random.as_ref(), created_at)?.into(),
        };
        let account = NewAccount {
            id,
            email: &row.email,
            email_verified: row.email_verified,
            disabled: row.disabled,
            created_at,
            roles: &row.roles,
            hash: row.hash.as_ref(),
            profile: &row.profile,
        };
        Ok((account, row.totp_secret.as_ref()))
    }
}

fn judge(row: &Checked, held: &Held) -> ImportOutcome {
    match judge_account(row, held) {
        ImportOutcome::Inserted if row.username().is_some_and(|name| held.usernames.contains(&name)) => {
            let rule = "the user name belongs to another account";
            ImportOutcome::Refused(FieldError::new("username", "username_taken", rule))
        }
        outcome => outcome,
    }
}

/// Without an id, an account of another time is somebody else's, who came here by another way.
fn judge_account(row: &Checked, held: &Held) -> ImportOutcome {
    let by_email = held.by_email.get(row.email.normalized());
    if let Some(id) = row.id {
        return match held.by_id.get(&id.as_uuid()) {
            Some(email) if email == row.email.normalized() => ImportOutcome::AlreadyThere,
            Some(_) => {
                let rule = "the id belongs to an account with another address";
                ImportOutcome::Refused(FieldError::new("id", "id_taken", rule))
            }
            None if by_email.is_some() => ImportOutcome::Refused(taken()),
            None if held.deleted.contains(&id.as_uuid()) => {
                let rule =
                    "an account with this id was deleted a moment ago; its access tokens may still live";
                ImportOutcome::Refused(FieldError::new("id", "deleted", rule))
            }
            None => ImportOutcome::Inserted,
        };
    }
    match (by_email, row.created_at) {
        (None, _) => ImportOutcome::Inserted,
        (Some(there), Some(time)) if *there != time => ImportOutcome::Refused(taken()),
        (Some(_), _) => ImportOutcome::AlreadyThere,
    }
}

fn taken() -> FieldError {
    FieldError::new("email", "email_taken", "the address belongs to another account")
}
