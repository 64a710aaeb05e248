//! The ways into an account, over all rooms: counted where the last one has to stay, named where the owner is told of them, and
//! taken away where somebody else turns out to be the owner.

use super::Kernel;
use crate::{
    Error, UserId,
    event::EventKind,
    mail::MailKind,
    refusal,
    store::{ConnectionTrait, names_of_user, remove_of_user},
};

impl Kernel {
    /// Whether an account may get another way in: not before its address is proved, where it can be. Whoever registers the
    /// address of somebody else would still have it when its owner comes.
    pub(crate) fn needs_proved_address(&self, is_proved: bool) -> Result<(), Error> {
        let can_be_proved = self.post.as_ref().is_some_and(|post| post.mailer.reaches_its_recipients());
        if can_be_proved && !is_proved { Err(refusal::VERIFICATION_NEEDED.into()) } else { Ok(()) }
    }

    /// What the rooms have by which somebody gets into an account, each named once; the password is none of theirs.
    pub(crate) async fn name_ways_in(
        &self,
        txn: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<Vec<String>, Error> {
        let mut named = Vec::new();
        for way in self.rooms.iter().filter_map(|room| room.ways_in) {
            for name in names_of_user(txn, way.table, way.user, user, way.named).await? {
                let called = name.map_or(way.called.to_owned(), |name| format!("{} {name}", way.called));
                if !named.contains(&called) {
                    named.push(called);
                }
            }
        }
        Ok(named)
    }

    /// The factors of an account, or its address, are others from now on: whoever was spared a factor is asked. Run it last in
    /// the transaction of the change.
    pub(crate) async fn spare_nobody(&self, txn: &impl ConnectionTrait, user: UserId) -> Result<(), Error> {
        for (table, column) in self.rooms.iter().flat_map(|room| room.spares).copied() {
            remove_of_user(txn, table, column, user).await?;
        }
        Ok(())
    }

    /// Somebody proves the address of an account who need not be the one who made it: what that one set up goes, and whoever
    /// reads mail at `email` is told. Run it in the transaction that proves the address and holds the user's row. `also` names
    /// what the caller takes away besides. Gives the event, to be recorded; `None`: there was nothing.
    pub(crate) async fn take_ways_in_away(
        &self,
        txn: &impl ConnectionTrait,
        user: UserId,
        email: &str,
        also: Option<&str>,
    ) -> Result<Option<EventKind>, Error> {
        let mut gone = self.name_ways_in(txn, user).await?;
        for (table, column, called) in self.rooms.iter().flat_map(|room| room.goes_along).copied() {
            if !names_of_user(txn, table, column, user, None).await?.is_empty() {
                remove_of_user(txn, table, column, user).await?;
                let called = called.to_owned();
                if !gone.contains(&called) {
                    gone.push(called);
                }
            }
        }
        gone.extend(also.map(str::to_owned));
        if gone.is_empty() {
            return Ok(None);
        }
        for way in self.rooms.iter().filter_map(|room| room.ways_in) {
            remove_of_user(txn, way.table, way.user, user).await?;
        }
        let ways = listed(&gone);
        self.post(txn, MailKind::WaysInRemoved, email, Some(user), Some(ways.clone())).await?;
        Ok(Some(EventKind::WaysInRemoved { user, ways }))
    }
}

/// In one text that fits the column for the detail of a mail.
pub(crate) fn listed(ways: &[String]) -> String {
    const MOST: usize = 400;
    let mut text = String::new();
    for way in ways {
        if text.len().saturating_add(way.len()) > MOST {
            text.push_str(", and more");
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(way);
    }
    text
}

/// How many ways into an account there are, with the password.
pub(crate) async fn count_ways_in(
    kernel: &Kernel,
    txn: &crate::store::DatabaseTransaction,
    user: UserId,
) -> Result<u64, Error> {
    let mut ways = u64::from(crate::store::has_password(txn, user).await?);
    for way in kernel.rooms.iter().filter_map(|room| room.ways_in) {
        ways = ways.saturating_add((way.count)(kernel, txn, user).await?);
    }
    Ok(ways)
}
