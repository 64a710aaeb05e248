//! The tables, as SeaORM sees them. Times are unix milliseconds.
#![allow(unreachable_pub, reason = "SeaORM derives want public types; the module is private")]

pub(crate) mod delivery;
pub(crate) mod webhook;
