//! From a path to what is there, in one look.

use std::ops::Range;

use super::{Address, Endpoint, Parameter};

/// Endpoints, ordered for looking them up.
#[derive(Debug)]
pub(crate) struct Table {
    /// By length and then by letters: most comparisons are of two numbers.
    exact: Vec<&'static Address>,
    /// Few, and asked after the others: what is written out goes before what has a place for anything.
    templates: Vec<Template>,
}

/// A path with one place in it for something that differs.
#[derive(Debug)]
struct Template {
    before: &'static str,
    parameter: Parameter,
    after: &'static str,
    address: &'static Address,
}

/// What was found, and where in the path its parameter is.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) address: &'static Address,
    pub(crate) parameter: Range<usize>,
}

impl Table {
    pub(crate) fn of(endpoints: impl Iterator<Item = Endpoint>) -> Self {
        let (mut exact, mut templates) = (Vec::new(), Vec::new());
        for Endpoint(address) in endpoints {
            let template = address.parameter.and_then(|parameter| {
                let (before, after) = address.path.split_once(parameter.name)?;
                Some(Template { before, parameter, after, address })
            });
            match template {
                Some(template) => templates.push(template),
                None => exact.push(address),
            }
        }
        exact.sort_unstable_by_key(|address| key(address.path));
        Self { exact, templates }
    }

    pub(crate) fn find(&self, path: &str) -> Option<Found> {
        let place = self.exact.binary_search_by_key(&key(path), |address| key(address.path));
        match place.ok().and_then(|place| self.exact.get(place)) {
            Some(address) => Some(Found { address, parameter: 0..0 }),
            None => self.templates.iter().find_map(|template| template.find(path)),
        }
    }
}

fn key(path: &str) -> (usize, &str) {
    (path.len(), path)
}

impl Template {
    fn find(&self, path: &str) -> Option<Found> {
        let segment = path.strip_prefix(self.before)?.strip_suffix(self.after)?;
        let is_one = !segment.contains('/') && (self.parameter.fits)(segment);
        let (begin, end) = (self.before.len(), path.len() - self.after.len());
        is_one.then_some(Found { address: self.address, parameter: begin..end })
    }
}
