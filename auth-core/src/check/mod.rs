//! A look at the installation that changes nothing: what is wrong, how bad that is, and what to do. Each room says what it
//! knows of itself; the manual's page on the [check](crate::manual::check) has a row for each code.

mod database;
mod settings;

use std::cmp::Reverse;

use crate::{Auth, Finding};

/// The doctor.
impl Auth {
    /// Examines settings, keys, database, outbox, mail server and identity providers, and changes nothing. The worst
    /// findings come first; none is the good case. Takes as long as what is asked needs to answer, within bounds.
    pub async fn check(&self) -> Vec<Finding> {
        let kernel = &self.kernel;
        let mut found = kernel.config.findings();
        found.extend(kernel.passwords.check());
        found.extend(kernel.check_database().await);
        found.extend(kernel.check_mailer().await);
        found.extend(kernel.check_hooks().await);
        found.extend(kernel.background.findings(kernel.revocations.is_used_blindly()));
        found.sort_by_key(|finding| Reverse(finding.severity));
        found
    }
}
