//! What the commands about accounts have in common, of people and of programs.

use auth_core::{Auth, User, UserId};
use serde_json::json;

use super::output::print;
use crate::error::Error;

/// An error of the rules in the words of the command line.
pub(super) fn told<T>(outcome: Result<T, auth_core::Error>) -> Result<T, Error> {
    outcome.map_err(|error| Error::of_account(&error))
}

/// By id, address or user name: an address has an `@`, an id has none, and a user name is shorter than one.
pub(super) async fn find(auth: &Auth, name: &str) -> Result<User, Error> {
    told(match name.parse::<UserId>() {
        Ok(id) => auth.user(id).await,
        Err(_) => auth.find_user(name).await,
    })
}

/// What was done to what has this id, where nothing of it has changed or is left.
pub(super) fn say(id: &str, done: &str, json: bool) -> Result<(), Error> {
    if json {
        return print([json!({ "id": id, "done": done }).to_string()]);
    }
    print([format!("{id} {done}")])
}
