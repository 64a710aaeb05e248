//! Authentication as a library: register, login, refresh, logout, over a SeaORM store, without HTTP.
//!
//! ```no_run
//! use auth_core::{Auth, ClientInfo, Keys, Login, Register, SecretKey, SignIn};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let db = auth_core::connect("sqlite://auth.db?mode=rwc").await?; // or the host's DatabaseConnection
//! // The schema is made by `auth_migration::up(&db)`.
//! let keys = Keys::new(SecretKey::new(std::fs::read("auth.key")?)?);
//! let auth = Auth::builder(db, keys).build()?;
//!
//! let user = auth.register(Register::new("ada@example.com", "correct horse battery")).await?;
//! let SignIn::Granted(tokens) = auth.login(Login::new("ada@example.com", "correct horse battery")).await? else {
//!     return Err("a second factor is needed".into());
//! };
//! let caller = auth.verifier().verify(tokens.access.expose())?; // no database, no network
//! assert_eq!(caller.user_id(), user.id);
//! let tokens = auth.refresh(tokens.refresh, ClientInfo::default()).await?;
//! auth.logout(tokens.refresh, ClientInfo::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The handle, [`Auth`], is all that a host keeps. Over HTTP these functions are in `auth-tower`, and as a program in
//! `auth-server`.
//!
//! | feature | brings |
//! | --- | --- |
//! | `sqlite`, `postgres`, `mysql` | the database, one or several; none by default |
//! | `smtp` | mails by SMTP: [`mail`] |
//! | `oidc` | sign-in at Google, GitHub or any OpenID Connect issuer: `auth_core::oidc` |
//! | `test-util` | a clock to set, a hasher that counts, an event log. Not for production |
//!
//! Where to go on: how it is built ([architecture](manual::architecture)), each [default](manual::defaults) and why, each
//! [error](manual::errors) and what to do, [running it](manual::operating), [what is protected and what is not](manual::security),
//! [coming from another service](manual::moving_in), [what else there is](manual::comparison).

mod assurance;
mod audit;
mod auth;
mod builder;
mod check;
mod client;
mod clock;
mod config;
mod connect;
mod db_code;
mod email;
mod error;
mod event;
mod flow;
mod id;
mod kernel;
mod key_ring;
pub mod mail;
pub mod manual;
pub mod password;
mod principal;
mod random;
pub mod refusal;
mod revocation;
mod role;
mod room;
mod secret;
mod session;
mod store;
#[cfg(feature = "test-util")]
pub mod test_util;
mod throttle;
mod token;
mod user;

pub use assurance::Assurance;
pub use audit::AuditEvent;
pub use auth::Auth;
pub use builder::AuthBuilder;
pub use check::{Finding, Severity};
pub use client::ClientInfo;
pub use clock::{Clock, SystemClock};
pub use config::{
    Config, EmailVerification, FactorConfig, HashConfig, MailConfig, PasswordConfig, Registration,
    SecondFactor, SessionConfig, TokenConfig,
};
pub use connect::{ConnectError, ConnectOptions, connect, database_cause};
pub use error::{Class, ConfigError, Error, FieldError, StoreError};
pub use event::{Event, EventKind, EventSink, SignInFailure, ThrottleReason, TracingEvents};
pub use flow::{Export, ExportedRow, Login, PreparedRegister, Register, UserChange};
pub use id::{SessionId, UserId};
pub use key_ring::{KeyRing, KeyState, RingKey};
pub use principal::Principal;
pub use random::{Random, RandomUnavailable, SystemRandom};
pub use refusal::Refusal;
pub use revocation::Revocations;
pub use role::ADMIN_ROLE;
pub use room::factor;
#[cfg(feature = "oidc")]
pub use room::oidc;
#[cfg(feature = "oidc")]
pub use room::oidc::Identity;
pub use room::{
    admin::{CreateUser, UserPage, UserQuery},
    import::{Import, ImportOutcome, ImportRow, UserRecord},
};
#[cfg(feature = "oidc")]
pub use secret::BrowserToken;
pub use secret::{AccessToken, AuthSession, DeviceToken, OneTimeToken, Password, RefreshToken, SecretKey};
pub use session::{Challenge, EndReason, Session, SignIn, Tokens};
pub use store::ExportedValue;
pub use throttle::ThrottleConfig;
pub use token::{Algorithm, Keys, PrivateKey, PublicKey, TokenVerifier};
pub use user::User;
