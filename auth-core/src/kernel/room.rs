//! What a room is: one feature as a value. The kernel goes through the values wherever it must not forget one: at a sign-in, a
//! takeover, the last way in, the sweep, an export, a check.

use std::{sync::Arc, time::Duration};

use super::{Arrival, Kernel, LinkMail, Passage};
use crate::{
    Config, Error, Finding, UserId,
    store::{DatabaseTransaction, Exported, Table},
    task::BoxFuture,
};

/// One feature, as the kernel sees it.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// For the check: whether they are there, with all their columns.
    pub(crate) tables: &'static [Table],
    /// Mails with a link, each with what its token is good for.
    pub(crate) links: &'static [LinkMail],
    /// Labels of the keys that it encrypts with: no two rooms have the same.
    pub(crate) sealers: &'static [&'static str],
    /// Rows that nobody can use any more.
    pub(crate) sweep: &'static [Sweep],
    /// What is stored about a person.
    pub(crate) export: &'static [Exported],
    /// How somebody can get into an account through this room.
    pub(crate) ways_in: Option<WaysIn>,
    /// Has a say in every sign-in.
    pub(crate) gate: Option<Gate>,
    /// What it knows to be wrong with itself.
    pub(crate) findings: Option<Findings>,
}

impl Room {
    /// A room that does nothing: what a new one starts from.
    pub(crate) const EMPTY: Self = Self {
        tables: &[],
        links: &[],
        sealers: &[],
        sweep: &[],
        export: &[],
        ways_in: None,
        gate: None,
        findings: None,
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
    #[cfg_attr(not(feature = "oidc"), expect(dead_code, reason = "read by rooms that a feature compiles"))]
    pub(crate) count:
        for<'a> fn(&'a Kernel, &'a DatabaseTransaction, UserId) -> BoxFuture<'a, Result<u64, Error>>,
}

/// Asked after the first factor was right and before there is a session. `None`: it has no objection.
pub(crate) type Gate = fn(&Kernel, &Arrival) -> Option<Passage>;

/// Looks, and changes nothing.
pub(crate) type Findings = for<'a> fn(&'a Arc<Kernel>) -> BoxFuture<'a, Result<Vec<Finding>, Error>>;

impl Kernel {
    /// The labels of all keys that rooms encrypt with.
    pub(crate) fn sealers(&self) -> impl Iterator<Item = &'static str> {
        sealers(&self.rooms)
    }

    /// What a room was set up with, where the host switched it on.
    pub(crate) fn set_up<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.set_up.iter().find_map(|part| Arc::clone(part).downcast().ok())
    }
}

pub(crate) fn sealers(rooms: &[Room]) -> impl Iterator<Item = &'static str> {
    rooms.iter().flat_map(|room| room.sealers).copied()
}
