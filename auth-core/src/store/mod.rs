//! The store: every statement of the main job, over SeaORM. Functions take a connection or a transaction.

mod by_name;
mod check;
mod db;
pub(crate) mod entity;
mod event;
mod feed;
mod insert;
mod key;
mod lease;
mod mail;
mod one_time;
mod pace;
mod profile;
mod referring;
mod revocation;
mod role;
mod session;
mod sessions;
mod sweep;
mod text;
mod throttle;
mod unverified;
mod user;
mod users;

pub(crate) use sea_orm::{ConnectionTrait, DatabaseTransaction};
use sea_orm::{
    DatabaseConnection, DbBackend, DbErr, IsolationLevel, SqliteTransactionMode, TransactionOptions,
};

pub use self::by_name::{ExportedRow, ExportedValue};
pub(crate) use self::{
    by_name::{
        ColumnKind, Exported, Table, export_rows, has_rows, is_overdue, names_of_user, remove_of_user, sweep,
    },
    check::{
        TABLES, address_collation, count_events, journal_mode, missing_tables, not_writable, read_clock,
        takes_writes,
    },
    db::Db,
    event::{EventRow, insert_events, list_events},
    feed::{
        Placed, begin_places, events_after, find_unplaced, first_place, hold_last_place, last_place, place,
        remove_events, take_places,
    },
    insert::Insert,
    key::{KeyRow, insert_key, read_keys, remove_keys, revoke_key},
    lease::{release_leases, take_lease},
    mail::{MailRow, claim_mail, due_mails, insert_mail, mail_backlog, postpone_mail, remove_mail},
    one_time::{
        About, TokenRow, end_tokens, end_tokens_of, find_token, insert_token, prolong_token, spend_token,
    },
    pace::{find_pace, put_pace},
    profile::{
        find_email_by_username, find_profile, find_profiles, find_usernames, insert_profiles, put_profile,
    },
    referring::referring_tables,
    revocation::ended_since,
    role::{find_able, has_roles, lock_able, set_roles},
    session::{
        NewSession, Rotated, SessionRow, find_session, find_session_with_profile, insert_session,
        prove_session, replace_session, revoke_session, rotate_session, use_session,
    },
    sessions::{ListedSession, keep_session, list_sessions, revoke_oldest, revoke_own_session},
    sweep::{remove_idle_sessions, remove_sessions_of_older_epochs},
    throttle::{
        Counters, count_failure, find_counter, forget_all_failures, forget_failures, take_back_failure,
    },
    unverified::{find_unverified, lock_unverified},
    user::{
        Count, Factors, LockedUser, LoginRow, NewUser, Standing, UserRow, all_roles, delete_user,
        disable_user, enable_user, end_all_sessions, find_login, find_user, find_user_by_email,
        find_user_with_sessions, has_password, insert_user, lock_user, note_first_sign_in, prove_email,
        put_hash, replace_email, replace_hash, touch_roles,
    },
    users::{UserFilter, list_users},
};

pub(crate) use self::user::remove_password;

pub(crate) struct Store {
    db: Db,
}

impl Store {
    pub(crate) fn new(connection: DatabaseConnection) -> Self {
        Self { db: Db::new(connection) }
    }

    /// For a single statement.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Begins a transaction, for several writes. `BEGIN IMMEDIATE` on SQLite: a transaction that first reads and
    /// then wants to write is refused there without waiting when another one wrote meanwhile. READ COMMITTED on MySQL and
    /// MariaDB, as it is by default on PostgreSQL: under their REPEATABLE READ whoever waited for a row goes on with what was
    /// there before the wait, and two changes of a user's roles would add up.
    ///
    /// Only inside [`detached`](crate::task::detached): a `BEGIN` that is dropped while it is under way leaves sqlx
    /// with a connection that does not know it is in a transaction. It goes back to the pool, and what others
    /// write through it afterwards is lost with it.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let is_mysql = self.db.get_database_backend() == DbBackend::MySql;
        self.db
            .begin(TransactionOptions {
                isolation_level: is_mysql.then_some(IsolationLevel::ReadCommitted),
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            })
            .await
    }
}
