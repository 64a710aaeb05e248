//! The operations. Every flow keeps one order: parse, read, count, hash, at most one transaction, sign, emit. Nothing
//! is hashed inside a transaction, and races are settled by the unique index or by the row count of a
//! conditional UPDATE.

mod account;
mod export;
mod gate;
mod key_ring;
mod login;
mod logout;
mod one_time;
mod profile;
mod refresh;
mod register;
mod revocations;
mod sessions;
mod sign_in;
mod sweep;
mod unverified;
mod user;
mod vouched;

pub(crate) use self::{account::Confirmed, one_time::not_good, sign_in::NotSignedIn};
pub use self::{
    export::Export,
    key_ring::{KeyRing, KeyState, RingKey},
    login::Login,
    register::{PreparedRegister, Register},
    user::{ChangedUser, UserChange},
};
