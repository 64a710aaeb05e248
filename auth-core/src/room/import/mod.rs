//! Moving in and out: accounts of another system as rows, and those of this one.

mod record;
mod seen;
mod store;
mod validate;
mod write;

use std::{collections::HashMap, sync::Arc};

pub use self::{
    record::UserRecord,
    write::{ImportOutcome, ImportRow},
};
use self::{seen::Seen, validate::Checked};
use crate::{
    Auth, ClientInfo, Error, UserId,
    clock::from_millis,
    event::EventKind,
    kernel::{Kernel, Room},
    store::{UserFilter, UserRow, find_profiles, list_users},
    task::detached,
};

pub(crate) const ROOM: Room = Room::EMPTY;

/// Rows of one transaction. With the most roles that a user may have they are 32,000 values, and SQLite takes 32,766 in a
/// statement.
const BATCH: usize = 500;
/// Users of one page.
const PAGE: u64 = 500;

/// Takes accounts over from another system. One of these is one run: within it a row that repeats an id or an address is
/// refused, for which some hundred bytes per row are kept.
///
/// A run may be cut off at any moment and repeated: each account is there as a whole or not at all, and one that is there is
/// left as it is, whatever its row says.
#[derive(Clone)]
pub struct Import {
    kernel: Arc<Kernel>,
    client: ClientInfo,
    dry_run: bool,
    seen: Seen,
}

/// Moving in and out.
impl Auth {
    /// Begins to take accounts over from another system. Whoever can do this can make administrators: check that the caller
    /// may.
    pub fn import(&self, client: ClientInfo) -> Import {
        Import { kernel: Arc::clone(&self.kernel), client, dry_run: false, seen: Seen::default() }
    }

    /// At most 500 users in the order of their ids, from after `after`, as [`import`](Self::import) reads them. Empty: there
    /// are no more. Stored hashes are as good as passwords for whoever guesses offline, and secrets of authenticator apps, which come
    /// with them, make codes: leave them out unless they are to move. The first page of a run is an event. Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Internal`], which names the accounts of the page, when the secrets of their authenticator apps are encrypted under a
    /// secret key that is not known any more; [`Error::Unavailable`].
    pub async fn export_users(
        &self,
        after: Option<UserId>,
        with_hashes: bool,
    ) -> Result<Vec<UserRecord>, Error> {
        let db = self.kernel.store.db();
        if after.is_none() {
            // First: what could not be written down is not given away.
            let (kind, client) = (EventKind::UsersExported { with_hashes }, ClientInfo::default());
            self.kernel.write_down(db, &client, &kind).await?;
            self.kernel.emit(&client, kind);
        }
        let users = list_users(db, after.map(UserId::as_uuid), UserFilter::All, PAGE).await?;
        let (mut hashes, mut secrets) = (HashMap::new(), HashMap::new());
        if let (Some(first), Some(last), true) = (users.first(), users.last(), with_hashes) {
            hashes = store::find_hashes(db, first.id, last.id).await?;
            if let Some(moves) = self.kernel.moves() {
                secrets = (moves.read)(&self.kernel, first.id, last.id).await?;
            }
        }
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let mut profiles = find_profiles(db, &ids).await?;
        let record = |user: UserRow| UserRecord {
            profile: profiles.remove(&user.id).unwrap_or_default(),
            hash: hashes.remove(&user.id).map(Into::into),
            totp_secret: secrets.remove(&user.id),
            id: Some(user.id),
            created_at: Some(from_millis(user.created_at)),
            email_verified: user.email_verified_at.is_some(),
            disabled: user.disabled_at.is_some(),
            // `user` is implied.
            roles: user.roles.into_iter().skip(1).collect(),
            ..UserRecord::new(user.email)
        };
        Ok(users.into_iter().map(record).collect())
    }
}

impl Import {
    /// Tells what would be done, and writes nothing.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Writes these accounts, each with password, roles and event, and tells for each what was done: as many outcomes, in the
    /// same order. Rows that are refused keep none of the others back. 500 rows are a transaction, so hand over as many, or
    /// their multiple.
    ///
    /// Nothing is hashed, no mail is sent, and addresses are taken for proved where the rows say so.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: each row is there or not. Repeat the whole run.
    pub async fn rows(&mut self, rows: Vec<ImportRow>) -> Result<Vec<ImportOutcome>, Error> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let (mut rows, moves) = (rows.into_iter().peekable(), self.kernel.moves());
        while rows.peek().is_some() {
            let mut sound: Vec<Checked> = Vec::new();
            let mut refused = Vec::new();
            for row in rows.by_ref().take(BATCH) {
                let checked =
                    validate::validate(row.record, moves).and_then(|new| self.seen.note(row.number, new));
                refused.push(checked.map(|new| sound.push(new)).err());
            }
            let (kernel, client, dry_run) = (Arc::clone(&self.kernel), self.client.clone(), self.dry_run);
            let written = detached(async move { kernel.import(&sound, &client, dry_run).await }).await?;
            let mut written = written.into_iter();
            outcomes.extend(refused.into_iter().filter_map(|refused| match refused {
                Some(error) => Some(ImportOutcome::Refused(error)),
                None => written.next(),
            }));
        }
        Ok(outcomes)
    }
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import").field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}
