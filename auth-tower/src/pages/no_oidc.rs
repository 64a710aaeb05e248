//! Pages of a program that nobody signs in to with an account elsewhere.
#![expect(clippy::unused_async, reason = "the same words as where there are providers")]

use auth_core::Principal;

use super::{
    ask::{Answered, Ask, Stop},
    redirect::Target,
};
use crate::problem::Problem;

pub(super) const PATH: &str = "/identity";

pub(super) struct Provider {
    pub(super) called: String,
    pub(super) address: String,
}

pub(super) struct Section {
    pub(super) rows: Vec<Row>,
    pub(super) others: Vec<Provider>,
}

pub(super) struct Row {
    pub(super) called: String,
    pub(super) about: String,
    pub(super) page: String,
}

pub(super) fn providers(_: &Ask, _: &Target) -> Vec<Provider> {
    Vec::new()
}

pub(super) fn providers_again(_: &Ask, _: &Target) -> Vec<Provider> {
    Vec::new()
}

pub(super) fn failure(_: &Ask) -> Option<&'static str> {
    None
}

pub(super) async fn section(_: &Ask, _: &Principal) -> Result<Option<Section>, Stop> {
    Ok(None)
}

pub(super) async fn show(_: &mut Ask) -> Answered {
    Err(Problem::not_found().into())
}

pub(super) async fn send(_: &mut Ask) -> Answered {
    Err(Problem::not_found().into())
}
