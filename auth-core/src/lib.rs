//! Authentication as a library: register, login, refresh, logout, over a SeaORM store, without HTTP.
//!
//! ```
//! use auth_core::{Auth, ClientInfo, Keys, Login, Register, SecretKey, SignIn};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let db = auth_core::connect("sqlite::memory:").await?; // or the host's DatabaseConnection
//! auth_migration::up(&db).await?; // tables named auth_…, beside those of the host
//! # let random = "32 bytes that are random, or more";
//! let keys = Keys::new(SecretKey::new(random)?);
//! let auth = Auth::builder(db, keys).build()?;
//! let background = auth.clone(); // mails, news of other instances, and what is over
//! tokio::spawn(async move { background.run_background().await });
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
//! | `webhooks` | events to other services as they happen: `auth_core::webhooks` |
//! | `http-client` | what these ask other servers with |
//! | `oidc` | sign-in at Google, GitHub or any OpenID Connect issuer: `auth_core::oidc` |
//! | `test-util` | a clock to set, a hasher that counts, an event log. Not for production |
//!
//! Where to go on: short answers ([recipes](manual::recipes)), how it is built ([architecture](manual::architecture)), each [default](manual::defaults) and why, each
//! [error](manual::errors) and what to do, [running it](manual::operating), [what is protected and what is not](manual::security),
//! [coming from another service](manual::moving_in), [what else there is](manual::comparison).

#![cfg_attr(docsrs, feature(doc_cfg))]
// What only a feature's room uses is unused without it; a build with all features tells what nobody uses.
#![cfg_attr(
    not(all(feature = "oidc", feature = "webhooks")),
    allow(dead_code, unused_imports, unreachable_pub)
)]

mod assurance;
mod audit;
mod auth;
mod builder;
mod challenge;
mod check;
mod client;
mod clock;
mod config;
mod config_error;
mod connect;
mod database_cause;
mod db_code;
mod email;
mod error;
mod event;
mod finding;
mod flow;
mod hook;
#[cfg(feature = "http-client")]
pub mod http_client;
mod id;
mod kernel;
mod key_ring;
pub mod mail;
pub mod manual;
mod outbox;
pub mod password;
mod principal;
mod profile;
mod random;
mod read_only;
mod redirect;
pub mod refusal;
mod revocation;
mod role;
mod room;
mod secret;
mod session;
mod store;
mod task;
#[cfg(feature = "test-util")]
pub mod test_util;
mod throttle;
mod token;
mod user;
mod verdict;

pub use assurance::Assurance;
pub use audit::{AuditEvent, FeedEvent, FeedPage, FeedQuery};
pub use auth::Auth;
pub use builder::AuthBuilder;
pub use challenge::{Challenge, PasskeyOptions};
pub use client::ClientInfo;
pub use clock::{Clock, SystemClock};
pub use config::{
    ApiKeyConfig, BackgroundConfig, Config, EmailCodeConfig, EmailSignIn, EmailVerification, FactorConfig,
    HashConfig, HookConfig, MailConfig, OnHookFailure, PasskeyConfig, PasswordConfig, ProfileConfig,
    Registration, SecondFactor, SessionConfig, ThrottleConfig, TokenClaims, TokenConfig, is_public_suffix,
};
pub use config_error::ConfigError;
pub use connect::{ConnectError, ConnectOptions, connect};
pub use database_cause::database_cause;
pub use error::{DbErr, Error, FieldError, StoreError};
pub use event::{Event, EventKind, EventSink, LinkRefusal, SignInFailure, ThrottleReason, TracingEvents};
pub use finding::{Finding, Severity};
pub use flow::{
    ChangedUser, Export, KeyRing, KeyState, Login, PreparedRegister, Register, RingKey, UserChange,
};
pub use hook::{Asking, BeforeRegister, BeforeSignIn, ClaimsFor, Following, Hooks};
pub use id::{ApiKeyId, SessionId, UserId};
pub use principal::{Caller, Credential, Principal, Verified};
pub use profile::ProfileChange;
pub use random::{Random, RandomUnavailable, SystemRandom};
pub use redirect::{Destination, destination};
pub use refusal::{Class, Refusal};
pub use revocation::Revocations;
pub use role::{ADMIN_ROLE, is_role_name};
#[cfg(feature = "webhooks")]
pub use room::news as webhooks;
#[cfg(feature = "oidc")]
pub use room::oidc;
#[cfg(feature = "oidc")]
pub use room::oidc::{BrowserToken, Identity};
pub use room::{
    admin::{CreateUser, UserPage, UserQuery},
    import::{Import, ImportOutcome, ImportRow, UserRecord},
    verify_email::Carried,
};
pub use room::{browser::BrowserCaller, email_code};
pub use room::{factor, machine};
pub use secret::{
    AccessToken, Address, ApiKeySecret, AuthSession, BrowserSession, DeviceToken, OneTimeToken, Password,
    RefreshToken, SecretKey,
};
pub use session::{EndReason, Session, SignIn, Tokens};
pub use store::{ExportedRow, ExportedValue};
pub use token::{Algorithm, Keys, PrivateKey, PublicKey, TokenVerifier};
pub use user::{Profile, User};
pub use verdict::{Claims, Denial, HookError, RESERVED_CLAIMS, Verdict};
