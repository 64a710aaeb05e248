//! The keys: which sign, which are accepted. The ring is private keys in the database, shared by all instances, each of which has
//! its turn. A key is published before it signs and accepted after, so that changing it refuses no token; see the manual's page on
//! [keys](crate::manual::keys).

mod in_force;
mod issuer;
mod ring;
mod schedule;
mod wrap;

pub(crate) use self::{
    in_force::{KeySource, KeysInForce},
    issuer::{Grant, ServiceGrant, TokenIssuer},
    ring::{Ring, schedule},
    schedule::{Schedule, Term},
    wrap::Wrapping,
};
