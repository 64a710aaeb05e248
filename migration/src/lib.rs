//! The database schema of `auth-core`: migrations for SQLite, PostgreSQL, MySQL and MariaDB.
//!
//! The schema is a guest in the host's database: every table, index and constraint is named `auth_...`, and
//! what has been applied is remembered in a table of its own, `auth_migration`, beside a
//! `seaql_migrations` that the host may have.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use sea_orm::Database;
//! let db = Database::connect("sqlite::memory:").await?; // postgres://app@localhost/app
//! for name in auth_migration::up(&db).await? {
//!     println!("applied {name}");
//! }
//! assert!(auth_migration::up(&db).await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! [`up`] may be called by every instance of a service at its start: one applies, the others wait for it and
//! find nothing left to do. Where the service may not change the schema, an operator runs what [`plan`]
//! prints, and [`status`] tells the service whether that has happened.
//!
//! [`down`] takes steps back, with what is in them. A step that was released never changes.
//!
//! # Old and new program on one database
//!
//! A migration is **compatible**: the version before it goes on beside it, may be started again, and warns once. So instances
//! are replaced one after the other, and the older program is the way back. One that the version before cannot live with has a
//! name that ends in `_breaking`; that version then refuses the database ([`MigrationError::NewerSchema`]), and all its
//! instances have to end before the newer one starts. The rule by which nearly all are compatible: a release adds, and what it no
//! longer needs goes a release later. A test reads the statements of every migration and keeps it.
//!
//! The features `sqlite`, `postgres` and `mysql` (also for MariaDB) choose the databases; none is on by default.
//!
//! A host that runs all its migrations through `sea-orm-migration` can use `Migrator` there instead (feature `migrator`); it then
//! takes no lock.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod compatible;
mod ddl;
#[cfg(feature = "migrator")]
mod embedded;
mod error;
mod history;
mod lock;
mod m0001_auth_user;
mod m0002_auth_password;
mod m0003_auth_user_role;
mod m0004_auth_session;
mod m0005_auth_one_time_token;
mod m0006_auth_lease;
mod m0007_auth_key;
mod m0008_auth_throttle;
mod m0009_auth_mail;
mod m0010_auth_event;
mod m0011_auth_deleted_user;
mod m0012_auth_identity;
mod m0013_auth_user_signed_in;
mod m0014_auth_session_auth_time;
mod m0016_auth_factor;
mod m0017_auth_device;
mod m0018_auth_passkey;
mod m0019_auth_api_key;
mod m0021_auth_event_seq;
mod m0022_auth_webhook;
mod m0023_auth_session_idle_until;
mod m0024_auth_profile;
mod m0025_auth_email_code;
mod migrator;
mod run;
#[cfg(feature = "test-util")]
pub mod test_util;

#[cfg(feature = "migrator")]
pub use embedded::Migrator;
pub use error::MigrationError;
pub use run::{MigrationStatus, down, plan, status, up};
