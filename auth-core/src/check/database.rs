//! The database: whether it answers and can be written, its clock, and what is stored.

use std::{error::Error as _, sync::Arc, time::Duration};

use crate::Finding;
use crate::{
    Error,
    clock::duration_millis,
    kernel::Kernel,
    store::{TABLES, address_collation, journal_mode, missing_tables, not_writable, read_clock},
};

/// Clocks that differ by more are wrong, whatever hangs on them.
const WRONG: i64 = 60_000;
/// Where there is no grace that would be disturbed.
const LEAST: i64 = 1000;

impl Kernel {
    /// What it has found until the database fails, and that it does.
    pub(super) async fn check_database(self: &Arc<Self>) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Err(error) = self.look_at_database(&mut found).await {
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            found.push(Finding::error(
                "database_unreachable",
                format!("the database does not answer as it should: {why}"),
                "see that it runs, and that its address, user and password are right",
            ));
        }
        found
    }

    async fn look_at_database(self: &Arc<Self>, found: &mut Vec<Finding>) -> Result<(), Error> {
        let db = self.store.db();
        let before = self.now();
        let theirs = read_clock(db).await?;
        found.extend(clock(before, theirs, self.now(), self.config.sessions.refresh_grace));
        let tables = TABLES.iter().chain(self.rooms.iter().flat_map(|room| room.tables));
        let missing = missing_tables(db, tables.copied()).await?;
        if !missing.is_empty() {
            found.push(Finding::error(
                "tables_missing",
                format!(
                    "the database has no table of this form, or they may not be read: {}",
                    missing.join(", ")
                ),
                "apply the migrations: `auth_migration::up`, `auth-server migrate`",
            ));
            return Ok(());
        }
        if let Some(why) = not_writable(db).await? {
            found.push(Finding::error(
                "database_read_only",
                format!("nothing can be written to the database ({why}): nobody can sign in"),
                "name the primary and not a replica of it, and a user who may write to the tables",
            ));
        }
        if journal_mode(db).await?.is_some_and(|mode| mode != "wal" && mode != "memory") {
            found.push(Finding::warning(
                "sqlite_no_wal",
                "SQLite keeps no write-ahead log: whoever writes makes all others wait, and a sign-in may fail as busy",
                "connect with `auth_core::connect`, or PRAGMA journal_mode = WAL; keep the file on a local disk",
            ));
        }
        if let Some(collation) = address_collation(db).await?.filter(|collation| !collation.ends_with("_bin"))
        {
            found.push(Finding::error(
                "collation_loose",
                format!("addresses are compared by {collation}, which takes different ones for the same"),
                "ALTER TABLE auth_user CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            ));
        }
        found.extend(self.check_keys().await?);
        found.extend(self.check_outbox().await?);
        found.extend(self.check_sweep().await?);
        for findings in self.rooms.iter().filter_map(|room| room.findings) {
            found.extend(findings(self).await?);
        }
        Ok(())
    }
}

/// The time of the database against ours before and after it was asked.
fn clock(before: i64, theirs: i64, after: i64, grace: Duration) -> Option<Finding> {
    let (ahead, behind) = (before.saturating_sub(theirs), theirs.saturating_sub(after));
    let off = ahead.max(behind);
    let problem = format!("the clocks of this machine and of the database differ by {} s", off / 1000);
    let fix = "let both machines ask a time server (NTP)";
    match off {
        off if off > WRONG => {
            let follows = if behind > ahead {
                "this one is behind: others whose clocks are right may not hear of the sessions that end and the roles that change on this one: \
                 bounded checks there take the access tokens until they expire"
            } else {
                "this one is ahead: others whose clocks are right refuse the access tokens of this one until their time has come"
            };
            Some(Finding::error("clock_wrong", format!("{problem}; {follows}"), fix))
        }
        off if off > (duration_millis(grace) / 2).max(LEAST) => {
            Some(Finding::warning("clock_differs", problem, fix))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_by_what_the_way_to_the_database_cannot_explain() {
        let code = |before, theirs, after, grace| {
            clock(before, theirs, after, Duration::from_secs(grace)).map(|finding| finding.code)
        };
        assert_eq!(code(100_000, 100_000, 100_000, 10), None);
        assert_eq!(code(100_000, 130_000, 140_000, 10), None, "it was slow to answer");
        for theirs in [95_000, 105_000] {
            assert_eq!(code(100_000, theirs, 100_000, 10), None, "half of the grace");
        }
        for theirs in [94_999, 105_001] {
            assert_eq!(code(100_000, theirs, 100_000, 10), Some("clock_differs"));
        }
        for theirs in [39_999, 160_001] {
            assert_eq!(code(100_000, theirs, 100_000, 300), Some("clock_wrong"), "whatever the grace");
        }
        assert_eq!(code(100_000, 101_000, 100_000, 0), None);
        assert_eq!(code(100_000, 101_001, 100_000, 0), Some("clock_differs"));
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_what_follows_from_its_side() {
        let problem = |theirs| clock(100_000, theirs, 100_000, Duration::from_secs(10)).unwrap().problem;
        let behind = problem(161_000);
        assert!(
            behind.contains("61 s; this one is behind") && behind.contains("until they expire"),
            "{behind}"
        );
        let ahead = problem(39_000);
        assert!(
            ahead.contains("61 s; this one is ahead") && ahead.contains("refuse the access tokens"),
            "{ahead}"
        );
    }
}
