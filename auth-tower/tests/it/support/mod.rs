mod answer;
mod described;
mod issuer;
mod request;
mod transport;
mod world;

pub(crate) use answer::Answer;
pub(crate) use issuer::{Issuer, Reply};
pub(crate) use request::Req;
pub(crate) use transport::{Transport, collect};
pub(crate) use world::World;

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";
