//! The tables, as SeaORM sees them. Times are unix milliseconds.
#![allow(unreachable_pub, reason = "SeaORM derives want public types; the module is private")]

pub(crate) mod deleted_user;
pub(crate) mod event;
pub(crate) mod feed;
pub(crate) mod key;
pub(crate) mod lease;
pub(crate) mod mail;
pub(crate) mod one_time_token;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod session;
pub(crate) mod throttle;
pub(crate) mod user;
pub(crate) mod user_role;
