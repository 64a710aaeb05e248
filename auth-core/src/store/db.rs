//! The connection with a memory: while the database is away, statements fail at once.
//!
//! The pool by itself tries each request anew for as long as a connection may be awaited, 3 seconds by default. Every
//! request would take that long, and those that wait would be a crowd when the database comes back.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, TransactionOptions, TransactionTrait, prelude::async_trait,
};
use tokio::time::Instant;

use crate::{
    db_code::run_again,
    error::{is_lost_race, is_unreachable},
};

/// The database is away when nothing has come from it for so long and a statement finds no connection. Shorter than a
/// wait for a connection; longer than a moment in which all of them happen to be busy.
const SILENCE: Duration = Duration::from_secs(1);

/// While it is away, one statement in this time is let through to see whether it is back.
const PROBE_EVERY: Duration = Duration::from_millis(500);

pub(crate) struct Db {
    connection: DatabaseConnection,
    outage: Mutex<Outage>,
}

struct Outage {
    last_heard: Instant,
    /// There while the database is away.
    next_probe: Option<Instant>,
}

impl Outage {
    fn admits(&mut self, now: Instant) -> bool {
        match self.next_probe {
            Some(next) if now < next => false,
            Some(_) => {
                self.next_probe = Some(now + PROBE_EVERY);
                true
            }
            None => true,
        }
    }

    fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.next_probe = None;
    }

    fn unreachable(&mut self, now: Instant) {
        if now.duration_since(self.last_heard) >= SILENCE {
            self.next_probe = Some(now + PROBE_EVERY);
        }
    }
}

impl Db {
    pub(super) fn new(connection: DatabaseConnection) -> Self {
        let outage = Outage { last_heard: Instant::now(), next_probe: None };
        Self { connection, outage: Mutex::new(outage) }
    }

    pub(super) async fn begin(&self, options: TransactionOptions) -> Result<DatabaseTransaction, DbErr> {
        self.ask(self.connection.begin_with_options(options)).await
    }

    /// A statement by itself that has lost a race has done nothing, and is run again: then it sees what the winner did.
    async fn run<'a, T, F>(
        &'a self,
        statement: Statement,
        run: impl Fn(&'a DatabaseConnection, Statement) -> F,
    ) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        run_again(|| self.ask(run(&self.connection, statement.clone())), is_lost_race).await
    }

    async fn ask<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        if !self.outage(Outage::admits) {
            return Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
        }
        let answer = statement.await;
        self.outage(|outage, now| match &answer {
            Err(error) if is_unreachable(error) => outage.unreachable(now),
            _ => outage.heard(now),
        });
        answer
    }

    fn outage<T>(&self, act: impl FnOnce(&mut Outage, Instant) -> T) -> T {
        act(&mut self.outage.lock().unwrap_or_else(PoisonError::into_inner), Instant::now())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Db {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(statement, DatabaseConnection::execute_raw).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.ask(self.connection.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(statement, DatabaseConnection::query_one_raw).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(statement, DatabaseConnection::query_all_raw).await
    }

    fn support_returning(&self) -> bool {
        self.connection.support_returning()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_silent_is_asked_by_one_statement_at_a_time_until_it_answers() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut outage = Outage { last_heard: start, next_probe: None };
        outage.unreachable(at(900));
        assert!(outage.admits(at(900)), "busy for a moment");
        outage.unreachable(at(1000));
        assert!(!outage.admits(at(1001)), "away");
        assert!(outage.admits(at(1500)), "one may look");
        assert!(!outage.admits(at(1501)), "and no other meanwhile");
        outage.unreachable(at(1600));
        assert!(!outage.admits(at(2099)));
        assert!(outage.admits(at(2100)));
        outage.heard(at(2101));
        assert!(outage.admits(at(2102)) && outage.admits(at(2102)), "back for all");
        outage.unreachable(at(2103));
        assert!(outage.admits(at(2104)), "heard of a moment ago");
    }
}
