//! What a room is: one feature as a value. The kernel goes through the values wherever it must not forget one: at a sign-in, a
//! takeover, the last way in, the sweep, an export, a check.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{Arrival, Kernel, LinkMail, Passage, WrittenMail};
use crate::{
    Config, Error, FieldError, Finding, Password, UserId,
    revocation::Ended,
    store::{Count, DatabaseTransaction, Exported, SessionRow, Standing, Table},
    task::BoxFuture,
};

/// One feature, as the kernel sees it.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// For the check: whether they are there, with all their columns.
    pub(crate) tables: &'static [Table],
    /// Mails with a link, each with what its token is good for.
    pub(crate) links: &'static [LinkMail],
    /// A mail that it writes itself.
    pub(crate) writes: Option<WrittenMail>,
    /// Labels of the keys that it encrypts with: no two rooms have the same.
    pub(crate) sealers: &'static [&'static str],
    /// Rows that nobody can use any more.
    pub(crate) sweep: &'static [Sweep],
    /// What is stored about a person.
    pub(crate) export: &'static [Exported],
    /// How somebody can get into an account through this room.
    pub(crate) ways_in: Option<WaysIn>,
    /// What is no way in, and is taken away with those when somebody else turns out to be the owner: table, the column that says
    /// whose a row is, and what it is called in a mail.
    pub(crate) goes_along: &'static [(&'static str, &'static str, &'static str)],
    /// What spares somebody a factor: it goes when the factors or the address of an account change. Table, and the column that
    /// says whose a row is.
    pub(crate) spares: &'static [(&'static str, &'static str)],
    /// What an account has here that moves in and out with it.
    pub(crate) moves: Option<Moves>,
    /// Has a say in every sign-in.
    pub(crate) gate: Option<Gate>,
    /// What ended since a moment and is told by tokens of the room's own, so that every instance learns of it.
    pub(crate) ended: Option<EndedSince>,
    /// What it knows to be wrong with itself.
    pub(crate) findings: Option<Findings>,
    /// What goes on without a request, for ever.
    pub(crate) background: Option<fn(Arc<Kernel>) -> BoxFuture<'static, ()>>,
    /// The first event of the feed that it has not handed on yet: from there on none is swept.
    pub(crate) needs_events: Option<NeedsEvents>,
}

impl Room {
    /// A room that does nothing: what a new one starts from.
    pub(crate) const EMPTY: Self = Self {
        tables: &[],
        links: &[],
        writes: None,
        sealers: &[],
        sweep: &[],
        export: &[],
        ways_in: None,
        goes_along: &[],
        spares: &[],
        moves: None,
        gate: None,
        ended: None,
        findings: None,
        background: None,
        needs_events: None,
    };
}

/// Removes the rows of a table whose time is over.
#[derive(Clone, Copy)]
pub(crate) struct Sweep {
    pub(crate) table: &'static str,
    /// The primary key, a UUID.
    pub(crate) id: &'static str,
    /// Unix milliseconds.
    pub(crate) at: &'static str,
    /// For how long after that a row is kept. `None`: for ever.
    pub(crate) kept: fn(&Config) -> Option<Duration>,
}

/// A way to sign in, or a part of one, that has rows of its own.
#[derive(Clone, Copy)]
pub(crate) struct WaysIn {
    /// When somebody else turns out to be the owner, a user's rows of it go.
    pub(crate) table: &'static str,
    /// Which column says whose a row is.
    pub(crate) user: &'static str,
    /// What one is called in a mail and in an event, as in `sign-in with`.
    pub(crate) called: &'static str,
    /// Which column goes on with that. None whose text somebody typed: it would stand in a mail to somebody else.
    pub(crate) named: Option<&'static str>,
    /// How many of a user's rows would let somebody in at this moment.
    pub(crate) count:
        for<'a> fn(&'a Kernel, &'a DatabaseTransaction, UserId) -> BoxFuture<'a, Result<u64, Error>>,
}

/// The secret of a second factor, as a record of an account has it.
#[derive(Clone, Copy)]
pub(crate) struct Moves {
    /// Whether it is one that can be taken.
    pub(crate) validate: fn(&Password) -> Result<(), FieldError>,
    /// Writes those of new accounts, which were validated.
    pub(crate) write: WriteSecrets,
    /// Those of the users from one id to another, as they can be taken.
    pub(crate) read: ReadSecrets,
}

type WriteSecrets = for<'a> fn(
    &'a Kernel,
    &'a DatabaseTransaction,
    Vec<(UserId, &'a Password)>,
) -> BoxFuture<'a, Result<(), Error>>;

type ReadSecrets =
    for<'a> fn(&'a Kernel, UserId, UserId) -> BoxFuture<'a, Result<HashMap<UserId, Password>, Error>>;

/// What has a say in every sign-in. `None` is no objection, and nothing to wait for.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    /// Counts the factors of a user that stand: a part of the statements that read a user for a sign-in. It names the user as
    /// `auth_user.id`.
    pub(crate) standing: Option<fn() -> Count>,
    /// Counts, in the same way, what is two factors at once: not asked for after a password unless a policy wants two, but where
    /// somebody has to show who they are by the most that they have.
    pub(crate) beside: Option<fn(&Config) -> Count>,
    /// Asked after the first factor was right and before there is a session.
    pub(crate) at_sign_in: for<'a> fn(&'a Kernel, &'a Arrival) -> Objection<'a, Passage>,
    /// Asked of a live session before it gives tokens.
    pub(crate) at_refresh: Option<for<'a> fn(&'a Kernel, &'a SessionRow) -> Objection<'a, ()>>,
}

/// What a gate has to say, once it has looked further.
pub(crate) type Objection<'a, T> = Option<BoxFuture<'a, Result<T, Error>>>;

/// Reads what the kernel reads of sessions and users.
pub(crate) type EndedSince = for<'a> fn(&'a Kernel, i64) -> BoxFuture<'a, Result<Ended, Error>>;

/// The place in the feed of an event.
pub(crate) type NeedsEvents = for<'a> fn(&'a Kernel) -> BoxFuture<'a, Result<Option<i64>, Error>>;

/// Looks, and changes nothing.
pub(crate) type Findings = for<'a> fn(&'a Arc<Kernel>) -> BoxFuture<'a, Result<Vec<Finding>, Error>>;

impl Kernel {
    /// The labels of all keys that rooms encrypt with.
    pub(crate) fn sealers(&self) -> impl Iterator<Item = &'static str> {
        sealers(&self.rooms)
    }

    /// The first event of the feed that some room has not handed on yet.
    pub(crate) async fn needed_events(&self) -> Result<Option<i64>, Error> {
        let mut first: Option<i64> = None;
        for needs in self.rooms.iter().filter_map(|room| room.needs_events) {
            first = [first, needs(self).await?].into_iter().flatten().min();
        }
        Ok(first)
    }

    /// How many factors of a user stand, for the statement that reads the user.
    pub(crate) fn standing(&self) -> Standing {
        let gates = || self.rooms.iter().filter_map(|room| room.gate);
        Standing::of(
            gates().filter_map(|gate| gate.standing).map(|select| select()),
            gates().filter_map(|gate| gate.beside).map(|select| select(&self.config)),
        )
    }

    /// What moves in and out with an account.
    pub(crate) fn moves(&self) -> Option<Moves> {
        self.rooms.iter().find_map(|room| room.moves)
    }

    /// What a room was set up with, where the host switched it on.
    pub(crate) fn set_up<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.set_up.iter().find_map(|part| Arc::clone(part).downcast().ok())
    }
}

pub(crate) fn sealers(rooms: &[Room]) -> impl Iterator<Item = &'static str> {
    rooms.iter().flat_map(|room| room.sealers).copied()
}
