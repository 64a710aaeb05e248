//! Which part of a list is wanted.

use std::collections::BTreeMap;

use auth_core::{FieldError, UserQuery};

use crate::problem::Problem;

pub(super) type Query = BTreeMap<String, String>;

/// How many are listed when nothing is said.
const LIMIT: u64 = 20;

pub(super) fn limit(query: &Query) -> Result<u64, Problem> {
    let Some(limit) = query.get("limit") else { return Ok(LIMIT) };
    // Digits only: parsing alone would take a sign.
    let number = limit.bytes().all(|byte| byte.is_ascii_digit()).then(|| limit.parse().ok()).flatten();
    number
        .filter(|limit| (1..=UserQuery::LIMIT_MAX).contains(limit))
        .ok_or_else(|| invalid("limit", "out_of_range", "the limit must be a whole number from 1 to 100"))
}

pub(super) fn invalid(parameter: &'static str, code: &'static str, rule: &'static str) -> Problem {
    Problem::validation(vec![FieldError::new(parameter, code, rule)])
}
